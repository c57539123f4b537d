"""Winograd's F(2x2, 3x3) for 3x3 windows without strides: 16 products where a direct sum has 36.

Tiles of 4x4 input pixels are transformed, multiplied by the transformed weights as 16 matrix
products (tiles x channels in) @ (channels in x channels out), and transformed back to 2x2 output
pixels (Lavin & Gray 2016, "Fast algorithms for convolutional neural networks"). The gradient by
the input is the same sum over grad_y with turned weights. Its error against float64 is no larger
than the direct sum's: each product is of fewer terms.

A task is some rows of tiles of one image, few enough for their transforms to stay in L2.
"""


cdef enum:
    TILES = 64        # of a task, about
    WEIGHT_ROWS = 16  # input channels whose weights are transformed at a time
    APART = 32        # between the sixteen arrays: at multiples of 4 KB they share cache sets


cdef struct Winograd:
    const void* x
    void* y
    void* panels   # the transformed weights: sixteen times [panel][channel in][lane]
    void* scratch  # for each worker: a padded tile, transformed tiles, their products
    Py_ssize_t h, w, c_in, oh, ow, c_out, pad_top, pad_left
    Py_ssize_t tile_rows, tile_cols, rows, chunks, panel_size, scratch_size


cdef void transform_tile(
    const Winograd* s, const real* image, Py_ssize_t top, Py_ssize_t left, real* padded, real* v,
    Py_ssize_t step,
) noexcept nogil:
    """Transform the 4x4 pixels from (top, left), zero where they lie outside the image."""
    cdef const real* x = image + (top * s.w + left) * s.c_in
    cdef Py_ssize_t x_row = s.w * s.c_in, i, first, last
    if top < 0 or left < 0 or top + 4 > s.h or left + 4 > s.w:
        memset(padded, 0, 16 * s.c_in * sizeof(real))
        first, last = max(0, -left), min(4, s.w - left)
        for i in range(max(0, -top), min(4, s.h - top)):
            if last > first:
                memcpy(padded + (4 * i + first) * s.c_in, x + i * x_row + first * s.c_in,
                       (last - first) * s.c_in * sizeof(real))
        x, x_row = padded, 4 * s.c_in
    if real is float:
        micro.f32.winograd_input(x, x_row, s.c_in, s.c_in, v, step)
    else:
        micro.f64.winograd_input(x, x_row, s.c_in, s.c_in, v, step)


cdef void place_tile(
    const Winograd* s, const real* m, Py_ssize_t step, real* image, Py_ssize_t i, Py_ssize_t j,
    real* square,
) noexcept nogil:
    """Write the 2x2 output pixels from (i, j), those of them that lie in the image."""
    cdef real* y = image + (i * s.ow + j) * s.c_out
    cdef Py_ssize_t y_row = s.ow * s.c_out, row
    cdef bint inside = i + 2 <= s.oh and j + 2 <= s.ow
    cdef real* target = y if inside else square
    if real is float:
        micro.f32.winograd_output(
            m, step, s.c_out, target, y_row if inside else 2 * s.c_out, s.c_out)
    else:
        micro.f64.winograd_output(
            m, step, s.c_out, target, y_row if inside else 2 * s.c_out, s.c_out)
    if not inside:
        for row in range(min(2, s.oh - i)):
            memcpy(y + row * y_row, square + 2 * row * s.c_out,
                   min(2, s.ow - j) * s.c_out * sizeof(real))


cdef void winograd_rows(void* context, Py_ssize_t task, int worker, real* dtype) noexcept nogil:
    cdef Winograd* s = <Winograd*> context
    cdef Py_ssize_t n = task // s.chunks, first = task % s.chunks * s.rows
    cdef Py_ssize_t count = min(s.rows, s.tile_rows - first) * s.tile_cols
    cdef Py_ssize_t lane = lanes(dtype), tile, xi, done, vectors, used
    cdef const real* image = <const real*> s.x + n * s.h * s.w * s.c_in
    cdef real* target = <real*> s.y + n * s.oh * s.ow * s.c_out
    cdef real* padded = <real*> s.scratch + worker * s.scratch_size
    cdef real* v = padded + 16 * max(s.c_in, s.c_out)
    cdef real* m = v + 16 * (s.rows * s.tile_cols * s.c_in + APART)
    cdef Py_ssize_t v_step = count * s.c_in + APART, m_step = count * s.c_out + APART
    for tile in range(count):
        transform_tile(s, image, 2 * (first + tile // s.tile_cols) - s.pad_top,
                       2 * (tile % s.tile_cols) - s.pad_left, padded, v + tile * s.c_in, v_step)
    for xi in range(16):
        done = 0
        while done < s.c_out:
            vectors = min(MICRO_MAX_VECTORS, vectors_for(s.c_out - done, lane))
            used = min(vectors * lane, s.c_out - done)
            rows_times_panel(
                v + xi * v_step, s.c_in,
                <const real*> s.panels + xi * s.panel_size + done * s.c_in, vectors * lane,
                m + xi * m_step + done, s.c_out, count, s.c_in, vectors, used, False)
            done += used
    for tile in range(count):
        place_tile(s, m + tile * s.c_out, m_step, target, 2 * (first + tile // s.tile_cols),
                   2 * (tile % s.tile_cols), padded)


cdef void winograd_rows_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    winograd_rows[float](context, task, worker, NULL)


cdef void winograd_rows_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    winograd_rows[double](context, task, worker, NULL)


cdef void transform_weights(
    const real* weight, Py_ssize_t c_in, Py_ssize_t c_out, real* rows, real* panels,
    Py_ssize_t panel_size,
) noexcept nogil:
    """Transform weight (3, 3, c_in, c_out), some input channels at a time, and pack the results.

    `rows` has room for sixteen transformed rows of c_out for each of WEIGHT_ROWS channels.
    """
    cdef Py_ssize_t first = 0, count, c, xi, step = WEIGHT_ROWS * c_out + APART
    while first < c_in:
        count = min(WEIGHT_ROWS, c_in - first)
        for c in range(count):
            if real is float:
                micro.f32.winograd_weight(weight + (first + c) * c_out, c_in * c_out, c_out,
                                          rows + c * c_out, step)
            else:
                micro.f64.winograd_weight(weight + (first + c) * c_out, c_in * c_out, c_out,
                                          rows + c * c_out, step)
        for xi in range(16):
            pack_rows(rows + xi * step, c_out, 1, count, c_out, panels + xi * panel_size,
                      first, c_in)
        first += count


cdef void turn_weights(
    const real* weight, Py_ssize_t c_in, Py_ssize_t c_out, real* turned
) noexcept nogil:
    """The weights (3, 3, c_out, c_in) that grad_y is slid over with; in blocks, for the cache."""
    cdef Py_ssize_t tap, i, o, first
    cdef real* target
    for tap in range(9):
        target = turned + (8 - tap) * c_out * c_in
        for first in range(0, c_in, 16):
            for o in range(c_out):
                for i in range(first, min(c_in, first + 16)):
                    target[o * c_in + i] = weight[(tap * c_in + i) * c_out + o]


cdef int winograd(
    const real* x, const real* weight, real* y, Winograd* s, Py_ssize_t n
) except -1 nogil:
    """y = the sum over 3x3 windows of x, for sizes and padding as in s."""
    cdef Py_ssize_t lane = lanes(y)
    cdef int workers = threads_get()
    s.x, s.y = x, y
    s.tile_rows, s.tile_cols = (s.oh + 1) // 2, (s.ow + 1) // 2
    s.rows = min(s.tile_rows, max(1, TILES // s.tile_cols))
    s.chunks = (s.tile_rows + s.rows - 1) // s.rows
    s.panel_size = s.c_in * vectors_for(s.c_out, lane) * lane
    s.scratch_size = 16 * max(
        WEIGHT_ROWS * s.c_out + APART,
        max(s.c_in, s.c_out) + s.rows * s.tile_cols * (s.c_in + s.c_out) + 2 * APART)
    s.panels = allocate(y, 16 * s.panel_size)
    s.scratch = allocate(y, workers * s.scratch_size)
    cdef bint failed = s.panels == NULL or s.scratch == NULL
    if not failed:
        transform_weights(weight, s.c_in, s.c_out, <real*> s.scratch, <real*> s.panels,
                          s.panel_size)
        run_job(winograd_rows_f32 if real is float else winograd_rows_f64, s, n * s.chunks,
                n * s.oh * s.ow * s.c_in * s.c_out * 4, workers)
    free(s.panels)
    free(s.scratch)
    if failed:
        raise MemoryError("conv2d: no memory for transformed weights and tiles")
    return 0


def conv2d_forward_winograd(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] weight, real[:, :, :, ::1] y, Geometry g
):
    cdef Winograd s
    s.h, s.w, s.c_in, s.oh, s.ow, s.c_out = g.h, g.w, g.c_in, g.oh, g.ow, g.c_out
    s.pad_top, s.pad_left = g.pad_top, g.pad_left
    with nogil:
        winograd(&x[0, 0, 0, 0], &weight[0, 0, 0, 0], &y[0, 0, 0, 0], &s, g.n)


def conv2d_backward_input_winograd(
    const real[:, :, :, ::1] grad_y, const real[:, :, :, ::1] weight,
    real[:, :, :, ::1] grad_x, Geometry g
):
    cdef Winograd s
    cdef real* turned = allocate(&grad_x[0, 0, 0, 0], 9 * g.c_in * g.c_out)
    if turned == NULL:
        raise MemoryError("conv2d_backward_input: no memory for turned weights")
    s.h, s.w, s.c_in, s.oh, s.ow, s.c_out = g.oh, g.ow, g.c_out, g.h, g.w, g.c_in
    s.pad_top, s.pad_left = 2 - g.pad_top, 2 - g.pad_left
    try:
        with nogil:
            turn_weights(&weight[0, 0, 0, 0], g.c_in, g.c_out, turned)
            winograd(&grad_y[0, 0, 0, 0], <const real*> turned, &grad_x[0, 0, 0, 0], &s, g.n)
    finally:
        free(turned)


def _serves_winograd(Geometry g):
    """3x3 windows, one pixel apart, on enough channels and tiles to pay for the transforms.

    Measured against the direct sum (AVX-512, one thread): 1.6 times its speed for 14x14x32 -> 64,
    1.5 for 64 -> 64, 1.8 for 256 -> 256 channels; 1.05 for 16 -> 16; 0.7 for 49 tiles of 512
    channels, whose transformed weights (16 MB) cost more than they save.
    """
    tiles = g.n * ((g.oh + 1) // 2) * ((g.ow + 1) // 2)
    return (
        g.kh == g.kw == 3 and g.stride_h == g.stride_w == g.dilation_h == g.dilation_w == 1
        and g.groups == 1 and g.pad_top <= 2 and g.pad_left <= 2
        and min(g.c_in, g.c_out) >= 16
        and tiles >= (32 if g.c_in * g.c_out <= 256 * 256 else 512)
    )
