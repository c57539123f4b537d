"""What a fused convolution does with its sums: bias, ReLU and max-pooling, while they are in cache.

Windows lie side by side; pixels that fill no window are dropped. Beside each maximum a byte says
where in its window it was, or that it is DEAD: not positive, so that no gradient passes. Where no
gradient is wanted there is no such byte, and the activation may be another one.
"""


cdef struct PooledOutput:
    const void* bias
    void* y         # (n, h, w, channels)
    uint8_t* code   # the same shape; NULL if not wanted, and then this says what becomes of sums:
    finish_arguments finish
    Py_ssize_t h, w, channels, window_h, window_w, sums_w  # sums_w: of a row of sums


cdef inline pool_window side_by_side(
    Py_ssize_t window_h, Py_ssize_t window_w, Py_ssize_t sums_w, Py_ssize_t count,
    Py_ssize_t channels, Py_ssize_t all_channels,
) noexcept nogil:
    """A row of windows over some of the channels of sums."""
    cdef pool_window window
    window.rows, window.cols, window.channels, window.count = window_h, window_w, channels, count
    window.x_row, window.x_pixel = sums_w * all_channels, all_channels
    window.x_step, window.y_step = window_w * all_channels, all_channels
    window.first, window.kw = 0, <int32_t> window_w
    return window


cdef void pool_rows(
    const PooledOutput* p, real* sums, Py_ssize_t n, Py_ssize_t top, Py_ssize_t end,
    Py_ssize_t first, Py_ssize_t last,
) noexcept nogil:
    """Channels first..last of rows top..end of image n, of the sums from the first of these."""
    cdef Py_ssize_t i, at
    cdef const real* bias = <const real*> p.bias + first
    cdef real* x
    cdef pool_window window = side_by_side(
        p.window_h, p.window_w, p.sums_w, p.w, last - first, p.channels)
    for i in range(end - top):
        x = sums + i * p.window_h * p.sums_w * p.channels + first
        at = (n * p.h + top + i) * p.w * p.channels + first
        if p.code == NULL:
            max_finish(&p.finish, x, &window, <real*> p.y + at, first)
        elif real is float:
            micro.f32.relu_pool(x, bias, &window, <real*> p.y + at, p.code + at)
        else:
            micro.f64.relu_pool(x, bias, &window, <real*> p.y + at, p.code + at)


cdef void spread_rows(
    const real* grad, const uint8_t* code, Py_ssize_t rows, Py_ssize_t w, Py_ssize_t channels,
    Py_ssize_t window_h, Py_ssize_t window_w, Py_ssize_t sums_w, real* dense,
) noexcept nogil:
    """The gradient by rows of windows of sums, of that by some pooled rows of w pixels."""
    cdef Py_ssize_t i, row = sums_w * channels
    cdef pool_window window = side_by_side(window_h, window_w, sums_w, w, channels, channels)
    if w * window_w < sums_w:
        memset(dense, 0, rows * window_h * row * sizeof(real))
    for i in range(rows):
        if real is float:
            micro.f32.spread(grad, code, &window, dense)
        else:
            micro.f64.spread(grad, code, &window, dense)
        grad += w * channels
        code += w * channels
        dense += window_h * row
