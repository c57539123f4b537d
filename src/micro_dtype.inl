/* Every body for one REAL, and its functions by block size. */
#include "simd.h"

#include "micro_channel.inl"
#include "micro_conv.inl"
#include "micro_finish.inl"
#include "micro_pass.inl"
#include "micro_pool.inl"
#include "micro_sparse.inl"
#include "micro_train.inl"
#include "micro_transpose.inl"
#include "micro_winograd.inl"

#define CONV_BLOCK(rows, vectors)                                                                  \
    static void NAME(conv_block_##rows##x##vectors)(                                               \
        const REAL *x, ptrdiff_t x_pixel, const tap_run *runs, ptrdiff_t n_runs, const REAL *w,    \
        ptrdiff_t w_row, REAL *y, ptrdiff_t y_pixel, ptrdiff_t channels, int accumulate) {         \
        NAME(conv_block)(rows, vectors, x, x_pixel, runs, n_runs, w, w_row, y, y_pixel, channels,  \
                         accumulate);                                                              \
    }
#define OUTER_BLOCK(rows, vectors)                                                                 \
    static void NAME(outer_block_##rows##x##vectors)(                                              \
        const REAL *x, const ptrdiff_t *offset, ptrdiff_t x_row, ptrdiff_t x_pixel, const REAL *g, \
        ptrdiff_t g_row, ptrdiff_t g_pixel, ptrdiff_t n_rows, ptrdiff_t n_cols, REAL *w,           \
        ptrdiff_t w_row, ptrdiff_t channels) {                                                     \
        if (offset == NULL)                                                                        \
            NAME(outer_block)(rows, vectors, 0, x, offset, x_row, x_pixel, g, g_row, g_pixel,      \
                              n_rows, n_cols, w, w_row, channels);                                 \
        else                                                                                       \
            NAME(outer_block)(rows, vectors, 1, x, offset, x_row, x_pixel, g, g_row, g_pixel,      \
                              n_rows, n_cols, w, w_row, channels);                                 \
    }
#define CHANNEL_BLOCK(pixels, _)                                                                   \
    static void NAME(channel_block_##pixels)(                                                      \
        const REAL *x, ptrdiff_t x_pixel, const tap_run *taps, ptrdiff_t n_taps, const REAL *w,    \
        ptrdiff_t w_row, REAL *y, ptrdiff_t y_pixel, ptrdiff_t channels) {                         \
        NAME(channel_block)(pixels, x, x_pixel, taps, n_taps, w, w_row, y, y_pixel, channels);     \
    }
#define CHANNEL_OUTER(taps, _)                                                                     \
    static void NAME(channel_outer_##taps)(                                                        \
        const REAL *x, const ptrdiff_t *offset, ptrdiff_t x_row, ptrdiff_t x_pixel, const REAL *g, \
        ptrdiff_t g_row, ptrdiff_t g_pixel, ptrdiff_t n_rows, ptrdiff_t n_cols, REAL *w,           \
        ptrdiff_t w_row, ptrdiff_t channels) {                                                     \
        NAME(channel_outer)(taps, x, offset, x_row, x_pixel, g, g_row, g_pixel, n_rows, n_cols, w, \
                            w_row, channels);                                                      \
    }
#define SPARSE_SUM(vectors, _)                                                                     \
    static void NAME(sparse_sum_##vectors)(                                                        \
        const REAL *x, const ptrdiff_t *x_offset, const int32_t *index, const REAL *value,         \
        ptrdiff_t entries, REAL *y, const ptrdiff_t *y_offset) {                                   \
        NAME(sparse_sum)(vectors, x, x_offset, index, value, entries, y, y_offset);                \
    }
UP_TO(ROWS_1, CONV_BLOCK, 1)
UP_TO(ROWS_2, CONV_BLOCK, 2)
UP_TO(ROWS_1, OUTER_BLOCK, 1)
UP_TO(ROWS_2, OUTER_BLOCK, 2)
UP_TO(ROWS_1, CHANNEL_BLOCK, )
UP_TO(ROWS_1, CHANNEL_OUTER, )
UP_TO(ROWS_1, SPARSE_SUM, )

#define CONV_ENTRY(rows, vectors) NAME(conv_block_##rows##x##vectors),
#define OUTER_ENTRY(rows, vectors) NAME(outer_block_##rows##x##vectors),
#define CHANNEL_BLOCK_ENTRY(pixels, _) NAME(channel_block_##pixels),
#define CHANNEL_OUTER_ENTRY(taps, _) NAME(channel_outer_##taps),
#define SPARSE_SUM_ENTRY(vectors, _) NAME(sparse_sum_##vectors),
#define MICRO_TYPE_(suffix) micro_##suffix
#define MICRO_TYPE(suffix) MICRO_TYPE_(suffix)

static const MICRO_TYPE(SUFFIX) PASTE(micro, SUFFIX, ISA) = {
    .lanes = LANES,
    .block_rows = {ROWS_1, ROWS_2},
    .conv_block = {{UP_TO(ROWS_1, CONV_ENTRY, 1)}, {UP_TO(ROWS_2, CONV_ENTRY, 2)}},
    .outer_block = {{UP_TO(ROWS_1, OUTER_ENTRY, 1)}, {UP_TO(ROWS_2, OUTER_ENTRY, 2)}},
    .channel_block = {UP_TO(ROWS_1, CHANNEL_BLOCK_ENTRY, )},
    .channel_outer = {UP_TO(ROWS_1, CHANNEL_OUTER_ENTRY, )},
    .sparse_sum = {UP_TO(ROWS_1, SPARSE_SUM_ENTRY, )},
    .relu_pool = NAME(relu_pool),
    .finish = NAME(finish),
    .max_finish = NAME(max_finish),
    .spread = NAME(spread),
    .list_equal = NAME(list_equal),
    .row_times_panel = NAME(row_times_panel),
    .dot = NAME(dot),
    .transpose = NAME(transpose),
    .sum_shifted = NAME(sum_shifted),
    .winograd_input = NAME(winograd_input),
    .winograd_weight = NAME(winograd_weight),
    .winograd_output = NAME(winograd_output),
    .winograd_input_row = NAME(winograd_input_row),
    .winograd_grad_row = NAME(winograd_grad_row),
    .winograd_grad_weight = NAME(winograd_grad_weight),
    .passes = {[RELU] = NAME(relu),
               [RELU_BACKWARD] = NAME(relu_backward),
               [ADD_BIAS] = NAME(add_bias),
               [COLUMN_SUM] = NAME(column_sum),
               [SGD_UPDATE] = NAME(sgd_update),
               [RMSPROP_UPDATE] = NAME(rmsprop_update),
               [ADAM_UPDATE] = NAME(adam_update),
               [DECAY] = NAME(decay),
               [FINISH_BACKWARD] = NAME(finish_backward),
               [MOMENTS] = NAME(moments),
               [NORMALIZE] = NAME(normalize),
               [NORMALIZE_SUMS] = NAME(normalize_sums),
               [NORMALIZE_INPUT] = NAME(normalize_input)},
    .pool = {[MAX_POOL] = NAME(max_pool),
             [MAX_POOL_BACKWARD] = NAME(max_pool_backward),
             [MAX_POOL_GATHER] = NAME(max_pool_gather),
             [AVERAGE_POOL] = NAME(average_pool),
             [AVERAGE_POOL_BACKWARD] = NAME(average_pool_backward)},
};

#undef CONV_BLOCK
#undef OUTER_BLOCK
#undef CHANNEL_BLOCK
#undef CHANNEL_OUTER
#undef CONV_ENTRY
#undef OUTER_ENTRY
#undef CHANNEL_BLOCK_ENTRY
#undef CHANNEL_OUTER_ENTRY
#undef SPARSE_SUM
#undef SPARSE_SUM_ENTRY
#undef MICRO_TYPE_
#undef MICRO_TYPE
#undef vec
#undef LANES
