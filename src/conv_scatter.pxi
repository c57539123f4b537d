"""The gradient of a convolution by an input of few channels (a stem's), as products that are
scattered.

With 1 or 3 channels to a pixel, sums by output channel leave a vector nearly empty. Here a vector
spans neighbouring pixels instead. For each row of grad_y: turn it channel by channel, multiply by
all weight rows (a tap and an input channel each), and add every product row where its tap came
from. grad_x is summed in planes, one for each channel and each remainder of the column by the
stride, in which neighbours are neighbours; at the end its rows are put together again.
"""


cdef struct Scattering:
    const void* grad
    const void* weight
    void* target
    void* scratch
    Py_ssize_t h, w, c_in, c_out, kh, kw, oh, ow, stride_h, stride_w
    Py_ssize_t pad_top, pad_left, dilation_h, dilation_w
    # A turned row and a product row are `turned` and `product` long, zeros to both sides of the
    # latter (`margin` before); a plane's row is `plane` long.
    Py_ssize_t turned, product, margin, plane, planes, bands, band_rows, scratch_size


cdef void multiply_row(
    const Scattering* s, const real* turned, Py_ssize_t first, Py_ssize_t last, real* products
) noexcept nogil:
    """products[r] = weight row r times the turned row of grad_y, for first <= r < last."""
    cdef Py_ssize_t lane = lanes(products), done = 0, vectors, used, r, end
    cdef tap_run run
    run.offset, run.length = 0, s.c_out
    while done < s.ow:
        vectors = min(MICRO_MAX_VECTORS, vectors_for(s.ow - done, lane))
        used = min(vectors * lane, s.ow - done)
        r = first
        while r < last:
            end = block_end(r, last, block_rows(products, vectors))
            conv_block(
                end - r, vectors, <const real*> s.weight + r * s.c_out, s.c_out, &run, 1,
                turned + done, s.turned, products + r * s.product + s.margin + done, s.product,
                used, False)
            r = end
        done += used


cdef void add_row(
    const Scattering* s, Py_ssize_t kh, const real* products, real* planes, Py_ssize_t* offsets
) noexcept nogil:
    """Add the products of window row kh to the planes of one row of grad_x."""
    cdef Py_ssize_t remainder, c, kw, column, count
    for remainder in range(s.stride_w):
        for c in range(s.c_in):
            count = 0
            for kw in range(s.kw):
                column = remainder + s.pad_left - kw * s.dilation_w
                if column % s.stride_w == 0:
                    offsets[count] = (((kh * s.kw + kw) * s.c_in + c) * s.product + s.margin
                                      + floor_div(column, s.stride_w))
                    count += 1
            if real is float:
                micro.f32.sum_shifted(products, offsets, count, planes, s.plane)
            else:
                micro.f64.sum_shifted(products, offsets, count, planes, s.plane)
            planes += s.plane


cdef void scatter_task(void* context, Py_ssize_t task, int worker, real* dtype) noexcept nogil:
    """A band of rows of one image of grad_x."""
    cdef Scattering* s = <Scattering*> context
    cdef Py_ssize_t n = task // s.bands, band = task % s.bands, i, kh, row, first, last
    cdef Py_ssize_t top = share(s.h, band, s.bands), end = share(s.h, band + 1, s.bands)
    cdef Py_ssize_t rows_of_kh = s.kw * s.c_in, lane = lanes(dtype)
    cdef real* turned = <real*> s.scratch + worker * s.scratch_size
    cdef real* products = turned + s.c_out * s.turned
    cdef real* planes = products + s.kh * rows_of_kh * s.product + lane
    cdef real* pixels = planes + s.band_rows * s.planes * s.plane
    cdef Py_ssize_t* offsets = <Py_ssize_t*> (pixels + s.planes * s.plane)
    memset(turned, 0, s.scratch_size * sizeof(real))
    for i in range(s.oh):
        first, last = s.kh, 0
        for kh in range(s.kh):
            if top <= i * s.stride_h - s.pad_top + kh * s.dilation_h < end:
                first, last = min(first, kh), kh + 1
        if first >= last:
            continue
        transpose(<const real*> s.grad + (n * s.oh + i) * s.ow * s.c_out, s.c_out, s.ow, s.c_out,
                  turned, s.turned)
        multiply_row(s, turned, first * rows_of_kh, last * rows_of_kh, products)
        for kh in range(first, last):
            row = i * s.stride_h - s.pad_top + kh * s.dilation_h - top
            add_row(s, kh, products, planes + row * s.planes * s.plane, offsets)
    for i in range(end - top):
        transpose(planes + i * s.planes * s.plane, s.plane, s.planes, s.plane, pixels, s.planes)
        memcpy(<real*> s.target + (n * s.h + top + i) * s.w * s.c_in, pixels,
               s.w * s.c_in * sizeof(real))


cdef void scatter_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    scatter_task[float](context, task, worker, NULL)


cdef void scatter_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    scatter_task[double](context, task, worker, NULL)


cdef int backward_input_scatter(
    const real* grad_y, const real* weight, real* grad_x, Geometry g
) except -1 nogil:
    cdef Py_ssize_t lane = lanes(grad_x), reach_w = (g.kw - 1) * g.dilation_w + 1, wanted
    cdef int threads = threads_get() if multiply_adds(g) >= SMALL else 1
    cdef Scattering s
    s.grad, s.weight, s.target = grad_y, weight, grad_x
    s.h, s.w, s.c_in, s.c_out, s.kh, s.kw, s.oh, s.ow = (
        g.h, g.w, g.c_in, g.c_out, g.kh, g.kw, g.oh, g.ow)
    s.stride_h, s.stride_w, s.pad_top, s.pad_left = g.stride_h, g.stride_w, g.pad_top, g.pad_left
    s.dilation_h, s.dilation_w = g.dilation_h, g.dilation_w
    s.planes = g.stride_w * g.c_in
    s.plane = vectors_for(vectors_for(g.w, g.stride_w), lane) * lane
    s.turned = vectors_for(g.ow, lane) * lane
    s.margin = reach_w + lane
    s.product = vectors_for(s.margin + max(s.turned, s.plane + g.pad_left), lane) * lane + lane
    wanted = vectors_for(2 * threads, g.n)
    s.bands = min(g.h, max(
        wanted, vectors_for(g.h * s.planes * s.plane * sizeof(real), BAND_BYTES)))
    s.band_rows = (g.h + s.bands - 1) // s.bands
    s.scratch_size = (
        g.c_out * s.turned + g.kh * g.kw * g.c_in * s.product + lane
        + (s.band_rows + 1) * s.planes * s.plane
        + vectors_for(g.kw * sizeof(Py_ssize_t), sizeof(real) * lane) * lane)
    s.scratch_size = vectors_for(s.scratch_size, lane) * lane
    s.scratch = allocate(grad_x, threads * s.scratch_size)
    if s.scratch == NULL:
        raise MemoryError("conv2d_backward_input: no memory for products")
    run_job(scatter_task_f32 if real is float else scatter_task_f64, &s, g.n * s.bands,
            multiply_adds(g), threads)
    free(s.scratch)
    return 0


def conv2d_backward_input_scatter(
    const real[:, :, :, ::1] grad_y, const real[:, :, :, ::1] weight,
    real[:, :, :, ::1] grad_x, Geometry g
):
    with nogil:
        backward_input_scatter(&grad_y[0, 0, 0, 0], &weight[0, 0, 0, 0], &grad_x[0, 0, 0, 0], g)


def _serves_scatter(Geometry g):
    """Few channels in, where the direct sum leaves most lanes of a vector empty: 3 to 10 times
    its speed for 1 and 3 channels (AVX-512); half of it for 6 channels and few filters."""
    return g.groups == 1 and 2 * g.c_in <= micro.f32.lanes and (g.c_in <= 3 or g.c_out >= 32)
