"""What becomes of sums while they are in cache: bias, another array, activation; max-pooling.

Without a Finish the sums are the result. With one, each task of a convolution or of a product
finishes the part of the result that it has summed.
"""


cdef struct Finish:
    finish_arguments arguments
    const void* other  # of the result's shape, or NULL


cdef inline void finish_pixels(
    const Finish* f, const real* x, Py_ssize_t x_pixel, real* y, Py_ssize_t y_pixel,
    Py_ssize_t pixels, Py_ssize_t at, Py_ssize_t first, Py_ssize_t channels,
) noexcept nogil:
    """Channels first.. of some pixels; y is `at` elements behind the start of the result."""
    cdef const real* other = NULL
    if f.other != NULL:
        other = <const real*> f.other + at
    if real is float:
        micro.f32.finish(&f.arguments, x, x_pixel, other, y, y_pixel, pixels, first, channels)
    else:
        micro.f64.finish(&f.arguments, x, x_pixel, other, y, y_pixel, pixels, first, channels)


cdef inline void max_finish(
    const finish_arguments* f, const real* x, const pool_window* window, real* y, Py_ssize_t first,
) noexcept nogil:
    if real is float:
        micro.f32.max_finish(f, x, window, y, first)
    else:
        micro.f64.max_finish(f, x, window, y, first)
