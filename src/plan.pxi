"""A plan: a list of kernel calls over memory that is there already, run as one call without GIL.

A step reads values and writes one. A value lies in the arena, or in an array that comes into a run
or goes out of it. Sizes, tasks and packed weights are settled when a step is added; a run puts
pointers in their places and goes through the list. Forward steps are what there is; a step of a
training step would be one more step_function.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer


cdef enum:
    AWAKE = 2  # so many times its work counts: the threads wait for a step awake, and soon have it


cdef struct Copying:
    # `outer` times `inner` stretches of `length` elements, and how far they are apart; zeros:
    # elements of y that are cleared first, for each of `outer`
    const float* x
    float* y
    Py_ssize_t outer, inner, length, x_outer, x_inner, y_outer, y_inner, y_first, zeros
    Py_ssize_t piece  # of `outer`, of one task


cdef struct Step

ctypedef void (*step_function)(
    Step* s, const float* x, const float* other, float* y, float* scratch) noexcept nogil

cdef struct Step:
    step_function run
    Py_ssize_t x, other, y  # numbers of values, or -1
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


cdef void run_direct(
    Step* s, const float* x, const float* other, float* y, float* scratch
) noexcept nogil:
    s.sliding.source.images, s.sliding.target, s.sliding.copies = x, y, scratch
    s.finish.other, s.pooled.y = other, y
    sum_images(&s.sliding, y)


cdef void run_winograd(
    Step* s, const float* x, const float* other, float* y, float* scratch
) noexcept nogil:
    s.winograd.source.images, s.winograd.y, s.winograd.scratch = x, y, scratch
    s.finish.other, s.pooled.y = other, y
    winograd_sum(&s.winograd, y)


cdef void run_product(
    Step* s, const float* x, const float* other, float* y, float* scratch
) noexcept nogil:
    s.product.a, s.product.c, s.product.tiles = x, y, scratch
    s.finish.other = other
    compute_product(&s.product, y)


cdef void run_pooling(
    Step* s, const float* x, const float* other, float* y, float* scratch
) noexcept nogil:
    s.pooling.x, s.pooling.y = <void*> x, y
    pool_all(&s.pooling, y)


cdef void finish_task(void* context, Py_ssize_t task, int worker) noexcept nogil:
    cdef Step* s = <Step*> context
    cdef Py_ssize_t first = task * s.piece, at = first * s.channels
    cdef finish_arguments* f = &s.finish.arguments
    if s.channels == 1 and f.bias == NULL and f.activation != SOFTMAX_ACTIVATION:
        # without channels the piece is one pixel
        finish_pixels(&s.finish, s.finish_x + at, 0, s.finish_y + at, 0, 1, at, 0,
                      min(s.piece, s.pixels - first))
        return
    finish_pixels(&s.finish, s.finish_x + at, s.channels, s.finish_y + at, s.channels,
                  min(s.piece, s.pixels - first), at, 0, s.channels)


cdef void run_finish(
    Step* s, const float* x, const float* other, float* y, float* scratch
) noexcept nogil:
    s.finish_x, s.finish_y, s.finish.other = x, y, other
    run_job(finish_task, s, (s.pixels + s.piece - 1) // s.piece, 8 * s.pixels * s.channels,
            threads_get())


cdef void copy_task(void* context, Py_ssize_t task, int worker) noexcept nogil:
    cdef Copying* s = <Copying*> context
    cdef Py_ssize_t i, j
    cdef float* y
    for i in range(task * s.piece, min(s.outer, (task + 1) * s.piece)):
        y = s.y + i * s.y_outer
        if s.zeros:
            memset(y, 0, s.zeros * sizeof(float))
        for j in range(s.inner):
            memcpy(y + s.y_first + j * s.y_inner, s.x + i * s.x_outer + j * s.x_inner,
                   s.length * sizeof(float))


cdef void run_copying(
    Step* s, const float* x, const float* other, float* y, float* scratch
) noexcept nogil:
    s.copying.x, s.copying.y = x, y
    run_job(copy_task, &s.copying, (s.copying.outer + s.copying.piece - 1) // s.copying.piece,
            8 * s.copying.outer * s.copying.inner * s.copying.length, threads_get())


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
        offsets: for each value, where it begins in the arena, in bytes; -1 outside of it.
        arena: bytes of the arena.
        inputs: pairs of a value's number and its number of elements, for the arrays of a run.
        outputs: pairs of a value's number and its shape, for what a run gives.

    The caller sees to it that plans with one memory, or with the same packed weights, do not run
    at the same time.
    """

    cdef Step** steps
    cdef readonly Py_ssize_t n_steps
    cdef readonly Memory memory
    cdef readonly Py_ssize_t arena, scratch
    cdef list offsets, inputs, outputs, kept
    cdef char** values
    cdef int threads
    cdef const micro_table* table

    def __cinit__(self, Memory memory not None, list offsets, Py_ssize_t arena, list inputs,
                  list outputs):
        self.memory, self.offsets, self.inputs, self.outputs = memory, offsets, inputs, outputs
        self.arena, self.kept = (arena + 63) // 64 * 64, []
        self.threads, self.table = threads_get(), micro
        self.values = <char**> malloc((len(offsets) + 1) * sizeof(char*))
        if self.values == NULL:
            raise MemoryError("no memory for a plan's values")
        memset(self.values, 0, (len(offsets) + 1) * sizeof(char*))

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.n_steps):
            free(self.steps[i])
        free(self.steps)
        free(self.values)

    @property
    def is_current(self):
        """Whether threads and instruction set are those that it was made for."""
        return self.threads == threads_get() and self.table == micro

    cdef Step* _new(
        self, step_function run, Py_ssize_t x, Py_ssize_t other, Py_ssize_t y
    ) except NULL:
        cdef Py_ssize_t count = len(self.offsets)
        if not (0 <= x < count and -1 <= other < count and 0 <= y < count):
            raise ValueError(f"a plan has {count} values. Received: x={x}, other={other}, y={y}")
        cdef Step** steps = <Step**> realloc(self.steps, (self.n_steps + 1) * sizeof(Step*))
        cdef Step* s
        if steps != NULL:
            self.steps = steps
            s = <Step*> malloc(sizeof(Step))
            if s != NULL:
                memset(s, 0, sizeof(Step))
                s.run, s.x, s.other, s.y = run, x, other, y
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
        cdef Step* s = self._new(run_direct, x, other, y)
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
        cdef Step* s = self._new(run_product, x, other, y)
        self._finish_with(s, weights, activation, setting, False)
        s.product.m, s.product.k, s.product.n = (
            rows, weights.geometry.c_in, weights.geometry.c_out)
        s.product.b, s.product.packed, s.product.finish = weights.panels, True, &s.finish
        arrange_product(&s.product, <float*> NULL, False, False)
        self._needs(s.product.tiles_size)

    def add_pooling(self, Py_ssize_t x, Py_ssize_t y, Geometry g not None, bint average):
        """y = the maximum or the mean over each window of x."""
        _check_pooling(g)
        cdef Step* s = self._new(run_pooling, x, -1, y)
        s.pooling = pooling_of(AVERAGE_POOL if average else MAX_POOL, NULL, NULL, NULL, g)
        split_images(&s.pooling)

    def add_finish(
        self, Py_ssize_t x, Py_ssize_t other, Py_ssize_t y, PackedWeights weights,
        Py_ssize_t pixels, Py_ssize_t channels, str activation, double setting,
        bint multiplies=False,
    ):
        """y = activation(x * scale + bias, then + or * other)."""
        cdef Step* s = self._new(run_finish, x, other, y)
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
        cdef Step* s = self._new(run_copying, x, -1, y)
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
        for i in range(len(self.offsets)):
            self.values[i] = self.memory.start + <Py_ssize_t> self.offsets[i]
        try:
            for i in range(count):
                number, elements = self.inputs[i]
                PyObject_GetBuffer(contiguous[i], &buffers[held], PyBUF_SIMPLE)
                held += 1
                if buffers[held - 1].len != 4 * <Py_ssize_t> elements:
                    raise ValueError(
                        f"input {i} of this plan has {elements} elements of 4 bytes. Received: "
                        f"{buffers[held - 1].len} bytes"
                    )
                self.values[<Py_ssize_t> number] = <char*> buffers[held - 1].buf
            for i in range(len(results)):
                PyObject_GetBuffer(results[i], &buffers[held], PyBUF_WRITABLE)
                held += 1
                self.values[<Py_ssize_t> self.outputs[i][0]] = <char*> buffers[held - 1].buf
            if seconds is None:
                with nogil:
                    state = flush_denormals_enter()
                    self._run_steps(0, self.n_steps)
                    flush_denormals_leave(state)
            else:
                state = flush_denormals_enter()
                for i in range(self.n_steps):
                    started = time.perf_counter()
                    self._run_steps(i, i + 1)
                    seconds.append(time.perf_counter() - started)
                flush_denormals_leave(state)
        finally:
            for i in range(held):
                PyBuffer_Release(&buffers[i])
        return results

    cdef void _run_steps(self, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
        cdef float* scratch = <float*> (self.memory.start + self.arena + 256)
        cdef Py_ssize_t i
        cdef Step* s
        for i in range(first, last):
            s = self.steps[i]
            s.run(s, <float*> self.values[s.x],
                  NULL if s.other < 0 else <float*> self.values[s.other],
                  <float*> self.values[s.y], scratch)


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
