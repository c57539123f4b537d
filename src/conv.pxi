"""Direct convolution and its gradient by the input, as sliding sums.

- forward slides the weights over x;
- backward_input slides the turned weights over grad_y. With strides, the pixels of grad_x whose
  coordinates leave the same remainder meet the same subset of taps: each such phase is a sum of
  its own that writes every stride-th pixel. No zero is ever inserted and none multiplied.
Taps that touch in memory become one run, so that with few channels (a stem of 1 or 3) the inner
loop is still a whole window row.
"""


cdef Py_ssize_t packed_size(const Source* s, Geometry g, real* dtype) noexcept nogil:
    """Of one group's panels; by channel, of one row of weights."""
    cdef Py_ssize_t lane = lanes(dtype)
    if s.by_channel:
        return vectors_for(g.groups * s.target_group, lane) * lane
    return g.kh * g.kw * s.group * vectors_for(s.target_group, lane) * lane


cdef void forward_sliding(
    Sliding* s, Phase* phase, Py_ssize_t* numbers, tap_run* runs, const real* x,
    const real* weight, real* y, Geometry g, PooledOutput* pooled,
) noexcept nogil:
    """The sliding sum that forward is, of one phase: a number for each tap of the window, a run for
    each tap and channel of a group."""
    cdef Py_ssize_t kh, kw
    s.source, s.weight, s.target = forward_source(x, g), weight, y
    s.tap, s.group_at = g.c_in // g.groups * g.c_out, g.c_out // g.groups
    s.source_channel, s.target_channel = g.c_out, 1
    s.rows, s.step, s.target_image = g.oh, g.stride_h, g.oh * g.ow * g.c_out
    s.pooled, s.of_pool, s.finish = pooled, 1, NULL
    if pooled != NULL:
        s.of_pool, s.rows = pooled.window_h, pooled.h
        s.step *= s.of_pool
        s.source.halo.span += (s.of_pool - 1) * g.stride_h
    s.panel_size = packed_size(&s.source, g, y)
    phase[0] = empty_phase(s, numbers, runs)
    phase.rows, phase.cols, phase.source_pixel = g.oh, g.ow, g.stride_w * s.source.pixel
    phase.target_row, phase.target_pixel = g.ow * g.c_out, g.c_out
    for kh in range(g.kh):
        for kw in range(g.kw):
            add_tap(s, phase, kh * g.kw + kw, window_offset(&s.source, g, kh, kw))
    s.phases, s.n_phases = phase, 1


cdef int forward(
    const real* x, const real* weight, real* y, Geometry g, PooledOutput* pooled, Finish* finish
) except -1 nogil:
    """y, or what `pooled` or `finish` makes of it."""
    cdef Py_ssize_t taps = g.kh * g.kw
    cdef Phase phase
    cdef Sliding s
    cdef Py_ssize_t* numbers = <Py_ssize_t*> malloc(taps * sizeof(Py_ssize_t))
    cdef tap_run* runs = <tap_run*> malloc(taps * (g.c_in // g.groups) * sizeof(tap_run))
    cdef int failed = numbers == NULL or runs == NULL
    if not failed:
        forward_sliding(&s, &phase, numbers, runs, x, weight, y, g, pooled)
        s.finish = finish
        failed = slide(&s, y, multiply_adds(g))
    free(numbers)
    free(runs)
    if failed:
        raise MemoryError("conv2d_forward: no memory for packed weights and padded images")
    return 0


cdef void reach(
    Py_ssize_t size, Py_ssize_t window, Py_ssize_t stride, Py_ssize_t pad, Py_ssize_t dilation,
    Py_ssize_t* before, Py_ssize_t* extent, Py_ssize_t* span,
) noexcept nogil:
    """How far backward_input reads before grad_y's first pixel, over how many in all, and over
    how many for one row of grad_x."""
    cdef Py_ssize_t first, k, pixel, lowest = 0, highest = -1, furthest = -1
    for first in range(min(stride, size)):
        for k in range(window):
            if (first + pad - k * dilation) % stride == 0:
                pixel = floor_div(first + pad - k * dilation, stride)
                lowest = min(lowest, pixel)
                furthest = max(furthest, pixel)
                highest = max(highest, pixel + (size - first - 1) // stride)
    before[0] = -lowest
    extent[0] = highest - lowest + 1
    span[0] = furthest - lowest + 1


cdef inline Py_ssize_t floor_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a // b if a >= 0 else -((b - 1 - a) // b)


cdef Phase phase_of(
    Geometry g, Py_ssize_t first_h, Py_ssize_t first_w, const Sliding* s, Py_ssize_t* taps,
    tap_run* runs,
) noexcept nogil:
    """The phase that starts at pixel (first_h, first_w) of grad_x."""
    cdef Py_ssize_t kh, kw, down, right
    cdef Phase phase = empty_phase(s, taps, runs)
    phase.rows = (g.h - first_h + g.stride_h - 1) // g.stride_h
    phase.cols = (g.w - first_w + g.stride_w - 1) // g.stride_w
    phase.source_pixel = s.source.pixel
    phase.target_first = (first_h * g.w + first_w) * g.c_in
    phase.target_row, phase.target_pixel = g.stride_h * g.w * g.c_in, g.stride_w * g.c_in
    for kh in range(g.kh - 1, -1, -1):
        down = first_h + g.pad_top - kh * g.dilation_h
        if down % g.stride_h:
            continue
        for kw in range(g.kw - 1, -1, -1):
            right = first_w + g.pad_left - kw * g.dilation_w
            if right % g.stride_w == 0:
                add_tap(s, &phase, kh * g.kw + kw,
                        (s.source.halo.top + floor_div(down, g.stride_h)) * s.source.row
                        + (s.source.halo.left + floor_div(right, g.stride_w)) * s.source.pixel)
    return phase


cdef int backward_input(
    const real* grad_y, const real* weight, real* grad_x, Geometry g
) except -1 nogil:
    cdef Py_ssize_t taps = g.kh * g.kw, phases_w = min(g.stride_w, g.w), p, done = 0, used = 0
    cdef Py_ssize_t span_w
    cdef Sliding s
    s.source.images, s.source.n, s.source.h, s.source.w, s.source.channels = (
        grad_y, g.n, g.oh, g.ow, g.c_out)
    reach(g.h, g.kh, g.stride_h, g.pad_top, g.dilation_h, &s.source.halo.top,
          &s.source.halo.height, &s.source.halo.span)
    reach(g.w, g.kw, g.stride_w, g.pad_left, g.dilation_w, &s.source.halo.left,
          &s.source.halo.width, &span_w)
    lay_out(&s.source, g.groups, g.c_in, grad_x)
    s.weight, s.target = weight, grad_x
    s.tap, s.group_at = g.c_in // g.groups * g.c_out, g.c_out // g.groups
    s.source_channel, s.target_channel = 1, g.c_out
    s.rows, s.step, s.target_image = (g.h + g.stride_h - 1) // g.stride_h, 1, g.h * g.w * g.c_in
    s.panel_size = packed_size(&s.source, g, grad_x)
    s.pooled, s.of_pool, s.finish = NULL, 1, NULL
    s.n_phases = min(g.stride_h, g.h) * phases_w
    s.phases = <Phase*> malloc(s.n_phases * sizeof(Phase))
    cdef Py_ssize_t* numbers = <Py_ssize_t*> malloc(taps * sizeof(Py_ssize_t))
    cdef tap_run* runs = <tap_run*> malloc(taps * s.source.group * sizeof(tap_run))
    cdef int failed = s.phases == NULL or numbers == NULL or runs == NULL
    if not failed:
        for p in range(s.n_phases):
            s.phases[p] = phase_of(
                g, p // phases_w, p % phases_w, &s, numbers + done, runs + used)
            done += s.phases[p].n_taps
            used += s.phases[p].n_runs
        failed = slide(&s, grad_x, multiply_adds(g))
    free(s.phases)
    free(numbers)
    free(runs)
    if failed:
        raise MemoryError("conv2d_backward_input: no memory for packed weights and padded images")
    return 0


def _pointwise_as_one_image(Geometry g):
    """The sizes of a 1x1 convolution with all pixels in one image, its rows a block wide."""
    if (g.kh, g.kw, g.stride_h, g.stride_w, g.pad_top, g.pad_left, g.oh, g.ow) != (
            1, 1, 1, 1, 0, 0, g.h, g.w):
        return g
    rows, width = g.n * g.h, g.w
    for factor in range(1, MICRO_MAX_ROWS + 1):
        if rows % factor == 0:
            width = factor * g.w
            if width >= MICRO_MAX_ROWS:
                break
    rows = rows * g.w // width
    return Geometry(n=1, h=rows, w=width, c_in=g.c_in, c_out=g.c_out, kh=1, kw=1, oh=rows, ow=width,
                    groups=g.groups)


def conv2d_forward_direct(
    const real[:, :, :, ::1] x, const real[:, :, :, ::1] weight, real[:, :, :, ::1] y, Geometry g
):
    g = _pointwise_as_one_image(g)
    with nogil:
        forward(&x[0, 0, 0, 0], &weight[0, 0, 0, 0], &y[0, 0, 0, 0], g, NULL, NULL)


def conv2d_backward_input_direct(
    const real[:, :, :, ::1] grad_y, const real[:, :, :, ::1] weight,
    real[:, :, :, ::1] grad_x, Geometry g
):
    g = _pointwise_as_one_image(g)
    with nogil:
        backward_input(&grad_y[0, 0, 0, 0], &weight[0, 0, 0, 0], &grad_x[0, 0, 0, 0], g)
