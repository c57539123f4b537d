"""Matrix products on the convolution's register blocks: a matrix row is a pixel, k is a tap run.

A product runs in chunks of INNER along k, fixed by the sizes alone, so that a panel of b and the
rows of a that meet it stay in cache.
"""

cdef enum:
    INNER = 512
    FEW_ROWS = 128  # of a product that is split along k: 3136 -> 100 for 32 rows in half the time


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


cdef inline void product_rows(
    const real* a, Py_ssize_t a_row, const real* w, Py_ssize_t w_row, real* c, Py_ssize_t c_row,
    Py_ssize_t m, Py_ssize_t k, Py_ssize_t vectors, Py_ssize_t used, bint accumulate,
) noexcept nogil:
    """The same for at least some rows, or all that there are. One has a way of its own: it adds up
    in another order, so that it must not be one that only the number of threads has left alone."""
    if m == 1:
        row_times_panel(a, k, w, w_row, c, vectors, used, accumulate)
    else:
        rows_times_panel(a, a_row, w, w_row, c, c_row, m, k, vectors, used, accumulate)


cdef void outer_products(
    const real* a, Py_ssize_t a_row, const real* b, Py_ssize_t b_row, Py_ssize_t k, real* c,
    Py_ssize_t c_row, Py_ssize_t m, Py_ssize_t n,
) noexcept nogil:
    """c[i, j] += sum over k of a[k, i] * b[k, j], for i < m and j < n."""
    cdef Py_ssize_t lane = lanes(c), done = 0, vectors, used, i, end
    while done < n:
        vectors = min(MICRO_MAX_VECTORS, vectors_for(n - done, lane))
        used = min(vectors * lane, n - done)
        i = 0
        while i < m:
            end = block_end(i, m, block_rows(c, vectors))
            outer_block(end - i, vectors, a + i, NULL, 0, a_row, b + done, 0, b_row, 1, k,
                        c + i * c_row + done, c_row, used)
            i = end
        done += used


cdef struct Product:
    # c (m, n) = a @ b: see the task functions for what of a and b is read how. Where b is packed,
    # it is panels as pack_rows makes them.
    const void* a
    const void* b
    void* c
    void* panels
    void* tiles
    Py_ssize_t m, n, k, b_row, b_column
    Py_ssize_t rows   # of one task
    Py_ssize_t parts  # of the rows, for each panel of columns; or of k
    bint packed, split  # split: by parts of k, whose sums are added to one another
    Finish* finish    # what becomes of c, or NULL
    task_function task
    Py_ssize_t tasks, panels_size, tiles_size  # sizes: elements, of all workers
    int workers


cdef inline Py_ssize_t task_rows(Py_ssize_t total, Py_ssize_t limit) noexcept nogil:
    """Rows of one task: a few blocks of the tallest kind, so that a panel is used often."""
    return min(total, 8 * limit)


cdef void nn_task(void* context, Py_ssize_t task, int worker, real* dtype) noexcept nogil:
    """Some rows of one panel of columns of c = a @ b, where b[k, n] is at k * b_row + n * b_column.

    Panels of contiguous rows are read where they lie; others, and the last if it is partly
    filled, are packed.
    """
    cdef Product* p = <Product*> context
    cdef Py_ssize_t lane = lanes(dtype), done = task // p.parts * MICRO_MAX_VECTORS * lane
    cdef Py_ssize_t start = share(p.m, task % p.parts, p.parts)
    cdef Py_ssize_t rows = share(p.m, task % p.parts + 1, p.parts) - start
    cdef Py_ssize_t vectors = min(MICRO_MAX_VECTORS, vectors_for(p.n - done, lane))
    cdef Py_ssize_t used = min(vectors * lane, p.n - done), width, first = 0, count
    cdef real* panel = <real*> p.panels + worker * min(p.k, INNER) * MICRO_MAX_VECTORS * lane
    cdef bint packed = not p.packed and (p.b_column != 1 or used < vectors * lane)
    cdef Py_ssize_t at = start * p.n + done
    cdef real* c = <real*> p.c + at
    cdef const real* w
    while first < p.k:
        count = min(INNER, p.k - first)
        w, width = <const real*> p.b + first * p.b_row + done * p.b_column, p.b_row
        if p.packed:
            width = vectors * lane
            w = <const real*> p.b + done * p.k + first * width
        elif packed:
            pack_rows(w, p.b_row, p.b_column, count, used, panel, 0, count)
            w, width = panel, vectors * lane
        product_rows(
            <const real*> p.a + start * p.k + first, p.k, w, width,
            c, p.n, rows, count, vectors, used, first > 0)
        first += count
    if p.finish != NULL:
        finish_pixels(p.finish, c, p.n, c, p.n, rows, at, done, used)


cdef void few_rows_task(void* context, Py_ssize_t part, int worker, real* dtype) noexcept nogil:
    """A part of k of c = a @ b, for all of few rows: b is read once, in order and in place.

    The lanes behind b's last column read on into its next row, which is harmless but at the very
    end: the rows there are packed.
    """
    cdef Product* p = <Product*> context
    cdef Py_ssize_t lane = lanes(dtype), done = 0, vectors, used, width, safe
    cdef Py_ssize_t first = share(p.k, part, p.parts), count = share(p.k, part + 1, p.parts) - first
    cdef real* panel = <real*> p.panels + worker * INNER * MICRO_MAX_VECTORS * lane
    cdef const real* a = <const real*> p.a + first
    cdef const real* b
    cdef real* c
    while done < p.n:
        vectors = min(MICRO_MAX_VECTORS, vectors_for(p.n - done, lane))
        used, width = min(vectors * lane, p.n - done), vectors * lane
        b, c = <const real*> p.b + first * p.n + done, <real*> p.tiles + part * p.m * p.n + done
        safe = max(0, min(count, p.k - first - vectors_for(max(0, done + width - p.n), p.n)))
        if p.packed:
            safe = count
            product_rows(a, p.k, <const real*> p.b + done * p.k + first * width, width, c, p.n,
                         p.m, count, vectors, used, False)
        elif safe > 0:
            product_rows(a, p.k, b, p.n, c, p.n, p.m, safe, vectors, used, False)
        if safe < count:
            pack_panel(b + safe * p.n, p.n, 1, count - safe, used, panel, width)
            product_rows(a + safe, p.k, panel, width, c, p.n, p.m, count - safe, vectors, used,
                         safe > 0)
        done += used


cdef void one_row_task(void* context, Py_ssize_t task, int worker, real* dtype) noexcept nogil:
    """Some columns of c = a @ b.T for one row of a."""
    cdef Product* p = <Product*> context
    cdef Py_ssize_t first = task * p.rows, rows = min(p.rows, p.n - first)
    if real is float:
        micro.f32.dot(<const real*> p.b + first * p.k, p.k, rows, <const real*> p.a, p.k,
                      <real*> p.c + first)
    else:
        micro.f64.dot(<const real*> p.b + first * p.k, p.k, rows, <const real*> p.a, p.k,
                      <real*> p.c + first)


cdef void nt_task(void* context, Py_ssize_t task, int worker, real* dtype) noexcept nogil:
    """Some columns of c = a @ b.T for few rows of a: tiles of b[rows] @ a.T, stored transposed.

    a.T is packed, which costs m * k where packing b.T would cost n * k.
    """
    cdef Product* p = <Product*> context
    cdef Py_ssize_t lane = lanes(dtype), done = 0, vectors, used, width, i, end, first, count
    cdef Py_ssize_t stop = min(p.n, (task + 1) * p.rows)
    cdef real* tile = <real*> p.tiles + worker * MICRO_MAX_ROWS * MICRO_MAX_VECTORS * lane
    cdef const real* panel
    while done < p.m:
        vectors = min(MICRO_MAX_VECTORS, vectors_for(p.m - done, lane))
        used, width = min(vectors * lane, p.m - done), vectors * lane
        panel = <const real*> p.panels + done * p.k
        i = task * p.rows
        while i < stop:
            end = block_end(i, stop, block_rows(dtype, vectors))
            first = 0
            while first < p.k:
                count = min(INNER, p.k - first)
                rows_times_panel(<const real*> p.b + i * p.k + first, p.k, panel + first * width,
                                 width, tile, width, end - i, count, vectors, width, first > 0)
                first += count
            transpose(tile, width, end - i, used, <real*> p.c + done * p.n + i, p.n)
            i = end
        done += used


cdef void tn_task(void* context, Py_ssize_t task, int worker, real* dtype) noexcept nogil:
    """Some rows of c = a.T @ b, as a sum of outer products over k."""
    cdef Product* p = <Product*> context
    cdef Py_ssize_t start = task * p.rows, rows = min(p.rows, p.m - start), first = 0, count
    cdef real* c = <real*> p.c + start * p.n
    memset(c, 0, rows * p.n * sizeof(real))
    while first < p.k:
        count = min(INNER, p.k - first)
        outer_products(<const real*> p.a + first * p.m + start, p.m,
                       <const real*> p.b + first * p.n, p.n, count, c, p.n, rows, p.n)
        first += count


cdef void nn_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    nn_task[float](context, task, worker, NULL)


cdef void nn_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    nn_task[double](context, task, worker, NULL)


cdef void few_rows_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    few_rows_task[float](context, task, worker, NULL)


cdef void few_rows_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    few_rows_task[double](context, task, worker, NULL)


cdef void one_row_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    one_row_task[float](context, task, worker, NULL)


cdef void one_row_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    one_row_task[double](context, task, worker, NULL)


cdef void nt_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    nt_task[float](context, task, worker, NULL)


cdef void nt_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    nt_task[double](context, task, worker, NULL)


cdef void tn_task_f32(void* context, Py_ssize_t task, int worker) noexcept nogil:
    tn_task[float](context, task, worker, NULL)


cdef void tn_task_f64(void* context, Py_ssize_t task, int worker) noexcept nogil:
    tn_task[double](context, task, worker, NULL)


cdef void arrange_product(
    Product* p, real* dtype, bint transpose_a, bint transpose_b
) noexcept nogil:
    """Divide a product of the sizes in p into tasks; how much memory they take."""
    cdef Py_ssize_t width = MICRO_MAX_VECTORS * lanes(dtype), m = p.m, n = p.n, k = p.k
    p.workers = threads_get()
    p.b_row = 1 if transpose_b else n
    p.b_column = k if transpose_b else 1
    p.parts, p.rows, p.panels_size, p.tiles_size = 1, m, 0, 0
    p.split = not transpose_a and not transpose_b and m <= FEW_ROWS and k >= 2 * INNER
    if transpose_a:
        p.rows = task_rows(m, MICRO_MAX_ROWS)
        p.tasks = vectors_for(m, p.rows)
        p.task = tn_task_f32 if real is float else tn_task_f64
    elif transpose_b and m == 1:
        p.rows = 64
        p.tasks = vectors_for(n, p.rows)
        p.task = one_row_task_f32 if real is float else one_row_task_f64
    elif is_turned(p, transpose_b):
        p.panels_size = k * vectors_for(m, lanes(dtype)) * lanes(dtype)
        p.tiles_size = p.workers * MICRO_MAX_ROWS * width
        p.rows = task_rows(n, MICRO_MAX_ROWS)
        p.tasks = vectors_for(n, p.rows)
        p.task = nt_task_f32 if real is float else nt_task_f64
    elif p.split:
        p.parts = vectors_for(k, INNER)
        p.parts += p.parts % 2  # so that two threads have the same to do
        p.tasks = p.parts
        p.panels_size, p.tiles_size = p.workers * INNER * width, p.tasks * m * n
        p.task = few_rows_task_f32 if real is float else few_rows_task_f64
    else:
        p.panels_size = p.workers * min(k, INNER) * width
        p.tasks = vectors_for(n, width)
        p.parts = max(1, min(4 * p.workers // p.tasks, m // MICRO_MAX_ROWS))
        p.tasks *= p.parts
        p.task = nn_task_f32 if real is float else nn_task_f64
    if p.packed:
        p.panels_size = 0


cdef inline bint is_turned(const Product* p, bint transpose_b) noexcept nogil:
    """Whether c.T is computed, tile by tile."""
    return transpose_b and 1 < p.m and p.m * (p.k + p.n) < p.n * p.k


cdef void compute_product(Product* p, real* dtype) noexcept nogil:
    """All tasks, and what follows them where k is split."""
    run_job(p.task, p, p.tasks, p.m * p.n * p.k, p.workers)
    cdef real* c = <real*> p.c
    if p.split:
        add_chunks(<const real*> p.tiles, p.parts, p.m * p.n, c)
        if p.finish != NULL:
            finish_pixels(p.finish, c, p.n, c, p.n, p.m, 0, 0, p.n)


cdef int multiply(
    const real* a, const real* b, real* c, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    bint transpose_a, bint transpose_b, Finish* finish,
) except -1 nogil:
    """c, or what `finish` makes of it; with a transposed, and b transposed, there is none."""
    cdef Product p
    p.a, p.b, p.c, p.m, p.n, p.k, p.packed, p.finish = a, b, c, m, n, k, False, finish
    arrange_product(&p, c, transpose_a, transpose_b)
    p.panels, p.tiles = allocate(c, p.panels_size), allocate(c, p.tiles_size)
    cdef bint failed = p.panels == NULL or p.tiles == NULL
    if not failed:
        if not transpose_a and is_turned(&p, transpose_b):
            pack_rows(a, 1, k, k, m, <real*> p.panels, 0, k)
        compute_product(&p, c)
    free(p.panels)
    free(p.tiles)
    if failed:
        raise MemoryError("gemm: no memory for packed panels")
    return 0


def gemm_blocked(
    const real[:, ::1] a, const real[:, ::1] b, real[:, ::1] c, bint transpose_a, bint transpose_b
):
    cdef Py_ssize_t k = a.shape[0] if transpose_a else a.shape[1]
    if transpose_a and transpose_b:
        a = np.ascontiguousarray(np.asarray(a).T)
        transpose_a = False
    with nogil:
        multiply(&a[0, 0], &b[0, 0], &c[0, 0], c.shape[0], c.shape[1], k, transpose_a, transpose_b,
                 NULL)
