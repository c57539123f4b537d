"""Direct convolution and its two gradients, as drivers over conv_block and outer_block.

Forward and backward_input are one sliding sum (`correlate`) over an image with a halo of zeros,
so that no edge is special:
- forward slides the weights over x;
- backward_input slides the turned weights over grad_y. With strides, the pixels of grad_x whose
  coordinates leave the same remainder meet the same subset of taps: each such phase is a sum of
  its own that writes every stride-th pixel. No zero is ever inserted and none multiplied.
Taps that touch in memory become one run, so that with few channels (a stem of 1 or 3) the inner
loop is still a whole window row.

Weights are packed in panels of one or two vectors of output channels, [panel][row][lane], the
rows in the order in which the taps are visited.
"""


cdef struct Halo:
    # Where an image lies in its copy: rows top.. and columns left.. of height x width pixels.
    Py_ssize_t top, left, height, width


cdef struct Phase:
    # The pixels (first_h + i * stride_h, first_w + j * stride_w) of grad_x and the taps they meet.
    Py_ssize_t first_h, first_w, rows, cols, n_runs, inner
    tap_run* runs
    Py_ssize_t panels  # where its packed weights start, in rows


cdef inline Py_ssize_t vectors_for(Py_ssize_t channels, Py_ssize_t width) noexcept nogil:
    return (channels + width - 1) // width


cdef inline Py_ssize_t block_end(
    Py_ssize_t start, Py_ssize_t total, Py_ssize_t limit
) noexcept nogil:
    """End of the next of near-equal blocks of at most `limit`: 28 is 14 + 14, 15 is 8 + 7."""
    cdef Py_ssize_t rest = total - start
    cdef Py_ssize_t blocks = (rest + limit - 1) // limit
    return start + (rest + blocks - 1) // blocks


cdef inline Py_ssize_t add_tap(
    tap_run* runs, Py_ssize_t n_runs, Py_ssize_t offset, Py_ssize_t length
) noexcept nogil:
    """Append a tap, as the continuation of the last run if they touch; the number of runs."""
    if n_runs > 0 and runs[n_runs - 1].offset + runs[n_runs - 1].length == offset:
        runs[n_runs - 1].length += length
        return n_runs
    runs[n_runs].offset = offset
    runs[n_runs].length = length
    return n_runs + 1


cdef void pack_rows(
    const real* w, Py_ssize_t row, Py_ssize_t column, Py_ssize_t rows, Py_ssize_t channels,
    real* panels, Py_ssize_t first, Py_ssize_t inner,
) noexcept nogil:
    """Put w[k * row + c * column] into rows first.. of panels that have `inner` rows in all."""
    cdef Py_ssize_t lane = lanes(panels), done = 0, width, used, k, c
    cdef real* out
    while done < channels:
        width = lane * min(MICRO_MAX_VECTORS, vectors_for(channels - done, lane))
        used = min(width, channels - done)
        out = panels + done * inner + first * width
        for k in range(rows):
            if column == 1:
                memcpy(out, w + k * row + done, used * sizeof(real))
            else:
                for c in range(used):
                    out[c] = w[k * row + (done + c) * column]
            for c in range(used, width):
                out[c] = 0
            out += width
        done += used


cdef inline const real* with_halo(
    const real* image, Py_ssize_t h, Py_ssize_t w, Py_ssize_t channels, const Halo* halo,
    real* copy, Py_ssize_t* row,
) noexcept nogil:
    """The image with its halo, in `copy` (zero outside the image) unless it needs none."""
    cdef Py_ssize_t i, width = max(0, min(w, halo.width - halo.left))
    row[0] = w * channels
    if copy == NULL:
        return image
    row[0] = halo.width * channels
    for i in range(min(h, halo.height - halo.top)):
        memcpy(
            copy + (halo.top + i) * row[0] + halo.left * channels,
            image + i * w * channels, width * channels * sizeof(real),
        )
    return copy


cdef inline bint needs_copy(const Halo* halo, Py_ssize_t h, Py_ssize_t w) noexcept nogil:
    return halo.top > 0 or halo.left > 0 or halo.height > h or halo.width > w


cdef real* allocate(real* dtype, Py_ssize_t count) noexcept nogil:
    """`count` zeros, with a vector's room behind them; the caller frees."""
    cdef size_t size = (count + 16) * sizeof(real)
    cdef real* memory = <real*> malloc(size)
    if memory != NULL:
        memset(memory, 0, size)
    return memory


cdef void correlate(
    const real* x, Py_ssize_t x_row, Py_ssize_t x_pixel, const tap_run* runs, Py_ssize_t n_runs,
    const real* panels, Py_ssize_t inner, real* y, Py_ssize_t y_row, Py_ssize_t y_pixel,
    Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t channels,
) noexcept nogil:
    """y[i, j, c] = sum over the runs of x[i, j, run] * panels[.., c], panel by panel, so that a
    panel stays in cache while the image streams past it."""
    cdef Py_ssize_t lane = lanes(y), done = 0, vectors, used, i, j, end
    while done < channels:
        vectors = min(MICRO_MAX_VECTORS, vectors_for(channels - done, lane))
        used = min(vectors * lane, channels - done)
        for i in range(rows):
            j = 0
            while j < cols:
                end = block_end(j, cols, block_rows(y, vectors))
                conv_block(
                    end - j, vectors, x + i * x_row + j * x_pixel, x_pixel, runs, n_runs,
                    panels + done * inner, vectors * lane,
                    y + i * y_row + j * y_pixel + done, y_pixel, used, False)
                j = end
        done += used


cdef int forward(const real* x, const real* weight, real* y, Geometry g) except -1 nogil:
    cdef Py_ssize_t c_group = g.c_in // g.groups, o_group = g.c_out // g.groups
    cdef Py_ssize_t inner = g.kh * g.kw * c_group
    cdef Py_ssize_t panel_size = inner * vectors_for(o_group, lanes(y)) * lanes(y)
    cdef Py_ssize_t kh, kw, n, group, row = 0, n_runs = 0
    cdef Halo halo = forward_halo(g)
    cdef bint copied = needs_copy(&halo, g.h, g.w)
    cdef tap_run* runs = <tap_run*> malloc(g.kh * g.kw * sizeof(tap_run))
    cdef real* panels = allocate(y, panel_size * g.groups)
    cdef real* copy = allocate(y, halo.height * halo.width * g.c_in) if copied else NULL
    cdef const real* image
    try:
        if runs == NULL or panels == NULL or (copied and copy == NULL):
            raise MemoryError("conv2d_forward: no memory for the packed weights")
        row = (halo.width if copied else g.w) * g.c_in
        for kh in range(g.kh):
            for kw in range(g.kw):
                n_runs = add_tap(
                    runs, n_runs, kh * g.dilation_h * row + kw * g.dilation_w * g.c_in, c_group)
        for group in range(g.groups):
            pack_rows(weight + group * o_group, g.c_out, 1, inner, o_group,
                      panels + group * panel_size, 0, inner)
        for n in range(g.n):
            image = with_halo(x + n * g.h * g.w * g.c_in, g.h, g.w, g.c_in, &halo, copy, &row)
            for group in range(g.groups):
                correlate(
                    image + group * c_group, g.stride_h * row, g.stride_w * g.c_in, runs, n_runs,
                    panels + group * panel_size, inner,
                    y + n * g.oh * g.ow * g.c_out + group * o_group, g.ow * g.c_out, g.c_out,
                    g.oh, g.ow, o_group)
    finally:
        free(runs)
        free(panels)
        free(copy)
    return 0


cdef Halo forward_halo(Geometry g) noexcept nogil:
    """The halo of x: exactly the pixels that windows reach."""
    cdef Halo halo
    halo.top = g.pad_top
    halo.left = g.pad_left
    halo.height = (g.oh - 1) * g.stride_h + (g.kh - 1) * g.dilation_h + 1
    halo.width = (g.ow - 1) * g.stride_w + (g.kw - 1) * g.dilation_w + 1
    return halo


cdef void reach(
    Py_ssize_t size, Py_ssize_t window, Py_ssize_t stride, Py_ssize_t pad, Py_ssize_t dilation,
    Py_ssize_t* before, Py_ssize_t* extent,
) noexcept nogil:
    """How far backward_input reads before grad_y's first pixel, and over how many in all."""
    cdef Py_ssize_t first, k, pixel, lowest = 0, highest = -1
    for first in range(min(stride, size)):
        for k in range(window):
            if (first + pad - k * dilation) % stride == 0:
                pixel = floor_div(first + pad - k * dilation, stride)
                lowest = min(lowest, pixel)
                highest = max(highest, pixel + (size - first - 1) // stride)
    before[0] = -lowest
    extent[0] = highest - lowest + 1


cdef inline Py_ssize_t floor_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a // b if a >= 0 else -((b - 1 - a) // b)


cdef Phase phase_of(
    Geometry g, Py_ssize_t first_h, Py_ssize_t first_w, const Halo* halo, Py_ssize_t row,
    tap_run* runs, const real* weight, real* panels, Py_ssize_t packed, Py_ssize_t panel_size,
) noexcept nogil:
    """The phase that starts at pixel (first_h, first_w) of grad_x; packs its weights for every
    group, `packed` rows behind the start of each group's panels."""
    cdef Py_ssize_t c_group = g.c_in // g.groups, o_group = g.c_out // g.groups
    cdef Py_ssize_t kh, kw, down, right, group, taps = 0, step = 0
    cdef Py_ssize_t width = vectors_for(c_group, lanes(panels)) * lanes(panels)
    cdef Phase phase
    phase.first_h, phase.first_w = first_h, first_w
    phase.rows = (g.h - first_h + g.stride_h - 1) // g.stride_h
    phase.cols = (g.w - first_w + g.stride_w - 1) // g.stride_w
    phase.runs, phase.n_runs, phase.panels = runs, 0, packed
    for kh in range(g.kh):
        for kw in range(g.kw):
            taps += ((first_h + g.pad_top - kh * g.dilation_h) % g.stride_h == 0
                     and (first_w + g.pad_left - kw * g.dilation_w) % g.stride_w == 0)
    phase.inner = taps * o_group
    for kh in range(g.kh - 1, -1, -1):
        down = first_h + g.pad_top - kh * g.dilation_h
        if down % g.stride_h:
            continue
        for kw in range(g.kw - 1, -1, -1):
            right = first_w + g.pad_left - kw * g.dilation_w
            if right % g.stride_w:
                continue
            phase.n_runs = add_tap(
                runs, phase.n_runs,
                (halo.top + floor_div(down, g.stride_h)) * row
                + (halo.left + floor_div(right, g.stride_w)) * g.c_out, o_group)
            for group in range(g.groups):
                pack_rows(
                    weight + (kh * g.kw + kw) * c_group * g.c_out + group * o_group, 1, g.c_out,
                    o_group, c_group, panels + group * panel_size + packed * width,
                    step * o_group, phase.inner)
            step += 1
    return phase


cdef int backward_input(
    const real* grad_y, const real* weight, real* grad_x, Geometry g
) except -1 nogil:
    cdef Py_ssize_t c_group = g.c_in // g.groups, o_group = g.c_out // g.groups
    cdef Py_ssize_t width = vectors_for(c_group, lanes(grad_x)) * lanes(grad_x)
    cdef Py_ssize_t panel_size = g.kh * g.kw * o_group * width
    cdef Py_ssize_t phases_w = min(g.stride_w, g.w), n_phases = min(g.stride_h, g.h) * phases_w
    cdef Py_ssize_t n, group, p, row = 0, used = 0, packed = 0
    cdef Halo halo
    reach(g.h, g.kh, g.stride_h, g.pad_top, g.dilation_h, &halo.top, &halo.height)
    reach(g.w, g.kw, g.stride_w, g.pad_left, g.dilation_w, &halo.left, &halo.width)
    cdef bint copied = needs_copy(&halo, g.oh, g.ow)
    cdef tap_run* runs = <tap_run*> malloc(g.kh * g.kw * sizeof(tap_run))
    cdef Phase* phases = <Phase*> malloc(n_phases * sizeof(Phase))
    cdef real* panels = allocate(grad_x, panel_size * g.groups)
    cdef real* copy = allocate(grad_x, halo.height * halo.width * g.c_out) if copied else NULL
    cdef const real* image
    cdef Phase* phase
    try:
        if runs == NULL or phases == NULL or panels == NULL or (copied and copy == NULL):
            raise MemoryError("conv2d_backward_input: no memory for the packed weights")
        row = (halo.width if copied else g.ow) * g.c_out
        for p in range(n_phases):
            phases[p] = phase_of(g, p // phases_w, p % phases_w, &halo, row, runs + used, weight,
                                 panels, packed, panel_size)
            used += phases[p].n_runs
            packed += phases[p].inner
        for n in range(g.n):
            image = with_halo(
                grad_y + n * g.oh * g.ow * g.c_out, g.oh, g.ow, g.c_out, &halo, copy, &row)
            for group in range(g.groups):
                for p in range(n_phases):
                    phase = phases + p
                    correlate(
                        image + group * o_group, row, g.c_out, phase.runs, phase.n_runs,
                        panels + group * panel_size + phase.panels * width, phase.inner,
                        grad_x + ((n * g.h + phase.first_h) * g.w + phase.first_w) * g.c_in
                        + group * c_group, g.stride_h * g.w * g.c_in, g.stride_w * g.c_in,
                        phase.rows, phase.cols, c_group)
    finally:
        free(runs)
        free(phases)
        free(panels)
        free(copy)
    return 0


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


cdef int backward_weight(
    const real* x, const real* grad_y, real* grad_weight, Geometry g
) except -1 nogil:
    cdef Py_ssize_t c_group = g.c_in // g.groups, o_group = g.c_out // g.groups
    cdef Py_ssize_t n, group, r, kh, kw, row = 0, n_runs = 0, k
    cdef Py_ssize_t pixels = g.oh * g.ow, lane = lanes(grad_weight)
    cdef Py_ssize_t tail_channel = tail_start(o_group, lane)
    cdef Halo halo = forward_halo(g)
    cdef bint copied = needs_copy(&halo, g.h, g.w)
    cdef tap_run* runs = <tap_run*> malloc(g.kh * g.kw * sizeof(tap_run))
    cdef real* tail = allocate(grad_weight, pixels * MICRO_MAX_VECTORS * lane)
    cdef real* copy = allocate(grad_weight, halo.height * halo.width * g.c_in) if copied else NULL
    cdef const real* image
    cdef const real* grad
    try:
        if runs == NULL or tail == NULL or (copied and copy == NULL):
            raise MemoryError("conv2d_backward_weight: no memory for the padded image")
        row = (halo.width if copied else g.w) * g.c_in
        for kh in range(g.kh):
            for kw in range(g.kw):
                n_runs = add_tap(
                    runs, n_runs, kh * g.dilation_h * row + kw * g.dilation_w * g.c_in, c_group)
        memset(grad_weight, 0, g.kh * g.kw * c_group * g.c_out * sizeof(real))
        for n in range(g.n):
            image = with_halo(x + n * g.h * g.w * g.c_in, g.h, g.w, g.c_in, &halo, copy, &row)
            for group in range(g.groups):
                grad = grad_y + n * pixels * g.c_out + group * o_group
                if tail_channel < o_group:
                    pack_rows(grad + tail_channel, g.c_out, 1, pixels, o_group - tail_channel,
                              tail, 0, pixels)
                k = 0
                for r in range(n_runs):
                    outer_panels(
                        image + group * c_group + runs[r].offset, g.stride_h * row,
                        g.stride_w * g.c_in, grad, g.ow * g.c_out, g.c_out, tail, g.oh, g.ow,
                        grad_weight + k * g.c_out + group * o_group, g.c_out, runs[r].length,
                        o_group)
                    k += runs[r].length
    finally:
        free(runs)
        free(tail)
        free(copy)
    return 0


def conv2d_forward_direct(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] weight, real[:, :, :, ::1] y, Geometry g
):
    with nogil:
        forward(&x[0, 0, 0, 0], &weight[0, 0, 0, 0], &y[0, 0, 0, 0], g)


def conv2d_backward_input_direct(
    const real[:, :, :, ::1] grad_y, const real[:, :, :, ::1] weight,
    real[:, :, :, ::1] grad_x, Geometry g
):
    with nogil:
        backward_input(&grad_y[0, 0, 0, 0], &weight[0, 0, 0, 0], &grad_x[0, 0, 0, 0], g)


def conv2d_backward_weight_direct(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] grad_y,
    real[:, :, :, ::1] grad_weight, Geometry g
):
    with nogil:
        backward_weight(&x[0, 0, 0, 0], &grad_y[0, 0, 0, 0], &grad_weight[0, 0, 0, 0], g)
