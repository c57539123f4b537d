"""What the drivers of convolutions and matrix products share: blocks, scratch memory and weights in
panels.

Weights are packed in panels of one or two vectors of output channels, [panel][row][lane], the rows
in the order in which a register block visits them.
"""


cdef inline Py_ssize_t vectors_for(Py_ssize_t channels, Py_ssize_t width) noexcept nogil:
    return (channels + width - 1) // width


cdef inline Py_ssize_t block_end(
    Py_ssize_t start, Py_ssize_t total, Py_ssize_t limit
) noexcept nogil:
    """End of the next of near-equal blocks of at most `limit`: 28 is 14 + 14, 15 is 8 + 7."""
    cdef Py_ssize_t rest = total - start
    cdef Py_ssize_t blocks = (rest + limit - 1) // limit
    return start + (rest + blocks - 1) // blocks


cdef real* allocate(real* dtype, Py_ssize_t count) noexcept nogil:
    """Memory for `count` numbers, with a vector's room behind them; the caller frees.

    It starts on a cache line: a vector load that crosses two of them costs as much as two loads,
    which makes the sums over lists (sparse.pxi) 1.5 times slower.
    """
    return <real*> aligned_alloc(64, (count * sizeof(real) // 64 + 3) * 64)


cdef void pack_panel(
    const real* w, Py_ssize_t row, Py_ssize_t column, Py_ssize_t rows, Py_ssize_t used,
    real* panel, Py_ssize_t width,
) noexcept nogil:
    """panel[k * width + c] = w[k * row + c * column], for k < rows and c < used; the other lanes
    are zero. Either the rows or the columns are contiguous."""
    cdef Py_ssize_t k, c
    if column == 1:
        for k in range(rows):
            memcpy(panel + k * width, w + k * row, used * sizeof(real))
    else:
        transpose(w, column, used, rows, panel, width)
    if used < width:
        for k in range(rows):
            for c in range(used, width):
                panel[k * width + c] = 0


cdef void pack_rows(
    const real* w, Py_ssize_t row, Py_ssize_t column, Py_ssize_t rows, Py_ssize_t channels,
    real* panels, Py_ssize_t first, Py_ssize_t inner,
) noexcept nogil:
    """Put w[k * row + c * column] into rows first.. of panels that have `inner` rows in all."""
    cdef Py_ssize_t lane = lanes(panels), done = 0, width, used
    while done < channels:
        width = lane * min(MICRO_MAX_VECTORS, vectors_for(channels - done, lane))
        used = min(width, channels - done)
        pack_panel(w + done * column, row, column, rows, used,
                   panels + done * inner + first * width, width)
        done += used
