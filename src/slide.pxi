"""One sliding sum over a batch of images, in phases: what forward and backward_input are.

A task is a band of rows of one image, small enough to stay in L2, or some panels of it. No sum is
ever split between tasks, so that their number does not show in the bits.
"""


cdef struct Phase:
    # rows x cols pixels of the target, the taps of the source that each sums, and where their
    # packed weights start, in rows.
    Py_ssize_t rows, cols, n_taps, n_runs, inner, panels
    Py_ssize_t* taps
    tap_run* runs
    Py_ssize_t source_pixel, target_first, target_row, target_pixel


cdef struct Sliding:
    # A batch of images on which the phases of one convolution, or of its gradient, are summed.
    Source source
    const void* weight
    void* target
    void* panels
    void* copies
    Phase* phases
    Py_ssize_t rows, step, target_image  # rows of the target; and of the source for each
    PooledOutput* pooled                 # what becomes of the sums, if they are not the target:
    Py_ssize_t of_pool                   # rows are then rows of it, of so many rows of sums
    Finish* finish                       # what becomes of the target's pixels, or NULL
    # the weights: elements from one tap, channel or group to the next
    Py_ssize_t tap, source_channel, target_channel, group_at
    Py_ssize_t n_phases, panel_size, bands, panel_parts
    Py_ssize_t work          # multiply-adds in all
    Py_ssize_t panels_size   # elements of all packed weights,
    Py_ssize_t copy_size     # and of a band's copy and sums, of which each thread has one
    int threads


cdef void correlate(
    const real* x, Py_ssize_t x_row, Py_ssize_t x_pixel, const tap_run* runs, Py_ssize_t n_runs,
    const real* panels, Py_ssize_t inner, real* y, Py_ssize_t y_row, Py_ssize_t y_pixel,
    Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t channels,
) noexcept nogil:
    """y[i, j, c] = sum over the runs of x[i, j, run] * panels[.., c], panel by panel, so that a
    panel stays in cache while the band streams past it."""
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


cdef void correlate_channels(
    const real* x, Py_ssize_t x_row, Py_ssize_t x_pixel, const tap_run* taps, Py_ssize_t n_taps,
    const real* weight, Py_ssize_t weight_row, real* y, Py_ssize_t y_row, Py_ssize_t y_pixel,
    Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t channels,
) noexcept nogil:
    """y[i, j, c] = sum over the taps of x[i, j, tap + c] * weight[tap, c]."""
    cdef Py_ssize_t i, j, end
    for i in range(rows):
        j = 0
        while j < cols:
            end = block_end(j, cols, block_rows(y, 1))
            channel_block(
                end - j, x + i * x_row + j * x_pixel, x_pixel, taps, n_taps, weight, weight_row,
                y + i * y_row + j * y_pixel, y_pixel, channels)
            j = end


cdef void slide_rows(
    const Sliding* s, const real* x, Py_ssize_t top, Py_ssize_t end, Py_ssize_t first,
    Py_ssize_t last, real* y,
) noexcept nogil:
    """Channels first..last of every group, of rows top..end of every phase; x and y are at the
    first of these rows."""
    cdef const Source* source = &s.source
    cdef Py_ssize_t lane = lanes(y), padded = vectors_for(source.target_group, lane) * lane
    cdef Py_ssize_t group, p, rows, x_row = s.step // s.of_pool * source.row
    cdef Phase* phase
    cdef real* target
    for p in range(s.n_phases):
        phase = s.phases + p
        target = y + phase.target_first
        rows = min(end, phase.rows) - top
        if source.by_channel:
            correlate_channels(
                x, x_row, phase.source_pixel, phase.runs, phase.n_runs,
                <real*> s.panels + phase.panels * s.panel_size, s.panel_size, target,
                phase.target_row, phase.target_pixel, rows, phase.cols,
                source.groups * source.target_group)
            continue
        for group in range(source.groups):
            correlate(
                x + group * source.group, x_row, phase.source_pixel, phase.runs, phase.n_runs,
                <real*> s.panels + group * s.panel_size + phase.panels * padded
                + first * phase.inner, phase.inner, target + group * source.target_group + first,
                phase.target_row, phase.target_pixel, rows, phase.cols, last - first)


cdef void finish_rows(
    const Sliding* s, Py_ssize_t at, Py_ssize_t rows, Py_ssize_t first, Py_ssize_t last,
    real* dtype,
) noexcept nogil:
    """Finish channels first..last of every group, of some rows from the element `at` on."""
    cdef const Phase* phase = s.phases
    cdef Py_ssize_t pixel = phase.target_pixel, group, channel
    cdef real* y = <real*> s.target + at
    for group in range(s.source.groups if last - first < s.source.target_group else 1):
        channel = group * s.source.target_group + first
        finish_pixels(
            s.finish, y + channel, pixel, y + channel, pixel, rows * phase.cols, at + channel,
            channel, pixel if last - first == s.source.target_group else last - first)


cdef void slide_task(void* context, Py_ssize_t task, int worker, real* dtype) noexcept nogil:
    """Some panels of a band of rows of one image."""
    cdef Sliding* s = <Sliding*> context
    cdef Py_ssize_t part = task % s.panel_parts
    cdef Py_ssize_t band = task // s.panel_parts % s.bands
    cdef Py_ssize_t n = task // (s.panel_parts * s.bands)
    cdef Py_ssize_t top = share(s.rows, band, s.bands), end = share(s.rows, band + 1, s.bands)
    cdef Py_ssize_t width = MICRO_MAX_VECTORS * lanes(dtype)
    cdef Py_ssize_t panels = vectors_for(s.source.target_group, width)
    cdef Py_ssize_t first = share(panels, part, s.panel_parts) * width
    cdef Py_ssize_t last = min(
        s.source.target_group, share(panels, part + 1, s.panel_parts) * width)
    cdef real* copy = <real*> s.copies + worker * s.copy_size
    cdef const real* x = source_band(
        &s.source, n, top * s.step, (end - top - 1) * s.step + s.source.halo.span, copy)
    cdef Py_ssize_t at
    if s.pooled == NULL:
        at = n * s.target_image + top * s.phases[0].target_row
        slide_rows(s, x, top, end, first, last, <real*> s.target + at)
        if s.finish != NULL:
            finish_rows(s, at, end - top, first, last, dtype)
    else:
        copy += s.copy_size - (end - top) * s.of_pool * s.phases[0].target_row
        slide_rows(s, x, top * s.of_pool, end * s.of_pool, first, last, copy)
        if s.source.groups > 1:  # which are not divided
            first, last = 0, s.source.groups * s.source.target_group
        pool_rows(s.pooled, copy, n, top, end, first, last)


cdef void slide_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    slide_task[float](context, task, worker, NULL)


cdef void slide_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    slide_task[double](context, task, worker, NULL)


cdef void pack_task(void* context, Py_ssize_t task, int worker, real* dtype) noexcept nogil:
    """The packed weights of one panel of one group, for every phase."""
    cdef Sliding* s = <Sliding*> context
    cdef Source* source = &s.source
    cdef Py_ssize_t lane = lanes(dtype), width = MICRO_MAX_VECTORS * lane
    cdef Py_ssize_t panels = vectors_for(source.target_group, width), tap, p
    cdef Py_ssize_t group = task // panels, done = task % panels * width
    cdef Py_ssize_t used = min(width, source.target_group - done)
    cdef const real* weight = (
        <const real*> s.weight + group * s.group_at + done * s.target_channel)
    cdef Phase* phase
    width = vectors_for(used, lane) * lane
    cdef real* out
    for p in range(s.n_phases):
        phase = s.phases + p
        out = (<real*> s.panels + group * s.panel_size + done * phase.inner
               + phase.panels * vectors_for(source.target_group, lane) * lane)
        for tap in range(phase.n_taps):
            pack_panel(weight + phase.taps[tap] * s.tap, s.source_channel, s.target_channel,
                       source.group, used, out, width)
            out += source.group * width


cdef void pack_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    pack_task[float](context, task, worker, NULL)


cdef void pack_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    pack_task[double](context, task, worker, NULL)


cdef void pack_channels(Sliding* s, real* panels) noexcept nogil:
    """The weights of correlate_channels: a row for each tap and plane."""
    cdef Py_ssize_t p, tap, plane, group, c
    cdef Source* source = &s.source
    cdef const real* weight
    for p in range(s.n_phases):
        for tap in range(s.phases[p].n_taps):
            for plane in range(source.group):
                weight = (<const real*> s.weight + s.phases[p].taps[tap] * s.tap
                          + plane * s.source_channel)
                for group in range(source.groups):
                    for c in range(source.target_group):
                        panels[group * source.target_group + c] = (
                            weight[group * s.group_at + c * s.target_channel])
                panels += s.panel_size


cdef void divide(Sliding* s, Py_ssize_t panels, Py_ssize_t row_bytes, int threads) noexcept nogil:
    """Choose bands that fit L2 and, where those are few, more of them or parts of the panels:
    whichever is the larger, the weights or the image, is split first."""
    cdef Source* source = &s.source
    cdef Py_ssize_t wanted = 2 * threads
    s.bands = min(s.rows, max(1, vectors_for(s.rows * row_bytes, BAND_BYTES)))
    s.panel_parts = 1
    if s.panel_size * source.groups > source.h * source.w * source.channels:
        s.panel_parts = min(panels, vectors_for(wanted, source.n * s.bands))
    s.bands = min(s.rows, s.bands * vectors_for(wanted, source.n * s.bands * s.panel_parts))
    s.panel_parts = min(
        panels, s.panel_parts * vectors_for(wanted, source.n * s.bands * s.panel_parts))


cdef void arrange(Sliding* s, real* dtype, Py_ssize_t work) noexcept nogil:
    """Divide so many multiply-adds into tasks; how much memory the panels and copies take."""
    cdef Source* source = &s.source
    cdef Py_ssize_t p, inner = 0, rows
    cdef Py_ssize_t sums_row = 0 if s.pooled == NULL else s.of_pool * s.phases[0].target_row
    s.work, s.threads = work, threads_get() if work >= SMALL else 1
    divide(s, 1 if s.pooled != NULL and source.groups > 1 else weight_panels(s, dtype),
           (s.step * source.row + sums_row) * sizeof(real), s.threads)
    rows = (s.rows + s.bands - 1) // s.bands
    s.copy_size = rows * sums_row
    if source.copied:
        s.copy_size += (rows * s.step + source.halo.span) * source.row
    for p in range(s.n_phases):
        s.phases[p].panels = inner
        inner += s.phases[p].inner
    s.panels_size = s.panel_size * (inner if source.by_channel else source.groups)


cdef inline Py_ssize_t weight_panels(const Sliding* s, real* dtype) noexcept nogil:
    """Of one group."""
    if s.source.by_channel:
        return 1
    return vectors_for(s.source.target_group, MICRO_MAX_VECTORS * lanes(dtype))


cdef void pack(Sliding* s, real* dtype) noexcept nogil:
    """Pack the weights into the panels."""
    if s.source.by_channel:
        pack_channels(s, <real*> s.panels)
    else:
        run_job(pack_task_f32 if real is float else pack_task_f64, s,
                s.source.groups * weight_panels(s, dtype),
                16 * s.panel_size * s.source.groups, s.threads)


cdef void sum_images(Sliding* s, real* dtype) noexcept nogil:
    """Sum over all images with the packed weights, in parallel."""
    run_job(slide_task_f32 if real is float else slide_task_f64, s,
            s.source.n * s.bands * s.panel_parts, s.work, s.threads)


cdef int slide(Sliding* s, real* dtype, Py_ssize_t work) noexcept nogil:
    """Pack the weights and sum all images; -1 if there is no memory."""
    arrange(s, dtype, work)
    s.panels = allocate(dtype, s.panels_size)
    s.copies = allocate(dtype, s.threads * s.copy_size)
    cdef bint failed = s.panels == NULL or s.copies == NULL
    if not failed:
        pack(s, dtype)
        sum_images(s, dtype)
    free(s.panels)
    free(s.copies)
    return -1 if failed else 0


cdef void add_tap(
    const Sliding* s, Phase* phase, Py_ssize_t tap, Py_ssize_t offset
) noexcept nogil:
    """Append a tap; as the continuation of the last run if they touch."""
    cdef Py_ssize_t plane
    cdef bint by_channel = s.source.by_channel
    cdef tap_run* run = phase.runs + phase.n_runs - 1
    phase.taps[phase.n_taps] = tap
    phase.n_taps += 1
    phase.inner += s.source.group
    if not by_channel and phase.n_runs > 0 and run.offset + run.length == offset:
        run.length += s.source.group
        return
    for plane in range(s.source.group if by_channel else 1):
        run += 1
        run.offset, run.length = offset + plane_offset(&s.source, plane), s.source.group
        phase.n_runs += 1


cdef Phase empty_phase(const Sliding* s, Py_ssize_t* taps, tap_run* runs) noexcept nogil:
    cdef Phase phase
    memset(&phase, 0, sizeof(Phase))
    phase.taps, phase.runs = taps, runs
    return phase
