"""Max and average pooling: every output pixel is one call over all its channels."""


cdef inline Py_ssize_t pool_at(
    Geometry g, Py_ssize_t n, Py_ssize_t i, Py_ssize_t j, pool_window* window
) noexcept nogil:
    """Clip the window of output pixel (i, j) to the image; where in x its first tap is."""
    cdef Py_ssize_t top = i * g.stride_h - g.pad_top, left = j * g.stride_w - g.pad_left
    cdef Py_ssize_t first_row = max(0, -top), first_col = max(0, -left)
    window.rows = min(g.kh, g.h - top) - first_row
    window.cols = min(g.kw, g.w - left) - first_col
    window.x_row, window.x_pixel, window.channels = g.w * g.c_in, g.c_in, g.c_in
    window.first = <int32_t> (first_row * g.kw + first_col)
    window.kw = <int32_t> g.kw
    return ((n * g.h + top + first_row) * g.w + left + first_col) * g.c_in


cdef void each_pixel(
    int op, real* x, real* y, int32_t* argmax, Geometry g
) noexcept nogil:
    cdef Py_ssize_t n, i, j
    cdef pool_window window
    cdef real* inside
    for n in range(g.n):
        for i in range(g.oh):
            for j in range(g.ow):
                inside = x + pool_at(g, n, i, j, &window)
                if real is float:
                    micro.f32.pool[op](inside, y, argmax, &window)
                else:
                    micro.f64.pool[op](inside, y, argmax, &window)
                y += g.c_in
                if argmax != NULL:
                    argmax += g.c_in


def max_pool2d_forward_direct(
    const real[:, :, :, ::1] x, real[:, :, :, ::1] y, int32_t[:, :, :, ::1] argmax, Geometry g
):
    with nogil:
        each_pixel(MAX_POOL, <real*> &x[0, 0, 0, 0], &y[0, 0, 0, 0], &argmax[0, 0, 0, 0], g)


def max_pool2d_backward_direct(
    const real[:, :, :, ::1] grad_y, const int32_t[:, :, :, ::1] argmax,
    real[:, :, :, ::1] grad_x, Geometry g
):
    with nogil:
        memset(&grad_x[0, 0, 0, 0], 0, g.n * g.h * g.w * g.c_in * sizeof(real))
        each_pixel(MAX_POOL_BACKWARD, &grad_x[0, 0, 0, 0], <real*> &grad_y[0, 0, 0, 0],
                   <int32_t*> &argmax[0, 0, 0, 0], g)


def max_pool2d_gather_direct(
    const real[:, :, :, ::1] x, const int32_t[:, :, :, ::1] argmax, real[:, :, :, ::1] y, Geometry g
):
    with nogil:
        memset(&y[0, 0, 0, 0], 0, g.n * g.oh * g.ow * g.c_in * sizeof(real))
        each_pixel(MAX_POOL_GATHER, <real*> &x[0, 0, 0, 0], &y[0, 0, 0, 0],
                   <int32_t*> &argmax[0, 0, 0, 0], g)


def average_pool2d_forward_direct(
    const real[:, :, :, ::1] x, real[:, :, :, ::1] y, Geometry g
):
    with nogil:
        each_pixel(AVERAGE_POOL, <real*> &x[0, 0, 0, 0], &y[0, 0, 0, 0], NULL, g)


def average_pool2d_backward_direct(
    const real[:, :, :, ::1] grad_y, real[:, :, :, ::1] grad_x, Geometry g
):
    with nogil:
        memset(&grad_x[0, 0, 0, 0], 0, g.n * g.h * g.w * g.c_in * sizeof(real))
        each_pixel(AVERAGE_POOL_BACKWARD, &grad_x[0, 0, 0, 0], <real*> &grad_y[0, 0, 0, 0], NULL, g)
