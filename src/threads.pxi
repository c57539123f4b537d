"""The thread pool, as drivers and users see it."""

import math

cdef extern from "threads.h" nogil:
    ctypedef void (*task_function)(void* context, Py_ssize_t task, int worker) noexcept
    void parallel_for(
        task_function run, void* context, Py_ssize_t tasks, int workers) noexcept
    int threads_get "cnn_ext_get_num_threads" () noexcept
    void threads_set "cnn_ext_set_num_threads" (int threads) noexcept


cdef Py_ssize_t SMALL = 250_000  # multiply-adds below which a job is not worth a second thread


cdef inline void run_job(
    task_function run, void* context, Py_ssize_t tasks, Py_ssize_t work, int workers
) noexcept nogil:
    """All tasks, on up to `workers` threads if there is `work` (multiply-adds) enough for them."""
    cdef Py_ssize_t task
    if work < SMALL:
        for task in range(tasks):
            run(context, task, 0)
    else:
        parallel_for(run, context, tasks, workers)


cdef inline Py_ssize_t share(Py_ssize_t total, Py_ssize_t part, Py_ssize_t parts) noexcept nogil:
    """Where the part begins if `total` things are split evenly; the end is share(part + 1)."""
    return total * part // parts


def get_num_threads():
    """How many threads the kernels use.

    As many as the cores that this process may use (CPU affinity, control group), unless
    CNN_EXT_NUM_THREADS or OMP_NUM_THREADS or `set_num_threads` say otherwise.
    """
    return threads_get()


def set_num_threads(threads):
    """Let the kernels use so many threads, at least 1; results do not depend on it."""
    if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= 256:
        raise ValueError(f"the number of threads must be from 1 to 256. Received: {threads!r}")
    threads_set(threads)


def num_threads_from():
    """Who chose the number: an environment variable, "CPU affinity", "set_num_threads", ..."""
    return _default_from if threads_get() == _default_threads else "set_num_threads"


def _cgroup_cores():
    """The CPU quota of this process's control group in cores, or infinity."""
    for path, period in (("/sys/fs/cgroup/cpu.max", None),
                         ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
                          "/sys/fs/cgroup/cpu/cpu.cfs_period_us")):
        try:
            with open(path) as file:
                words = file.read().split()
            if period is not None:
                with open(period) as file:
                    words += file.read().split()
            if words[0] not in ("max", "-1"):
                return max(1, math.ceil(int(words[0]) / int(words[1])))
        except (OSError, ValueError, IndexError, ZeroDivisionError):
            continue
    return math.inf


def _threads_of_environment():
    """CNN_EXT_NUM_THREADS or OMP_NUM_THREADS if set, else the cores that this process may use.

    The number, and what it comes from.
    """
    for name in ("CNN_EXT_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "").split(",")[0].strip()
        if value.isdecimal() and int(value) >= 1:
            return min(int(value), 256), name
        if value and name.startswith("CNN_EXT"):
            raise ValueError(f"{name} must be a positive integer. Received: {value!r}")
    if hasattr(os, "sched_getaffinity"):
        cores, source = len(os.sched_getaffinity(0)), "CPU affinity"
    else:
        cores, source = os.cpu_count() or 1, "CPU count"
    quota = _cgroup_cores()
    if quota < cores:
        cores, source = quota, "control group"
    return min(cores, 256), source


def _set_small(multiply_adds):
    """Change, for a test, what is too small a job for several threads; what it was before."""
    global SMALL
    before, SMALL = SMALL, multiply_adds
    return before


_default_threads, _default_from = _threads_of_environment()
set_num_threads(_default_threads)
