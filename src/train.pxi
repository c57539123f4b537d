"""The steps of training in a plan: a batch is gathered, computed and compared, its gradients are
found and the weights moved, all in one call.

Most are the kernels that stand alone (conv.pxi, sparse.pxi, gemm.pxi, ...), which take their
scratch memory themselves; here they find their arguments among a plan's values. What is more: the
gather, dropout, batch normalization, losses, and one pass of an optimizer over all weights.
"""

from libc.math cimport INFINITY, fabs, isfinite, log, log1p, sqrt
from libc.math cimport exp as exponential
from libc.stdint cimport int64_t, uint64_t

cdef extern from "philox.h" nogil:
    enum:
        PHILOX_FLOATS
    void philox_floats(uint64_t key, uint64_t draw, uint64_t block, float* y) noexcept


# --- Rows of data ------------------------------------------------------------------------------


cdef struct Gathering:
    const void* source
    const int64_t* rows
    float* y
    Step* step


cdef void gather_task(void* context, Py_ssize_t row, int worker) noexcept nogil:
    cdef Gathering* p = <Gathering*> context
    cdef Py_ssize_t size = p.step.size, i
    cdef float scale = <float> p.step.settings[0], offset = <float> p.step.settings[1]
    cdef float* y = p.y + row * size
    cdef const uint8_t* pixels
    if p.step.kind == 4:
        memcpy(y, <const float*> p.source + p.rows[row] * size, size * sizeof(float))
    else:
        pixels = <const uint8_t*> p.source + p.rows[row] * size
        for i in range(size):
            y[i] = pixels[i]
    if scale != 1 or offset != 0:
        for i in range(size):
            y[i] = y[i] * scale + offset


cdef int run_gather(Step* s, void** v, float* scratch) except -1 nogil:
    """source, rows -> y: rows of data in bytes or floats, as floats * scale + offset."""
    cdef Gathering p
    p.source, p.rows, p.y, p.step = v[0], <const int64_t*> v[1], <float*> v[2], s
    run_job(gather_task, &p, s.pixels, 8 * s.pixels * s.size, threads_get())
    return 0


# --- Convolutions and products -----------------------------------------------------------------


cdef Finish* finish_of(Step* s, void* bias, void* other) noexcept nogil:
    """What becomes of a step's sums; NULL if they are the result."""
    s.finish.arguments.bias, s.finish.other = bias, other
    if bias == NULL and other == NULL and s.finish.arguments.activation == NO_ACTIVATION:
        return NULL
    return &s.finish


cdef PooledOutput* pooled_of(Step* s, void** v) noexcept nogil:
    """What pools a convolution's result, with the codes of its maxima; NULL if nothing does."""
    if s.window_h == 0:
        return NULL
    s.pooled = pooled_output(<const float*> v[2], <float*> v[4], <uint8_t*> v[5],
                             <Geometry> s.geometry, s.window_h, s.window_w)
    return &s.pooled


cdef int run_conv(Step* s, void** v, float* scratch) except -1 nogil:
    """x, weight, bias, other -> y, code."""
    return forward(<const float*> v[0], <const float*> v[1], <float*> v[4], <Geometry> s.geometry,
                   pooled_of(s, v), finish_of(s, v[2], v[3]))


cdef int run_conv_winograd(Step* s, void** v, float* scratch) except -1 nogil:
    """x, weight, bias, other -> y, code."""
    s.winograd.pooled, s.winograd.finish = pooled_of(s, v), finish_of(s, v[2], v[3])
    s.winograd.c_in, s.winograd.c_out = (<Geometry> s.geometry).c_in, (<Geometry> s.geometry).c_out
    s.winograd.oh, s.winograd.ow = (<Geometry> s.geometry).oh, (<Geometry> s.geometry).ow
    return winograd(
        <const float*> v[0], <const float*> v[1], <float*> v[4], &s.winograd,
        (<Geometry> s.geometry).n, (<Geometry> s.geometry).h, (<Geometry> s.geometry).w,
        (<Geometry> s.geometry).pad_top, (<Geometry> s.geometry).pad_left)


cdef int run_conv_input(Step* s, void** v, float* scratch) except -1 nogil:
    """grad_y, weight -> grad_x."""
    return backward_input(<const float*> v[0], <const float*> v[1], <float*> v[2],
                          <Geometry> s.geometry)


cdef int run_conv_input_winograd(Step* s, void** v, float* scratch) except -1 nogil:
    return backward_input_winograd(<const float*> v[0], <const float*> v[1], <float*> v[2],
                                   <Geometry> s.geometry)


cdef int run_conv_input_scatter(Step* s, void** v, float* scratch) except -1 nogil:
    return backward_input_scatter(<const float*> v[0], <const float*> v[1], <float*> v[2],
                                  <Geometry> s.geometry)


cdef int run_conv_weight(Step* s, void** v, float* scratch) except -1 nogil:
    """x, grad_y -> grad_weight."""
    return backward_weight(<const float*> v[0], <const float*> v[1], <float*> v[2],
                           <Geometry> s.geometry, NULL, 1, 1)


cdef int run_pooled_weight(Step* s, void** v, float* scratch) except -1 nogil:
    """x, grad_y, code -> grad_weight, through ReLU and max-pool."""
    return backward_weight(<const float*> v[0], <const float*> v[1], <float*> v[3],
                           <Geometry> s.geometry, <const uint8_t*> v[2], s.window_h, s.window_w)


cdef int run_conv_weight_winograd(Step* s, void** v, float* scratch) except -1 nogil:
    return backward_weight_winograd(<const float*> v[0], <const float*> v[1], <float*> v[2],
                                    <Geometry> s.geometry)


cdef int run_sparse_input(Step* s, void** v, float* scratch) except -1 nogil:
    """grad_y, code, weight -> grad_x, through ReLU and max-pool."""
    return sparse_input(<const float*> v[0], <const uint8_t*> v[1], <const float*> v[2],
                        <float*> v[3], <Geometry> s.geometry, s.window_h, s.window_w)


cdef int run_sparse_weight(Step* s, void** v, float* scratch) except -1 nogil:
    """x, grad_y, code -> grad_weight, through ReLU and max-pool."""
    return sparse_weight(<const float*> v[0], <const float*> v[1], <const uint8_t*> v[2],
                         <float*> v[3], <Geometry> s.geometry, s.window_h, s.window_w)


cdef int run_spread(Step* s, void** v, float* scratch) except -1 nogil:
    """grad_y, code -> the gradient by the convolution's result."""
    spread_all(<const float*> v[0], <const uint8_t*> v[1], <float*> v[2], <Geometry> s.geometry,
               s.window_h, s.window_w)
    return 0


cdef int run_gemm(Step* s, void** v, float* scratch) except -1 nogil:
    """x, weight, bias, other -> y, of `pixels` rows, `size` to `channels`."""
    return multiply(<const float*> v[0], <const float*> v[1], <float*> v[4], s.pixels, s.channels,
                    s.size, False, False, finish_of(s, v[2], v[3]))


cdef int run_gemm_input(Step* s, void** v, float* scratch) except -1 nogil:
    """grad_y, weight -> grad_x."""
    return multiply(<const float*> v[0], <const float*> v[1], <float*> v[2], s.pixels, s.size,
                    s.channels, False, True, NULL)


cdef int run_gemm_weight(Step* s, void** v, float* scratch) except -1 nogil:
    """x, grad_y -> grad_weight."""
    return multiply(<const float*> v[0], <const float*> v[1], <float*> v[2], s.size, s.channels,
                    s.pixels, True, False, NULL)


# --- Pooling, copies, passes -------------------------------------------------------------------


cdef int run_pool(Step* s, void** v, float* scratch) except -1 nogil:
    """x -> y, argmax; or, if `kind` is a gradient's, grad_y, argmax -> grad_x."""
    if s.kind == MAX_POOL or s.kind == AVERAGE_POOL:
        pool(s.kind, <float*> v[0], <float*> v[1], <int32_t*> v[2], <Geometry> s.geometry)
    else:
        pool(s.kind, <float*> v[2], <float*> v[0], <int32_t*> v[1], <Geometry> s.geometry)
    return 0


cdef int run_finish_step(Step* s, void** v, float* scratch) except -1 nogil:
    """x, other, scale, shift -> y, the latter two a number a channel."""
    cdef void* plain[3]
    s.finish.arguments.scale, s.finish.arguments.bias = v[2], v[3]
    plain[0], plain[1], plain[2] = v[0], v[1], v[4]
    return run_finish(s, plain, scratch)


cdef Py_ssize_t rows_of_task(Py_ssize_t channels) noexcept nogil:
    """So many that sums of them lose few digits, and that they stay in cache."""
    return max(1, min(SUM_OF, PIECE // channels))


cdef void add_rows(
    const float* rows, Py_ssize_t count, Py_ssize_t step, Py_ssize_t size, float* y
) noexcept nogil:
    """y = the sum of `count` rows, `step` apart, in order."""
    cdef Py_ssize_t row, i
    memcpy(y, rows, size * sizeof(float))
    for row in range(1, count):
        for i in range(size):
            y[i] += rows[row * step + i]


cdef int run_finish_backward(Step* s, void** v, float* scratch) except -1 nogil:
    """grad, y -> the gradient before the activation, if wanted; and its sum over pixels, if that
    is: the bias's."""
    cdef Pass p = empty_pass()
    cdef Py_ssize_t tasks
    cdef float* sums = NULL
    p.arguments.x, p.arguments.other, p.arguments.y = v[0], v[1], v[2]
    p.arguments.activation, p.arguments.settings[0] = s.kind, s.settings[0]
    p.arguments.channels, p.count, p.piece = s.channels, s.pixels, rows_of_task(s.channels)
    tasks = (p.count + p.piece - 1) // p.piece
    if v[3] != NULL:
        sums = allocate(<float*> NULL, tasks * s.channels)
        if sums == NULL:
            raise MemoryError("no memory for partial sums of a bias's gradient")
        memset(sums, 0, tasks * s.channels * sizeof(float))
        p.arguments.slots[0], p.own, p.advance = sums, 0, s.channels * sizeof(float)
    run_pass(FINISH_BACKWARD, &p, <float*> NULL)
    if sums != NULL:
        add_rows(sums, tasks, s.channels, s.channels, <float*> v[3])
        free(sums)
    return 0


# --- Batch normalization -----------------------------------------------------------------------

# What it keeps for the way back, a row of channels each.
cdef enum:
    MEAN = 0
    FACTOR = 1   # gamma / deviation
    SHIFT = 2    # beta, less what rounding the mean has left of it
    INVERSE = 3  # 1 / deviation
    REST = 4     # of the mean, after rounding
    KEPT_ROWS = 5


cdef void fold_moments(
    const float* moments, Py_ssize_t tasks, Py_ssize_t piece, Py_ssize_t count,
    Py_ssize_t channels, Py_ssize_t c, double* mean, double* variance,
) noexcept nogil:
    """Of one channel, over all rows, of the moments of each task's rows (Chan et al. 1979)."""
    cdef double known = 0, total = 0, squares = 0, distance, rows
    cdef Py_ssize_t task
    for task in range(tasks):
        rows = min(piece, count - task * piece)
        distance = moments[2 * task * channels + c] - total
        known += rows
        total += distance * rows / known
        squares += (moments[(2 * task + 1) * channels + c]
                    + distance * distance * (known - rows) * rows / known)
    mean[0], variance[0] = total, squares / count


cdef int run_normalize(Step* s, void** v, float* scratch) except -1 nogil:
    """x, gamma, beta, other -> y, kept, moving mean, moving variance.

    settings: the activation's, epsilon, momentum.
    """
    cdef Pass p = empty_pass()
    cdef Py_ssize_t c, channels = s.channels, tasks
    cdef double mean, variance, inverse
    cdef float momentum = <float> s.settings[2]
    cdef const float* gamma = <const float*> v[1]
    cdef const float* beta = <const float*> v[2]
    cdef float* kept = <float*> v[5]
    cdef float* moving_mean = <float*> v[6]
    cdef float* moving_variance = <float*> v[7]
    p.count, p.piece = s.pixels, rows_of_task(channels)
    tasks = (p.count + p.piece - 1) // p.piece
    cdef float* moments = allocate(<float*> NULL, 2 * tasks * channels)
    if moments == NULL:
        raise MemoryError("no memory for the moments of a batch")
    p.arguments.x, p.arguments.channels = v[0], channels
    p.arguments.slots[0], p.arguments.slots[1] = moments, moments + channels
    p.own, p.advance = 0, 2 * channels * sizeof(float)
    run_pass(MOMENTS, &p, <float*> NULL)
    for c in range(channels):
        fold_moments(moments, tasks, p.piece, p.count, channels, c, &mean, &variance)
        inverse = 1 / sqrt(variance + s.settings[1])
        kept[MEAN * channels + c] = <float> mean
        kept[REST * channels + c] = <float> (mean - kept[MEAN * channels + c])
        kept[INVERSE * channels + c] = <float> inverse
        kept[FACTOR * channels + c] = <float> (inverse * (1 if gamma == NULL else gamma[c]))
        kept[SHIFT * channels + c] = (0 if beta == NULL else beta[c]) - (
            kept[REST * channels + c] * kept[FACTOR * channels + c])
        moving_mean[c] = moving_mean[c] * momentum + <float> mean * (1 - momentum)
        moving_variance[c] = moving_variance[c] * momentum + <float> variance * (1 - momentum)
    free(moments)
    p.arguments.other, p.arguments.y = v[3], v[4]
    p.arguments.slots[0], p.arguments.slots[1] = kept + MEAN * channels, kept + FACTOR * channels
    p.arguments.slots[2], p.own = kept + SHIFT * channels, -1
    p.arguments.activation, p.arguments.settings[0], p.advance = s.kind, s.settings[0], 0
    run_pass(NORMALIZE, &p, <float*> NULL)
    return 0


cdef int run_normalize_backward(Step* s, void** v, float* scratch) except -1 nogil:
    """grad, y, x, gamma, kept -> the gradient before the activation, if wanted; grad_x, if wanted;
    grad_gamma, grad_beta, if wanted."""
    cdef Pass p = empty_pass()
    cdef Py_ssize_t c, channels = s.channels, tasks
    cdef const float* kept = <const float*> v[4]
    cdef double total, product, a, b
    p.count, p.piece = s.pixels, rows_of_task(channels)
    tasks = (p.count + p.piece - 1) // p.piece
    cdef float* sums = allocate(<float*> NULL, (2 * tasks + 5) * channels)
    cdef float* three = sums + (2 * tasks + 2) * channels
    if sums == NULL:
        raise MemoryError("no memory for the sums of a batch")
    memset(sums, 0, 2 * tasks * channels * sizeof(float))
    p.arguments.x, p.arguments.other, p.arguments.y = v[0], v[1], v[5]
    p.arguments.channels = channels
    p.arguments.activation, p.arguments.settings[0] = s.kind, s.settings[0]
    p.arguments.slots[0], p.arguments.slots[1] = v[2], <void*> kept
    p.arguments.slots[2], p.arguments.slots[3] = sums, sums + channels
    p.own, p.advance = 2, 2 * channels * sizeof(float)
    run_pass(NORMALIZE_SUMS, &p, <float*> NULL)
    add_rows(sums, tasks, 2 * channels, 2 * channels, sums + 2 * tasks * channels)
    for c in range(channels):
        total = sums[2 * tasks * channels + c]
        product = sums[(2 * tasks + 1) * channels + c] - kept[REST * channels + c] * total
        product *= kept[INVERSE * channels + c]  # with the normalized x
        if v[7] != NULL:
            (<float*> v[7])[c] = <float> product
        if v[8] != NULL:
            (<float*> v[8])[c] = <float> total
        a = kept[FACTOR * channels + c]
        b = -a * kept[INVERSE * channels + c] * product / s.pixels
        three[c], three[channels + c] = <float> a, <float> b
        three[2 * channels + c] = <float> (-a * total / s.pixels - b * kept[REST * channels + c])
    if v[6] != NULL:
        p.arguments.x, p.arguments.other, p.arguments.y = v[0] if v[5] == NULL else v[5], v[2], v[6]
        p.arguments.slots[0], p.arguments.slots[1] = <void*> kept, three
        p.arguments.slots[2], p.arguments.slots[3] = three + channels, three + 2 * channels
        p.own, p.advance = -1, 0
        run_pass(NORMALIZE_INPUT, &p, <float*> NULL)
    free(sums)
    return 0


# --- Dropout -----------------------------------------------------------------------------------


cdef struct Dropping:
    const float* x
    float* y
    uint8_t* mask
    uint64_t key, draw
    float rate, scale
    Py_ssize_t size


cdef void drop_task(void* context, Py_ssize_t task, int worker) noexcept nogil:
    cdef Dropping* p = <Dropping*> context
    cdef Py_ssize_t first = task * PIECE, last = min(p.size, first + PIECE), i
    cdef float chances[PHILOX_FLOATS]
    while first < last:
        philox_floats(p.key, p.draw, first // PHILOX_FLOATS, chances)
        for i in range(min(PHILOX_FLOATS, last - first)):
            p.mask[first + i] = chances[i] >= p.rate
            p.y[first + i] = p.x[first + i] * (p.scale if p.mask[first + i] else 0)
        first += PHILOX_FLOATS


cdef void drop_backward_task(void* context, Py_ssize_t task, int worker) noexcept nogil:
    cdef Dropping* p = <Dropping*> context
    cdef Py_ssize_t i
    for i in range(task * PIECE, min(p.size, (task + 1) * PIECE)):
        p.y[i] = p.x[i] * (p.scale if p.mask[i] else 0)


cdef int run_dropout(Step* s, void** v, float* scratch) except -1 nogil:
    """x, state -> y, mask; state: the seed of a stream and the draws from it, which are counted."""
    cdef Dropping p
    cdef int64_t* state = <int64_t*> v[1]
    p.x, p.y, p.mask, p.size = <const float*> v[0], <float*> v[2], <uint8_t*> v[3], s.size
    p.key, p.draw = <uint64_t> state[0], <uint64_t> state[1]
    p.rate, p.scale = <float> s.settings[0], <float> s.settings[1]
    state[1] += 1
    run_job(drop_task, &p, (s.size + PIECE - 1) // PIECE, 32 * s.size, threads_get())
    return 0


cdef int run_dropout_backward(Step* s, void** v, float* scratch) except -1 nogil:
    """grad_y, mask -> grad_x."""
    cdef Dropping p
    p.x, p.mask, p.y, p.size = <const float*> v[0], <uint8_t*> v[1], <float*> v[2], s.size
    p.scale = <float> s.settings[1]
    run_job(drop_backward_task, &p, (s.size + PIECE - 1) // PIECE, 8 * s.size, threads_get())
    return 0


# --- Losses ------------------------------------------------------------------------------------


cdef enum:
    SPARSE_SOFTMAX   # crossentropy of labels and the softmax of x
    DENSE_SOFTMAX    # of distributions and the softmax of x
    BINARY_SIGMOID   # binary crossentropy with the sigmoid of x
    SQUARED_ERROR
    ABSOLUTE_ERROR
    LOSSES

_LOSS_NUMBERS = {
    "sparse_softmax": SPARSE_SOFTMAX, "dense_softmax": DENSE_SOFTMAX,
    "binary_sigmoid": BINARY_SIGMOID, "squared_error": SQUARED_ERROR,
    "absolute_error": ABSOLUTE_ERROR,
}


cdef inline Py_ssize_t largest(const float* x, Py_ssize_t count) noexcept nogil:
    """The first of the largest."""
    cdef Py_ssize_t i, found = 0
    for i in range(1, count):
        if x[i] > x[found]:
            found = i
    return found


cdef double softmax_loss(
    const float* x, const float* p, const float* target, int label, Py_ssize_t count, float scale,
    float* grad, bint* matches,
) noexcept nogil:
    """Of one row, where p is the softmax of x; target is a distribution, or NULL for a label."""
    cdef Py_ssize_t i, top = largest(p, count), peak = largest(x, count)
    # sum(exp(x - largest)) is 1 / p at the largest x
    cdef double logarithm = log(p[peak]), loss = 0, mass = 1
    if target == NULL:
        for i in range(count):
            grad[i] = p[i] * scale
        grad[label] = (p[label] - 1) * scale
        matches[0] = top == label
        return <double> x[peak] - x[label] - logarithm
    mass = 0
    for i in range(count):
        mass += target[i]
        if target[i] != 0:
            loss += target[i] * (<double> x[peak] - x[i] - logarithm)
    for i in range(count):
        grad[i] = (p[i] * <float> mass - target[i]) * scale
    matches[0] = top == largest(target, count)
    return loss


cdef double element_loss(
    int kind, const float* x, const float* target, Py_ssize_t count, float scale, float* grad,
    float* y, double* matches,
) noexcept nogil:
    """The mean over one row's elements; y is what x predicts."""
    cdef Py_ssize_t i
    cdef double loss = 0, z
    cdef float distance
    scale /= count
    for i in range(count):
        distance = x[i] - target[i]
        if kind == SQUARED_ERROR:
            loss += <double> distance * distance
            grad[i] = 2 * distance * scale
        elif kind == ABSOLUTE_ERROR:
            loss += fabs(distance)
            grad[i] = (distance > 0) * scale - (distance < 0) * scale
            if distance != distance:
                grad[i] = distance
        else:
            z = x[i]
            loss += max(z, <double> 0) - z * target[i] + log1p(exponential(-fabs(z)))
            if z != z:
                loss = z
            grad[i] = (y[i] - target[i]) * scale
            matches[0] += (y[i] > 0.5) == (target[i] == 1)
    matches[0] /= count
    return loss / count


cdef int run_loss(Step* s, void** v, float* scratch) except -1 nogil:
    """x, target, sample weights -> grad_x, y.

    x: logits, or what is compared itself. y: the predictions, where they are not x; NULL else.
    settings: what the sum over samples is multiplied by. Results: the loss; how many samples are
    matched, and by what weight.
    """
    cdef Py_ssize_t row, count = s.channels
    cdef const float* x = <const float*> v[0]
    cdef const float* weights = <const float*> v[2]
    cdef float* grad = <float*> v[3]
    cdef float* y = <float*> v[4]
    cdef const int32_t* labels = <const int32_t*> v[1]
    cdef const float* target = <const float*> v[1]
    cdef double loss, total = 0, matched = 0, weighted = 0, weight, match
    cdef bint same
    if s.kind <= DENSE_SOFTMAX or s.kind == BINARY_SIGMOID:
        s.finish.arguments.activation = (
            SIGMOID_ACTIVATION if s.kind == BINARY_SIGMOID else SOFTMAX_ACTIVATION)
        finish_pixels(&s.finish, x, count, y, count, s.pixels, 0, 0, count)
    for row in range(s.pixels):
        weight = 1 if weights == NULL else weights[row]
        if s.kind == SPARSE_SOFTMAX:
            if not 0 <= labels[row] < count:
                s.results[0] = INFINITY
                return STOP
            loss = softmax_loss(x, y, NULL, labels[row], count, <float> (weight * s.settings[0]),
                                grad, &same)
            match = same
        elif s.kind == DENSE_SOFTMAX:
            loss = softmax_loss(x, y, target, 0, count, <float> (weight * s.settings[0]), grad,
                                &same)
            match = same
        else:
            match = 0
            loss = element_loss(s.kind, x, target, count, <float> (weight * s.settings[0]), grad,
                                y, &match)
        total += loss * weight
        matched += match
        weighted += match * weight
        x += count
        grad += count
        y += count
        target += count
    s.results[0], s.results[1], s.results[2] = <float> (total * s.settings[0]), matched, weighted
    return 0 if isfinite(s.results[0]) or s.settings[1] else STOP


# --- Optimizers --------------------------------------------------------------------------------


cdef struct Weight:
    # One weight, its gradient, what an optimizer keeps of it, and its first task
    float* value
    const float* gradient
    float* slots[3]
    Py_ssize_t size, first_task
    bint decays


cdef struct Update:
    Weight* weights
    Py_ssize_t count, tasks, size
    int op
    double settings[4]
    double kept  # share of weights that decay


cdef void update_task(void* context, Py_ssize_t task, int worker) noexcept nogil:
    cdef Update* u = <Update*> context
    cdef Py_ssize_t low = 0, high = u.count - 1, middle, first, count, i
    while low < high:
        middle = (low + high + 1) // 2
        if u.weights[middle].first_task <= task:
            low = middle
        else:
            high = middle - 1
    cdef Weight* w = u.weights + low
    first = (task - w.first_task) * PIECE
    count = min(PIECE, w.size - first)
    cdef pass_arguments p
    memset(&p, 0, sizeof(p))
    p.x, p.y = w.gradient, w.value
    for i in range(3):
        p.slots[i] = w.slots[i]
    if w.decays and u.kept != 1:
        p.settings[0] = u.kept
        micro.f32.passes[DECAY](&p, first, count)
    for i in range(4):
        p.settings[i] = u.settings[i]
    micro.f32.passes[u.op](&p, first, count)


cdef int run_update(Step* s, void** v, float* scratch) except -1 nogil:
    cdef Update* u = <Update*> s.update
    run_job(update_task, u, u.tasks, 8 * u.size, threads_get())
    return 0


_UPDATES = {"sgd": SGD_UPDATE, "rmsprop": RMSPROP_UPDATE, "adam": ADAM_UPDATE}

_POOL_OPS = {"max_pool": MAX_POOL, "average_pool": AVERAGE_POOL,
             "max_pool_backward": MAX_POOL_BACKWARD,
             "average_pool_backward": AVERAGE_POOL_BACKWARD}

# The functions of steps, by kind and by the kernel that serves it, as numbers that a dict can hold.
_STEPS = {
    ("gather", "direct"): <size_t> run_gather,
    ("conv", "direct"): <size_t> run_conv,
    ("conv", "winograd"): <size_t> run_conv_winograd,
    ("conv_input", "direct"): <size_t> run_conv_input,
    ("conv_input", "winograd"): <size_t> run_conv_input_winograd,
    ("conv_input", "scatter"): <size_t> run_conv_input_scatter,
    ("conv_weight", "direct"): <size_t> run_conv_weight,
    ("conv_weight", "winograd"): <size_t> run_conv_weight_winograd,
    ("pooled_weight", "direct"): <size_t> run_pooled_weight,
    ("sparse_input", "direct"): <size_t> run_sparse_input,
    ("sparse_weight", "direct"): <size_t> run_sparse_weight,
    ("spread", "direct"): <size_t> run_spread,
    ("gemm", "direct"): <size_t> run_gemm,
    ("gemm_input", "direct"): <size_t> run_gemm_input,
    ("gemm_weight", "direct"): <size_t> run_gemm_weight,
    ("finish", "direct"): <size_t> run_finish_step,
    ("finish_backward", "direct"): <size_t> run_finish_backward,
    ("normalize", "direct"): <size_t> run_normalize,
    ("normalize_backward", "direct"): <size_t> run_normalize_backward,
    ("dropout", "direct"): <size_t> run_dropout,
    ("dropout_backward", "direct"): <size_t> run_dropout_backward,
    **{(pool, "direct"): <size_t> run_pool for pool in _POOL_OPS},
    **{(loss, "direct"): <size_t> run_loss for loss in _LOSS_NUMBERS},
}


cdef step_function step_for(str kind, str kernel) except NULL:
    if (kind, kernel) not in _STEPS:
        raise ValueError(
            f"there is no step of training called so. Received: {kind!r} by {kernel!r}"
        )
    return <step_function> <size_t> _STEPS[kind, kernel]


cdef class TrainingPlan(Plan):
    """A plan whose steps are those of training; see the top of this file.

    `results` has, after a run, for each loss in order: the loss, the samples that were matched,
    and their weight. `stopped` says that a loss was not finite, and that nothing came after it.
    """

    cdef Update* update
    cdef list losses

    def __dealloc__(self):
        if self.update != NULL:
            free(self.update.weights)
        free(self.update)

    def add(
        self, str kind, tuple values, Geometry geometry=None, str kernel="direct",
        tuple window=(0, 0), str activation="linear", tuple settings=(), Py_ssize_t pixels=0,
        Py_ssize_t channels=0, Py_ssize_t size=0, bint multiplies=False,
    ):
        """Append a step; its function in this file says what its values and settings are."""
        cdef Step* s = self._new(step_for(kind, kernel), values)
        cdef Py_ssize_t i
        if kind.startswith("conv") and kernel == "direct":
            geometry = _pointwise_as_one_image(geometry) if window == (0, 0) else geometry
        self.kept.append(geometry)
        s.geometry, s.pixels, s.channels, s.size = <void*> geometry, pixels, channels, size
        s.window_h, s.window_w = window
        for i in range(len(settings)):
            s.settings[i] = settings[i]
        s.finish.arguments.activation = s.kind = _ACTIVATION_NUMBERS[activation]
        s.finish.arguments.setting = settings[0] if settings else 0
        s.finish.arguments.multiplies = multiplies
        if kind in _POOL_OPS:
            s.kind = _POOL_OPS[kind]
        elif kind in _LOSS_NUMBERS:
            s.kind = _LOSS_NUMBERS[kind]
            self.losses = [*(self.losses or []), self.n_steps - 1]
        elif kind == "gather":
            s.kind = size  # bytes of an element
            s.size = channels
        elif kind == "finish":
            s.piece = max(1, PIECE // channels)

    def add_copy_from(
        self, Py_ssize_t x, Py_ssize_t y, Py_ssize_t outer, Py_ssize_t inner, Py_ssize_t length,
        tuple x_strides, tuple y_strides, Py_ssize_t x_first,
    ):
        """Stretches of x, the first at `x_first`, into y."""
        self.add_copy(x, y, outer, inner, length, x_strides, y_strides)
        self.steps[self.n_steps - 1].copying.x_first = x_first

    def add_update(self, str optimizer, list weights):
        """Append the step that moves the weights.

        weights: for each the numbers of the value, its gradient, and up to three slots (-1 for
        none), its size, and whether it decays. All must be kept values.
        """
        cdef Step* s = self._new(run_update, ())
        cdef Update* u = <Update*> malloc(sizeof(Update))
        cdef Py_ssize_t i, j
        cdef Weight* w
        if u == NULL:
            raise MemoryError("no memory for an optimizer's step")
        memset(u, 0, sizeof(Update))
        self.update = u
        s.update = u
        u.weights = <Weight*> malloc(max(1, len(weights)) * sizeof(Weight))
        if u.weights == NULL:
            raise MemoryError("no memory for an optimizer's step")
        u.op, u.kept = _UPDATES[optimizer], 1
        for i, (value, gradient, slots, size, decays) in enumerate(weights):
            w = u.weights + i
            for number in (value, gradient, *slots):
                if number >= self.n_values or number >= 0 and self.offsets[number] >= 0:
                    raise ValueError(f"weights must be kept values. Received: {number}")
            w.value, w.gradient = <float*> self.values[value], <float*> self.values[gradient]
            for j in range(3):
                w.slots[j] = NULL
            for j in range(len(slots)):
                if slots[j] >= 0:
                    w.slots[j] = <float*> self.values[slots[j]]
            w.size, w.first_task, w.decays = size, u.tasks, decays
            u.tasks += (w.size + PIECE - 1) // PIECE
            u.size += w.size
        u.count = len(weights)

    def train(self, tuple arrays, tuple settings, double kept, bint any_loss):
        """One step on a batch: the outputs.

        Args:
            arrays: the inputs.
            settings: of the optimizer's pass; see micro.h.
            kept: share of each weight that decays which is left of it before the step.
            any_loss: go on if a loss is not finite.
        """
        cdef Py_ssize_t i
        if self.update != NULL:
            for i in range(len(settings)):
                self.update.settings[i] = settings[i]
            self.update.kept = kept
        for number in self.losses:
            self.steps[<Py_ssize_t> number].settings[1] = any_loss
        return self._run(arrays, None)

    @property
    def results(self):
        return [
            (self.steps[<Py_ssize_t> i].results[0], self.steps[<Py_ssize_t> i].results[1],
             self.steps[<Py_ssize_t> i].results[2])
            for i in self.losses
        ]


def same(list objects, str attribute, list values):
    """Whether an attribute of each object is the value beside it."""
    cdef Py_ssize_t i
    for i in range(len(objects)):
        if getattr(objects[i], attribute) is not values[i]:
            return False
    return True


def serving(str operation, *sizes):
    """The name of the kernel that serves an operation of these sizes."""
    return _serving(operation, sizes).name
