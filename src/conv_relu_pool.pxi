"""Convolution, bias, ReLU and max-pooling in one, and the ways back through it that are dense.

Forward is the direct sum or Winograd's, a band of rows at a time, which is pooled while it is in
cache. The gradients by input and weight may skip what was DEAD or not its window's maximum
(sparse.pxi); the dense rows here spread the gradient over the convolution's pixels first.
"""


cdef PooledOutput pooled_output(
    const real* bias, real* y, uint8_t* code, Geometry g, Py_ssize_t window_h, Py_ssize_t window_w
) noexcept nogil:
    cdef PooledOutput p
    memset(&p, 0, sizeof(p))
    p.bias, p.y, p.code = bias, y, code
    p.window_h, p.window_w, p.sums_w, p.channels = window_h, window_w, g.ow, g.c_out
    p.h, p.w = g.oh // window_h, g.ow // window_w
    return p


def conv2d_relu_pool_forward_direct(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] weight, const real[::1] bias,
    real[:, :, :, ::1] y, uint8_t[:, :, :, ::1] code, Geometry g, Py_ssize_t window_h,
    Py_ssize_t window_w,
):
    cdef PooledOutput pooled = pooled_output(
        &bias[0], &y[0, 0, 0, 0], &code[0, 0, 0, 0], g, window_h, window_w)
    with nogil:
        forward(&x[0, 0, 0, 0], &weight[0, 0, 0, 0], &y[0, 0, 0, 0], g, &pooled, NULL)


def conv2d_relu_pool_forward_winograd(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] weight, const real[::1] bias,
    real[:, :, :, ::1] y, uint8_t[:, :, :, ::1] code, Geometry g, Py_ssize_t window_h,
    Py_ssize_t window_w,
):
    cdef PooledOutput pooled = pooled_output(
        &bias[0], &y[0, 0, 0, 0], &code[0, 0, 0, 0], g, window_h, window_w)
    cdef Winograd s
    s.c_in, s.oh, s.ow, s.c_out, s.pooled, s.finish = g.c_in, g.oh, g.ow, g.c_out, &pooled, NULL
    with nogil:
        winograd(&x[0, 0, 0, 0], &weight[0, 0, 0, 0], &y[0, 0, 0, 0], &s, g.n, g.h, g.w,
                 g.pad_top, g.pad_left)


def _serves_winograd_pool(Geometry g, window_h, window_w):
    """A row of windows must be a row of tiles."""
    return window_h == 2 and _serves_winograd(g)


cdef struct Spreading:
    const void* grad
    const uint8_t* code
    void* dense
    Py_ssize_t h, w, channels, window_h, window_w, oh, ow


cdef void spread_task(void* context, Py_ssize_t n, int worker, real* dtype) noexcept nogil:
    """One image's gradient by the convolution's result, of its gradient by the pooled."""
    cdef Spreading* s = <Spreading*> context
    cdef Py_ssize_t row = s.ow * s.channels, pooled = n * s.h * s.w * s.channels
    cdef real* dense = <real*> s.dense + n * s.oh * row
    spread_rows(<const real*> s.grad + pooled, s.code + pooled, s.h, s.w, s.channels, s.window_h,
                s.window_w, s.ow, dense)
    memset(dense + s.h * s.window_h * row, 0, (s.oh - s.h * s.window_h) * row * sizeof(real))


cdef void spread_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    spread_task[float](context, task, worker, NULL)


cdef void spread_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    spread_task[double](context, task, worker, NULL)


cdef void spread_all(
    const real* grad_y, const uint8_t* code, real* dense, Geometry g, Py_ssize_t window_h,
    Py_ssize_t window_w,
) noexcept nogil:
    """The gradient by the convolution's result, of that by the pooled."""
    cdef Spreading s
    s.grad, s.code, s.dense = grad_y, code, dense
    s.h, s.w, s.channels, s.oh, s.ow = g.oh // window_h, g.ow // window_w, g.c_out, g.oh, g.ow
    s.window_h, s.window_w = window_h, window_w
    run_job(spread_task_f32 if real is float else spread_task_f64, &s, g.n,
            4 * g.n * g.oh * g.ow * g.c_out, threads_get())


cdef object spread(
    const real[:, :, :, ::1] grad_y, const uint8_t[:, :, :, ::1] code, Geometry g,
    Py_ssize_t window_h, Py_ssize_t window_w,
):
    """The same as an array."""
    dense = np.empty(g.y_shape, np.float32 if real is float else np.float64)
    cdef real[:, :, :, ::1] view = dense
    with nogil:
        spread_all(&grad_y[0, 0, 0, 0], &code[0, 0, 0, 0], &view[0, 0, 0, 0], g, window_h,
                   window_w)
    return dense


def conv2d_relu_pool_backward_input_dense(
    const real[:, :, :, ::1] grad_y, const uint8_t[:, :, :, ::1] code,
    const real[:, :, :, ::1] weight, real[:, :, :, ::1] grad_x, Geometry g,
    Py_ssize_t window_h, Py_ssize_t window_w,
):
    dense = spread(grad_y, code, g, window_h, window_w)
    run_kernel("conv2d_backward_input", dense.dtype,
               (dense, np.asarray(weight), np.asarray(grad_x)), (g,))


def conv2d_relu_pool_backward_weight_dense(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] grad_y,
    const uint8_t[:, :, :, ::1] code, real[:, :, :, ::1] grad_weight, Geometry g,
    Py_ssize_t window_h, Py_ssize_t window_w,
):
    with nogil:
        backward_weight(&x[0, 0, 0, 0], &grad_y[0, 0, 0, 0], &grad_weight[0, 0, 0, 0], g,
                        &code[0, 0, 0, 0], window_h, window_w)
