"""The gradient of a convolution by its weights, as a driver over outer_block.

Each weight row (a tap and an input channel) is a sum over all output pixels of an input value times
grad_y's channels: accumulators stay in registers over a unit of work, which is a band of rows of an
image, or several small images, that fits L2. The units are split into a number of chunks fixed by
the sizes alone, each with a sum of its own; the sums are added in order. Where there are few
chunks, parts of the weight rows are tasks of their own, which splits no sum.

If the result went through ReLU and max-pooling, its gradient is spread over the convolution's
pixels a unit at a time, so that it stays in cache.
"""


cdef struct WeightSums:
    # The images, their gradients, and where the sums go: one total, or a partial sum a chunk.
    Source source
    const void* grad
    const uint8_t* code  # of max-pooling by these windows; NULL without
    Py_ssize_t window_h, window_w
    void* total
    void* sums
    void* copies
    Py_ssize_t* offsets  # of each weight row, from a window's first tap
    Py_ssize_t c_out, o_group, oh, ow, stride_h, x_row, x_pixel
    Py_ssize_t rows, size  # weight rows; and elements of all of them
    Py_ssize_t run         # of weight rows whose inputs touch
    bint packed
    Py_ssize_t images, bands, units, chunks, parts, copy_size, spread_size, scratch_size


cdef struct Unit:
    # Some rows of some images, as the register blocks read them: `x_image` and `grad_image`
    # elements from one image to the next.
    const void* x
    const void* grad
    void* panel
    Py_ssize_t images, rows, x_image, grad_image


cdef Unit read_unit(
    const WeightSums* s, Py_ssize_t number, real* copies
) noexcept nogil:
    cdef Py_ssize_t n = number // s.bands * s.images, band = number % s.bands, i
    cdef Py_ssize_t h = s.oh // s.window_h  # in rows of windows
    cdef Py_ssize_t top = share(h, band, s.bands) * s.window_h
    cdef const real* x = copies
    cdef Unit unit
    unit.images, unit.rows = (
        min(s.images, s.source.n - n), share(h, band + 1, s.bands) * s.window_h - top)
    for i in range(unit.images - 1, -1, -1):
        x = source_band(&s.source, n + i, top * s.stride_h,
                        (unit.rows - 1) * s.stride_h + s.source.halo.span,
                        copies + i * s.copy_size)
    unit.x, unit.grad = x, <const real*> s.grad + (n * s.oh + top) * s.ow * s.c_out
    unit.x_image = s.copy_size if s.source.copied else (
        s.source.h * s.source.w * s.source.channels)
    unit.grad_image = s.oh * s.ow * s.c_out
    for i in range(unit.images):
        if not s.source.copied:
            read_ahead(<const real*> unit.x + i * unit.x_image,
                       unit.rows * s.stride_h * s.source.row * sizeof(real))
        if s.code == NULL:
            read_ahead(<const real*> unit.grad + i * unit.grad_image,
                       unit.rows * s.ow * s.c_out * sizeof(real))
    copies += s.images * s.copy_size
    if s.code != NULL:
        spread_unit(s, &unit, n, top, copies)
        copies += s.images * s.spread_size
    unit.panel = copies
    return unit


cdef void spread_unit(
    const WeightSums* s, Unit* unit, Py_ssize_t n, Py_ssize_t top, real* dense
) noexcept nogil:
    """Spread the gradient of a unit, from row `top` of image n on."""
    cdef Py_ssize_t i, h = s.oh // s.window_h, w = s.ow // s.window_w, at
    for i in range(unit.images):
        at = ((n + i) * h + top // s.window_h) * w * s.c_out
        spread_rows(<const real*> s.grad + at, s.code + at, unit.rows // s.window_h, w, s.c_out,
                    s.window_h, s.window_w, s.ow, dense + i * s.spread_size)
    unit.grad, unit.grad_image = dense, s.spread_size


cdef void sum_channels(
    const WeightSums* s, const Unit* unit, real* sums, Py_ssize_t first_row, Py_ssize_t last_row
) noexcept nogil:
    """Add one unit's share to some weight rows, channel by channel."""
    cdef Py_ssize_t r = first_row, block, i
    while r < last_row:
        block = block_end(r, last_row, block_rows(sums, 1)) - r
        for i in range(unit.images):
            channel_outer(
                block, <const real*> unit.x + i * unit.x_image, s.offsets + r, s.x_row, s.x_pixel,
                <const real*> unit.grad + i * unit.grad_image, s.ow * s.c_out, s.c_out, unit.rows,
                s.ow, sums + r * s.c_out, s.c_out, s.c_out)
        r += block


cdef void sum_panel(
    const WeightSums* s, const Unit* unit, Py_ssize_t vectors, Py_ssize_t used, const real* x,
    const real* grad, Py_ssize_t grad_image, Py_ssize_t grad_pixel, real* sums,
    Py_ssize_t first_row, Py_ssize_t last_row,
) noexcept nogil:
    """Add one unit's share to some weight rows of `used` channels."""
    cdef Py_ssize_t r = first_row, block, i, limit
    cdef bint touching = s.run >= block_rows(sums, vectors) // 2
    while r < last_row:
        limit = min(last_row, (r // s.run + 1) * s.run) if touching else last_row
        block = block_end(r, limit, block_rows(sums, vectors)) - r
        for i in range(unit.images):
            outer_block(
                block, vectors, x + i * unit.x_image + (s.offsets[r] if touching else 0),
                NULL if touching else s.offsets + r, s.x_row, s.x_pixel,
                grad + i * grad_image, s.ow * grad_pixel, grad_pixel, unit.rows, s.ow,
                sums + r * s.c_out, s.c_out, used)
        r += block


cdef void sum_unit(
    const WeightSums* s, const Unit* unit, real* sums, Py_ssize_t first_row, Py_ssize_t last_row
) noexcept nogil:
    """Add one unit's share to some weight rows. Where grad_y has many channels, a panel of them
    is packed first, for its pixels would lie far apart."""
    cdef Py_ssize_t lane = lanes(sums), group, done, vectors, used, i, pixels = unit.rows * s.ow
    cdef const real* x
    cdef const real* grad
    cdef real* panel = <real*> unit.panel
    for group in range(s.source.groups):
        x = <const real*> unit.x + group * s.source.group
        done = 0
        while done < s.o_group:
            vectors = min(MICRO_MAX_VECTORS, vectors_for(s.o_group - done, lane))
            used = min(vectors * lane, s.o_group - done)
            grad = <const real*> unit.grad + group * s.o_group + done
            if s.packed:
                for i in range(unit.images):
                    pack_panel(grad + i * unit.grad_image, s.c_out, 1, pixels, used,
                               panel + i * pixels * vectors * lane, vectors * lane)
                sum_panel(s, unit, vectors, used, x, panel, pixels * vectors * lane,
                          vectors * lane, sums + group * s.o_group + done, first_row, last_row)
            else:
                sum_panel(s, unit, vectors, used, x, grad, unit.grad_image, s.c_out,
                          sums + group * s.o_group + done, first_row, last_row)
            done += used


cdef void weight_task(void* context, Py_ssize_t task, int worker, real* dtype) noexcept nogil:
    """Add up the units of one chunk, in order, for a part of the weight rows."""
    cdef WeightSums* s = <WeightSums*> context
    cdef Py_ssize_t chunk = task // s.parts, part = task % s.parts, number
    cdef Unit unit
    cdef Py_ssize_t first = share(s.rows, part, s.parts), last = share(s.rows, part + 1, s.parts)
    cdef real* sums = <real*> s.sums + chunk * s.size
    memset(sums + first * s.c_out, 0, (last - first) * s.c_out * sizeof(real))
    for number in range(share(s.units, chunk, s.chunks), share(s.units, chunk + 1, s.chunks)):
        unit = read_unit(s, number, <real*> s.copies + worker * s.scratch_size)
        if s.source.by_channel:
            sum_channels(s, &unit, sums, first, last)
        else:
            sum_unit(s, &unit, sums, first, last)


cdef void weight_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    weight_task[float](context, task, worker, NULL)


cdef void weight_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    weight_task[double](context, task, worker, NULL)


cdef struct Chunks:
    # Sums of `size` elements, one behind the other.
    const void* sums
    void* total
    Py_ssize_t chunks, size


cdef void add_chunks_task(void* context, Py_ssize_t task, int worker, real* dtype) noexcept nogil:
    """Add a piece of the chunks' sums, in order."""
    cdef Chunks* s = <Chunks*> context
    cdef Py_ssize_t first = task * PIECE, count = min(PIECE, s.size - first), chunk, i
    cdef const real* sums = <const real*> s.sums + first
    cdef real* total = <real*> s.total + first
    memcpy(total, sums, count * sizeof(real))
    for chunk in range(1, s.chunks):
        sums += s.size
        for i in range(count):
            total[i] += sums[i]


cdef void add_chunks_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    add_chunks_task[float](context, task, worker, NULL)


cdef void add_chunks_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    add_chunks_task[double](context, task, worker, NULL)


cdef void add_chunks(
    const real* sums, Py_ssize_t chunks, Py_ssize_t size, real* total
) noexcept nogil:
    cdef Chunks s
    s.sums, s.total, s.chunks, s.size = sums, total, chunks, size
    run_job(add_chunks_task_f32 if real is float else add_chunks_task_f64, &s,
            (size + PIECE - 1) // PIECE, 8 * chunks * size, threads_get())


cdef Py_ssize_t sum_chunks(Py_ssize_t units, Py_ssize_t size) noexcept nogil:
    """Into how many sums the units are split: fixed by the sizes alone, never by the threads.

    Each chunk costs a pass over the weights; 8 of them for a conv of 18,432 weights cost 3 % of
    its time at 32 images, so large weights and small batches get fewer.
    """
    cdef Py_ssize_t chunks = 8
    while chunks > 1 and (units < chunks or chunks * size > 2_000_000):
        chunks //= 2
    return chunks


cdef WeightSums weight_sums(
    const real* x, const real* grad_y, real* grad_weight, Geometry g, const uint8_t* code,
    Py_ssize_t window_h, Py_ssize_t window_w,
) noexcept nogil:
    """The sizes of the work and of its units; without memory yet."""
    cdef Py_ssize_t rows, row_bytes, threads = threads_get() if multiply_adds(g) >= SMALL else 1
    cdef WeightSums s
    s.source, s.grad, s.total = forward_source(x, g), grad_y, grad_weight
    s.code, s.window_h, s.window_w = code, window_h, window_w
    s.c_out, s.o_group, s.oh, s.ow = g.c_out, g.c_out // g.groups, g.oh, g.ow
    s.stride_h, s.x_row, s.x_pixel = (
        g.stride_h, g.stride_h * s.source.row, g.stride_w * s.source.pixel)
    s.rows = g.kh * g.kw * s.source.group
    s.size = s.rows * g.c_out
    row_bytes = (s.x_row + g.ow * g.c_out) * sizeof(real)
    s.bands = min(g.oh // window_h, vectors_for(g.oh * row_bytes, 2 * BAND_BYTES))
    s.images = max(1, min(g.n, BAND_BYTES // (g.oh * row_bytes)))
    s.units = (g.n + s.images - 1) // s.images * s.bands
    s.chunks = sum_chunks(s.units, s.size)
    s.parts = min(s.rows, vectors_for(2 * threads, s.chunks)) if s.chunks < 2 * threads else 1
    s.run = s.source.group * (g.kw if g.dilation_w == 1 and g.groups == 1 else 1)
    s.packed = not s.source.by_channel and g.c_out * sizeof(real) >= 512
    rows = (g.oh // window_h + s.bands - 1) // s.bands * window_h
    s.copy_size, s.spread_size = 0, 0
    if code != NULL:
        s.spread_size = vectors_for(rows * g.ow * g.c_out, 16) * 16
    if s.source.copied:
        s.copy_size = (rows * g.stride_h + s.source.halo.span) * s.source.row
    s.scratch_size = s.images * (s.copy_size + s.spread_size)
    if s.packed:
        s.scratch_size += s.images * rows * g.ow * MICRO_MAX_VECTORS * lanes(grad_weight)
    return s


cdef int backward_weight(
    const real* x, const real* grad_y, real* grad_weight, Geometry g, const uint8_t* code,
    Py_ssize_t window_h, Py_ssize_t window_w,
) except -1 nogil:
    """With a code, grad_y is by the max-pool of the convolution by these windows; else 1x1."""
    cdef Py_ssize_t kh, kw, c, row = 0
    cdef int workers = threads_get()
    cdef WeightSums s = weight_sums(
        x, grad_y, grad_weight, g, code, window_h, window_w)
    s.offsets = <Py_ssize_t*> malloc(s.rows * sizeof(Py_ssize_t))
    s.copies = allocate(grad_weight, workers * s.scratch_size)
    s.sums = grad_weight if s.chunks == 1 else allocate(grad_weight, s.chunks * s.size)
    cdef bint failed = s.offsets == NULL or s.copies == NULL or s.sums == NULL
    if not failed:
        for kh in range(g.kh):
            for kw in range(g.kw):
                for c in range(s.source.group):
                    s.offsets[row] = (
                        window_offset(&s.source, g, kh, kw) + plane_offset(&s.source, c))
                    row += 1
        run_job(weight_task_f32 if real is float else weight_task_f64, &s, s.chunks * s.parts,
                multiply_adds(g), workers)
        if s.chunks > 1:
            add_chunks(<const real*> s.sums, s.chunks, s.size, grad_weight)
    free(s.offsets)
    free(s.copies)
    if s.chunks > 1:
        free(s.sums)
    if failed:
        raise MemoryError("conv2d_backward_weight: no memory for partial sums and padded images")
    return 0


def conv2d_backward_weight_direct(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] grad_y,
    real[:, :, :, ::1] grad_weight, Geometry g
):
    g = _pointwise_as_one_image(g)
    with nogil:
        backward_weight(&x[0, 0, 0, 0], &grad_y[0, 0, 0, 0], &grad_weight[0, 0, 0, 0], g, NULL, 1,
                        1)
