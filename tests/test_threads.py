"""The thread pool: the same bits at any number of threads, and no hang whatever a program does."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import cnn_ext
from cases import DTYPES, KERNEL_CASES
from cnn_ext import _kernels

SECONDS = 120  # far more than any of this takes: past it, something hangs

PROGRAM = """
import multiprocessing, os, sys, threading
import numpy as np
import cnn_ext
from cnn_ext import _kernels

_kernels._set_small(0)
x = np.random.default_rng(0).normal(size=(40, 12, 12, 8)).astype(np.float32)
w = np.random.default_rng(1).normal(size=(3, 3, 8, 16)).astype(np.float32)

def total(_=None):
    return float(np.abs(cnn_ext.ops.conv(x, w, padding="same")).sum())
"""


@pytest.fixture(autouse=True)
def every_job_is_shared():
    """Even small jobs go to the pool; threads and limit are as before afterwards."""
    threads, small = _kernels.get_num_threads(), _kernels._set_small(0)
    yield
    _kernels.set_num_threads(threads)
    _kernels._set_small(small)


def run_program(body: str, **environment: str) -> str:
    """What a fresh interpreter prints; it must end well and in time."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + body],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def images_and_weights():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 12, 12, 8)).astype(np.float32)
    return x, rng.normal(size=(3, 3, 8, 16)).astype(np.float32)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("operation", KERNEL_CASES)
def test_same_bits_at_any_number_of_threads(operation, dtype):
    door = getattr(_kernels, operation)
    for number, case in enumerate(KERNEL_CASES[operation]):
        given = (*case.arrays(np.random.default_rng(number), dtype), *case.sizes)
        _kernels.set_num_threads(1)
        expected = door(*given)
        for threads in (2, 3, 7):
            _kernels.set_num_threads(threads)
            found = door(*given)
            for a, b in zip(_tuple(found), _tuple(expected), strict=True):
                assert a.tobytes() == b.tobytes(), (case.name, threads)


def _tuple(value):
    return value if isinstance(value, tuple) else (value,)


def test_many_callers_at_once():
    x, w = images_and_weights()
    _kernels.set_num_threads(4)
    expected = cnn_ext.ops.conv(x, w, padding="same")
    wrong = []

    def call():
        results = [cnn_ext.ops.conv(x, w, padding="same") for _ in range(50)]
        wrong.extend(y for y in results if not np.array_equal(y, expected))

    callers = [threading.Thread(target=call, daemon=True) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(SECONDS)
    assert not any(caller.is_alive() for caller in callers)
    assert not wrong


def test_the_number_may_change_while_kernels_run():
    x, w = images_and_weights()
    expected = cnn_ext.ops.conv(x, w, padding="same")
    wrong = []

    def call():
        results = [cnn_ext.ops.conv(x, w, padding="same") for _ in range(200)]
        wrong.extend(y for y in results if not np.array_equal(y, expected))

    callers = [threading.Thread(target=call, daemon=True) for _ in range(3)]
    for caller in callers:
        caller.start()
    number = 1
    while any(caller.is_alive() for caller in callers):
        _kernels.set_num_threads(number := number % 8 + 1)
    assert not wrong


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "while-another-thread-computes"])
def test_fork(busy):
    x, w = images_and_weights()
    _kernels.set_num_threads(3)
    expected = cnn_ext.ops.conv(x, w, padding="same")
    stop = threading.Event()

    def compute():
        while not stop.is_set():
            cnn_ext.ops.conv(x, w, padding="same")

    other = threading.Thread(target=compute, daemon=True)
    if busy:
        other.start()
    for _ in range(20):
        child = os.fork()
        if child == 0:
            signal.alarm(SECONDS)
            right = np.array_equal(cnn_ext.ops.conv(x, w, padding="same"), expected)
            os._exit(0 if right else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    stop.set()
    if busy:
        other.join(SECONDS)
    assert np.array_equal(cnn_ext.ops.conv(x, w, padding="same"), expected)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        PROGRAM
        + f"""
if __name__ == "__main__":
    here = total()
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        assert pool.map(total, range(6)) == [here] * 6
    print("right")
"""
    )
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "right\n"


def test_joblib(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        PROGRAM
        + """
import joblib
if __name__ == "__main__":
    for backend in ("loky", "threading", "multiprocessing"):
        jobs = (joblib.delayed(total)() for _ in range(6))
        assert joblib.Parallel(n_jobs=2, backend=backend)(jobs) == [total()] * 6
    print("right")
"""
    )
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "right\n"


def test_the_interpreter_may_exit_at_any_moment():
    body = """
cnn_ext.set_num_threads(4)
total()
def compute():
    while True:
        total()
for _ in range(4):
    threading.Thread(target=compute, daemon=True).start()
print("leaving")
"""
    assert run_program(body) == "leaving\n"


@pytest.mark.parametrize(
    "environment, threads",
    [
        ({"CNN_EXT_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"CNN_EXT_NUM_THREADS": "", "OMP_NUM_THREADS": "5"}, 5),
        ({"CNN_EXT_NUM_THREADS": "", "OMP_NUM_THREADS": "4,2"}, 4),
        ({"CNN_EXT_NUM_THREADS": "9999", "OMP_NUM_THREADS": ""}, 256),
    ],
    ids=str,
)
def test_environment(environment, threads):
    assert run_program("print(cnn_ext.get_num_threads())", **environment) == f"{threads}\n"


def test_affinity_is_followed():
    core = min(os.sched_getaffinity(0))
    body = f"import os; os.sched_setaffinity(0, {{{core}}})\n" + PROGRAM
    done = subprocess.run(
        [sys.executable, "-c", body + "print(cnn_ext.get_num_threads())"],
        env={**os.environ, "CNN_EXT_NUM_THREADS": "", "OMP_NUM_THREADS": ""},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert done.stdout == "1\n"


@pytest.mark.parametrize("wrong", [0, -1, 257, 1.5, "2", True, None])
def test_wrong_numbers_of_threads(wrong):
    with pytest.raises(ValueError, match=r"from 1 to 256. Received: "):
        cnn_ext.set_num_threads(wrong)


def test_wrong_environment():
    done = subprocess.run(
        [sys.executable, "-c", "import cnn_ext"],
        env={**os.environ, "CNN_EXT_NUM_THREADS": "two"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "CNN_EXT_NUM_THREADS must be a positive integer. Received: 'two'" in done.stderr
