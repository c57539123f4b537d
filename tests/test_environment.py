"""What cnn_ext tells of itself: show_config, CNN_EXT_VERBOSE, and what threadpoolctl sees."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import cnn_ext
from cnn_ext import _kernels

ROOT = Path(__file__).parent.parent


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program in a fresh interpreter, with these variables beside ours."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_version_is_the_distributions() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        assert tomllib.load(file)["project"]["version"] == cnn_ext.__version__


# --- show_config -----------------------------------------------------------------------------


def test_show_config_prints_what_it_returns(capsys: pytest.CaptureFixture[str]) -> None:
    config = cnn_ext.show_config(mode="dicts")
    assert config and capsys.readouterr().out == ""
    assert cnn_ext.show_config() is None
    printed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert list(printed) == list(config)
    assert printed.pop("isas").split(", ") == config.pop("isas")
    assert printed == {name: str(value) for name, value in config.items()}
    assert re.match(r"(gcc|clang) \d+\.\d+", printed["compiler"])


def test_show_config_has_two_modes() -> None:
    with pytest.raises(ValueError, match=r"did you mean 'dicts'\? Received: 'dict'"):
        cnn_ext.show_config(mode="dict")


def test_show_config_follows_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    threads, isa = _kernels.get_num_threads(), _kernels.isa()
    try:
        _kernels.set_num_threads(threads + 1)
        _kernels.set_isa("generic")
        config = cnn_ext.show_config(mode="dicts")
    finally:
        _kernels.set_num_threads(threads)
        _kernels.set_isa(isa)
    assert config and config["isa"] == "generic"
    assert (config["threads"], config["threads_from"]) == (threads + 1, "set_num_threads")


@pytest.mark.parametrize(
    ("ours", "openmp", "quota", "source"),
    [
        ("3", "5", 1, "CNN_EXT_NUM_THREADS"),
        ("", "5", 1, "OMP_NUM_THREADS"),
        ("", "", 0, "control group"),
        ("", "", 9999, "CPU affinity"),
    ],
)
def test_where_the_number_of_threads_comes_from(
    ours: str, openmp: str, quota: int, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNN_EXT_NUM_THREADS", ours)
    monkeypatch.setenv("OMP_NUM_THREADS", openmp)
    monkeypatch.setattr(_kernels, "_cgroup_cores", lambda: quota)
    assert _kernels._threads_of_environment()[1] == source


# --- CNN_EXT_VERBOSE -------------------------------------------------------------------------

CALLS = """
import numpy as np
from cnn_ext import _kernels as k

g = k.Geometry(n=2, h=9, w=8, c_in=4, c_out=6, kh=3, kw=2, oh=4, ow=8, stride_h=2, pad_top=1,
               dilation_h=2, groups=2)
for _ in range(2):
    k.conv2d_forward(np.ones(g.x_shape), np.ones(g.weight_shape), g)
with k.use_kernels("reference"):
    k.conv2d_backward_weight(np.ones(g.x_shape), np.ones(g.y_shape), g)
k.gemm(np.ones((4, 3), np.float32), np.ones((4, 2), np.float32), True)
k.sgd_update(np.ones(5), np.ones(5), None, 0.1, 0.0, False)
k.set_num_threads(2)
k.gemm(np.ones((0, 3)), np.ones((3, 2)))
k.gemm(np.ones((4, 3)), np.ones((3, 2)))
"""
SIZES = "2x9x8x4 -> 2x4x8x6, window 3x2, stride 2x1, pad 1x0, dilation 2x1, groups 2"
FORWARD = f"conv2d_forward direct/generic float64 {SIZES}, 1 thread"
OTHERS = [
    f"conv2d_backward_weight reference float64 {SIZES}, 1 thread",
    "gemm blocked/generic float32 4x3.T 4x2 3x2, 1 thread",
    "sgd_update direct/generic float64 5 5, 1 thread",
    "gemm blocked/generic float64 4x3 3x2 4x2, 2 threads",
]


@pytest.mark.parametrize(
    ("level", "lines"),
    [("", []), ("0", []), ("1", [FORWARD, *OTHERS]), ("2", [FORWARD, FORWARD, *OTHERS])],
)
def test_verbose(level: str, lines: list[str]) -> None:
    done = run(CALLS, CNN_EXT_VERBOSE=level, CNN_EXT_ISA="generic", CNN_EXT_NUM_THREADS="1")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    told = re.findall(r"^cnn_ext: (.*), \d+\.\d{3} ms$", done.stderr, re.MULTILINE)
    assert told == lines
    assert len(done.stderr.splitlines()) == len(lines)


@pytest.mark.parametrize("wrong", ["yes", "3", "-1"])
def test_wrong_verbosity(wrong: str) -> None:
    done = run("import cnn_ext", CNN_EXT_VERBOSE=wrong)
    assert done.returncode == 1
    assert re.search(f"CNN_EXT_VERBOSE must be 0, 1 .* or 2 .* Received: '{wrong}'", done.stderr)


# --- threadpoolctl ---------------------------------------------------------------------------

LIMITS = """
ours, = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "cnn_ext"]
assert (ours["num_threads"], ours["version"]) == (5, cnn_ext.__version__), ours
for limit, threads in ((1, 1), (3, 3), (0, 1), (1000, 256)):
    with threadpoolctl.threadpool_limits(limit):
        assert cnn_ext.get_num_threads() == threads, limit
    assert cnn_ext.get_num_threads() == 5, limit
with threadpoolctl.threadpool_limits(1, user_api="blas"):
    assert cnn_ext.get_num_threads() == 5
"""
REGISTER = "cnn_ext.environment.register_threadpoolctl()\n"


@pytest.mark.parametrize(
    "imports",
    [
        "import threadpoolctl, cnn_ext\n",
        "import threadpoolctl, cnn_ext\n" + REGISTER,
        "import cnn_ext, threadpoolctl\n" + REGISTER,
        "import cnn_ext, threadpoolctl\nthreadpoolctl.threadpool_info()\n" + 2 * REGISTER,
    ],
)
def test_threadpoolctl_sees_and_limits_the_threads(imports: str) -> None:
    done = run(imports + LIMITS, CNN_EXT_NUM_THREADS="5")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_threadpoolctl_too_old_for_us_is_left_alone() -> None:
    done = run("import sys, types; sys.modules['threadpoolctl'] = types.ModuleType('x')\n"
               "import cnn_ext")  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
