"""The gradient of a convolution by its weights, as a driver over outer_block.

Each weight row (a tap and an input channel) is a sum over all output pixels of an input value times
grad_y's channels: accumulators stay in registers over an image. The images are split into a number
of chunks fixed by the sizes alone, each with a sum of its own; the sums are added in order.
"""


cdef void outer_panels(
    const real* x, Py_ssize_t x_row, Py_ssize_t x_pixel, const real* grad, Py_ssize_t g_row,
    Py_ssize_t g_pixel, const real* tail, Py_ssize_t rows, Py_ssize_t cols, real* w,
    Py_ssize_t w_row, Py_ssize_t inner, Py_ssize_t channels,
) noexcept nogil:
    """w[r, c] += sum over rows x cols pixels of x[.., r] * grad[.., c], for r < inner.

    `tail` holds the last, partly filled panel of channels, packed: [rows * cols][vectors * lanes].
    """
    cdef Py_ssize_t lane = lanes(w), done = 0, vectors, used, r, end
    while done < channels:
        vectors = min(MICRO_MAX_VECTORS, vectors_for(channels - done, lane))
        used = min(vectors * lane, channels - done)
        if used < vectors * lane:
            grad, g_row, g_pixel = tail - done, cols * vectors * lane, vectors * lane
        r = 0
        while r < inner:
            end = block_end(r, inner, block_rows(w, vectors))
            outer_block(end - r, vectors, x + r, x_row, x_pixel, grad + done, g_row, g_pixel,
                        rows, cols, w + r * w_row + done, w_row, used)
            r = end
        done += used


cdef Py_ssize_t tail_start(Py_ssize_t channels, Py_ssize_t lane) noexcept nogil:
    """First channel of the last panel if that is partly filled, else `channels`."""
    return channels if channels % lane == 0 else (
        channels // (MICRO_MAX_VECTORS * lane) * (MICRO_MAX_VECTORS * lane))


cdef struct WeightSums:
    # The images, their gradients, and where the sums go: one total, or a partial sum a chunk.
    const void* x
    const void* grad
    void* sums
    void* copies
    void* tails
    tap_run* runs
    Halo halo
    bint copied
    Py_ssize_t n, h, w, c_in, c_out, oh, ow, groups, c_group, o_group
    Py_ssize_t n_runs, row, x_row, x_pixel, tail_channel, chunks, size


cdef void sum_image(
    WeightSums* s, Py_ssize_t n, real* sums, const real* image, const real* tail,
    Py_ssize_t group, Py_ssize_t first_run, Py_ssize_t last_run,
) noexcept nogil:
    """Add one image's share to some runs of weight rows."""
    cdef Py_ssize_t r, k = 0
    cdef const real* grad = <const real*> s.grad + n * s.oh * s.ow * s.c_out + group * s.o_group
    for r in range(first_run):
        k += s.runs[r].length
    for r in range(first_run, last_run):
        outer_panels(
            image + group * s.c_group + s.runs[r].offset, s.x_row, s.x_pixel, grad,
            s.ow * s.c_out, s.c_out, tail, s.oh, s.ow,
            sums + k * s.c_out + group * s.o_group, s.c_out, s.runs[r].length, s.o_group)
        k += s.runs[r].length


cdef void sum_chunk(void* context, Py_ssize_t chunk, int worker, real* dtype) noexcept nogil:
    """Add up the images of one chunk, in order, in a sum of its own."""
    cdef WeightSums* s = <WeightSums*> context
    cdef Py_ssize_t n, group, pixels = s.oh * s.ow
    cdef real* sums = <real*> s.sums + chunk * s.size
    cdef real* tail = <real*> s.tails + worker * pixels * MICRO_MAX_VECTORS * lanes(dtype)
    cdef real* copy = NULL
    cdef const real* image
    memset(sums, 0, s.size * sizeof(real))
    for n in range(share(s.n, chunk, s.chunks), share(s.n, chunk + 1, s.chunks)):
        image = <const real*> s.x + n * s.h * s.w * s.c_in
        if s.copied:
            copy = <real*> s.copies + worker * s.halo.height * s.halo.width * s.c_in
            copy_with_halo(image, s.h, s.w, s.c_in, &s.halo, copy)
            image = copy
        for group in range(s.groups):
            if s.tail_channel < s.o_group:
                pack_rows(<const real*> s.grad + n * pixels * s.c_out + group * s.o_group
                          + s.tail_channel, s.c_out, 1, pixels, s.o_group - s.tail_channel,
                          tail, 0, pixels)
            sum_image(s, n, sums, image, tail, group, 0, s.n_runs)


cdef void sum_chunk_f32(void* context, Py_ssize_t chunk, int worker) noexcept nogil:
    sum_chunk[float](context, chunk, worker, NULL)


cdef void sum_chunk_f64(void* context, Py_ssize_t chunk, int worker) noexcept nogil:
    sum_chunk[double](context, chunk, worker, NULL)


cdef int backward_weight(
    const real* x, const real* grad_y, real* grad_weight, Geometry g
) except -1 nogil:
    cdef Py_ssize_t chunk, i
    cdef int workers = threads_get()
    cdef WeightSums s
    s.n, s.h, s.w, s.c_in, s.c_out, s.oh, s.ow = g.n, g.h, g.w, g.c_in, g.c_out, g.oh, g.ow
    s.groups, s.c_group, s.o_group = g.groups, g.c_in // g.groups, g.c_out // g.groups
    s.size = g.kh * g.kw * s.c_group * g.c_out
    s.chunks = weight_chunks(s.n, s.size)
    s.tail_channel = tail_start(s.o_group, lanes(grad_weight))
    s.halo = forward_halo(g)
    s.copied = needs_copy(&s.halo, g.h, g.w)
    s.row = (s.halo.width if s.copied else g.w) * g.c_in
    s.x_row, s.x_pixel = g.stride_h * s.row, g.stride_w * g.c_in
    s.x, s.grad = x, grad_y
    s.runs = <tap_run*> malloc(g.kh * g.kw * sizeof(tap_run))
    s.tails = allocate(grad_weight, workers * g.oh * g.ow * MICRO_MAX_VECTORS * lanes(grad_weight))
    s.copies = NULL
    if s.copied:
        s.copies = allocate_zeros(grad_weight, workers * s.halo.height * s.halo.width * g.c_in)
    s.sums = grad_weight if s.chunks == 1 else allocate(grad_weight, s.chunks * s.size)
    cdef int failed = (s.runs == NULL or s.tails == NULL or s.sums == NULL
                       or (s.copied and s.copies == NULL))
    if not failed:
        s.n_runs = forward_runs(g, s.row, s.runs)
        run_job(sum_chunk_f32 if real is float else sum_chunk_f64, &s, s.chunks,
                multiply_adds(g), workers)
        if s.chunks > 1:
            memcpy(grad_weight, s.sums, s.size * sizeof(real))
            for chunk in range(1, s.chunks):
                for i in range(s.size):
                    grad_weight[i] += (<real*> s.sums)[chunk * s.size + i]
    free(s.runs)
    free(s.tails)
    free(s.copies)
    if s.chunks > 1:
        free(s.sums)
    if failed:
        raise MemoryError("conv2d_backward_weight: no memory for partial sums and padded images")
    return 0


cdef Py_ssize_t weight_chunks(Py_ssize_t n, Py_ssize_t size) noexcept nogil:
    """Into how many sums the images are split: fixed by the sizes alone, never by the threads.

    Each chunk costs a pass over the weights; 8 of them for a conv of 18,432 weights cost 3 % of
    its time at 32 images, so large weights and small batches get fewer.
    """
    cdef Py_ssize_t chunks = 8
    while chunks > 1 and (n < 2 * chunks or (chunks > 2 and chunks * size > 2_000_000)):
        chunks //= 2
    return chunks if n > 1 else 1


def conv2d_backward_weight_direct(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] grad_y,
    real[:, :, :, ::1] grad_weight, Geometry g
):
    with nogil:
        backward_weight(&x[0, 0, 0, 0], &grad_y[0, 0, 0, 0], &grad_weight[0, 0, 0, 0], g)
