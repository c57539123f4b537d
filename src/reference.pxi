"""The textbook kernels: each is its formula, loop by loop. The oracle of every fast kernel."""


def conv2d_forward_reference(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] weight, real[:, :, :, ::1] y, Geometry g
):
    """y[n, i, j, o] = sum over kh, kw, c of x[n, i * stride - pad + kh * dilation, .., c]
    * weight[kh, kw, c, o], where c runs over the input channels of o's group."""
    cdef Py_ssize_t n, i, j, o, kh, kw, c, ih, iw, first
    cdef Py_ssize_t c_group = g.c_in // g.groups, o_group = g.c_out // g.groups
    cdef double total
    with nogil:
        for n in range(g.n):
            for i in range(g.oh):
                for j in range(g.ow):
                    for o in range(g.c_out):
                        first = o // o_group * c_group
                        total = 0
                        for kh in range(g.kh):
                            ih = i * g.stride_h - g.pad_top + kh * g.dilation_h
                            if not 0 <= ih < g.h:
                                continue
                            for kw in range(g.kw):
                                iw = j * g.stride_w - g.pad_left + kw * g.dilation_w
                                if not 0 <= iw < g.w:
                                    continue
                                for c in range(c_group):
                                    total += (<double> x[n, ih, iw, first + c]
                                              * weight[kh, kw, c, o])
                        y[n, i, j, o] = <real> total


def conv2d_backward_input_reference(
    const real[:, :, :, ::1] grad_y, const real[:, :, :, ::1] weight,
    real[:, :, :, ::1] grad_x, Geometry g
):
    """Each y[n, i, j, o] hands its gradient to the x it read, times the weight it read it with."""
    cdef Py_ssize_t n, i, j, o, kh, kw, c, ih, iw, first
    cdef Py_ssize_t c_group = g.c_in // g.groups, o_group = g.c_out // g.groups
    with nogil:
        grad_x[:, :, :, :] = 0
        for n in range(g.n):
            for i in range(g.oh):
                for j in range(g.ow):
                    for o in range(g.c_out):
                        first = o // o_group * c_group
                        for kh in range(g.kh):
                            ih = i * g.stride_h - g.pad_top + kh * g.dilation_h
                            if not 0 <= ih < g.h:
                                continue
                            for kw in range(g.kw):
                                iw = j * g.stride_w - g.pad_left + kw * g.dilation_w
                                if not 0 <= iw < g.w:
                                    continue
                                for c in range(c_group):
                                    grad_x[n, ih, iw, first + c] += (
                                        grad_y[n, i, j, o] * weight[kh, kw, c, o])


def conv2d_backward_weight_reference(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] grad_y,
    real[:, :, :, ::1] grad_weight, Geometry g
):
    """grad_weight[kh, kw, c, o] = sum over n, i, j of x[n, i * stride - pad + kh * dilation, .., c]
    * grad_y[n, i, j, o]."""
    cdef Py_ssize_t n, i, j, o, kh, kw, c, ih, iw, first
    cdef Py_ssize_t c_group = g.c_in // g.groups, o_group = g.c_out // g.groups
    cdef double total
    with nogil:
        for kh in range(g.kh):
            for kw in range(g.kw):
                for c in range(c_group):
                    for o in range(g.c_out):
                        first = o // o_group * c_group
                        total = 0
                        for n in range(g.n):
                            for i in range(g.oh):
                                ih = i * g.stride_h - g.pad_top + kh * g.dilation_h
                                if not 0 <= ih < g.h:
                                    continue
                                for j in range(g.ow):
                                    iw = j * g.stride_w - g.pad_left + kw * g.dilation_w
                                    if not 0 <= iw < g.w:
                                        continue
                                    total += <double> x[n, ih, iw, first + c] * grad_y[n, i, j, o]
                        grad_weight[kh, kw, c, o] = <real> total


def max_pool2d_forward_reference(
    const real[:, :, :, ::1] x, real[:, :, :, ::1] y, int32_t[:, :, :, ::1] argmax, Geometry g
):
    """y is the largest x of the window that lies in the image, argmax its tap kh * g.kw + kw.

    The first of equals wins; a NaN wins over every number.
    """
    cdef Py_ssize_t n, i, j, c, kh, kw, ih, iw
    cdef int32_t best
    cdef real value
    with nogil:
        for n in range(g.n):
            for i in range(g.oh):
                for j in range(g.ow):
                    for c in range(g.c_in):
                        best = -1
                        for kh in range(g.kh):
                            ih = i * g.stride_h - g.pad_top + kh
                            if not 0 <= ih < g.h:
                                continue
                            for kw in range(g.kw):
                                iw = j * g.stride_w - g.pad_left + kw
                                if not 0 <= iw < g.w:
                                    continue
                                value = x[n, ih, iw, c]
                                if (best < 0 or value > y[n, i, j, c]
                                        or (value != value and y[n, i, j, c] == y[n, i, j, c])):
                                    best = <int32_t> (kh * g.kw + kw)
                                    y[n, i, j, c] = value
                        argmax[n, i, j, c] = best


def max_pool2d_backward_reference(
    const real[:, :, :, ::1] grad_y, const int32_t[:, :, :, ::1] argmax,
    real[:, :, :, ::1] grad_x, Geometry g
):
    """Scatter: the x at each argmax receives that window's gradient."""
    cdef Py_ssize_t n, i, j, c, ih, iw
    with nogil:
        grad_x[:, :, :, :] = 0
        for n in range(g.n):
            for i in range(g.oh):
                for j in range(g.ow):
                    for c in range(g.c_in):
                        ih = i * g.stride_h - g.pad_top + argmax[n, i, j, c] // g.kw
                        iw = j * g.stride_w - g.pad_left + argmax[n, i, j, c] % g.kw
                        if 0 <= ih < g.h and 0 <= iw < g.w:
                            grad_x[n, ih, iw, c] += grad_y[n, i, j, c]


def max_pool2d_gather_reference(
    const real[:, :, :, ::1] x, const int32_t[:, :, :, ::1] argmax, real[:, :, :, ::1] y, Geometry g
):
    """Gather, the transpose of the scatter: y is the x at each argmax."""
    cdef Py_ssize_t n, i, j, c, ih, iw
    with nogil:
        for n in range(g.n):
            for i in range(g.oh):
                for j in range(g.ow):
                    for c in range(g.c_in):
                        ih = i * g.stride_h - g.pad_top + argmax[n, i, j, c] // g.kw
                        iw = j * g.stride_w - g.pad_left + argmax[n, i, j, c] % g.kw
                        y[n, i, j, c] = 0
                        if 0 <= ih < g.h and 0 <= iw < g.w:
                            y[n, i, j, c] = x[n, ih, iw, c]


def average_pool2d_forward_reference(
    const real[:, :, :, ::1] x, real[:, :, :, ::1] y, Geometry g
):
    """y is the mean of the window's x that lie in the image."""
    cdef Py_ssize_t n, i, j, c, kh, kw, ih, iw, count
    cdef double total
    with nogil:
        for n in range(g.n):
            for i in range(g.oh):
                for j in range(g.ow):
                    for c in range(g.c_in):
                        total, count = 0, 0
                        for kh in range(g.kh):
                            ih = i * g.stride_h - g.pad_top + kh
                            if not 0 <= ih < g.h:
                                continue
                            for kw in range(g.kw):
                                iw = j * g.stride_w - g.pad_left + kw
                                if 0 <= iw < g.w:
                                    total += x[n, ih, iw, c]
                                    count += 1
                        y[n, i, j, c] = <real> (total / count)


def average_pool2d_backward_reference(
    const real[:, :, :, ::1] grad_y, real[:, :, :, ::1] grad_x, Geometry g
):
    """Each x of a window receives an equal share of its gradient."""
    cdef Py_ssize_t n, i, j, c, kh, kw, ih, iw, count
    with nogil:
        grad_x[:, :, :, :] = 0
        for n in range(g.n):
            for i in range(g.oh):
                for j in range(g.ow):
                    count = 0
                    for kh in range(g.kh):
                        ih = i * g.stride_h - g.pad_top + kh
                        for kw in range(g.kw):
                            iw = j * g.stride_w - g.pad_left + kw
                            count += 0 <= ih < g.h and 0 <= iw < g.w
                    for kh in range(g.kh):
                        ih = i * g.stride_h - g.pad_top + kh
                        for kw in range(g.kw):
                            iw = j * g.stride_w - g.pad_left + kw
                            if 0 <= ih < g.h and 0 <= iw < g.w:
                                for c in range(g.c_in):
                                    grad_x[n, ih, iw, c] += grad_y[n, i, j, c] / count


def conv2d_relu_pool_forward_reference(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] weight, const real[::1] bias,
    real[:, :, :, ::1] y, uint8_t[:, :, :, ::1] code, Geometry g, Py_ssize_t window_h,
    Py_ssize_t window_w,
):
    """y is the maximum of each window of ReLU(conv2d(x, weight) + bias), code the number of its
    tap, or 255 where it is not positive."""
    cdef Py_ssize_t n, i, j, c, kh, kw
    cdef real value
    sums = np.empty(g.y_shape, np.asarray(y).dtype)
    cdef real[:, :, :, ::1] conv = sums
    conv2d_forward_reference(x, weight, conv, g)
    for n in range(g.n):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for c in range(g.c_out):
                    y[n, i, j, c], code[n, i, j, c] = 0, 255
                    for kh in range(window_h):
                        for kw in range(window_w):
                            value = conv[n, i * window_h + kh, j * window_w + kw, c] + bias[c]
                            if value > y[n, i, j, c]:
                                y[n, i, j, c] = value
                                code[n, i, j, c] = <uint8_t> (kh * window_w + kw)
                            elif value != value:
                                y[n, i, j, c], code[n, i, j, c] = value, 255


cdef object spread_reference(
    const real[:, :, :, ::1] grad_y, const uint8_t[:, :, :, ::1] code, Geometry g,
    Py_ssize_t window_h, Py_ssize_t window_w,
):
    """The gradient by the convolution: each grad_y where its window's maximum was, if alive."""
    cdef Py_ssize_t n, i, j, c, kh, kw
    dense = np.zeros(g.y_shape, np.asarray(grad_y).dtype)
    cdef real[:, :, :, ::1] grad = dense
    for n in range(g.n):
        for i in range(grad_y.shape[1]):
            for j in range(grad_y.shape[2]):
                for c in range(g.c_out):
                    if code[n, i, j, c] != 255:
                        kh, kw = code[n, i, j, c] // window_w, code[n, i, j, c] % window_w
                        grad[n, i * window_h + kh, j * window_w + kw, c] = grad_y[n, i, j, c]
    return dense


def conv2d_relu_pool_backward_input_reference(
    const real[:, :, :, ::1] grad_y, const uint8_t[:, :, :, ::1] code,
    const real[:, :, :, ::1] weight, real[:, :, :, ::1] grad_x, Geometry g,
    Py_ssize_t window_h, Py_ssize_t window_w,
):
    """conv2d_backward_input of the gradient at the maxima."""
    cdef real[:, :, :, ::1] dense = spread_reference(grad_y, code, g, window_h, window_w)
    conv2d_backward_input_reference(dense, weight, grad_x, g)


def conv2d_relu_pool_backward_weight_reference(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] grad_y,
    const uint8_t[:, :, :, ::1] code, real[:, :, :, ::1] grad_weight, Geometry g,
    Py_ssize_t window_h, Py_ssize_t window_w,
):
    """conv2d_backward_weight of the gradient at the maxima."""
    cdef real[:, :, :, ::1] dense = spread_reference(grad_y, code, g, window_h, window_w)
    conv2d_backward_weight_reference(x, dense, grad_weight, g)


def gemm_reference(
    const real[:, ::1] a, const real[:, ::1] b, real[:, ::1] c, bint transpose_a, bint transpose_b
):
    """c[i, j] = sum over k of a[i, k] * b[k, j], either read transposed."""
    cdef Py_ssize_t i, j, k, inner = a.shape[0] if transpose_a else a.shape[1]
    cdef double total
    with nogil:
        for i in range(c.shape[0]):
            for j in range(c.shape[1]):
                total = 0
                for k in range(inner):
                    total += (<double> (a[k, i] if transpose_a else a[i, k])
                              * (b[j, k] if transpose_b else b[k, j]))
                c[i, j] = <real> total


def relu_forward_reference(const real[::1] x, real[::1] y):
    """y = max(x, 0); a NaN stays."""
    cdef Py_ssize_t i
    for i in range(x.shape[0]):
        y[i] = 0 if x[i] < 0 else x[i]


def relu_backward_reference(const real[::1] grad_y, const real[::1] y, real[::1] grad_x):
    """The gradient passes where y > 0."""
    cdef Py_ssize_t i
    for i in range(y.shape[0]):
        grad_x[i] = grad_y[i] if y[i] > 0 else 0


def add_bias_reference(const real[:, ::1] x, const real[::1] bias, real[:, ::1] y):
    """y[i, c] = x[i, c] + bias[c]."""
    cdef Py_ssize_t i, c
    for i in range(x.shape[0]):
        for c in range(x.shape[1]):
            y[i, c] = x[i, c] + bias[c]


def column_sum_reference(const real[:, ::1] x, real[::1] y):
    """y[c] = sum over i of x[i, c]."""
    cdef Py_ssize_t i, c
    cdef double total
    for c in range(x.shape[1]):
        total = 0
        for i in range(x.shape[0]):
            total += x[i, c]
        y[c] = <real> total


def sgd_update_reference(
    const real[::1] gradient, real[::1] value, real[::1] velocity,
    double learning_rate, double momentum, bint nesterov,
):
    """Gradient descent; with momentum, heavy ball or Nesterov's, as Keras writes them."""
    cdef Py_ssize_t i
    cdef double step
    for i in range(value.shape[0]):
        step = gradient[i] * learning_rate
        if velocity is None:
            value[i] -= <real> step
            continue
        velocity[i] = <real> (velocity[i] * momentum - step)
        value[i] += <real> (velocity[i] * momentum - step if nesterov else velocity[i])


def rmsprop_update_reference(
    const real[::1] gradient, real[::1] value, real[::1] velocity, real[::1] momentum_slot,
    real[::1] average, double learning_rate, double rho, double momentum, double epsilon,
):
    """Tieleman & Hinton 2012, with epsilon under the root as Keras has it."""
    cdef Py_ssize_t i
    cdef double g, mean_square, step
    for i in range(value.shape[0]):
        g = gradient[i]
        velocity[i] = <real> (rho * velocity[i] + (1 - rho) * g * g)
        mean_square = velocity[i] + epsilon
        if average is not None:
            average[i] = <real> (rho * average[i] + (1 - rho) * g)
            mean_square -= <double> average[i] * average[i]
        step = learning_rate * g / mean_square ** 0.5
        if momentum_slot is not None:
            momentum_slot[i] = <real> (momentum * momentum_slot[i] + step)
            step = momentum_slot[i]
        value[i] -= <real> step


def adam_update_reference(
    const real[::1] gradient, real[::1] value, real[::1] m, real[::1] v, real[::1] v_hat,
    double alpha, double beta_1, double beta_2, double epsilon,
):
    """Kingma & Ba 2015; alpha is the learning rate with both bias corrections in it."""
    cdef Py_ssize_t i
    cdef double g, mean_square
    for i in range(value.shape[0]):
        g = gradient[i]
        m[i] = <real> (m[i] + (g - m[i]) * (1 - beta_1))
        v[i] = <real> (v[i] + (g * g - v[i]) * (1 - beta_2))
        mean_square = v[i]
        if v_hat is not None:
            v_hat[i] = max(v_hat[i], v[i])
            mean_square = v_hat[i]
        value[i] -= <real> (m[i] * alpha / (mean_square ** 0.5 + epsilon))
