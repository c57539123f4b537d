"""Every row of the kernel table, on every instruction set, equals the textbook; and the doors."""

import functools
import os
import subprocess
import sys

import numpy as np
import pytest

from cases import DTYPES, KERNEL_CASES, UPDATE_CASES, assert_close
from cnn_ext import _kernels
from cnn_ext._kernels import Geometry
from cnn_ext.ops.pooling import pool_geometry
from errors import KERNEL_ERRORS

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
RETURNING = [row for row in _kernels.KERNELS if row.operation in KERNEL_CASES]
FAST = [row for row in RETURNING if row.name != "reference"]


def name_of(row):
    return f"{row.operation}-{row.name}"


every_row = pytest.mark.parametrize("row", RETURNING, ids=name_of)


@pytest.fixture(params=_kernels.isas())
def isa(request):
    """Kernels run on one instruction set; afterwards on the one from before."""
    before = _kernels.isa()
    _kernels.set_isa(request.param)
    yield request.param
    _kernels.set_isa(before)


@functools.cache
def arguments(operation, number, dtype):
    case = KERNEL_CASES[operation][number]
    return *case.arrays(np.random.default_rng(abs(number)), dtype), *case.sizes


def run(operation, name, given):
    """What a door returns when the row called `name` serves, as a tuple of arrays."""
    with _kernels.use_kernels(name):
        returned = getattr(_kernels, operation)(*given)
    return returned if isinstance(returned, tuple) else (returned,)


def served(row):
    """The numbers of the cases that a row takes."""
    return [n for n, case in enumerate(KERNEL_CASES[row.operation]) if row.serves(*case.sizes)]


@functools.cache
def expected(operation, number, dtype):
    return run(operation, "reference", arguments(operation, number, dtype))


# --- Against the reference -------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("row", "number"),
    [
        pytest.param(
            row, number, id=f"{row.operation}-{row.name}-{KERNEL_CASES[row.operation][number].name}"
        )
        for row in FAST
        for number in served(row)
    ],
)
def test_fast_kernel_equals_the_reference(row, number, dtype, isa):
    ours = run(row.operation, row.name, arguments(row.operation, number, dtype))
    for found, right in zip(ours, expected(row.operation, number, dtype), strict=True):
        if found.dtype.kind in "iu":
            np.testing.assert_array_equal(found, right)
        else:
            assert_close(found, right, TOLERANCE[dtype])


def test_every_operation_has_cases_and_a_reference():
    operations = {row.operation for row in _kernels.KERNELS}
    assert operations == set(KERNEL_CASES) | set(UPDATE_CASES)
    for operation, cases in KERNEL_CASES.items():
        assert cases and len({case.name for case in cases}) == len(cases), operation
    referenced = {row.operation for row in _kernels.KERNELS if row.name == "reference"}
    assert referenced == operations


@pytest.mark.parametrize("dtype", DTYPES)
@every_row
def test_every_row_is_run_by_its_name(row, dtype, monkeypatch):
    runs = []

    def spy(*args, kernel=row.run[dtype]):
        runs.append(args)
        return kernel(*args)

    monkeypatch.setitem(row.run, dtype, spy)
    run(row.operation, row.name, arguments(row.operation, served(row)[0], dtype))
    assert len(runs) == 1


@pytest.mark.parametrize("operation", KERNEL_CASES)
def test_the_first_row_that_serves_is_run(operation, monkeypatch):
    names = []

    def spy(name, kernel):
        return lambda *args: names.append(name) or kernel(*args)

    for row in _kernels.ROWS[operation]:
        monkeypatch.setitem(row.run, "float32", spy(row.name, row.run["float32"]))
    for number, case in enumerate(KERNEL_CASES[operation][:5]):
        names.clear()
        getattr(_kernels, operation)(*arguments(operation, number, "float32"))
        first = next(r for r in _kernels.ROWS[operation] if r.serves(*case.sizes))
        assert names == [first.name]


@pytest.mark.skipif("avx2" not in _kernels.isas(), reason="only FMA changes the rounding")
def test_instruction_sets_run_different_code():
    """If choosing one did nothing, the comparisons above would say little."""
    case, before, bits = arguments("gemm", -4, "float32"), _kernels.isa(), {}
    for name in ("generic", "avx2"):
        _kernels.set_isa(name)
        assert _kernels.isa() == name
        bits[name] = _kernels.gemm(*case).tobytes()
    _kernels.set_isa(before)
    assert bits["generic"] != bits["avx2"]


# --- Doors -----------------------------------------------------------------------------------


def strided(array):
    """The same values, every second element of a larger array."""
    spread = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    spread[..., ::2] = array
    return spread[..., ::2]


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS = {
    "read-only": read_only,
    "strided": strided,
    "Fortran order": np.asfortranarray,
    "reversed": lambda array: array[..., ::-1].copy()[..., ::-1],
    "unaligned": lambda a: np.frombuffer(b"-" + a.tobytes(), a.dtype, offset=1).reshape(a.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@every_row
def test_doors_take_any_layout_and_leave_it_alone(row, layout):
    given = arguments(row.operation, served(row)[1], "float32")
    changed = [layout(a) if isinstance(a, np.ndarray) else a for a in given]
    copies = [a.copy() if isinstance(a, np.ndarray) else a for a in changed]
    right = run(row.operation, row.name, given)
    found = run(row.operation, row.name, changed)
    for one, other in zip(found, right, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.flags.c_contiguous and one.flags.writeable
    for array, copy in zip(changed, copies, strict=True):
        if isinstance(array, np.ndarray):
            np.testing.assert_array_equal(array, copy)


NOTHING = Geometry(n=0, h=4, w=4, c_in=2, c_out=2, kh=2, kw=2, oh=3, ow=3)
NO_IMAGES = Geometry(n=0, h=4, w=4, c_in=2, c_out=2, kh=2, kw=2, oh=3, ow=3, groups=2)
NO_CHANNELS = Geometry(n=2, h=4, w=4, c_in=0, c_out=2, kh=2, kw=2, oh=3, ow=3)


@pytest.mark.parametrize("dtype", DTYPES)
@every_row
def test_empty_arrays_give_zeros(row, dtype):
    def zeros(*shapes):
        return [np.zeros(shape, dtype) for shape in shapes]

    no_argmax = np.zeros(NO_IMAGES.y_shape, np.int32)
    no_code = np.zeros((0, 1, 1, 2), np.uint8)
    calls = {
        "conv2d_forward": [(*zeros(g.x_shape, g.weight_shape), g) for g in (NOTHING, NO_CHANNELS)],
        "conv2d_backward_input": [(*zeros(NOTHING.y_shape, NOTHING.weight_shape), NOTHING)],
        "conv2d_backward_weight": [(*zeros(NOTHING.x_shape, NOTHING.y_shape), NOTHING)],
        "conv2d_relu_pool_forward": [
            (*zeros(g.x_shape, g.weight_shape, (2,)), g, 2, 2) for g in (NOTHING, NO_CHANNELS)
        ],
        "conv2d_relu_pool_backward_input": [
            (*zeros((0, 1, 1, 2)), no_code, *zeros(NOTHING.weight_shape), NOTHING, 2, 2)
        ],
        "conv2d_relu_pool_backward_weight": [
            (*zeros(NOTHING.x_shape, (0, 1, 1, 2)), no_code, NOTHING, 2, 2)
        ],
        "max_pool2d_forward": [(*zeros(NO_IMAGES.x_shape), NO_IMAGES)],
        "max_pool2d_backward": [(*zeros(NO_IMAGES.y_shape), no_argmax, NO_IMAGES)],
        "max_pool2d_gather": [(*zeros(NO_IMAGES.x_shape), no_argmax, NO_IMAGES)],
        "average_pool2d_forward": [(*zeros(NO_IMAGES.x_shape), NO_IMAGES)],
        "average_pool2d_backward": [(*zeros(NO_IMAGES.y_shape), NO_IMAGES)],
        "gemm": [zeros((0, 3), (3, 2)), zeros((2, 3), (3, 0)), zeros((2, 0), (0, 3))],
        "relu_forward": [zeros((0, 3))],
        "relu_backward": [zeros((0, 3), (0, 3))],
        "add_bias": [zeros((0, 3), (3,)), zeros((3, 0), (0,))],
        "column_sum": [zeros((0, 3)), zeros((3, 0))],
    }
    shapes = {
        "conv2d_forward": [NOTHING.y_shape, NO_CHANNELS.y_shape],
        "conv2d_backward_input": [NOTHING.x_shape],
        "conv2d_backward_weight": [NOTHING.weight_shape],
        "conv2d_relu_pool_forward": [(0, 1, 1, 2), (2, 1, 1, 2)],
        "conv2d_relu_pool_backward_input": [NOTHING.x_shape],
        "conv2d_relu_pool_backward_weight": [NOTHING.weight_shape],
        "max_pool2d_backward": [NO_IMAGES.x_shape],
        "average_pool2d_backward": [NO_IMAGES.x_shape],
        "gemm": [(0, 2), (2, 0), (2, 3)],
        "relu_forward": [(0, 3)],
        "relu_backward": [(0, 3)],
        "add_bias": [(0, 3), (3, 0)],
        "column_sum": [(3,), (0,)],
    }.get(row.operation, [NO_IMAGES.y_shape])
    for call, shape in zip(calls[row.operation], shapes, strict=True):
        y = run(row.operation, row.name, call)[0]
        assert (y.shape, y.dtype, y.any()) == (shape, dtype, False)


MEET_NOTHING = {  # h, w, and of both axes the window, padding, stride and dilation
    "padding": (5, 2, (3, 1), (1, 4), (1, 1), (1, 1)),
    "taps beside the only column": (5, 1, (3, 2), (1, 1), (1, 2), (1, 2)),
    "taps above and below the only row": (1, 2, (2, 2), (1, 0), (2, 1), (2, 1)),
}


@pytest.mark.parametrize("c_in", [0, 1, 17])
@pytest.mark.parametrize("place", MEET_NOTHING.values(), ids=MEET_NOTHING)
@pytest.mark.parametrize("operation", [o for o in KERNEL_CASES if o.startswith("conv2d")])
def test_windows_that_meet_nothing_give_zeros_and_their_bias(operation, place, c_in, isa):
    h, w, window, padding, strides, dilation = place
    g = Geometry(
        n=2, h=h, w=w, c_in=c_in, c_out=2, kh=window[0], kw=window[1], oh=5, ow=1,
        pad_top=padding[0], pad_left=padding[1], stride_h=strides[0], stride_w=strides[1],
        dilation_h=dilation[0], dilation_w=dilation[1],
    )  # fmt: skip
    names, sizes = {
        "conv2d_forward": ("x weight", (g,)),
        "conv2d_backward_input": ("y weight", (g,)),
        "conv2d_backward_weight": ("x y", (g,)),
        "conv2d_relu_pool_forward": ("x weight bias", (g, 4, 1)),
        "conv2d_relu_pool_backward_input": ("grad code weight", (g, 4, 1)),
        "conv2d_relu_pool_backward_weight": ("x grad code", (g, 4, 1)),
    }[operation]
    bias, code = np.array([3, -3], np.float32), np.array([[[[0, 255]]], [[[3, 1]]]], np.uint8)
    shapes = {"x": g.x_shape, "weight": g.weight_shape, "y": g.y_shape, "grad": code.shape}
    arrays = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    given = [(arrays | {"bias": bias, "code": code})[name] for name in names.split()]
    for row in _kernels.ROWS[operation]:
        result, *codes = run(operation, row.name, (*given, *sizes))
        if operation == "conv2d_relu_pool_forward":
            assert (result == [3, 0]).all() and (codes[0] == [0, 255]).all()
        else:
            assert not result.any()


@pytest.mark.parametrize("error", KERNEL_ERRORS, ids=lambda error: error.name)
def test_doors_refuse(error):
    error.check()


def test_unknown_instruction_set_leaves_the_chosen_one():
    before = _kernels.isa()
    with pytest.raises(ValueError, match=r"CNN_EXT_ISA.*generic.*Received: 'nonsense'"):
        _kernels.set_isa("nonsense")
    assert _kernels.isa() == before


@pytest.mark.parametrize(
    ("isa", "code", "printed"),
    [
        ("generic", 0, "generic"),
        ("", 0, _kernels.isas()[0]),
        ("nonsense", 1, "(CNN_EXT_ISA) must be one"),
    ],
)
def test_environment_chooses_the_instruction_set(isa, code, printed):
    script = "from cnn_ext import _kernels; print(_kernels.isa())"
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "CNN_EXT_ISA": isa, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, printed in result.stdout + result.stderr) == (code, True)


# --- Numbers ---------------------------------------------------------------------------------


@every_row
def test_same_bits_when_run_again(row, isa):
    for number in served(row)[:12]:
        given = arguments(row.operation, number, "float32")
        first, second = (run(row.operation, row.name, given) for _ in range(2))
        assert [a.tobytes() for a in first] == [a.tobytes() for a in second]


@pytest.mark.parametrize(("dtype", "tiny"), [("float32", 1e-40), ("float64", 1e-310)])
@every_row
def test_denormals_are_flushed_inside_and_not_outside(row, dtype, tiny, isa):
    case = KERNEL_CASES[row.operation][served(row)[0]]
    arrays = case.arrays(np.random.default_rng(0), dtype)
    ones = [a if a.dtype.kind in "iu" else np.full_like(a, 1) for a in arrays]
    assert run(row.operation, row.name, (*ones, *case.sizes))[0].any()
    denormal = (0, 2) if row.operation == "conv2d_relu_pool_forward" else (0,)  # x and the bias
    given = [np.full_like(a, tiny) if i in denormal else a for i, a in enumerate(ones)]
    found = run(row.operation, row.name, (*given, *case.sizes))[0]
    if row.operation.startswith(("conv2d", "gemm", "average")):  # what only moves is not flushed
        assert not found.any()
    outside = np.full(3, tiny, dtype) * np.ones(3, dtype)
    assert (outside > 0).all()


special = pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
SKIPPING_ZEROS = [row for row in RETURNING if row.operation.startswith("conv2d_relu_pool_back")]


@special
@pytest.mark.parametrize(
    "row", [row for row in RETURNING if row not in SKIPPING_ZEROS], ids=name_of
)
def test_nan_and_infinity_pass_through(row, special, isa):
    case = KERNEL_CASES[row.operation][served(row)[0]]
    first, *rest = case.arrays(np.random.default_rng(0), "float32")
    first = np.abs(first)
    if row.operation == "relu_backward":
        rest = [np.abs(y) for y in rest]  # the gradient passes everywhere

    def not_finite(name, special):
        first.flat[first.size // 2] = special
        return ~np.isfinite(run(row.operation, name, (first, *rest, *case.sizes))[0])

    found, right = not_finite(row.name, special), not_finite("reference", special)
    lost = row.operation == "max_pool2d_gather" or (
        special < 0 and row.operation in ("max_pool2d_forward", "relu_forward")
    )
    assert lost or right.any()
    if (row.operation, row.name) == ("conv2d_relu_pool_forward", "winograd"):
        # What is -inf to the reference, and so 0 after ReLU, may be a NaN: inf - inf.
        assert (right <= found).all() and (found <= not_finite("reference", np.nan)).all()
    else:
        np.testing.assert_array_equal(found, right)


@special
@pytest.mark.parametrize("row", SKIPPING_ZEROS, ids=name_of)
def test_nan_and_infinity_pass_where_a_gradient_is_alive(row, special, isa):
    """They reach every sum in which they meet one. Where they meet only zeros, gradients of the
    dead, they may be skipped, and lists of what is alive add none that the reference has not."""
    reached = 0
    for number in served(row)[:8]:
        *arrays, g, window_h, window_w = arguments(row.operation, number, "float32")
        for index, array in enumerate(arrays):
            if array.dtype == np.uint8:
                continue
            given, alone = list(arrays), [np.abs(a) if a.dtype.kind == "f" else a for a in arrays]
            given[index], alone[index] = array.copy(), np.zeros_like(array)
            given[index].flat[array.size // 2], alone[index].flat[array.size // 2] = special, 1
            met, found, right = (
                run(row.operation, name, (*which, g, window_h, window_w))[0]
                for name, which in (("reference", alone), (row.name, given), ("reference", given))
            )
            assert not np.isfinite(found[met > 0]).any(), "masked"
            if row.name == "sparse" and index != 1:  # gradients also meet zeros of the padding
                assert np.isfinite(found[np.isfinite(right)]).all()
            reached += (met > 0).sum()
    assert reached


MAXIMA = {  # the window's four taps -> value, number
    "first of equals": ([1, 3, 3, 3], 3, 1),
    "all equal": ([2, 2, 2, 2], 2, 0),
    "both zeros": ([-0.0, 0.0, -0.0, 0.0], 0, 0),
    "NaN over all": ([9, np.nan, np.inf, 1], np.nan, 1),
    "first NaN": ([np.nan, 1, np.nan, 2], np.nan, 0),
    "last NaN": ([1, 2, 3, np.nan], np.nan, 3),
    "minus infinity": ([-np.inf] * 4, -np.inf, 0),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("taps", "value", "number"), MAXIMA.values(), ids=MAXIMA)
@pytest.mark.parametrize("row", _kernels.ROWS["max_pool2d_forward"], ids=lambda row: row.name)
def test_which_maximum_wins(row, taps, value, number, dtype, isa):
    channels = 21  # full vectors and a rest
    g = Geometry(
        n=1, h=2, w=2, c_in=channels, c_out=channels, kh=2, kw=2, oh=1, ow=1, groups=channels
    )
    x = np.repeat(np.array(taps, dtype), channels).reshape(g.x_shape)
    y, argmax = run("max_pool2d_forward", row.name, (x, g))
    np.testing.assert_array_equal(y, np.full(g.y_shape, value))
    np.testing.assert_array_equal(argmax, np.full(g.y_shape, number))


@pytest.mark.parametrize("row", _kernels.ROWS["max_pool2d_forward"], ids=lambda row: row.name)
def test_overlapping_windows_with_ties_name_the_same_taps(row, isa):
    g = Geometry(
        n=2, h=7, w=6, c_in=19, c_out=19, kh=3, kw=3, oh=7, ow=6, pad_top=1, pad_left=1, groups=19
    )
    x = np.random.default_rng(3).integers(-1, 2, g.x_shape).astype(np.float32)
    right = run("max_pool2d_forward", "reference", (x, g))
    found = run("max_pool2d_forward", row.name, (x, g))
    for one, other in zip(found, right, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", _kernels.ROWS["conv2d_relu_pool_forward"], ids=lambda row: row.name)
def test_fused_gives_the_bits_of_its_parts(row, dtype, isa):
    for number in served(row):
        *arrays, g, h, w = arguments(row.operation, number, dtype)
        tied = [np.round(a).clip(-1, 1) for a in arrays]  # sums are often equal, or 0
        for x, weight, bias in (arrays, tied):
            with _kernels.use_kernels(row.name):
                y, code = _kernels.conv2d_relu_pool_forward(x, weight, bias, g, h, w)
                sums = _kernels.add_bias(_kernels.conv2d_forward(x, weight, g), bias)
                right, argmax = _kernels.max_pool2d_forward(
                    _kernels.relu_forward(sums), pool_geometry(g.y_shape, (h, w))
                )
            assert y.tobytes() == right.tobytes()
            np.testing.assert_array_equal(code, np.where(right > 0, argmax, 255))


# The fused one's sums are conv2d_forward's, as the test above shows.
WINOGRAD = [row for row in FAST if row.name == "winograd" and "pool" not in row.operation]


@pytest.mark.parametrize("size", [14, 20, 28])
@pytest.mark.parametrize("row", WINOGRAD, ids=lambda row: row.operation)
def test_winograd_is_no_less_exact_than_the_direct_sum(row, size, isa):
    g = Geometry(
        n=4, h=size, w=size, c_in=32, c_out=64, kh=3, kw=3, oh=size, ow=size, pad_top=1, pad_left=1
    )
    if not row.serves(g):
        assert (size, row.operation) == (14, "conv2d_backward_weight")
        return
    rng = np.random.default_rng(0)
    shapes = {
        "conv2d_forward": (g.x_shape, g.weight_shape),
        "conv2d_backward_input": (g.y_shape, g.weight_shape),
        "conv2d_backward_weight": (g.x_shape, g.y_shape),
    }[row.operation]
    first = np.maximum(0, rng.standard_normal(shapes[0])).astype(np.float32)  # after a ReLU
    second = rng.standard_normal(shapes[1]).astype(np.float32)
    exact = run(row.operation, "reference", (first.astype(float), second.astype(float), g))[0]

    def error(name):
        found = run(row.operation, name, (first, second, g))[0]
        return np.sqrt(np.mean((found - exact) ** 2))

    assert 0 < error("winograd") <= error("direct")


# --- Memory ----------------------------------------------------------------------------------


@pytest.fixture
def small_blocks(monkeypatch):
    """Results of a kilobyte are large, and none is kept yet."""
    monkeypatch.setattr(_kernels, "LARGE", 1024)
    monkeypatch.setattr(_kernels, "_blocks", [])


def test_large_results_reuse_memory_that_no_one_uses(small_blocks):
    x = np.random.default_rng(0).random((40, 30), np.float32)
    first = _kernels.relu_forward(x)
    address, part = first.ctypes.data, first[3:5]
    del first
    second = _kernels.relu_forward(x + 1)
    assert second.ctypes.data != address
    np.testing.assert_array_equal(part, x[3:5])
    del part
    third = _kernels.relu_forward(x + 2)
    assert third.ctypes.data == address
    np.testing.assert_array_equal(second, x + 1)
    np.testing.assert_array_equal(third, x + 2)


def test_memory_kept_for_results_is_bounded(small_blocks, monkeypatch):
    monkeypatch.setattr(_kernels, "KEPT", 20_000)
    used = _kernels.relu_forward(np.ones(1000, np.float32))
    for size in (1000, 2500, 6000, 300, 1000):
        _kernels.relu_forward(np.ones(size, np.float32))
    sizes = sorted(block.nbytes for block in _kernels._blocks)
    assert used.nbytes in sizes and sum(sizes) - used.nbytes <= 20_000 + 4000


# --- Optimizer steps, which change their arrays ----------------------------------------------

UPDATES = [
    pytest.param(operation, slots, settings, id=f"{operation}-{sum(slots)}-{settings}")
    for operation, cases in UPDATE_CASES.items()
    for slots, settings in cases
]


def updated(operation, name, slots, settings, size, dtype):
    """The weight and the slots that are kept after three steps."""
    rng = np.random.default_rng(size)
    value, *gradients = (rng.standard_normal(size).astype(dtype) for _ in range(4))
    # positive, and the first (RMSprop's mean square) above the others' squares
    arrays = [(rng.random(size) + 4 * (i == 0)).astype(dtype) if s else None
              for i, s in enumerate(slots)]  # fmt: skip
    with _kernels.use_kernels(name):
        for gradient in gradients:
            getattr(_kernels, operation)(value, gradient, *arrays, *settings)
    return [value, *(array for array in arrays if array is not None)]


@pytest.mark.parametrize("size", [1, 7, 16, 33, 40000])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("operation", "slots", "settings"), UPDATES)
def test_updates_equal_the_reference(operation, slots, settings, dtype, size, isa):
    ours = updated(operation, "direct", slots, settings, size, dtype)
    theirs = updated(operation, "reference", slots, settings, size, dtype)
    for found, right in zip(ours, theirs, strict=True):
        assert_close(found, right, TOLERANCE[dtype], constant=size == 1)


@pytest.mark.parametrize(("operation", "slots", "settings"), UPDATES)
def test_updates_refuse_what_they_cannot_change(operation, slots, settings):
    def step(value, gradient, slot):
        arrays = [slot if kept else None for kept in slots]
        getattr(_kernels, operation)(value, gradient, *arrays, *settings)

    fine = np.ones(4, np.float32)
    frozen = np.ones(4, np.float32)
    frozen.flags.writeable = False
    unaligned = np.zeros(17, np.uint8)[1:].view(np.float32)
    for value in (frozen, np.ones(8, np.float32)[::2], unaligned):
        with pytest.raises(ValueError, match="contiguous, writable"):
            step(value, fine, fine.copy())
    if any(slots):
        with pytest.raises(ValueError, match="dtype"):
            step(fine.copy(), fine, np.ones(4))
        with pytest.raises(ValueError, match="shape"):
            step(fine.copy(), fine, np.ones(5, np.float32))
    with pytest.raises(TypeError, match="one dtype"):
        step(fine.copy(), np.ones(4), fine.copy())
    with pytest.raises(ValueError, match="shape"):
        step(fine.copy(), np.ones(3, np.float32), fine.copy())
