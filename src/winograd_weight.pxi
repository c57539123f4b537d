"""The gradient by the weights of a 3x3 convolution without strides, by Winograd's algorithm.

y = A'((GgG') * (B'dB))A for tiles d of x, so the gradient by g is
G'(sum of (B'dB) * (A grad_y A'))G: the transformed tiles of x and of grad_y meet in 16 products
(channels in x tiles) @ (tiles x channels out), which are summed over all tiles and transformed
once.

The tiles are split into a number of chunks fixed by the sizes alone, each with a sum of its own.
Of a chunk, every row of four products, and some input channels of it, can be a task of its own.
"""


cdef enum:
    SUMMED_TILES = 64  # in one chain of additions: fewer are more exact and slower


cdef struct WinogradWeight:
    Source x, grad
    void* sums      # for each chunk: sixteen times (c_in, c_out)
    void* total
    void* grad_weight
    void* scratch
    Py_ssize_t c_in, c_out, tile_rows, tile_cols
    # A unit is a band of rows of tiles, or several images.
    Py_ssize_t images, bands, units, chunks, row_parts, channel_parts
    Py_ssize_t x_copy, grad_copy, tiles, scratch_size


cdef void add_products(
    const WinogradWeight* s, Py_ssize_t row, const real* x, const real* grad, Py_ssize_t images,
    Py_ssize_t x_image, Py_ssize_t grad_image, Py_ssize_t rows, Py_ssize_t first,
    Py_ssize_t channels, real* v, real* sums,
) noexcept nogil:
    """Add one row of four products over the tiles of a unit, for some input channels."""
    cdef Py_ssize_t of_image = rows * s.tile_cols, tiles = images * of_image, tile, i, j, k
    cdef Py_ssize_t v_step = tiles * channels + APART, m_step = tiles * s.c_out + APART
    cdef real* m = v + 4 * v_step
    cdef const real* x_tile
    cdef const real* grad_tile
    for tile in range(tiles):
        k = tile // of_image
        i, j = tile % of_image // s.tile_cols, tile % s.tile_cols
        x_tile = x + k * x_image + 2 * (i * s.x.row + j * s.c_in) + first
        grad_tile = grad + k * grad_image + 2 * (i * s.grad.row + j * s.c_out)
        if real is float:
            micro.f32.winograd_input_row(
                row, x_tile, s.x.row, s.c_in, channels, v + tile * channels, v_step)
            micro.f32.winograd_grad_row(
                row, grad_tile, s.grad.row, s.c_out, s.c_out, m + tile * s.c_out, m_step)
        else:
            micro.f64.winograd_input_row(
                row, x_tile, s.x.row, s.c_in, channels, v + tile * channels, v_step)
            micro.f64.winograd_grad_row(
                row, grad_tile, s.grad.row, s.c_out, s.c_out, m + tile * s.c_out, m_step)
    for k in range(4):
        for i from 0 <= i < tiles by SUMMED_TILES:
            outer_products(v + k * v_step + i * channels, channels, m + k * m_step + i * s.c_out,
                           s.c_out, min(SUMMED_TILES, tiles - i),
                           sums + ((4 * row + k) * s.c_in + first) * s.c_out, s.c_out, channels,
                           s.c_out)


cdef void winograd_weight_task(
    void* context, Py_ssize_t task, int worker, real* dtype
) noexcept nogil:
    """The units of one chunk, in order, for some rows of products and some input channels."""
    cdef WinogradWeight* s = <WinogradWeight*> context
    cdef Py_ssize_t part = task % s.channel_parts, row_part = task // s.channel_parts % s.row_parts
    cdef Py_ssize_t chunk = task // (s.channel_parts * s.row_parts), unit, row, n, images, i, top
    cdef Py_ssize_t rows, x_image, grad_image
    cdef Py_ssize_t first = share(s.c_in, part, s.channel_parts)
    cdef Py_ssize_t channels = share(s.c_in, part + 1, s.channel_parts) - first
    cdef Py_ssize_t first_row = share(4, row_part, s.row_parts)
    cdef Py_ssize_t last_row = share(4, row_part + 1, s.row_parts)
    cdef real* sums = <real*> s.sums + chunk * 16 * s.c_in * s.c_out
    cdef real* x_copies = <real*> s.scratch + worker * s.scratch_size
    cdef real* grad_copies = x_copies + s.images * s.x_copy
    cdef real* v = grad_copies + s.images * s.grad_copy
    cdef const real* x = x_copies
    cdef const real* grad = grad_copies
    for row in range(4 * first_row, 4 * last_row):
        memset(sums + (row * s.c_in + first) * s.c_out, 0, channels * s.c_out * sizeof(real))
    x_image = s.x_copy if s.x.copied else s.x.h * s.x.w * s.c_in
    grad_image = s.grad_copy if s.grad.copied else s.grad.h * s.grad.w * s.c_out
    for unit in range(share(s.units, chunk, s.chunks), share(s.units, chunk + 1, s.chunks)):
        n = unit // s.bands * s.images
        images = min(s.images, s.x.n - n)
        top = share(s.tile_rows, unit % s.bands, s.bands)
        rows = share(s.tile_rows, unit % s.bands + 1, s.bands) - top
        for i in range(images - 1, -1, -1):
            x = source_band(&s.x, n + i, 2 * top, 2 * rows + 2, x_copies + i * s.x_copy)
            grad = source_band(&s.grad, n + i, 2 * top, 2 * rows, grad_copies + i * s.grad_copy)
        for row in range(first_row, last_row):
            add_products(s, row, x, grad, images, x_image, grad_image, rows, first, channels, v,
                         sums)


cdef void winograd_weight_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    winograd_weight_task[float](context, task, worker, NULL)


cdef void winograd_weight_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    winograd_weight_task[double](context, task, worker, NULL)


cdef void transform_back_task(
    void* context, Py_ssize_t task, int worker, real* dtype
) noexcept nogil:
    """The weight gradient of WEIGHT_ROWS input channels, of the summed products."""
    cdef WinogradWeight* s = <WinogradWeight*> context
    cdef Py_ssize_t c, size = s.c_in * s.c_out
    cdef const real* total
    cdef real* grad_weight
    for c in range(task * WEIGHT_ROWS, min(s.c_in, (task + 1) * WEIGHT_ROWS)):
        total = <const real*> s.total + c * s.c_out
        grad_weight = <real*> s.grad_weight + c * s.c_out
        if real is float:
            micro.f32.winograd_grad_weight(total, size, s.c_out, grad_weight, size)
        else:
            micro.f64.winograd_grad_weight(total, size, s.c_out, grad_weight, size)


cdef void transform_back_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    transform_back_task[float](context, task, worker, NULL)


cdef void transform_back_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    transform_back_task[double](context, task, worker, NULL)


cdef WinogradWeight winograd_weight_sizes(
    const real* x, const real* grad_y, real* grad_weight, Geometry g, int threads
) noexcept nogil:
    """The sizes of the work and of its units; without memory yet."""
    cdef Py_ssize_t of_image, tiles, rows
    cdef WinogradWeight s
    s.c_in, s.c_out, s.grad_weight = g.c_in, g.c_out, grad_weight
    s.tile_rows, s.tile_cols = (g.oh + 1) // 2, (g.ow + 1) // 2
    s.x = tile_source(x, g.n, g.h, g.w, g.c_in, g.pad_top, g.pad_left, s.tile_rows, s.tile_cols, 4)
    s.grad = tile_source(grad_y, g.n, g.oh, g.ow, g.c_out, 0, 0, s.tile_rows, s.tile_cols, 2)
    of_image = s.tile_rows * s.tile_cols
    tiles = max(128, min(256, 131072 // (g.c_in + g.c_out)))
    s.bands = min(s.tile_rows, vectors_for(of_image, tiles))
    s.images = min(g.n, max(1, tiles // of_image))
    s.units = (g.n + s.images - 1) // s.images * s.bands
    s.chunks = sum_chunks(s.units, 16 * g.c_in * g.c_out)
    s.row_parts = s.channel_parts = 1
    if s.chunks < 2 * threads:
        s.row_parts = 4
        s.channel_parts = min(vectors_for(g.c_in, 14), vectors_for(2 * threads, 4 * s.chunks))
    rows = (s.tile_rows + s.bands - 1) // s.bands
    s.x_copy = (2 * rows + 2) * s.x.row if s.x.copied else 0
    s.grad_copy = 2 * rows * s.grad.row if s.grad.copied else 0
    s.scratch_size = s.images * (s.x_copy + s.grad_copy) + 4 * (
        s.images * rows * s.tile_cols * (g.c_in + g.c_out) + 2 * APART)
    return s


cdef int backward_weight_winograd(
    const real* x, const real* grad_y, real* grad_weight, Geometry g
) except -1 nogil:
    cdef int threads = threads_get() if multiply_adds(g) >= SMALL else 1
    cdef Py_ssize_t size = 16 * g.c_in * g.c_out
    cdef WinogradWeight s = winograd_weight_sizes(x, grad_y, grad_weight, g, threads)
    s.sums = allocate(grad_weight, (s.chunks + (s.chunks > 1)) * size)
    s.total = <real*> s.sums + (s.chunks * size if s.chunks > 1 else 0)
    s.scratch = allocate(grad_weight, threads * s.scratch_size)
    cdef bint failed = s.sums == NULL or s.scratch == NULL
    if not failed:
        run_job(winograd_weight_task_f32 if real is float else winograd_weight_task_f64, &s,
                s.chunks * s.row_parts * s.channel_parts, multiply_adds(g), threads)
        if s.chunks > 1:
            add_chunks(<const real*> s.sums, s.chunks, size, <real*> s.total)
        run_job(transform_back_task_f32 if real is float else transform_back_task_f64, &s,
                vectors_for(s.c_in, WEIGHT_ROWS), 100 * s.c_in * s.c_out, threads)
    free(s.sums)
    free(s.scratch)
    if failed:
        raise MemoryError("conv2d_backward_weight: no memory for transformed tiles and their sums")
    return 0


def conv2d_backward_weight_winograd(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] grad_y,
    real[:, :, :, ::1] grad_weight, Geometry g
):
    with nogil:
        backward_weight_winograd(&x[0, 0, 0, 0], &grad_y[0, 0, 0, 0], &grad_weight[0, 0, 0, 0], g)


def _serves_winograd_weight(Geometry g):
    """Where it pays, and images are so large that it is no less exact than the direct sum.

    RMS error against float64, in parts of the direct sum's, for images after a ReLU: 0.5 for
    56x56 pixels, 0.7 for 28x28, 1.3 for 14x14, whose direct sums are short.
    """
    return _serves_winograd(g) and g.oh * g.ow >= 400
