"""Direct convolution and its gradient by the input, as drivers over conv_block.

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

A batch is split into images or, where there are few, into parts of the panels and rows of each. No
sum is ever split between threads, so that their number does not show in the bits.
"""


cdef struct Halo:
    # Where an image lies in its copy: rows top.. and columns left.. of height x width pixels.
    Py_ssize_t top, left, height, width


cdef struct Phase:
    # rows x cols pixels of the target, the taps of the source that each sums, and where their
    # packed weights start, in rows.
    Py_ssize_t rows, cols, n_runs, inner, panels
    tap_run* runs
    Py_ssize_t source_row, source_pixel, target_first, target_row, target_pixel


cdef struct Sliding:
    # A batch of images on which the phases of one convolution, or of its gradient, are summed.
    const void* source
    void* target
    void* panels
    void* copies
    Halo halo
    Phase* phases
    bint copied, copied_before
    Py_ssize_t n, h, w, channels, row, groups, source_group, target_group, target_image
    Py_ssize_t n_phases, panel_size, row_parts, panel_parts


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


cdef inline void copy_with_halo(
    const real* image, Py_ssize_t h, Py_ssize_t w, Py_ssize_t channels, const Halo* halo, real* copy
) noexcept nogil:
    """Put the image into a copy that is zero around it; what no window reaches is left out."""
    cdef Py_ssize_t i, width = max(0, min(w, halo.width - halo.left))
    for i in range(min(h, halo.height - halo.top)):
        memcpy(
            copy + ((halo.top + i) * halo.width + halo.left) * channels,
            image + i * w * channels, width * channels * sizeof(real),
        )


cdef inline bint needs_copy(const Halo* halo, Py_ssize_t h, Py_ssize_t w) noexcept nogil:
    return halo.top > 0 or halo.left > 0 or halo.height > h or halo.width > w


cdef real* allocate(real* dtype, Py_ssize_t count) noexcept nogil:
    """Memory for `count` numbers, with a vector's room behind them; the caller frees."""
    return <real*> malloc((count + 16) * sizeof(real))


cdef real* allocate_zeros(real* dtype, Py_ssize_t count) noexcept nogil:
    return <real*> calloc(count + 16, sizeof(real))


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


cdef void slide_task(void* context, Py_ssize_t task, int worker, real* dtype) noexcept nogil:
    """Sum one part of one image."""
    cdef Sliding* s = <Sliding*> context
    cdef Py_ssize_t part = task % (s.row_parts * s.panel_parts)
    cdef Py_ssize_t n = task // (s.row_parts * s.panel_parts)
    cdef Py_ssize_t copy_size = s.halo.height * s.halo.width * s.channels
    cdef Py_ssize_t width = MICRO_MAX_VECTORS * lanes(dtype)
    cdef Py_ssize_t panels = vectors_for(s.target_group, width)
    cdef Py_ssize_t first = share(panels, part % s.panel_parts, s.panel_parts) * width
    cdef Py_ssize_t last = min(
        s.target_group, share(panels, part % s.panel_parts + 1, s.panel_parts) * width)
    cdef Py_ssize_t padded = vectors_for(s.target_group, lanes(dtype)) * lanes(dtype)
    cdef Py_ssize_t group, p, row, end
    cdef const real* image = <const real*> s.source + n * s.h * s.w * s.channels
    cdef real* copy
    cdef Phase* phase
    if s.copied:
        copy = <real*> s.copies + (n if s.copied_before else worker) * copy_size
        if not s.copied_before:
            copy_with_halo(image, s.h, s.w, s.channels, &s.halo, copy)
        image = copy
    for group in range(s.groups):
        for p in range(s.n_phases):
            phase = s.phases + p
            row = share(phase.rows, part // s.panel_parts, s.row_parts)
            end = share(phase.rows, part // s.panel_parts + 1, s.row_parts)
            correlate(
                image + group * s.source_group + row * phase.source_row,
                phase.source_row, phase.source_pixel, phase.runs, phase.n_runs,
                <real*> s.panels + group * s.panel_size + phase.panels * padded
                + first * phase.inner, phase.inner,
                <real*> s.target + n * s.target_image + phase.target_first
                + row * phase.target_row + group * s.target_group + first,
                phase.target_row, phase.target_pixel, end - row, phase.cols, last - first)


cdef void slide_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    slide_task[float](context, task, worker, NULL)


cdef void slide_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    slide_task[double](context, task, worker, NULL)


cdef int slide(Sliding* s, real* dtype, Py_ssize_t work) noexcept nogil:
    """All images, in parallel; -1 if there is no memory for the copies with a halo."""
    cdef Py_ssize_t copy_size = s.halo.height * s.halo.width * s.channels, n
    cdef Py_ssize_t panels = vectors_for(s.target_group, MICRO_MAX_VECTORS * lanes(dtype))
    cdef Py_ssize_t parts = 1
    cdef int threads = threads_get()
    if s.n < 4 * threads and threads > 1:
        parts = (4 * threads + s.n - 1) // s.n
    s.panel_parts = min(parts, panels)
    s.row_parts = min((parts + s.panel_parts - 1) // s.panel_parts, s.phases[0].rows)
    s.copied_before = s.panel_parts * s.row_parts > 1
    s.copies = NULL
    if s.copied:
        s.copies = allocate_zeros(dtype, copy_size * (s.n if s.copied_before else threads))
        if s.copies == NULL:
            return -1
        if s.copied_before:
            for n in range(s.n):
                copy_with_halo(<const real*> s.source + n * s.h * s.w * s.channels, s.h, s.w,
                               s.channels, &s.halo, <real*> s.copies + n * copy_size)
    run_job(slide_task_f32 if real is float else slide_task_f64, s,
            s.n * s.panel_parts * s.row_parts, work, threads)
    free(s.copies)
    return 0


cdef inline Py_ssize_t multiply_adds(Geometry g) noexcept nogil:
    return g.n * g.oh * g.ow * g.c_out * g.kh * g.kw * (g.c_in // g.groups)


cdef Py_ssize_t forward_runs(Geometry g, Py_ssize_t row, tap_run* runs) noexcept nogil:
    """The taps of a window over x whose rows are `row` apart; the number of runs they make."""
    cdef Py_ssize_t kh, kw, n_runs = 0
    for kh in range(g.kh):
        for kw in range(g.kw):
            n_runs = add_tap(
                runs, n_runs, kh * g.dilation_h * row + kw * g.dilation_w * g.c_in,
                g.c_in // g.groups)
    return n_runs


cdef Halo forward_halo(Geometry g) noexcept nogil:
    """The halo of x: exactly the pixels that windows reach."""
    cdef Halo halo
    halo.top = g.pad_top
    halo.left = g.pad_left
    halo.height = (g.oh - 1) * g.stride_h + (g.kh - 1) * g.dilation_h + 1
    halo.width = (g.ow - 1) * g.stride_w + (g.kw - 1) * g.dilation_w + 1
    return halo


cdef int forward(const real* x, const real* weight, real* y, Geometry g) except -1 nogil:
    cdef Py_ssize_t o_group = g.c_out // g.groups, group
    cdef Py_ssize_t row
    cdef Phase phase
    cdef Sliding s
    s.n, s.h, s.w, s.channels, s.groups = g.n, g.h, g.w, g.c_in, g.groups
    s.source_group, s.target_group, s.target_image = (
        g.c_in // g.groups, o_group, g.oh * g.ow * g.c_out)
    s.halo = forward_halo(g)
    s.copied = needs_copy(&s.halo, g.h, g.w)
    row = (s.halo.width if s.copied else g.w) * g.c_in
    phase.rows, phase.cols, phase.panels = g.oh, g.ow, 0
    phase.inner = g.kh * g.kw * s.source_group
    phase.source_row, phase.source_pixel = g.stride_h * row, g.stride_w * g.c_in
    phase.target_first, phase.target_row, phase.target_pixel = 0, g.ow * g.c_out, g.c_out
    s.panel_size = phase.inner * vectors_for(o_group, lanes(y)) * lanes(y)
    s.source, s.target, s.phases, s.n_phases = x, y, &phase, 1
    s.panels = allocate(y, s.panel_size * g.groups)
    phase.runs = <tap_run*> malloc(g.kh * g.kw * sizeof(tap_run))
    cdef int failed = s.panels == NULL or phase.runs == NULL
    if not failed:
        phase.n_runs = forward_runs(g, row, phase.runs)
        for group in range(g.groups):
            pack_rows(weight + group * o_group, g.c_out, 1, phase.inner, o_group,
                      <real*> s.panels + group * s.panel_size, 0, phase.inner)
        failed = slide(&s, y, multiply_adds(g))
    free(s.panels)
    free(phase.runs)
    if failed:
        raise MemoryError("conv2d_forward: no memory for packed weights and padded images")
    return 0


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
    Geometry g, Py_ssize_t first_h, Py_ssize_t first_w, const Sliding* s, Py_ssize_t row,
    tap_run* runs, const real* weight, real* panels, Py_ssize_t packed,
) noexcept nogil:
    """The phase that starts at pixel (first_h, first_w) of grad_x; packs its weights for every
    group, `packed` rows behind the start of each group's panels."""
    cdef Py_ssize_t c_group = s.target_group, o_group = s.source_group
    cdef Py_ssize_t kh, kw, down, right, group, taps = 0, step = 0
    cdef Py_ssize_t width = vectors_for(c_group, lanes(panels)) * lanes(panels)
    cdef Phase phase
    phase.rows = (g.h - first_h + g.stride_h - 1) // g.stride_h
    phase.cols = (g.w - first_w + g.stride_w - 1) // g.stride_w
    phase.source_row, phase.source_pixel = row, g.c_out
    phase.target_first = (first_h * g.w + first_w) * g.c_in
    phase.target_row, phase.target_pixel = g.stride_h * g.w * g.c_in, g.stride_w * g.c_in
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
                (s.halo.top + floor_div(down, g.stride_h)) * row
                + (s.halo.left + floor_div(right, g.stride_w)) * g.c_out, o_group)
            for group in range(g.groups):
                pack_rows(
                    weight + (kh * g.kw + kw) * c_group * g.c_out + group * o_group, 1, g.c_out,
                    o_group, c_group, panels + group * s.panel_size + packed * width,
                    step * o_group, phase.inner)
            step += 1
    return phase


cdef int backward_input(
    const real* grad_y, const real* weight, real* grad_x, Geometry g
) except -1 nogil:
    cdef Py_ssize_t phases_w = min(g.stride_w, g.w), p, row, used = 0, packed = 0
    cdef Sliding s
    s.n, s.h, s.w, s.channels, s.groups = g.n, g.oh, g.ow, g.c_out, g.groups
    s.source_group, s.target_group, s.target_image = (
        g.c_out // g.groups, g.c_in // g.groups, g.h * g.w * g.c_in)
    reach(g.h, g.kh, g.stride_h, g.pad_top, g.dilation_h, &s.halo.top, &s.halo.height)
    reach(g.w, g.kw, g.stride_w, g.pad_left, g.dilation_w, &s.halo.left, &s.halo.width)
    s.copied = needs_copy(&s.halo, g.oh, g.ow)
    row = (s.halo.width if s.copied else g.ow) * g.c_out
    s.panel_size = (g.kh * g.kw * s.source_group
                    * vectors_for(s.target_group, lanes(grad_x)) * lanes(grad_x))
    s.source, s.target, s.n_phases = grad_y, grad_x, min(g.stride_h, g.h) * phases_w
    s.panels = allocate(grad_x, s.panel_size * g.groups)
    s.phases = <Phase*> malloc(s.n_phases * sizeof(Phase))
    cdef tap_run* runs = <tap_run*> malloc(g.kh * g.kw * sizeof(tap_run))
    cdef int failed = s.panels == NULL or s.phases == NULL or runs == NULL
    if not failed:
        for p in range(s.n_phases):
            s.phases[p] = phase_of(g, p // phases_w, p % phases_w, &s, row, runs + used, weight,
                                   <real*> s.panels, packed)
            used += s.phases[p].n_runs
            packed += s.phases[p].inner
        failed = slide(&s, grad_x, multiply_adds(g))
    free(s.panels)
    free(s.phases)
    free(runs)
    if failed:
        raise MemoryError("conv2d_backward_input: no memory for packed weights and padded images")
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
