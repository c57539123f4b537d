"""Winograd's F(2x2, 3x3) for 3x3 windows without strides: 16 products where a direct sum has 36.

Tiles of 4x4 input pixels are transformed, multiplied by the transformed weights as 16 matrix
products (tiles x channels in) @ (channels in x channels out), and transformed back to 2x2 output
pixels (Lavin & Gray 2016, "Fast algorithms for convolutional neural networks"). The gradient by
the input is the same sum over grad_y with turned weights. Its error against float64 is no larger
than the direct sum's: each product is of fewer terms.

A task is some rows of tiles of one image, few enough for their transforms to stay in L2; or, where
there are few images, some panels of output channels of them.
"""


cdef enum:
    TILES = 64        # of a task, about
    WEIGHT_ROWS = 16  # input channels whose weights one task transforms
    APART = 32        # between the sixteen arrays: at multiples of 4 KB they share cache sets


cdef struct Winograd:
    Source source
    const void* weight
    void* y
    void* panels   # the transformed weights: sixteen times [panel][channel in][lane]
    void* scratch  # for each worker: a band of x, transformed tiles, their products
    PooledOutput* pooled  # what becomes of y, by rows of tiles; NULL if it is wanted itself
    Finish* finish        # what becomes of y's pixels, or NULL
    Py_ssize_t c_in, oh, ow, c_out
    Py_ssize_t tile_rows, tile_cols, rows, bands, panel_parts
    Py_ssize_t panel_size, copy_size, scratch_size  # of one array of panels; of one worker
    Py_ssize_t work  # multiply-adds in all
    int threads


cdef Source tile_source(
    const real* images, Py_ssize_t n, Py_ssize_t h, Py_ssize_t w, Py_ssize_t channels,
    Py_ssize_t top, Py_ssize_t left, Py_ssize_t tile_rows, Py_ssize_t tile_cols, Py_ssize_t size,
) noexcept nogil:
    """Images as tiles of size x size pixels, two apart, lie over them, the first `top` rows above
    and `left` columns before."""
    cdef Source s
    s.images, s.n, s.h, s.w, s.channels = images, n, h, w, channels
    s.halo.top, s.halo.left, s.halo.span = top, left, size
    s.halo.height, s.halo.width = 2 * (tile_rows - 1) + size, 2 * (tile_cols - 1) + size
    lay_out(&s, 1, channels, <real*> images)
    return s


cdef void place_tile(
    const Winograd* s, const real* m, Py_ssize_t step, Py_ssize_t channels, real* band,
    Py_ssize_t rows, Py_ssize_t i, Py_ssize_t j, real* square,
) noexcept nogil:
    """Write some channels of the 2x2 output pixels from (i, j), those that lie in the band."""
    cdef real* y = band + (i * s.ow + j) * s.c_out
    cdef Py_ssize_t y_row = s.ow * s.c_out, row, col
    cdef bint inside = i + 2 <= rows and j + 2 <= s.ow
    cdef real* target = y if inside else square
    if real is float:
        micro.f32.winograd_output(m, step, channels, target, y_row if inside else 2 * channels,
                                  s.c_out if inside else channels)
    else:
        micro.f64.winograd_output(m, step, channels, target, y_row if inside else 2 * channels,
                                  s.c_out if inside else channels)
    if not inside:
        for row in range(min(2, rows - i)):
            for col in range(min(2, s.ow - j)):
                memcpy(y + row * y_row + col * s.c_out, square + (2 * row + col) * channels,
                       channels * sizeof(real))


cdef void winograd_task(void* context, Py_ssize_t task, int worker, real* dtype) noexcept nogil:
    cdef Winograd* s = <Winograd*> context
    cdef Py_ssize_t part = task % s.panel_parts, band = task // s.panel_parts % s.bands
    cdef Py_ssize_t n = task // (s.panel_parts * s.bands)
    cdef Py_ssize_t top = share(s.tile_rows, band, s.bands)
    cdef Py_ssize_t rows = share(s.tile_rows, band + 1, s.bands) - top
    cdef Py_ssize_t count = rows * s.tile_cols, lane = lanes(dtype), width = (
        MICRO_MAX_VECTORS * lanes(dtype))
    cdef Py_ssize_t panels = vectors_for(s.c_out, width)
    cdef Py_ssize_t first = share(panels, part, s.panel_parts) * width
    cdef Py_ssize_t channels = min(
        s.c_out, share(panels, part + 1, s.panel_parts) * width) - first
    cdef Py_ssize_t v_step = count * s.c_in + APART, m_step = count * channels + APART
    cdef Py_ssize_t tile, xi, done, vectors, used
    cdef real* copy = <real*> s.scratch + worker * s.scratch_size
    cdef real* square = copy + s.copy_size
    cdef real* v = square + 4 * s.c_out
    cdef real* m = v + 16 * v_step
    cdef const real* x = source_band(&s.source, n, 2 * top, 2 * rows + 2, copy)
    cdef const real* pixels
    for tile in range(count):
        pixels = x + 2 * (tile // s.tile_cols * s.source.row + tile % s.tile_cols * s.c_in)
        if real is float:
            micro.f32.winograd_input(pixels, s.source.row, s.c_in, s.c_in, v + tile * s.c_in,
                                     v_step)
        else:
            micro.f64.winograd_input(pixels, s.source.row, s.c_in, s.c_in, v + tile * s.c_in,
                                     v_step)
    for xi in range(16):
        done = 0
        while done < channels:
            vectors = min(MICRO_MAX_VECTORS, vectors_for(channels - done, lane))
            used = min(vectors * lane, channels - done)
            rows_times_panel(
                v + xi * v_step, s.c_in,
                <const real*> s.panels + xi * s.panel_size + (first + done) * s.c_in,
                vectors * lane, m + xi * m_step + done, channels, count, s.c_in, vectors, used,
                False)
            done += used
    cdef Py_ssize_t at = (n * s.oh + 2 * top) * s.ow * s.c_out + first
    cdef real* band_y = <real*> s.y + at - first
    if s.pooled != NULL:
        band_y = m + 16 * m_step
    for tile in range(count):
        place_tile(s, m + tile * channels, m_step, channels, band_y + first, s.oh - 2 * top,
                   2 * (tile // s.tile_cols), 2 * (tile % s.tile_cols), square)
    if s.pooled != NULL:
        pool_rows(s.pooled, band_y, n, top, top + rows, first, first + channels)
    elif s.finish != NULL:
        finish_pixels(
            s.finish, band_y + first, s.c_out, band_y + first, s.c_out,
            min(2 * rows, s.oh - 2 * top) * s.ow, at, first, channels)


cdef void winograd_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    winograd_task[float](context, task, worker, NULL)


cdef void winograd_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    winograd_task[double](context, task, worker, NULL)


cdef void weights_task(void* context, Py_ssize_t task, int worker, real* dtype) noexcept nogil:
    """Transform the weights of WEIGHT_ROWS input channels into their places in the panels."""
    cdef Winograd* s = <Winograd*> context
    cdef Py_ssize_t lane = lanes(dtype), width = MICRO_MAX_VECTORS * lanes(dtype), c, done, used
    cdef const real* weight
    cdef real* panel
    for c in range(task * WEIGHT_ROWS, min(s.c_in, (task + 1) * WEIGHT_ROWS)):
        done = 0
        while done < s.c_out:
            used = min(width, s.c_out - done)
            weight = <const real*> s.weight + c * s.c_out + done
            panel = (<real*> s.panels + done * s.c_in + c * vectors_for(used, lane) * lane)
            if real is float:
                micro.f32.winograd_weight(weight, s.c_in * s.c_out, used, panel, s.panel_size)
            else:
                micro.f64.winograd_weight(weight, s.c_in * s.c_out, used, panel, s.panel_size)
            done += used


cdef void weights_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    weights_task[float](context, task, worker, NULL)


cdef void weights_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    weights_task[double](context, task, worker, NULL)


cdef void winograd_arrange(
    Winograd* s, const real* x, Py_ssize_t n, Py_ssize_t h, Py_ssize_t w, Py_ssize_t pad_top,
    Py_ssize_t pad_left,
) noexcept nogil:
    """Divide the sum over 3x3 windows of x, for the channels and output sizes in s, into tasks."""
    cdef Py_ssize_t lane = lanes(<real*> x), wanted, panels
    s.work = n * s.oh * s.ow * s.c_in * s.c_out * 4
    s.threads = threads_get() if s.work >= SMALL else 1
    s.tile_rows, s.tile_cols = (s.oh + 1) // 2, (s.ow + 1) // 2
    if s.pooled != NULL:
        s.tile_rows = s.pooled.h
    s.source = tile_source(x, n, h, w, s.c_in, pad_top, pad_left, s.tile_rows, s.tile_cols, 4)
    s.bands = vectors_for(s.tile_rows, max(1, TILES // s.tile_cols))
    panels, wanted = vectors_for(s.c_out, MICRO_MAX_VECTORS * lane), 2 * s.threads
    s.panel_parts = 1
    if s.c_in * s.c_out > s.tile_rows * s.tile_cols * (s.c_in + s.c_out):  # more weights than tiles
        s.panel_parts = min(panels, vectors_for(wanted, n * s.bands))
    s.bands = min(s.tile_rows, s.bands * vectors_for(wanted, n * s.bands * s.panel_parts))
    s.panel_parts = min(panels, s.panel_parts * vectors_for(wanted, n * s.bands * s.panel_parts))
    s.rows = (s.tile_rows + s.bands - 1) // s.bands
    s.panel_size = s.c_in * vectors_for(s.c_out, lane) * lane + APART
    s.copy_size = (2 * s.rows + 2) * s.source.row if s.source.copied else 0
    s.scratch_size = s.copy_size + 4 * s.c_out + 16 * (
        s.rows * s.tile_cols * (s.c_in + s.c_out) + 2 * APART)
    if s.pooled != NULL:
        s.scratch_size += 2 * s.rows * s.ow * s.c_out


cdef void winograd_pack(Winograd* s, real* dtype) noexcept nogil:
    """Transform the weights into the panels."""
    run_job(weights_task_f32 if real is float else weights_task_f64, s,
            vectors_for(s.c_in, WEIGHT_ROWS), 100 * s.c_in * s.c_out, s.threads)


cdef void winograd_sum(Winograd* s, real* dtype) noexcept nogil:
    """Sum over all images with the transformed weights, in parallel."""
    run_job(winograd_task_f32 if real is float else winograd_task_f64, s,
            s.source.n * s.bands * s.panel_parts, s.work, s.threads)


cdef int winograd(
    const real* x, const real* weight, real* y, Winograd* s, Py_ssize_t n, Py_ssize_t h,
    Py_ssize_t w, Py_ssize_t pad_top, Py_ssize_t pad_left,
) except -1 nogil:
    """y = the sum over 3x3 windows of x, for the channels and output sizes in s."""
    s.weight, s.y = weight, y
    winograd_arrange(s, x, n, h, w, pad_top, pad_left)
    s.panels = allocate(y, 16 * s.panel_size)
    s.scratch = allocate(y, s.threads * s.scratch_size)
    cdef bint failed = s.panels == NULL or s.scratch == NULL
    if not failed:
        winograd_pack(s, y)
        winograd_sum(s, y)
    free(s.panels)
    free(s.scratch)
    if failed:
        raise MemoryError("conv2d: no memory for transformed weights and tiles")
    return 0


def conv2d_forward_winograd(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] weight, real[:, :, :, ::1] y, Geometry g
):
    cdef Winograd s
    s.c_in, s.oh, s.ow, s.c_out = g.c_in, g.oh, g.ow, g.c_out
    s.pooled, s.finish = NULL, NULL
    with nogil:
        winograd(&x[0, 0, 0, 0], &weight[0, 0, 0, 0], &y[0, 0, 0, 0], &s, g.n, g.h, g.w,
                 g.pad_top, g.pad_left)


cdef struct Turning:
    const void* weight
    void* turned
    Py_ssize_t c_in, c_out


cdef void turn_task(void* context, Py_ssize_t tap, int worker, real* dtype) noexcept nogil:
    """One tap of the weights (3, 3, c_out, c_in) that grad_y is slid over with."""
    cdef Turning* s = <Turning*> context
    cdef Py_ssize_t size = s.c_in * s.c_out
    transpose(<const real*> s.weight + tap * size, s.c_out, s.c_in, s.c_out,
              <real*> s.turned + (8 - tap) * size, s.c_in)


cdef void turn_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    turn_task[float](context, task, worker, NULL)


cdef void turn_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    turn_task[double](context, task, worker, NULL)


cdef int backward_input_winograd(
    const real* grad_y, const real* weight, real* grad_x, Geometry g
) except -1 nogil:
    cdef Winograd s
    cdef Turning turning
    cdef real* turned = allocate(grad_x, 9 * g.c_in * g.c_out)
    if turned == NULL:
        raise MemoryError("conv2d_backward_input: no memory for turned weights")
    turning.weight, turning.turned = weight, turned
    turning.c_in, turning.c_out = g.c_in, g.c_out
    s.c_in, s.oh, s.ow, s.c_out = g.c_out, g.h, g.w, g.c_in
    s.pooled, s.finish = NULL, NULL
    run_job(turn_task_f32 if real is float else turn_task_f64, &turning, 9,
            50 * g.c_in * g.c_out, threads_get())
    try:
        winograd(grad_y, <const real*> turned, grad_x, &s, g.n, g.oh, g.ow, 2 - g.pad_top,
                 2 - g.pad_left)
    finally:
        free(turned)
    return 0


def conv2d_backward_input_winograd(
    const real[:, :, :, ::1] grad_y, const real[:, :, :, ::1] weight,
    real[:, :, :, ::1] grad_x, Geometry g
):
    with nogil:
        backward_input_winograd(&grad_y[0, 0, 0, 0], &weight[0, 0, 0, 0], &grad_x[0, 0, 0, 0], g)


def _serves_winograd(Geometry g):
    """3x3 windows, one pixel apart, on enough channels and tiles to pay for the transforms.

    Measured against the direct sum (AVX-512, one thread): 1.6 times its speed for 14x14x32 -> 64,
    1.5 for 64 -> 64, 1.8 for 256 -> 256 channels of 32 images; 1.4 for 49 tiles of 512 channels;
    1.05 for 16 -> 16.
    """
    tiles = g.n * ((g.oh + 1) // 2) * ((g.ow + 1) // 2)
    return (
        g.kh == g.kw == 3 and g.stride_h == g.stride_w == g.dilation_h == g.dilation_w == 1
        and g.groups == 1 and g.pad_top <= 2 and g.pad_left <= 2
        and min(g.c_in, g.c_out) >= 16 and tiles >= 32
    )
