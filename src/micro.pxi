"""The microkernel table that drivers run on, and the choice of the instruction set."""


cdef extern from "micro.h" nogil:
    enum:
        MICRO_MAX_VECTORS
        MICRO_MAX_ROWS
        DEAD

    ctypedef struct tap_run:
        Py_ssize_t offset, length

    ctypedef struct pool_window:
        Py_ssize_t rows, cols, x_row, x_pixel, channels, count, x_step, y_step
        int32_t first, kw

    enum:
        MAX_POOL
        MAX_POOL_BACKWARD
        MAX_POOL_GATHER
        AVERAGE_POOL
        AVERAGE_POOL_BACKWARD
        POOL_OPS

    enum:
        RELU
        RELU_BACKWARD
        ADD_BIAS
        COLUMN_SUM
        SGD_UPDATE
        RMSPROP_UPDATE
        ADAM_UPDATE
        DECAY
        FINISH_BACKWARD
        MOMENTS
        NORMALIZE
        NORMALIZE_SUMS
        NORMALIZE_INPUT
        PASS_OPS

    ctypedef struct pass_arguments:
        const void* x
        const void* other
        void* y
        void** slots
        double* settings
        Py_ssize_t channels
        int activation

    ctypedef void (*pass_function)(
        const pass_arguments* p, Py_ssize_t first, Py_ssize_t count) noexcept

    enum:
        NO_ACTIVATION
        RELU_ACTIVATION
        LIMITED_RELU_ACTIVATION
        LEAKY_RELU_ACTIVATION
        SIGMOID_ACTIVATION
        TANH_ACTIVATION
        SILU_ACTIVATION
        HARD_SIGMOID_ACTIVATION
        HARD_SILU_ACTIVATION
        ELU_ACTIVATION
        SOFTMAX_ACTIVATION
        ACTIVATIONS

    ctypedef struct finish_arguments:
        const void* scale
        const void* bias
        int multiplies, activation
        double setting

    ctypedef void (*finish_f32)(
        const finish_arguments* f, const float* x, Py_ssize_t x_pixel, const float* other, float* y,
        Py_ssize_t y_pixel, Py_ssize_t pixels, Py_ssize_t first, Py_ssize_t channels) noexcept
    ctypedef void (*max_finish_f32)(
        const finish_arguments* f, const float* x, const pool_window* window, float* y,
        Py_ssize_t first) noexcept
    ctypedef void (*finish_f64)(
        const finish_arguments* f, const double* x, Py_ssize_t x_pixel, const double* other,
        double* y, Py_ssize_t y_pixel, Py_ssize_t pixels, Py_ssize_t first,
        Py_ssize_t channels) noexcept
    ctypedef void (*max_finish_f64)(
        const finish_arguments* f, const double* x, const pool_window* window, double* y,
        Py_ssize_t first) noexcept

    ctypedef void (*conv_block_f32)(
        const float* x, Py_ssize_t x_pixel, const tap_run* runs, Py_ssize_t n_runs, const float* w,
        Py_ssize_t w_row, float* y, Py_ssize_t y_pixel, Py_ssize_t channels,
        int accumulate) noexcept
    ctypedef void (*conv_block_f64)(
        const double* x, Py_ssize_t x_pixel, const tap_run* runs, Py_ssize_t n_runs,
        const double* w, Py_ssize_t w_row, double* y, Py_ssize_t y_pixel, Py_ssize_t channels,
        int accumulate) noexcept
    ctypedef void (*outer_block_f32)(
        const float* x, const Py_ssize_t* offset, Py_ssize_t x_row, Py_ssize_t x_pixel,
        const float* g, Py_ssize_t g_row, Py_ssize_t g_pixel, Py_ssize_t rows, Py_ssize_t cols,
        float* w, Py_ssize_t w_row, Py_ssize_t channels) noexcept
    ctypedef void (*channel_block_f32)(
        const float* x, Py_ssize_t x_pixel, const tap_run* taps, Py_ssize_t n_taps,
        const float* w, Py_ssize_t w_row, float* y, Py_ssize_t y_pixel,
        Py_ssize_t channels) noexcept
    ctypedef void (*row_times_panel_f32)(
        const float* a, Py_ssize_t k, const float* w, Py_ssize_t w_row, float* y,
        Py_ssize_t vectors, Py_ssize_t channels, int accumulate) noexcept
    ctypedef void (*dot_f32)(
        const float* x, Py_ssize_t x_row, Py_ssize_t rows, const float* g, Py_ssize_t k,
        float* y) noexcept
    ctypedef void (*transpose_f32)(
        const float* x, Py_ssize_t x_row, Py_ssize_t rows, Py_ssize_t cols, float* y,
        Py_ssize_t y_row) noexcept
    ctypedef void (*outer_block_f64)(
        const double* x, const Py_ssize_t* offset, Py_ssize_t x_row, Py_ssize_t x_pixel,
        const double* g, Py_ssize_t g_row, Py_ssize_t g_pixel, Py_ssize_t rows, Py_ssize_t cols,
        double* w, Py_ssize_t w_row, Py_ssize_t channels) noexcept
    ctypedef void (*channel_block_f64)(
        const double* x, Py_ssize_t x_pixel, const tap_run* taps, Py_ssize_t n_taps,
        const double* w, Py_ssize_t w_row, double* y, Py_ssize_t y_pixel,
        Py_ssize_t channels) noexcept
    ctypedef void (*row_times_panel_f64)(
        const double* a, Py_ssize_t k, const double* w, Py_ssize_t w_row, double* y,
        Py_ssize_t vectors, Py_ssize_t channels, int accumulate) noexcept
    ctypedef void (*dot_f64)(
        const double* x, Py_ssize_t x_row, Py_ssize_t rows, const double* g, Py_ssize_t k,
        double* y) noexcept
    ctypedef void (*transpose_f64)(
        const double* x, Py_ssize_t x_row, Py_ssize_t rows, Py_ssize_t cols, double* y,
        Py_ssize_t y_row) noexcept

    ctypedef Py_ssize_t (*list_equal_f32)(
        const uint8_t* code, uint8_t wanted, const float* value, Py_ssize_t count, int32_t step,
        int32_t* index, float* listed) noexcept
    ctypedef void (*spread_f32)(
        const float* g, const uint8_t* code, const pool_window* window, float* x) noexcept
    ctypedef void (*relu_pool_f32)(
        const float* x, const float* bias, const pool_window* window, float* y,
        uint8_t* code) noexcept
    ctypedef void (*sparse_sum_f32)(
        const float* x, const Py_ssize_t* x_offset, const int32_t* index, const float* value,
        Py_ssize_t entries, float* y, const Py_ssize_t* y_offset) noexcept
    ctypedef void (*sum_shifted_f32)(
        const float* x, const Py_ssize_t* offset, Py_ssize_t count, float* y,
        Py_ssize_t length) noexcept
    ctypedef void (*pool_pixels_f32)(
        float* x, float* y, int32_t* argmax, const pool_window* window) noexcept
    ctypedef Py_ssize_t (*list_equal_f64)(
        const uint8_t* code, uint8_t wanted, const double* value, Py_ssize_t count, int32_t step,
        int32_t* index, double* listed) noexcept
    ctypedef void (*spread_f64)(
        const double* g, const uint8_t* code, const pool_window* window, double* x) noexcept
    ctypedef void (*relu_pool_f64)(
        const double* x, const double* bias, const pool_window* window, double* y,
        uint8_t* code) noexcept
    ctypedef void (*sparse_sum_f64)(
        const double* x, const Py_ssize_t* x_offset, const int32_t* index, const double* value,
        Py_ssize_t entries, double* y, const Py_ssize_t* y_offset) noexcept
    ctypedef void (*sum_shifted_f64)(
        const double* x, const Py_ssize_t* offset, Py_ssize_t count, double* y,
        Py_ssize_t length) noexcept
    ctypedef void (*pool_pixels_f64)(
        double* x, double* y, int32_t* argmax, const pool_window* window) noexcept

    ctypedef void (*winograd_input_f32)(
        const float* x, Py_ssize_t x_row, Py_ssize_t x_pixel, Py_ssize_t channels, float* v,
        Py_ssize_t step) noexcept
    ctypedef void (*winograd_weight_f32)(
        const float* w, Py_ssize_t tap, Py_ssize_t channels, float* u, Py_ssize_t step) noexcept
    ctypedef void (*winograd_output_f32)(
        const float* m, Py_ssize_t step, Py_ssize_t channels, float* y, Py_ssize_t y_row,
        Py_ssize_t y_pixel) noexcept

    ctypedef void (*winograd_row_f32)(
        Py_ssize_t i, const float* x, Py_ssize_t x_row, Py_ssize_t x_pixel, Py_ssize_t channels,
        float* v, Py_ssize_t step) noexcept
    ctypedef void (*winograd_grad_weight_f32)(
        const float* u, Py_ssize_t step, Py_ssize_t channels, float* w, Py_ssize_t tap) noexcept

    ctypedef struct micro_f32:
        Py_ssize_t lanes
        Py_ssize_t* block_rows
        conv_block_f32 conv_block[MICRO_MAX_VECTORS][MICRO_MAX_ROWS]
        outer_block_f32 outer_block[MICRO_MAX_VECTORS][MICRO_MAX_ROWS]
        channel_block_f32 channel_block[MICRO_MAX_ROWS]
        outer_block_f32 channel_outer[MICRO_MAX_ROWS]
        row_times_panel_f32 row_times_panel
        dot_f32 dot
        transpose_f32 transpose
        sum_shifted_f32 sum_shifted
        relu_pool_f32 relu_pool
        finish_f32 finish
        max_finish_f32 max_finish
        spread_f32 spread
        list_equal_f32 list_equal
        sparse_sum_f32 sparse_sum[MICRO_MAX_ROWS]
        winograd_input_f32 winograd_input
        winograd_weight_f32 winograd_weight
        winograd_output_f32 winograd_output
        winograd_row_f32 winograd_input_row
        winograd_row_f32 winograd_grad_row
        winograd_grad_weight_f32 winograd_grad_weight
        pass_function passes[PASS_OPS]
        pool_pixels_f32 pool[POOL_OPS]

    ctypedef void (*winograd_input_f64)(
        const double* x, Py_ssize_t x_row, Py_ssize_t x_pixel, Py_ssize_t channels, double* v,
        Py_ssize_t step) noexcept
    ctypedef void (*winograd_weight_f64)(
        const double* w, Py_ssize_t tap, Py_ssize_t channels, double* u, Py_ssize_t step) noexcept
    ctypedef void (*winograd_output_f64)(
        const double* m, Py_ssize_t step, Py_ssize_t channels, double* y, Py_ssize_t y_row,
        Py_ssize_t y_pixel) noexcept

    ctypedef void (*winograd_row_f64)(
        Py_ssize_t i, const double* x, Py_ssize_t x_row, Py_ssize_t x_pixel, Py_ssize_t channels,
        double* v, Py_ssize_t step) noexcept
    ctypedef void (*winograd_grad_weight_f64)(
        const double* u, Py_ssize_t step, Py_ssize_t channels, double* w, Py_ssize_t tap) noexcept

    ctypedef struct micro_f64:
        Py_ssize_t lanes
        Py_ssize_t* block_rows
        conv_block_f64 conv_block[MICRO_MAX_VECTORS][MICRO_MAX_ROWS]
        outer_block_f64 outer_block[MICRO_MAX_VECTORS][MICRO_MAX_ROWS]
        channel_block_f64 channel_block[MICRO_MAX_ROWS]
        outer_block_f64 channel_outer[MICRO_MAX_ROWS]
        row_times_panel_f64 row_times_panel
        dot_f64 dot
        transpose_f64 transpose
        sum_shifted_f64 sum_shifted
        relu_pool_f64 relu_pool
        finish_f64 finish
        max_finish_f64 max_finish
        spread_f64 spread
        list_equal_f64 list_equal
        sparse_sum_f64 sparse_sum[MICRO_MAX_ROWS]
        winograd_input_f64 winograd_input
        winograd_weight_f64 winograd_weight
        winograd_output_f64 winograd_output
        winograd_row_f64 winograd_input_row
        winograd_row_f64 winograd_grad_row
        winograd_grad_weight_f64 winograd_grad_weight
        pass_function passes[PASS_OPS]
        pool_pixels_f64 pool[POOL_OPS]

    ctypedef struct micro_table:
        const char* isa
        const micro_f32* f32
        const micro_f64* f64

    const micro_table* micro_for(const char* isa)
    const char* const* micro_isas()
    const char* compiled_by()
    void read_ahead(const void* p, Py_ssize_t bytes)
    unsigned long long flush_denormals_enter()
    void flush_denormals_leave(unsigned long long state)


cdef const micro_table* micro = NULL


def isas():
    """Names of the instruction sets that this build and this CPU have, best first."""
    cdef const char* const* names = micro_isas()
    cdef list found = []
    while names[len(found)] != NULL:
        found.append(names[len(found)].decode())
    return found


def isa():
    """Name of the instruction set in use."""
    return micro.isa.decode()


def compiler():
    """Name and version of the compiler that made the kernels."""
    return compiled_by().decode().strip()


def set_isa(name=None):
    """Run the fast kernels on the named instruction set; the best of this CPU for None.

    Not while another thread is inside a kernel.
    """
    global micro
    cdef const micro_table* table
    if name is None:
        table = micro_for(NULL)
    else:
        encoded = str(name).encode()
        table = micro_for(encoded)
    if table == NULL:
        raise ValueError(
            f"the instruction set (CNN_EXT_ISA) must be one that this build and this CPU have: "
            f"{', '.join(isas())}. Received: {name!r}"
        )
    micro = table


set_isa(os.environ.get("CNN_EXT_ISA") or None)


# A driver is one body for float and double: these pick the dtype's half of the table.

cdef inline Py_ssize_t lanes(real* dtype) noexcept nogil:
    return micro.f32.lanes if real is float else micro.f64.lanes


cdef inline Py_ssize_t block_rows(real* dtype, Py_ssize_t vectors) noexcept nogil:
    if real is float:
        return micro.f32.block_rows[vectors - 1]
    else:
        return micro.f64.block_rows[vectors - 1]


cdef inline void conv_block(
    Py_ssize_t rows, Py_ssize_t vectors, const real* x, Py_ssize_t x_pixel, const tap_run* runs,
    Py_ssize_t n_runs, const real* w, Py_ssize_t w_row, real* y, Py_ssize_t y_pixel,
    Py_ssize_t channels, bint accumulate,
) noexcept nogil:
    if real is float:
        micro.f32.conv_block[vectors - 1][rows - 1](
            x, x_pixel, runs, n_runs, w, w_row, y, y_pixel, channels, accumulate)
    else:
        micro.f64.conv_block[vectors - 1][rows - 1](
            x, x_pixel, runs, n_runs, w, w_row, y, y_pixel, channels, accumulate)


cdef inline void row_times_panel(
    const real* a, Py_ssize_t k, const real* w, Py_ssize_t w_row, real* y, Py_ssize_t vectors,
    Py_ssize_t channels, bint accumulate,
) noexcept nogil:
    if real is float:
        micro.f32.row_times_panel(a, k, w, w_row, y, vectors, channels, accumulate)
    else:
        micro.f64.row_times_panel(a, k, w, w_row, y, vectors, channels, accumulate)


cdef inline void outer_block(
    Py_ssize_t rows, Py_ssize_t vectors, const real* x, const Py_ssize_t* offset,
    Py_ssize_t x_row, Py_ssize_t x_pixel, const real* g, Py_ssize_t g_row, Py_ssize_t g_pixel,
    Py_ssize_t n_rows, Py_ssize_t n_cols, real* w, Py_ssize_t w_row, Py_ssize_t channels,
) noexcept nogil:
    if real is float:
        micro.f32.outer_block[vectors - 1][rows - 1](
            x, offset, x_row, x_pixel, g, g_row, g_pixel, n_rows, n_cols, w, w_row, channels)
    else:
        micro.f64.outer_block[vectors - 1][rows - 1](
            x, offset, x_row, x_pixel, g, g_row, g_pixel, n_rows, n_cols, w, w_row, channels)


cdef inline void channel_block(
    Py_ssize_t pixels, const real* x, Py_ssize_t x_pixel, const tap_run* taps, Py_ssize_t n_taps,
    const real* w, Py_ssize_t w_row, real* y, Py_ssize_t y_pixel, Py_ssize_t channels,
) noexcept nogil:
    if real is float:
        micro.f32.channel_block[pixels - 1](
            x, x_pixel, taps, n_taps, w, w_row, y, y_pixel, channels)
    else:
        micro.f64.channel_block[pixels - 1](
            x, x_pixel, taps, n_taps, w, w_row, y, y_pixel, channels)


cdef inline void channel_outer(
    Py_ssize_t taps, const real* x, const Py_ssize_t* offset, Py_ssize_t x_row,
    Py_ssize_t x_pixel, const real* g, Py_ssize_t g_row, Py_ssize_t g_pixel, Py_ssize_t n_rows,
    Py_ssize_t n_cols, real* w, Py_ssize_t w_row, Py_ssize_t channels,
) noexcept nogil:
    if real is float:
        micro.f32.channel_outer[taps - 1](
            x, offset, x_row, x_pixel, g, g_row, g_pixel, n_rows, n_cols, w, w_row, channels)
    else:
        micro.f64.channel_outer[taps - 1](
            x, offset, x_row, x_pixel, g, g_row, g_pixel, n_rows, n_cols, w, w_row, channels)


cdef inline void transpose(
    const real* x, Py_ssize_t x_row, Py_ssize_t rows, Py_ssize_t cols, real* y, Py_ssize_t y_row,
) noexcept nogil:
    if real is float:
        micro.f32.transpose(x, x_row, rows, cols, y, y_row)
    else:
        micro.f64.transpose(x, x_row, rows, cols, y, y_row)
