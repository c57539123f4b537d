"""Passes over whole arrays, bound by memory: bias, ReLU, sums of columns, optimizer steps."""


cdef enum:
    PIECE = 16384  # elements of a task: 64 KB of float32
    SUM_OF = 512   # rows added one to the next at most: sums of sums lose fewer digits


cdef struct Pass:
    pass_arguments arguments
    pass_function run
    Py_ssize_t count, piece  # elements, or rows, in all and of one task
    Py_ssize_t advance       # bytes from one task's sums to the next's: y, or,
    int own                  # if this is not -1, the slots from this one on


cdef void pass_task(void* context, Py_ssize_t task, int worker) noexcept nogil:
    cdef Pass* p = <Pass*> context
    cdef pass_arguments own = p.arguments
    cdef Py_ssize_t first = task * p.piece
    cdef Py_ssize_t i
    if p.own < 0:
        own.y = <char*> own.y + task * p.advance
    for i in range(p.own if p.own >= 0 else 4, 4):
        if own.slots[i] != NULL:
            own.slots[i] = <char*> own.slots[i] + task * p.advance
    p.run(&own, first, min(p.piece, p.count - first))


cdef Pass empty_pass() noexcept nogil:
    cdef Pass p
    memset(&p, 0, sizeof(Pass))
    p.own = -1
    return p


cdef void run_pass(int op, Pass* p, real* dtype) noexcept nogil:
    cdef Py_ssize_t tasks = (p.count + p.piece - 1) // p.piece
    if real is float:
        p.run = micro.f32.passes[op]
    else:
        p.run = micro.f64.passes[op]
    run_job(pass_task, p, tasks, 8 * p.count * max(1, p.arguments.channels), threads_get())


def relu_forward_direct(const real[::1] x, real[::1] y):
    cdef Pass p = empty_pass()
    p.arguments.x, p.arguments.y = &x[0], &y[0]
    p.count, p.piece = x.shape[0], PIECE
    with nogil:
        run_pass(RELU, &p, &y[0])


def relu_backward_direct(const real[::1] grad_y, const real[::1] y, real[::1] grad_x):
    cdef Pass p = empty_pass()
    p.arguments.x, p.arguments.other, p.arguments.y = &grad_y[0], &y[0], &grad_x[0]
    p.count, p.piece = y.shape[0], PIECE
    with nogil:
        run_pass(RELU_BACKWARD, &p, &grad_x[0])


def add_bias_direct(const real[:, ::1] x, const real[::1] bias, real[:, ::1] y):
    cdef Pass p = empty_pass()
    p.arguments.x, p.arguments.other, p.arguments.y = &x[0, 0], &bias[0], &y[0, 0]
    p.arguments.channels = x.shape[1]
    p.count, p.piece = x.shape[0], max(1, PIECE // x.shape[1])
    with nogil:
        run_pass(ADD_BIAS, &p, &y[0, 0])


def column_sum_direct(const real[:, ::1] x, real[::1] y):
    cdef Pass p = empty_pass()
    cdef Py_ssize_t tasks, task, c
    p.count, p.piece = x.shape[0], max(1, min(SUM_OF, PIECE // x.shape[1]))
    tasks = (p.count + p.piece - 1) // p.piece
    cdef real* sums = allocate(&y[0], tasks * x.shape[1])
    if sums == NULL:
        raise MemoryError("column_sum: no memory for partial sums")
    memset(sums, 0, tasks * x.shape[1] * sizeof(real))
    p.arguments.x, p.arguments.y, p.arguments.channels = &x[0, 0], sums, x.shape[1]
    p.advance = x.shape[1] * sizeof(real)
    with nogil:
        run_pass(COLUMN_SUM, &p, &y[0])
        memcpy(&y[0], sums, x.shape[1] * sizeof(real))
        for task in range(1, tasks):
            for c in range(x.shape[1]):
                y[c] += sums[task * x.shape[1] + c]
        free(sums)


cdef void update(
    int op, real[::1] value, const real[::1] gradient, real* slot0, real* slot1, real* slot2,
    double setting0, double setting1, double setting2, double setting3,
) noexcept nogil:
    cdef Pass p = empty_pass()
    p.arguments.x, p.arguments.y = &gradient[0], &value[0]
    p.arguments.slots[0], p.arguments.slots[1], p.arguments.slots[2] = slot0, slot1, slot2
    p.arguments.settings[0], p.arguments.settings[1] = setting0, setting1
    p.arguments.settings[2], p.arguments.settings[3] = setting2, setting3
    p.count, p.piece = value.shape[0], PIECE
    run_pass(op, &p, &value[0])


def sgd_update_direct(
    const real[::1] gradient, real[::1] value, real[::1] velocity,
    double learning_rate, double momentum, bint nesterov,
):
    update(SGD_UPDATE, value, gradient, NULL if velocity is None else &velocity[0], <real*> NULL,
           <real*> NULL, learning_rate, momentum, nesterov, 0)


def rmsprop_update_direct(
    const real[::1] gradient, real[::1] value, real[::1] velocity, real[::1] momentum_slot,
    real[::1] average, double learning_rate, double rho, double momentum, double epsilon,
):
    update(RMSPROP_UPDATE, value, gradient, &velocity[0],
           NULL if momentum_slot is None else &momentum_slot[0],
           NULL if average is None else &average[0], learning_rate, rho, momentum, epsilon)


def adam_update_direct(
    const real[::1] gradient, real[::1] value, real[::1] m, real[::1] v, real[::1] v_hat,
    double alpha, double beta_1, double beta_2, double epsilon,
):
    update(ADAM_UPDATE, value, gradient, &m[0], &v[0], NULL if v_hat is None else &v_hat[0],
           alpha, beta_1, beta_2, epsilon)
