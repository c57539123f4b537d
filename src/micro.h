/* What a driver calls: the table of microkernels, one per instruction set and dtype.
 *
 * A microkernel is the innermost register block of an operation. It exists once, as a body over
 * the vector type of simd.h (micro_*.inl), and is compiled by each isa_*.c into a table; the
 * drivers in Cython cut the work into blocks and pick the function by block size. All strides are
 * in elements. Nothing here knows Python.
 */
#ifndef CNN_EXT_MICRO_H
#define CNN_EXT_MICRO_H

#include <stddef.h>
#include <stdint.h>

#define MICRO_MAX_VECTORS 2 /* a block spans 1 or 2 vectors of output channels ... */
#define MICRO_MAX_ROWS 14   /* ... and at most 14 rows (pixels, or weight rows) */

/* A stretch of contiguous input that meets consecutive weight rows: one tap of the window or,
 * where neighbouring taps touch in memory, a whole row of them. */
typedef struct {
    ptrdiff_t offset, length;
} tap_run;

/* The part of a pooling window that lies inside the image, and where it starts:
 * tap (i, j) of it is at x[i * x_row + j * x_pixel] and has the number first + i * kw + j. There
 * are `count` such windows in a row, x_step apart; their output pixels are y_step apart. */
typedef struct {
    ptrdiff_t rows, cols, x_row, x_pixel, channels, count, x_step, y_step;
    int32_t first, kw;
} pool_window;

#define DEAD 255 /* in the place of a tap's number: no gradient passes */

typedef enum {
    MAX_POOL,
    MAX_POOL_BACKWARD,
    MAX_POOL_GATHER,
    AVERAGE_POOL,
    AVERAGE_POOL_BACKWARD,
    POOL_OPS
} pool_op;

/* A pass over arrays, bound by memory: what it reads and writes, all of one dtype. */
typedef struct {
    const void *x, *other;
    void *y;
    void *slots[4];
    double settings[4];
    ptrdiff_t channels;
    int activation;
} pass_arguments;

typedef enum {
    RELU,          /* y = max(x, 0) */
    RELU_BACKWARD, /* y = x where other > 0, else 0 */
    ADD_BIAS,      /* y = x + other, over rows of channels */
    COLUMN_SUM,    /* y += the sum of x over rows of channels */
    /* Optimizer steps: y is the weight, x its gradient; slots (NULL if not kept) and settings: */
    SGD_UPDATE,     /* momentum; learning rate, momentum, nesterov (0 or 1) */
    RMSPROP_UPDATE, /* velocity, momentum, average gradient; learning rate, rho, momentum, epsilon
                     */
    ADAM_UPDATE,    /* momentum, velocity, velocity_hat; alpha, beta_1, beta_2, epsilon */
    DECAY,          /* y *= settings[0] */
    /* Passes of training, over rows of channels, with an activation and its setting: */
    FINISH_BACKWARD, /* y, if wanted, is the gradient by what was activated to `other`, x that by
                      * `other`; slots: what its sum over rows is added to, or NULL */
    MOMENTS,         /* of x; slots: the mean over rows, the sum of squared distances from it */
    NORMALIZE,       /* y = activation((x - mean) * factor + shift + other); slots: mean, factor,
                      * shift */
    NORMALIZE_SUMS,  /* as FINISH_BACKWARD; slots: what was normalized, its mean, and what the sums
                      * of the gradient, and of it times the distance from the mean, are added to */
    NORMALIZE_INPUT, /* y = x * a + (other - mean) * b + c; slots: mean, a, b, c */
    PASS_OPS
} pass_op;

/* Activations; those with a setting say what it is. */
typedef enum {
    NO_ACTIVATION,
    RELU_ACTIVATION,
    LIMITED_RELU_ACTIVATION, /* the largest result */
    LEAKY_RELU_ACTIVATION,   /* the slope below zero */
    SIGMOID_ACTIVATION,
    TANH_ACTIVATION,
    SILU_ACTIVATION,
    HARD_SIGMOID_ACTIVATION,
    HARD_SILU_ACTIVATION,
    ELU_ACTIVATION,     /* the factor below zero */
    SOFTMAX_ACTIVATION, /* over all channels of a pixel at once */
    ACTIVATIONS
} activation;

/* What becomes of sums: activation(sum * scale + bias, then + or * other), where scale and bias
 * are one number a channel, NULL for 1 and 0. */
typedef struct {
    const void *scale, *bias;
    int multiplies, activation;
    double setting;
} finish_arguments;

/* Does elements, or rows, first .. first + count - 1. */
typedef void (*pass_function)(const pass_arguments *p, ptrdiff_t first, ptrdiff_t count);

#define MICRO_KERNELS(REAL, SUFFIX)                                                                \
    /* y[p][c] (+)= sum over runs r, i < length: x[p * x_pixel + r.offset + i] * w[k][c],          \
     * k counting all (r, i); w[k] is w_row apart, y[p] is y_pixel apart; c < channels, which      \
     * fills all vectors but the last; w is readable over whole vectors. */                        \
    typedef void (*conv_block_##SUFFIX)(const REAL *x, ptrdiff_t x_pixel, const tap_run *runs,     \
                                        ptrdiff_t n_runs, const REAL *w, ptrdiff_t w_row, REAL *y, \
                                        ptrdiff_t y_pixel, ptrdiff_t channels, int accumulate);    \
    /* w[r][c] += sum over i < rows, j < cols:                                                     \
     *     x[i * x_row + j * x_pixel + offset[r]] * g[i * g_row + j * g_pixel + c];                \
     * w[r] is w_row apart; c < channels, which fills all vectors but the last; a NULL for offset  \
     * stands for 0, 1, 2, ... */                                                                  \
    typedef void (*outer_block_##SUFFIX)(const REAL *x, const ptrdiff_t *offset, ptrdiff_t x_row,  \
                                         ptrdiff_t x_pixel, const REAL *g, ptrdiff_t g_row,        \
                                         ptrdiff_t g_pixel, ptrdiff_t rows, ptrdiff_t cols,        \
                                         REAL *w, ptrdiff_t w_row, ptrdiff_t channels);            \
    /* y[p][c] = sum over taps t: x[p * x_pixel + taps[t].offset + c] * w[t][c], c < channels;     \
     * w[t] is w_row apart, y[p] is y_pixel apart; x and w are readable over whole vectors. */     \
    typedef void (*channel_block_##SUFFIX)(const REAL *x, ptrdiff_t x_pixel, const tap_run *taps,  \
                                           ptrdiff_t n_taps, const REAL *w, ptrdiff_t w_row,       \
                                           REAL *y, ptrdiff_t y_pixel, ptrdiff_t channels);        \
    /* w[t][c] += sum over i < rows, j < cols:                                                     \
     *     x[i * x_row + j * x_pixel + offset[t] + c] * g[i * g_row + j * g_pixel + c];            \
     * w[t] is w_row apart; c < channels; x is readable over whole vectors. */                     \
    typedef outer_block_##SUFFIX channel_outer_##SUFFIX;                                           \
    /* y[c] (+)= the sum of a[i] * w[i * w_row + c] over i < k, for c < channels; w is read as     \
     * far as `vectors` reach. */                                                                  \
    typedef void (*row_times_panel_##SUFFIX)(const REAL *a, ptrdiff_t k, const REAL *w,            \
                                             ptrdiff_t w_row, REAL *y, ptrdiff_t vectors,          \
                                             ptrdiff_t channels, int accumulate);                  \
    /* y[r] = the sum of x[r * x_row + i] * g[i] over i < k, for r < rows. */                      \
    typedef void (*dot_##SUFFIX)(const REAL *x, ptrdiff_t x_row, ptrdiff_t rows, const REAL *g,    \
                                 ptrdiff_t k, REAL *y);                                            \
    /* y[c * y_row + r] = x[r * x_row + c], for r < rows and c < cols. */                          \
    typedef void (*transpose_##SUFFIX)(const REAL *x, ptrdiff_t x_row, ptrdiff_t rows,             \
                                       ptrdiff_t cols, REAL *y, ptrdiff_t y_row);                  \
    /* y[i] += the sum of x[offset[t] + i] over t < count, for i < length, a multiple of lanes. */ \
    typedef void (*sum_shifted_##SUFFIX)(const REAL *x, const ptrdiff_t *offset, ptrdiff_t count,  \
                                         REAL *y, ptrdiff_t length);                               \
    /* Output pixels, each with window->channels values at y and at argmax. The forward and gather \
     * kernels read x and write y; the backward kernels read y, a gradient, and add to x. */       \
    typedef void (*pool_pixels_##SUFFIX)(REAL * x, REAL * y, int32_t *argmax,                      \
                                         const pool_window *window);                               \
    /* Output pixels of a max-pool over ReLU(x + bias), and the tap of each maximum. */            \
    typedef void (*relu_pool_##SUFFIX)(const REAL *x, const REAL *bias, const pool_window *window, \
                                       REAL *y, uint8_t *code);                                    \
    /* y[p][c] of `pixels` pixels from channel `first` on, x_pixel and y_pixel apart; other, NULL  \
     * if there is none, lies as y does; x may be y. */                                            \
    typedef void (*finish_##SUFFIX)(const finish_arguments *f, const REAL *x, ptrdiff_t x_pixel,   \
                                    const REAL *other, REAL *y, ptrdiff_t y_pixel,                 \
                                    ptrdiff_t pixels, ptrdiff_t first, ptrdiff_t channels);        \
    /* Pixels y of a max-pool over a finish of x without scale and other. */                       \
    typedef void (*max_finish_##SUFFIX)(const finish_arguments *f, const REAL *x,                  \
                                        const pool_window *window, REAL *y, ptrdiff_t first);      \
    /* The gradient of relu_pool: each g to the pixel of x that code names, zero to the window's   \
     * others. */                                                                                  \
    typedef void (*spread_##SUFFIX)(const REAL *g, const uint8_t *code, const pool_window *window, \
                                    REAL *x);                                                      \
    /* y[y_offset[v] + lane] += sum over entries e: value[e] * x[index[e] + x_offset[v] + lane],   \
     * for each vector v. */                                                                       \
    typedef void (*sparse_sum_##SUFFIX)(const REAL *x, const ptrdiff_t *x_offset,                  \
                                        const int32_t *index, const REAL *value,                   \
                                        ptrdiff_t entries, REAL *y, const ptrdiff_t *y_offset);    \
    /* The values whose code is wanted, and step times their number; returns how many. The lists   \
     * have a vector's room more than `count`. */                                                  \
    typedef ptrdiff_t (*list_equal_##SUFFIX)(const uint8_t *code, uint8_t wanted,                  \
                                             const REAL *value, ptrdiff_t count, int32_t step,     \
                                             int32_t *index, REAL *listed);                        \
    /* The transforms of F(2x2, 3x3); the sixteen arrays of a transformed tile are `step` apart.   \
     */                                                                                            \
    typedef void (*winograd_input_##SUFFIX)(const REAL *x, ptrdiff_t x_row, ptrdiff_t x_pixel,     \
                                            ptrdiff_t channels, REAL *v, ptrdiff_t step);          \
    typedef void (*winograd_weight_##SUFFIX)(const REAL *w, ptrdiff_t tap, ptrdiff_t channels,     \
                                             REAL *u, ptrdiff_t step);                             \
    typedef void (*winograd_output_##SUFFIX)(const REAL *m, ptrdiff_t step, ptrdiff_t channels,    \
                                             REAL *y, ptrdiff_t y_row, ptrdiff_t y_pixel);         \
    /* Row i < 4 of a transformed tile of x or of grad_y: four arrays, `step` apart. */            \
    typedef void (*winograd_row_##SUFFIX)(ptrdiff_t i, const REAL *x, ptrdiff_t x_row,             \
                                          ptrdiff_t x_pixel, ptrdiff_t channels, REAL *v,          \
                                          ptrdiff_t step);                                         \
    typedef void (*winograd_grad_weight_##SUFFIX)(const REAL *u, ptrdiff_t step,                   \
                                                  ptrdiff_t channels, REAL *w, ptrdiff_t tap);     \
    typedef struct {                                                                               \
        ptrdiff_t lanes; /* elements of a vector */                                                \
        /* [vectors - 1][rows - 1]; with v + 1 vectors there are block_rows[v] of them */          \
        ptrdiff_t block_rows[MICRO_MAX_VECTORS];                                                   \
        conv_block_##SUFFIX conv_block[MICRO_MAX_VECTORS][MICRO_MAX_ROWS];                         \
        outer_block_##SUFFIX outer_block[MICRO_MAX_VECTORS][MICRO_MAX_ROWS];                       \
        channel_block_##SUFFIX channel_block[MICRO_MAX_ROWS];                                      \
        channel_outer_##SUFFIX channel_outer[MICRO_MAX_ROWS];                                      \
        row_times_panel_##SUFFIX row_times_panel;                                                  \
        dot_##SUFFIX dot;                                                                          \
        transpose_##SUFFIX transpose;                                                              \
        sparse_sum_##SUFFIX sparse_sum[MICRO_MAX_ROWS]; /* [vectors - 1] */                        \
        list_equal_##SUFFIX list_equal;                                                            \
        spread_##SUFFIX spread;                                                                    \
        relu_pool_##SUFFIX relu_pool;                                                              \
        finish_##SUFFIX finish;                                                                    \
        max_finish_##SUFFIX max_finish;                                                            \
        sum_shifted_##SUFFIX sum_shifted;                                                          \
        winograd_input_##SUFFIX winograd_input;                                                    \
        winograd_weight_##SUFFIX winograd_weight;                                                  \
        winograd_output_##SUFFIX winograd_output;                                                  \
        winograd_row_##SUFFIX winograd_input_row;                                                  \
        winograd_row_##SUFFIX winograd_grad_row;                                                   \
        winograd_grad_weight_##SUFFIX winograd_grad_weight;                                        \
        pass_function passes[PASS_OPS];                                                            \
        pool_pixels_##SUFFIX pool[POOL_OPS];                                                       \
    } micro_##SUFFIX;

MICRO_KERNELS(float, f32)
MICRO_KERNELS(double, f64)

typedef struct {
    const char *isa;
    const micro_f32 *f32;
    const micro_f64 *f64;
} micro_table;

/* The table of the named instruction set, or the best of this CPU for NULL;
 * NULL if it is unknown, not in this build, or not in this CPU. */
const micro_table *micro_for(const char *isa);

/* Names of the instruction sets that this build and this CPU have, best first, NULL-terminated. */
const char *const *micro_isas(void);

/* Name and version of the compiler that made this. */
const char *compiled_by(void);

/* Start loading bytes into L2, in order: what is then read in steps of more than a few lines would
 * else be waited for line by line. */
static inline void read_ahead(const void *p, ptrdiff_t bytes) {
    for (ptrdiff_t i = 0; i < bytes; i += 64)
        __builtin_prefetch((const char *)p + i, 0, 2);
}

/* Kernels flush denormals: enter returns the CPU's state, leave restores it. */
unsigned long long flush_denormals_enter(void);
void flush_denormals_leave(unsigned long long state);

#endif
