"""The gradients of a convolution whose result went through ReLU and max-pooling.

Of a window's pixels at most one passed a gradient on, and a dead one none, so of the gradient by
the convolution's result three quarters and more are zero. Both sums run over lists of the others:
- by the weights: for each output channel, where in x its gradients' windows start; a register
  block is a vector of input channels of some taps;
- by the input: for each pixel of the convolution, the output channels whose gradients it passes;
  a block is a vector of input channels of the pixels around it, one for each tap.
The terms are those of the dense sum but its zeros, so a NaN that meets only zeros is not spread.
"""


cdef struct Sparse:
    # The images or the scratch memory of their gradients, as windows lie over them.
    Source source
    const void* grad
    const uint8_t* code
    void* panels   # by the input: the weights, [channel vector][output channel][tap][lane]
    void* target
    void* scratch
    Py_ssize_t* offsets  # of each tap, from a window's first; and where its vector goes
    Py_ssize_t h, w, c_in, c_out, pooled_h, pooled_w, window_h, window_w, taps, vectors
    Py_ssize_t row_step, pixel_step   # from one pixel of the convolution to the next
    Py_ssize_t chunks, parts, bands, band_rows, list_size, scratch_size, pad_top, pad_left
    Py_ssize_t tap_at[256]  # from a pooling window's first pixel to another


cdef inline void sparse_sum(
    Py_ssize_t vectors, const real* x, const Py_ssize_t* x_offset, const int32_t* index,
    const real* value, Py_ssize_t entries, real* y, const Py_ssize_t* y_offset,
) noexcept nogil:
    if real is float:
        micro.f32.sparse_sum[vectors - 1](x, x_offset, index, value, entries, y, y_offset)
    else:
        micro.f64.sparse_sum[vectors - 1](x, x_offset, index, value, entries, y, y_offset)


cdef Sparse sparse_sizes(
    const real* grad_y, const uint8_t* code, Geometry g, Py_ssize_t window_h,
    Py_ssize_t window_w, const Source* source, real* dtype,
) noexcept nogil:
    cdef Sparse s
    cdef Py_ssize_t i, j
    s.source, s.grad, s.code = source[0], grad_y, code
    s.h, s.w, s.c_in, s.c_out, s.taps = g.h, g.w, g.c_in, g.c_out, g.kh * g.kw
    s.pooled_h, s.pooled_w = g.oh // window_h, g.ow // window_w
    s.window_h, s.window_w, s.pad_top, s.pad_left = window_h, window_w, g.pad_top, g.pad_left
    s.vectors = vectors_for(g.c_in, lanes(dtype))
    s.row_step, s.pixel_step = g.stride_h * source.row, g.stride_w * source.pixel
    for i in range(window_h):
        for j in range(window_w):
            s.tap_at[i * window_w + j] = i * s.row_step + j * s.pixel_step
    s.tap_at[DEAD] = 0
    return s


cdef void list_by_channel(
    const Sparse* s, Py_ssize_t n, Py_ssize_t top, Py_ssize_t end, Py_ssize_t first,
    Py_ssize_t last, int32_t* index, real* value, Py_ssize_t* counts,
) noexcept nogil:
    """For channels first..last, the gradients of pooled rows top..end that are alive, and where
    their windows start in x."""
    cdef Py_ssize_t i, j, c, at, room = s.band_rows * s.pooled_w
    cdef const real* grad = (
        <const real*> s.grad + (n * s.pooled_h + top) * s.pooled_w * s.c_out)
    cdef const uint8_t* code = s.code + (n * s.pooled_h + top) * s.pooled_w * s.c_out
    for c in range(last - first):
        counts[c] = c * room
    for i in range(end - top):
        for j in range(s.pooled_w):
            at = i * s.window_h * s.row_step + j * s.window_w * s.pixel_step
            for c in range(first, last):
                index[counts[c - first]] = <int32_t> (at + s.tap_at[code[c]])
                value[counts[c - first]] = grad[c]
                counts[c - first] += code[c] != DEAD
            grad += s.c_out
            code += s.c_out


cdef void sparse_weight_task(
    void* context, Py_ssize_t task, int worker, real* dtype
) noexcept nogil:
    """The images of one chunk, in order, for some output channels."""
    cdef Sparse* s = <Sparse*> context
    cdef Py_ssize_t chunk = task // s.parts, part = task % s.parts, unit, band, c, v, end, top, rows
    cdef Py_ssize_t first = share(s.c_out, part, s.parts), last = share(s.c_out, part + 1, s.parts)
    cdef Py_ssize_t lane = lanes(dtype), all_vectors = s.taps * s.vectors
    cdef Py_ssize_t room = s.band_rows * s.pooled_w, units = s.source.n * s.bands
    cdef Py_ssize_t copied = s.band_rows * s.window_h * s.row_step + (
        s.source.halo.span * s.source.row)
    cdef Py_ssize_t listed = vectors_for(copied + s.c_out * room + 1, lane) * lane
    cdef real* sums = <real*> s.target + chunk * s.c_out * all_vectors * lane
    cdef real* copy = <real*> s.scratch + worker * s.scratch_size
    cdef real* value = copy + copied
    cdef Py_ssize_t* counts = <Py_ssize_t*> (copy + listed)
    cdef int32_t* index = <int32_t*> (counts + s.c_out)
    cdef const real* x
    memset(sums + first * all_vectors * lane, 0, (last - first) * all_vectors * lane * sizeof(real))
    for unit in range(share(units, chunk, s.chunks), share(units, chunk + 1, s.chunks)):
        band = unit % s.bands
        top = share(s.pooled_h, band, s.bands)
        rows = share(s.pooled_h, band + 1, s.bands) - top
        x = source_band(
            &s.source, unit // s.bands, top * s.window_h * s.row_step // s.source.row,
            (rows * s.window_h - 1) * s.row_step // s.source.row + s.source.halo.span, copy)
        list_by_channel(s, unit // s.bands, top, top + rows, first, last, index, value, counts)
        for c in range(first, last):
            v = 0
            while v < all_vectors:
                end = block_end(v, all_vectors, block_rows(dtype, 1))
                sparse_sum(
                    end - v, x, s.offsets + v, index + (c - first) * room,
                    value + (c - first) * room, counts[c - first] - (c - first) * room,
                    sums + c * all_vectors * lane, s.offsets + all_vectors + v)
                v = end


cdef void sparse_weight_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    sparse_weight_task[float](context, task, worker, NULL)


cdef void sparse_weight_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    sparse_weight_task[double](context, task, worker, NULL)


cdef int sparse_weight(
    const real* x, const real* grad_y, const uint8_t* code, real* grad_weight, Geometry g,
    Py_ssize_t window_h, Py_ssize_t window_w,
) except -1 nogil:
    cdef Source source = forward_source(x, g)
    cdef Sparse s
    cdef Py_ssize_t lane = lanes(grad_weight), size, tap, v, row, vectors, room
    cdef int threads = threads_get() if multiply_adds(g) >= 4 * SMALL else 1
    cdef real* total
    if not source.copied:  # whole vectors are read behind the last pixel
        source.copied, source.row = True, source.halo.width * source.pixel
    s = sparse_sizes(grad_y, code, g, window_h, window_w, &source, grad_weight)
    vectors = s.taps * s.vectors
    row = window_h * s.row_step * sizeof(real)
    s.bands = min(s.pooled_h, vectors_for(s.pooled_h * row, BAND_BYTES // 2))
    s.band_rows = (s.pooled_h + s.bands - 1) // s.bands
    size = g.c_out * vectors * lane
    s.chunks = sum_chunks(g.n * s.bands, size)
    s.parts = min(g.c_out, vectors_for(2 * threads, s.chunks)) if s.chunks < 2 * threads else 1
    room = s.band_rows * s.pooled_w
    s.scratch_size = (
        s.band_rows * s.window_h * s.row_step + source.halo.span * source.row + g.c_out * room
        + 2 * lane + (g.c_out * sizeof(Py_ssize_t) + (g.c_out * room + 1) * sizeof(int32_t)
                      ) // sizeof(real) + 16)
    s.scratch_size = vectors_for(s.scratch_size, 16) * 16
    s.scratch = allocate(grad_weight, threads * s.scratch_size)
    s.offsets = <Py_ssize_t*> malloc(2 * vectors * sizeof(Py_ssize_t))
    s.target = allocate(grad_weight, (s.chunks + (s.chunks > 1)) * size)
    cdef bint failed = s.scratch == NULL or s.offsets == NULL or s.target == NULL
    if not failed:
        for tap in range(s.taps):
            for v in range(s.vectors):
                s.offsets[tap * s.vectors + v] = (
                    window_offset(&source, g, tap // g.kw, tap % g.kw) + v * lane)
        for v in range(vectors):
            s.offsets[vectors + v] = v * lane
        run_job(sparse_weight_task_f32 if real is float else sparse_weight_task_f64, &s,
                s.chunks * s.parts, multiply_adds(g), threads)
        total = <real*> s.target
        if s.chunks > 1:
            total += s.chunks * size
            add_chunks(<const real*> s.target, s.chunks, size, total)
        for tap in range(s.taps):
            transpose(total + tap * s.vectors * lane, vectors * lane, g.c_out, g.c_in,
                      grad_weight + tap * g.c_in * g.c_out, g.c_out)
    free(s.scratch)
    free(s.offsets)
    free(s.target)
    if failed:
        raise MemoryError("conv2d_relu_pool_backward_weight: no memory for lists and sums")
    return 0


cdef void list_by_pixel(
    const Sparse* s, Py_ssize_t n, Py_ssize_t top, Py_ssize_t end, Py_ssize_t weight_row,
    int32_t* index, real* value, Py_ssize_t* counts,
) noexcept nogil:
    """For each pixel of the convolution in pooled rows top..end, the gradients that it passes,
    and where the weights of their channels start."""
    cdef Py_ssize_t pixel, tap, at = (n * s.pooled_h + top) * s.pooled_w * s.c_out
    cdef const real* grad = <const real*> s.grad + at
    cdef const uint8_t* code = s.code + at
    for pixel in range((end - top) * s.pooled_w):
        for tap in range(s.window_h * s.window_w):
            if real is float:
                counts[0] = micro.f32.list_equal(
                    code, <uint8_t> tap, grad, s.c_out, <int32_t> weight_row, index, value)
            else:
                counts[0] = micro.f64.list_equal(
                    code, <uint8_t> tap, grad, s.c_out, <int32_t> weight_row, index, value)
            counts += 1
            index += s.list_size
            value += s.list_size
        grad += s.c_out
        code += s.c_out


cdef void sparse_input_task(void* context, Py_ssize_t task, int worker, real* dtype) noexcept nogil:
    """Some vectors of input channels of one image."""
    cdef Sparse* s = <Sparse*> context
    cdef Py_ssize_t n = task // s.parts, part = task % s.parts, lane = lanes(dtype)
    cdef Py_ssize_t first = share(s.vectors, part, s.parts)
    cdef Py_ssize_t last = share(s.vectors, part + 1, s.parts)
    cdef Py_ssize_t weight_row = s.taps * lane, pixels = s.window_h * s.window_w, lists
    cdef Py_ssize_t band, top, end, v, i, j, tap, block, pixel, list_, channels
    cdef real* image = <real*> s.scratch + worker * s.scratch_size
    cdef real* value = image + vectors_for(
        s.source.halo.height * s.source.row + lane, lane) * lane
    cdef Py_ssize_t* counts
    cdef int32_t* index
    cdef real* here
    lists = s.band_rows * s.pooled_w * pixels
    counts = <Py_ssize_t*> (value + lists * s.list_size)
    index = <int32_t*> (counts + lists)
    memset(image, 0, s.source.halo.height * s.source.row * sizeof(real))
    for band in range(s.bands):
        top, end = share(s.pooled_h, band, s.bands), share(s.pooled_h, band + 1, s.bands)
        list_by_pixel(s, n, top, end, weight_row, index, value, counts)
        for v in range(first, last):
            for pixel in range((end - top) * s.pooled_w):
                i, j = top + pixel // s.pooled_w, pixel % s.pooled_w
                here = (image + i * s.window_h * s.row_step + j * s.window_w * s.pixel_step
                        + v * lane)
                for tap in range(pixels):
                    list_ = pixel * pixels + tap
                    if counts[list_] == 0:
                        continue
                    block = 0
                    while block < s.taps:
                        i = block_end(block, s.taps, block_rows(dtype, 1))
                        sparse_sum(
                            i - block, <const real*> s.panels + v * s.c_out * weight_row,
                            s.offsets + s.taps + block, index + list_ * s.list_size,
                            value + list_ * s.list_size, counts[list_], here + s.tap_at[tap],
                            s.offsets + block)
                        block = i
    channels = min(s.c_in, last * lane) - first * lane
    for i in range(s.h):
        for j in range(s.w):
            memcpy(<real*> s.target + ((n * s.h + i) * s.w + j) * s.c_in + first * lane,
                   image + (i + s.pad_top) * s.source.row + (j + s.pad_left) * s.source.pixel
                   + first * lane, channels * sizeof(real))


cdef void sparse_input_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    sparse_input_task[float](context, task, worker, NULL)


cdef void sparse_input_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    sparse_input_task[double](context, task, worker, NULL)


cdef void pack_taps_task(void* context, Py_ssize_t tap, int worker, real* dtype) noexcept nogil:
    """One tap of the weights into the panels, [channel vector][output channel][tap][lane]."""
    cdef Sparse* s = <Sparse*> context
    cdef Py_ssize_t lane = lanes(dtype), v, o, used
    cdef real* panel
    cdef const real* weight
    for v in range(s.vectors):
        used = min(lane, s.c_in - v * lane)
        weight = <const real*> s.target + (tap * s.c_in + v * lane) * s.c_out
        panel = <real*> s.panels + (v * s.c_out * s.taps + tap) * lane
        transpose(weight, s.c_out, used, s.c_out, panel, s.taps * lane)
        if used < lane:
            for o in range(s.c_out):
                memset(panel + o * s.taps * lane + used, 0, (lane - used) * sizeof(real))


cdef void pack_taps_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    pack_taps_task[float](context, task, worker, NULL)


cdef void pack_taps_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    pack_taps_task[double](context, task, worker, NULL)


cdef int sparse_input(
    const real* grad_y, const uint8_t* code, const real* weight, real* grad_x, Geometry g,
    Py_ssize_t window_h, Py_ssize_t window_w,
) except -1 nogil:
    cdef Source source = forward_source(grad_x, g)
    cdef Sparse s
    cdef Py_ssize_t lane = lanes(grad_x), tap, lists, pixels = window_h * window_w
    cdef int threads = threads_get() if multiply_adds(g) >= 4 * SMALL else 1
    source.halo.height = max(source.halo.height, g.h + g.pad_top)
    source.halo.width = max(source.halo.width, g.w + g.pad_left)
    source.pixel = vectors_for(g.c_in, lane) * lane  # so that no vector spills into the next
    source.row = source.halo.width * source.pixel
    s = sparse_sizes(grad_y, code, g, window_h, window_w, &source, grad_x)
    s.list_size = vectors_for(s.c_out, lane) * lane + lane
    lists = s.pooled_w * pixels
    s.bands = min(s.pooled_h, vectors_for(
        s.pooled_h * lists * s.list_size * 2 * sizeof(real), BAND_BYTES))
    s.band_rows = (s.pooled_h + s.bands - 1) // s.bands
    s.parts = min(s.vectors, vectors_for(2 * threads, g.n))
    lists = s.band_rows * lists
    s.scratch_size = source.halo.height * source.row + 2 * lane + lists * s.list_size + (
        lists * (s.list_size * sizeof(int32_t) + sizeof(Py_ssize_t))) // sizeof(real) + 16
    s.scratch_size = vectors_for(s.scratch_size, 16) * 16
    s.scratch = allocate(grad_x, threads * s.scratch_size)
    s.panels = allocate(grad_x, s.vectors * s.c_out * s.taps * lane)
    s.offsets = <Py_ssize_t*> malloc(2 * s.taps * sizeof(Py_ssize_t))
    cdef bint failed = s.scratch == NULL or s.panels == NULL or s.offsets == NULL
    if not failed:
        for tap in range(s.taps):
            s.offsets[tap] = window_offset(&source, g, tap // g.kw, tap % g.kw)
            s.offsets[s.taps + tap] = tap * lane
        s.target = <void*> weight
        run_job(pack_taps_task_f32 if real is float else pack_taps_task_f64, &s, s.taps,
                50 * s.taps * g.c_in * g.c_out, threads)
        s.target = grad_x
        run_job(sparse_input_task_f32 if real is float else sparse_input_task_f64, &s,
                g.n * s.parts, multiply_adds(g), threads)
    free(s.scratch)
    free(s.panels)
    free(s.offsets)
    if failed:
        raise MemoryError("conv2d_relu_pool_backward_input: no memory for lists and images")
    return 0


def conv2d_relu_pool_backward_weight_sparse(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] grad_y,
    const uint8_t[:, :, :, ::1] code, real[:, :, :, ::1] grad_weight, Geometry g,
    Py_ssize_t window_h, Py_ssize_t window_w,
):
    with nogil:
        sparse_weight(&x[0, 0, 0, 0], &grad_y[0, 0, 0, 0], &code[0, 0, 0, 0],
                      &grad_weight[0, 0, 0, 0], g, window_h, window_w)


def conv2d_relu_pool_backward_input_sparse(
    const real[:, :, :, ::1] grad_y, const uint8_t[:, :, :, ::1] code,
    const real[:, :, :, ::1] weight, real[:, :, :, ::1] grad_x, Geometry g,
    Py_ssize_t window_h, Py_ssize_t window_w,
):
    with nogil:
        sparse_input(&grad_y[0, 0, 0, 0], &code[0, 0, 0, 0], &weight[0, 0, 0, 0],
                     &grad_x[0, 0, 0, 0], g, window_h, window_w)


def _serves_sparse(Geometry g, window_h, window_w):
    """Where a quarter of the gradients or less is alive, and a vector of input channels is full
    enough; offsets within a band must fit 32 bits."""
    return (
        g.groups == 1 and window_h * window_w >= 4 and 2 * g.c_in > micro.f32.lanes
        and g.c_out * g.kh * g.kw * micro.f32.lanes < 2**31
        and (g.w + g.kw * g.dilation_w) * g.c_in * (window_h * g.stride_h + g.kh * g.dilation_h)
        < 2**29
    )
