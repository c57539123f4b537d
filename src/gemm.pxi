"""Matrix products on the convolution's register blocks: a matrix row is a pixel, k is a tap run.

A product runs in chunks of INNER along k, fixed by the sizes alone, so that a panel of b and the
rows of a that meet it stay in cache.
"""

cdef Py_ssize_t INNER = 512


cdef void rows_times_panel(
    const real* a, Py_ssize_t a_row, const real* w, Py_ssize_t w_row, real* c, Py_ssize_t c_row,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t vectors, Py_ssize_t used, bint accumulate,
) noexcept nogil:
    """c[i, :used] (+)= a[i, :k] @ w[:k], for i < m."""
    cdef tap_run run
    cdef Py_ssize_t i = 0, end
    run.offset, run.length = 0, k
    while i < m:
        end = block_end(i, m, block_rows(c, vectors))
        conv_block(end - i, vectors, a + i * a_row, a_row, &run, 1, w, w_row,
                   c + i * c_row, c_row, used, accumulate)
        i = end


cdef int gemm_nn(
    const real* a, const real* b, real* c, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    Py_ssize_t b_row, Py_ssize_t b_column,
) except -1 nogil:
    """c = a @ b where b[k, n] is at k * b_row + n * b_column.

    Panels of contiguous rows are read where they lie; others, and the last if it is partly
    filled, are packed.
    """
    cdef Py_ssize_t lane = lanes(c), done = 0, vectors, used, width, first, count
    cdef real* panel = allocate(c, min(k, INNER) * MICRO_MAX_VECTORS * lane)
    cdef const real* w
    cdef bint packed
    if panel == NULL:
        with gil:
            raise MemoryError("gemm: no memory for a packed panel")
    while done < n:
        vectors = min(MICRO_MAX_VECTORS, vectors_for(n - done, lane))
        used = min(vectors * lane, n - done)
        packed = b_column != 1 or used < vectors * lane
        first = 0
        while first < k:
            count = min(INNER, k - first)
            w, width = b + first * b_row + done, b_row
            if packed:
                pack_rows(b + first * b_row + done * b_column, b_row, b_column, count, used,
                          panel, 0, count)
                w, width = panel, vectors * lane
            rows_times_panel(a + first, k, w, width, c + done, n, m, count, vectors, used,
                             first > 0)
            first += count
        done += used
    free(panel)
    return 0


cdef int gemm_nt_small(
    const real* a, const real* b, real* c, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k
) except -1 nogil:
    """c = a @ b.T for few rows of a: the tile b[rows] @ a.T is computed, and stored transposed.

    Packing a.T costs m * k where packing b.T would cost n * k.
    """
    cdef Py_ssize_t lane = lanes(c), done = 0, vectors, used, i, end, r, j, first, count
    cdef real* panel = allocate(c, k * MICRO_MAX_VECTORS * lane)
    cdef real* tile = allocate(c, MICRO_MAX_ROWS * MICRO_MAX_VECTORS * lane)
    if panel == NULL or tile == NULL:
        free(panel)
        free(tile)
        with gil:
            raise MemoryError("gemm: no memory for a packed panel")
    while done < m:
        vectors = min(MICRO_MAX_VECTORS, vectors_for(m - done, lane))
        used = min(vectors * lane, m - done)
        pack_rows(a + done * k, 1, k, k, used, panel, 0, k)
        i = 0
        while i < n:
            end = block_end(i, n, block_rows(c, vectors))
            first = 0
            while first < k:
                count = min(INNER, k - first)
                rows_times_panel(b + i * k + first, k, panel + first * vectors * lane,
                                 vectors * lane, tile, vectors * lane, end - i, count, vectors,
                                 vectors * lane, first > 0)
                first += count
            for j in range(used):
                for r in range(end - i):
                    c[(done + j) * n + i + r] = tile[r * vectors * lane + j]
            i = end
        done += used
    free(panel)
    free(tile)
    return 0


cdef int gemm_tn(
    const real* a, const real* b, real* c, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k
) except -1 nogil:
    """c = a.T @ b as a sum of outer products over k."""
    cdef Py_ssize_t lane = lanes(c), first = 0, count, tail_column = tail_start(n, lane)
    cdef real* tail = allocate(c, min(k, INNER) * MICRO_MAX_VECTORS * lane)
    if tail == NULL:
        with gil:
            raise MemoryError("gemm: no memory for a packed panel")
    memset(c, 0, m * n * sizeof(real))
    while first < k:
        count = min(INNER, k - first)
        if tail_column < n:
            pack_rows(b + first * n + tail_column, n, 1, count, n - tail_column, tail, 0, count)
        outer_panels(a + first * m, 0, m, b + first * n, 0, n, tail, 1, count, c, n, m, n)
        first += count
    free(tail)
    return 0


def gemm_blocked(
    const real[:, ::1] a, const real[:, ::1] b, real[:, ::1] c, bint transpose_a, bint transpose_b
):
    cdef Py_ssize_t m = c.shape[0], n = c.shape[1]
    cdef Py_ssize_t k = a.shape[0] if transpose_a else a.shape[1]
    if transpose_a and transpose_b:
        a = np.ascontiguousarray(np.asarray(a).T)
        transpose_a = False
    with nogil:
        if transpose_a:
            gemm_tn(&a[0, 0], &b[0, 0], &c[0, 0], m, n, k)
        elif not transpose_b:
            gemm_nn(&a[0, 0], &b[0, 0], &c[0, 0], m, n, k, n, 1)
        elif m * (k + n) < n * k:
            gemm_nt_small(&a[0, 0], &b[0, 0], &c[0, 0], m, n, k)
        else:
            gemm_nn(&a[0, 0], &b[0, 0], &c[0, 0], m, n, k, 1, k)
