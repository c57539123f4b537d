"""Max and average pooling: output pixels of a row whose windows are alike are one call, an image is
one task, or, where few images are read only, some rows of its output."""


cdef struct Pooling:
    int op
    void* x
    void* y
    int32_t* argmax
    Py_ssize_t n, h, w, channels, kh, kw, oh, ow, stride_h, stride_w, pad_top, pad_left
    Py_ssize_t bands


cdef inline Py_ssize_t clip_window(
    const Pooling* p, Py_ssize_t i, Py_ssize_t j, pool_window* window
) noexcept nogil:
    """Clip the window of output pixel (i, j) to the image, and those behind it that are alike;
    where in it the first tap is."""
    cdef Py_ssize_t top = i * p.stride_h - p.pad_top, left = j * p.stride_w - p.pad_left
    cdef Py_ssize_t first_row = max(0, -top), first_col = max(0, -left)
    window.rows = min(p.kh, p.h - top) - first_row
    window.cols = min(p.kw, p.w - left) - first_col
    window.x_row, window.x_pixel, window.channels = p.w * p.channels, p.channels, p.channels
    window.x_step, window.y_step, window.count = p.stride_w * p.channels, p.channels, 1
    if window.cols == p.kw:
        window.count = min(p.ow - j, (p.w - p.kw - left) // p.stride_w + 1)
    window.first = <int32_t> (first_row * p.kw + first_col)
    window.kw = <int32_t> p.kw
    return ((top + first_row) * p.w + left + first_col) * p.channels


cdef void pool_image(void* context, Py_ssize_t task, real* dtype) noexcept nogil:
    """The windows of one image, or of a band of it. Windows may overlap and the backward kernels
    add to x, so the image is then not split."""
    cdef Pooling* p = <Pooling*> context
    cdef Py_ssize_t n = task // p.bands, band = task % p.bands
    cdef Py_ssize_t top = share(p.oh, band, p.bands), end = share(p.oh, band + 1, p.bands)
    cdef Py_ssize_t i, j, pixel = (n * p.oh + top) * p.ow
    cdef real* image = <real*> p.x + n * p.h * p.w * p.channels
    cdef real* inside
    cdef real* y
    cdef int32_t* argmax
    cdef pool_window window
    cdef finish_arguments plain
    memset(&plain, 0, sizeof(plain))
    if p.op == MAX_POOL_BACKWARD or p.op == AVERAGE_POOL_BACKWARD:
        memset(image, 0, p.h * p.w * p.channels * sizeof(real))
    for i in range(top, end):
        j = 0
        while j < p.ow:
            inside = image + clip_window(p, i, j, &window)
            y = <real*> p.y + pixel * p.channels
            argmax = NULL if p.argmax == NULL else p.argmax + pixel * p.channels
            if p.op == MAX_POOL and argmax == NULL:
                max_finish(&plain, inside, &window, y, 0)
            elif real is float:
                micro.f32.pool[p.op](inside, y, argmax, &window)
            else:
                micro.f64.pool[p.op](inside, y, argmax, &window)
            pixel += window.count
            j += window.count


cdef void pool_image_f32(void* context, Py_ssize_t n, int worker) noexcept nogil:
    pool_image[float](context, n, NULL)


cdef void pool_image_f64(void* context, Py_ssize_t n, int worker) noexcept nogil:
    pool_image[double](context, n, NULL)


cdef Pooling pooling_of(int op, void* x, void* y, int32_t* argmax, Geometry g) noexcept nogil:
    """A pooling in which an image is a task."""
    cdef Pooling p
    p.op, p.x, p.y, p.argmax, p.n, p.bands = op, x, y, argmax, g.n, 1
    p.h, p.w, p.channels, p.kh, p.kw, p.oh, p.ow = g.h, g.w, g.c_in, g.kh, g.kw, g.oh, g.ow
    p.stride_h, p.stride_w, p.pad_top, p.pad_left = g.stride_h, g.stride_w, g.pad_top, g.pad_left
    return p


cdef void split_images(Pooling* p) noexcept nogil:
    """Let a task of a forward pooling be some rows, if there are few images."""
    p.bands = min(p.oh, vectors_for(2 * threads_get(), p.n))


cdef void pool_all(Pooling* p, real* dtype) noexcept nogil:
    run_job(pool_image_f32 if real is float else pool_image_f64, p, p.n * p.bands,
            4 * p.n * p.oh * p.ow * p.channels * p.kh * p.kw, threads_get())


cdef void pool(int op, real* x, real* y, int32_t* argmax, Geometry g) noexcept nogil:
    cdef Pooling p = pooling_of(op, x, y, argmax, g)
    pool_all(&p, y)


def max_pool2d_forward_direct(
    const real[:, :, :, ::1] x, real[:, :, :, ::1] y, int32_t[:, :, :, ::1] argmax, Geometry g
):
    with nogil:
        pool(MAX_POOL, <real*> &x[0, 0, 0, 0], &y[0, 0, 0, 0], &argmax[0, 0, 0, 0], g)


def max_pool2d_backward_direct(
    const real[:, :, :, ::1] grad_y, const int32_t[:, :, :, ::1] argmax,
    real[:, :, :, ::1] grad_x, Geometry g
):
    with nogil:
        pool(MAX_POOL_BACKWARD, &grad_x[0, 0, 0, 0], <real*> &grad_y[0, 0, 0, 0],
             <int32_t*> &argmax[0, 0, 0, 0], g)


def max_pool2d_gather_direct(
    const real[:, :, :, ::1] x, const int32_t[:, :, :, ::1] argmax, real[:, :, :, ::1] y, Geometry g
):
    with nogil:
        pool(MAX_POOL_GATHER, <real*> &x[0, 0, 0, 0], &y[0, 0, 0, 0],
             <int32_t*> &argmax[0, 0, 0, 0], g)


def average_pool2d_forward_direct(
    const real[:, :, :, ::1] x, real[:, :, :, ::1] y, Geometry g
):
    with nogil:
        pool(AVERAGE_POOL, <real*> &x[0, 0, 0, 0], &y[0, 0, 0, 0], NULL, g)


def average_pool2d_backward_direct(
    const real[:, :, :, ::1] grad_y, real[:, :, :, ::1] grad_x, Geometry g
):
    with nogil:
        pool(AVERAGE_POOL_BACKWARD, &grad_x[0, 0, 0, 0], <real*> &grad_y[0, 0, 0, 0], NULL, g)
