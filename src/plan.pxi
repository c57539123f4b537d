"""A plan: a list of kernel calls over memory that is there already, run as one call without GIL.

A step reads and writes values. A value lies in the arena, in an array that comes into a run or goes
out of it, or in one that is there all the time: a weight. Sizes, tasks and packed weights are
settled when a step is added; a run puts pointers in their places and goes through the list. The
steps of use are here, those of training in train.pxi.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer


cdef enum:
    AWAKE = 2  # so many times its work counts: the threads wait for a step awake, and soon have it


cdef struct Copying:
    # `outer` times `inner` stretches of `length` elements, and how far they are apart; zeros:
    # elements of y that are cleared first, for each of `outer`
    const float* x
    float* y
    Py_ssize_t outer, inner, length, x_outer, x_inner, x_first, y_outer, y_inner, y_first, zeros
    Py_ssize_t piece  # of `outer`, of one task


cdef enum:
    MOST_VALUES = 10  # of a step
    STOP = 1          # what a step returns after which there shall be no other


cdef struct Step

ctypedef int (*step_function)(Step* s, void** v, float* scratch) except -1 nogil

cdef struct Step:
    step_function run
    Py_ssize_t count
    Py_ssize_t values[MOST_VALUES]  # their numbers, or -1
    Sliding sliding
    Phase phase
    Winograd winograd
    Product product
    Pooling pooling
    PooledOutput pooled
    Finish finish
    Copying copying
    const float* finish_x
    float* finish_y
    Py_ssize_t pixels, channels, piece  # of a step that only finishes; a task's pixels
    # of a step of training:
    void* geometry
    Py_ssize_t window_h, window_w, size
    double settings[4]
    double results[3]
    int kind
    void* update


cdef int run_direct(Step* s, void** v, float* scratch) except -1 nogil:
    s.sliding.source.images, s.sliding.target, s.sliding.copies = v[0], v[2], scratch
    s.finish.other, s.pooled.y = v[1], v[2]
    sum_images(&s.sliding, <float*> v[2])
    return 0


cdef int run_winograd(Step* s, void** v, float* scratch) except -1 nogil:
    s.winograd.source.images, s.winograd.y, s.winograd.scratch = v[0], v[2], scratch
    s.finish.other, s.pooled.y = v[1], v[2]
    winograd_sum(&s.winograd, <float*> v[2])
    return 0


cdef int run_product(Step* s, void** v, float* scratch) except -1 nogil:
    s.product.a, s.product.c, s.product.tiles = v[0], v[2], scratch
    s.finish.other = v[1]
    compute_product(&s.product, <float*> v[2])
    return 0


cdef int run_pooling(Step* s, void** v, float* scratch) except -1 nogil:
    s.pooling.x, s.pooling.y = v[0], v[2]
    pool_all(&s.pooling, <float*> v[2])
    return 0


cdef void finish_task(void* context, Py_ssize_t task, int worker) noexcept nogil:
    cdef Step* s = <Step*> context
    cdef Py_ssize_t first = task * s.piece, at = first * s.channels
    cdef finish_arguments* f = &s.finish.arguments
    if (s.channels == 1 and f.bias == NULL and f.scale == NULL
            and f.activation != SOFTMAX_ACTIVATION):
        # without channels the piece is one pixel
        finish_pixels(&s.finish, s.finish_x + at, 0, s.finish_y + at, 0, 1, at, 0,
                      min(s.piece, s.pixels - first))
        return
    finish_pixels(&s.finish, s.finish_x + at, s.channels, s.finish_y + at, s.channels,
                  min(s.piece, s.pixels - first), at, 0, s.channels)


cdef int run_finish(Step* s, void** v, float* scratch) except -1 nogil:
    s.finish_x, s.finish.other, s.finish_y = <const float*> v[0], v[1], <float*> v[2]
    run_job(finish_task, s, (s.pixels + s.piece - 1) // s.piece, 8 * s.pixels * s.channels,
            threads_get())
    return 0


cdef void copy_task(void* context, Py_ssize_t task, int worker) noexcept nogil:
    cdef Copying* s = <Copying*> context
    cdef Py_ssize_t i, j
    cdef float* y
    for i in range(task * s.piece, min(s.outer, (task + 1) * s.piece)):
        y = s.y + i * s.y_outer
        if s.zeros:
            memset(y, 0, s.zeros * sizeof(float))
        for j in range(s.inner):
            memcpy(y + s.y_first + j * s.y_inner,
                   s.x + s.x_first + i * s.x_outer + j * s.x_inner, s.length * sizeof(float))


cdef int run_copying(Step* s, void** v, float* scratch) except -1 nogil:
    s.copying.x, s.copying.y = <const float*> v[0], <float*> v[2]
    run_job(copy_task, &s.copying, (s.copying.outer + s.copying.piece - 1) // s.copying.piece,
            8 * s.copying.outer * s.copying.inner * s.copying.length, threads_get())
    return 0


_ACTIVATION_NUMBERS = {
    "linear": NO_ACTIVATION, "relu": RELU_ACTIVATION, "limited_relu": LIMITED_RELU_ACTIVATION,
    "leaky_relu": LEAKY_RELU_ACTIVATION, "sigmoid": SIGMOID_ACTIVATION, "tanh": TANH_ACTIVATION,
    "silu": SILU_ACTIVATION, "hard_sigmoid": HARD_SIGMOID_ACTIVATION,
    "hard_silu": HARD_SILU_ACTIVATION, "elu": ELU_ACTIVATION, "softmax": SOFTMAX_ACTIVATION,
}
PLAN_ACTIVATIONS = tuple(_ACTIVATION_NUMBERS)


cdef class Plan:
    """A list of steps over float32 values; see the top of this file.

    Args:
        memory: where the arena and the scratch of steps are; shared with other plans.
        offsets: for each value, where it begins in the arena, in bytes; anything outside of it.
        arena: bytes of the arena.
        inputs: pairs of a value's number and its size in bytes, for the arrays of a run; a size of
            None is checked by whoever makes the arrays.
        outputs: pairs of a value's number and its shape, for what a run gives.
        kept: pairs of a value's number and the array that it always lies in: a weight.

    The caller sees to it that plans with one memory, or with the same packed weights, do not run
    at the same time.
    """

    cdef Step** steps
    cdef readonly Py_ssize_t n_steps
    cdef readonly Memory memory
    cdef readonly Py_ssize_t arena, scratch
    cdef list inputs, outputs, kept
    cdef Py_ssize_t n_values
    cdef Py_ssize_t* offsets
    cdef void** values
    cdef char* start  # of the memory that the values are in
    cdef int threads
    cdef const micro_table* table

    def __cinit__(self, Memory memory not None, list offsets, Py_ssize_t arena, list inputs,
                  list outputs, list kept=None):
        cdef Py_ssize_t i
        self.memory, self.inputs, self.outputs = memory, inputs, outputs
        self.arena, self.kept = (arena + 63) // 64 * 64, []
        self.threads, self.table, self.n_values = threads_get(), micro, len(offsets)
        self.values = <void**> malloc((self.n_values + 1) * sizeof(void*))
        self.offsets = <Py_ssize_t*> malloc((self.n_values + 1) * sizeof(Py_ssize_t))
        if self.values == NULL or self.offsets == NULL:
            raise MemoryError("no memory for a plan's values")
        for i in range(self.n_values):
            self.offsets[i] = offsets[i]
        for number, array in kept or ():
            self._keep(number, array)

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.n_steps):
            free(self.steps[i])
        free(self.steps)
        free(self.values)
        free(self.offsets)

    cdef int _keep(self, Py_ssize_t number, array) except -1:
        """Let a value lie in an array, which is held as long as the plan is."""
        cdef Py_buffer buffer
        PyObject_GetBuffer(array, &buffer, PyBUF_WRITABLE)
        self.values[number], self.offsets[number] = buffer.buf, -1
        PyBuffer_Release(&buffer)
        self.kept.append(array)
        return 0

    @property
    def is_current(self):
        """Whether threads and instruction set are those that it was made for."""
        return self.threads == threads_get() and self.table == micro

    cdef Step* _new(self, step_function run, tuple values) except NULL:
        cdef Py_ssize_t i, count = self.n_values
        if len(values) > MOST_VALUES or any(not -1 <= value < count for value in values):
            raise ValueError(f"a plan has {count} values. Received: {values}")
        cdef Step** steps = <Step**> realloc(self.steps, (self.n_steps + 1) * sizeof(Step*))
        cdef Step* s
        if steps != NULL:
            self.steps = steps
            s = <Step*> malloc(sizeof(Step))
            if s != NULL:
                memset(s, 0, sizeof(Step))
                s.run, s.count = run, len(values)
                for i in range(s.count):
                    s.values[i] = values[i]
                steps[self.n_steps] = s
                self.n_steps += 1
                return s
        raise MemoryError("no memory for a plan's step")

    cdef int _needs(self, Py_ssize_t elements) except -1:
        """See that the scratch holds so many elements."""
        self.scratch = max(self.scratch, 4 * elements + 192)
        self.memory.reserve(self.arena + 256 + self.scratch)
        return 0

    cdef int _finish_with(
        self, Step* s, PackedWeights weights, str activation, double setting, bint multiplies
    ) except -1:
        cdef finish_arguments* f = &s.finish.arguments
        f.activation, f.setting = _ACTIVATION_NUMBERS[activation], setting
        f.multiplies = multiplies
        if weights is not None:
            f.bias = weights.bias
            if weights.kernel == "scale":
                f.scale = weights.panels
            self.kept.append(weights)
        return 0

    def add_convolution(
        self, Py_ssize_t x, Py_ssize_t other, Py_ssize_t y, PackedWeights weights not None,
        Geometry g not None, Py_ssize_t window_h, Py_ssize_t window_w, str activation,
        double setting,
    ):
        """y = activation(conv(x) + bias + other), or, with a window, the max-pool of that."""
        cdef bint pooled = window_h > 0
        cdef Step* s = self._new(run_direct, (x, other, y))
        cdef Taps taps
        self._finish_with(s, weights, activation, setting, False)
        if pooled:
            s.pooled = pooled_output(
                <float*> NULL, <float*> NULL, NULL, g, window_h, window_w)
            s.pooled.finish = s.finish.arguments
        if weights.kernel == "winograd":
            s.run = run_winograd
            s.winograd.c_in, s.winograd.c_out = g.c_in, g.c_out
            s.winograd.oh, s.winograd.ow = g.oh, g.ow
            s.winograd.pooled = &s.pooled if pooled else NULL
            s.winograd.finish, s.winograd.panels = &s.finish, weights.panels
            winograd_arrange(&s.winograd, <float*> NULL, g.n, g.h, g.w, g.pad_top, g.pad_left)
            self._needs(s.winograd.threads * s.winograd.scratch_size)
            return
        if not pooled:
            g = _pointwise_as_one_image(g)
        taps = Taps(g)
        self.kept.append(taps)
        forward_sliding(&s.sliding, &s.phase, taps.numbers, taps.runs, <float*> NULL,
                        <float*> NULL, <float*> NULL, g, &s.pooled if pooled else NULL)
        s.sliding.finish, s.sliding.panels = &s.finish, weights.panels
        arrange(&s.sliding, <float*> NULL, AWAKE * multiply_adds(g))
        self._needs(s.sliding.threads * s.sliding.copy_size)

    def add_product(
        self, Py_ssize_t x, Py_ssize_t other, Py_ssize_t y, PackedWeights weights not None,
        Py_ssize_t rows, str activation, double setting,
    ):
        """y = activation(x @ weights + bias + other), of so many rows."""
        cdef Step* s = self._new(run_product, (x, other, y))
        self._finish_with(s, weights, activation, setting, False)
        s.product.m, s.product.k, s.product.n = (
            rows, weights.geometry.c_in, weights.geometry.c_out)
        s.product.b, s.product.packed, s.product.finish = weights.panels, True, &s.finish
        arrange_product(&s.product, <float*> NULL, False, False)
        self._needs(s.product.tiles_size)

    def add_pooling(self, Py_ssize_t x, Py_ssize_t y, Geometry g not None, bint average):
        """y = the maximum or the mean over each window of x."""
        _check_pooling(g)
        cdef Step* s = self._new(run_pooling, (x, -1, y))
        s.pooling = pooling_of(AVERAGE_POOL if average else MAX_POOL, NULL, NULL, NULL, g)
        split_images(&s.pooling)

    def add_finish(
        self, Py_ssize_t x, Py_ssize_t other, Py_ssize_t y, PackedWeights weights,
        Py_ssize_t pixels, Py_ssize_t channels, str activation, double setting,
        bint multiplies=False,
    ):
        """y = activation(x * scale + bias, then + or * other)."""
        cdef Step* s = self._new(run_finish, (x, other, y))
        self._finish_with(s, weights, activation, setting, multiplies)
        s.pixels, s.channels = pixels, channels
        if weights is None and activation != "softmax":
            s.pixels, s.channels = pixels * channels, 1
        s.piece = max(1, PIECE // s.channels)

    def add_copy(
        self, Py_ssize_t x, Py_ssize_t y, Py_ssize_t outer, Py_ssize_t inner, Py_ssize_t length,
        tuple x_strides, tuple y_strides, Py_ssize_t y_first=0, Py_ssize_t zeros=0,
    ):
        """Stretches of x into y; see Copying. Strides: (outer, inner), in elements."""
        cdef Step* s = self._new(run_copying, (x, -1, y))
        cdef Copying* c = &s.copying
        c.outer, c.inner, c.length, c.y_first, c.zeros = outer, inner, length, y_first, zeros
        c.piece = max(1, PIECE // max(1, inner * length))
        c.x_outer, c.x_inner = x_strides
        c.y_outer, c.y_inner = y_strides

    def run(self, *arrays):
        """The outputs, fresh arrays, for float32 arrays."""
        return self._run(arrays, None)

    def measure(self, *arrays):
        """The seconds that each step took in a run."""
        seconds = []
        self._run(arrays, seconds)
        return seconds

    cdef list _run(self, tuple arrays, list seconds):
        cdef Py_ssize_t i, held = 0, count = len(self.inputs)
        cdef Py_buffer buffers[16]
        cdef unsigned long long state
        if len(arrays) != count or count + len(self.outputs) > 16:
            raise ValueError(f"this plan takes {count} arrays. Received: {len(arrays)}")
        self.memory.reserve(self.arena + 256 + self.scratch)
        contiguous = [_contiguous(array) for array in arrays]
        results = [_empty(shape, FLOAT32) for _, shape in self.outputs]
        if self.start != self.memory.start:
            self.start = self.memory.start
            for i in range(self.n_values):
                if self.offsets[i] >= 0:
                    self.values[i] = self.start + self.offsets[i]
        try:
            for i in range(count):
                number, nbytes = self.inputs[i]
                PyObject_GetBuffer(contiguous[i], &buffers[held], PyBUF_SIMPLE)
                held += 1
                if nbytes is not None and buffers[held - 1].len != <Py_ssize_t> nbytes:
                    raise ValueError(
                        f"input {i} of this plan has {nbytes} bytes. Received: "
                        f"{buffers[held - 1].len} bytes"
                    )
                self.values[<Py_ssize_t> number] = buffers[held - 1].buf
            for i in range(len(results)):
                PyObject_GetBuffer(results[i], &buffers[held], PyBUF_WRITABLE)
                held += 1
                self.values[<Py_ssize_t> self.outputs[i][0]] = buffers[held - 1].buf
            state = flush_denormals_enter()
            try:
                if seconds is None:
                    with nogil:
                        self._run_steps(0, self.n_steps)
                else:
                    for i in range(self.n_steps):
                        started = time.perf_counter()
                        self._run_steps(i, i + 1)
                        seconds.append(time.perf_counter() - started)
            finally:
                flush_denormals_leave(state)
        finally:
            for i in range(held):
                PyBuffer_Release(&buffers[i])
        return results

    cdef int _run_steps(self, Py_ssize_t first, Py_ssize_t last) except -1 nogil:
        cdef float* scratch = <float*> (self.memory.start + self.arena + 256)
        cdef void* values[MOST_VALUES]
        cdef Py_ssize_t i, j
        cdef Step* s
        for i in range(first, last):
            s = self.steps[i]
            for j in range(s.count):
                values[j] = NULL if s.values[j] < 0 else self.values[s.values[j]]
            if s.run(s, values, scratch) == STOP:
                break
        return 0


def total(list objects, str attribute):
    """The sum of an integer attribute over objects."""
    cdef Py_ssize_t found = 0
    for one in objects:
        found += <Py_ssize_t> getattr(one, attribute)
    return found


def chosen_kernels():
    """The name that use_kernels has chosen; None outside of it."""
    return _only


def serving_convolution(Geometry g not None, window_h=0, window_w=0):
    """The kernel that serves a convolution, with a window if it is pooled: its name."""
    serves = _serves_winograd_pool(g, window_h, window_w) if window_h else _serves_winograd(g)
    return "winograd" if serves else "direct"
