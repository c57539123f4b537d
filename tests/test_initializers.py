"""Initializers: the distributions, names, configurations and errors of keras.initializers."""

import itertools
import math

import numpy as np
import pytest

import cnn_ext
from cases import DTYPES, same_parameters
from cnn_ext import initializers, random
from cnn_ext.autograd import Tensor
from cnn_ext.random import SeedGenerator
from cnn_ext.utils import set_random_seed

INITIALIZERS = (
    ("GlorotUniform", {}),
    ("GlorotNormal", {}),
    ("HeUniform", {}),
    ("HeNormal", {}),
    ("LecunUniform", {}),
    ("LecunNormal", {}),
    ("RandomUniform", {}),
    ("RandomUniform", {"minval": -2.0, "maxval": 1.0}),
    ("RandomNormal", {}),
    ("RandomNormal", {"mean": 1.0, "stddev": 0.5}),
    ("TruncatedNormal", {"mean": -1.0, "stddev": 0.3}),
    *(
        ("VarianceScaling", {"scale": 3.0, "mode": mode, "distribution": distribution})
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("truncated_normal", "untruncated_normal", "uniform", "Normal")
    ),
    ("GlorotUniform", {"input_axes": [0], "output_axes": [-2, -1]}),
    ("HeNormal", {"input_axes": [0], "output_axes": [-1]}),
    ("Orthogonal", {}),
    ("Orthogonal", {"gain": 2.0}),
)
SHAPES = ((400, 250), (3, 3, 60, 185), (25, 40, 100), (2, 3, 5, 50, 60), (3, 3, 11_000, 1))
CONSTANTS = (
    ("Zeros", {}),
    ("Ones", {}),
    ("Constant", {}),
    ("Constant", {"value": 2.5}),
    ("Identity", {}),
    ("Identity", {"gain": 0.5}),
)
PUBLIC = sorted(set(initializers.__all__) - {"get", "serialize", "deserialize"})
NOT_OURS = {"STFT", "STFTInitializer", "stft"}


def distance(a, b):
    """Kolmogorov and Smirnov's distance of two samples: that of their distribution functions."""
    points = np.sort(np.concatenate([a, b]))
    below = (np.searchsorted(np.sort(s), points, side="right") / s.size for s in (a, b))
    return np.abs(next(below) - next(below)).max()


DRAWS = [
    pytest.param(name, arguments, shape, id=f"{name}-{arguments}-{shape}")
    for (name, arguments), shape in itertools.product(INITIALIZERS, (*SHAPES, (100_000,)))
    if len(shape) > 1 or not (name == "Orthogonal" or "input_axes" in arguments)
]


@pytest.mark.parametrize(("name", "arguments", "shape"), DRAWS)
def test_initializer_has_the_distribution_of_keras(name, arguments, shape, keras):
    """By the distance that one pair in 10,000 of one distribution exceeds, and by the moments."""
    ours, theirs = (
        np.asarray(getattr(k.initializers, name)(seed=5, **arguments)(shape)).astype(np.float64)
        for k in (cnn_ext, keras)
    )
    assert ours.shape == theirs.shape == shape
    ours, theirs = ours.ravel(), theirs.ravel()
    assert distance(ours, theirs) < 2.23 * np.sqrt(2 / ours.size)
    spread = theirs.std()
    assert abs(ours.mean() - theirs.mean()) < 4 * spread * np.sqrt(2 / ours.size)
    # The deviation of a normal's standard deviation is spread / sqrt(2 n); others' is smaller.
    assert abs(ours.std() - spread) < 4 * spread / np.sqrt(ours.size)
    unlimited = name in ("RandomNormal", "Orthogonal")
    if not unlimited and arguments.get("distribution") != "untruncated_normal":
        limit = np.abs(theirs - theirs.mean()).max()
        assert np.abs(ours - theirs.mean()).max() == pytest.approx(limit, rel=0.02)


FANS = (
    ((), 1, 1),
    ((7,), 7, 7),
    ((7, 5), 7, 5),
    ((3, 7, 5), 21, 15),
    ((3, 4, 7, 5), 84, 60),
    ((2, 3, 4, 7, 5), 168, 120),
    ((3, 3, 32, 1), 288, 9),  # a depthwise kernel
)


@pytest.mark.parametrize(("shape", "fan_in", "fan_out"), FANS)
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
def test_fans_are_those_of_keras(shape, fan_in, fan_out, mode, keras):
    from keras.src.initializers.random_initializers import compute_fans

    assert initializers.compute_fans(shape) == compute_fans(shape) == (fan_in, fan_out)
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
    values = initializers.VarianceScaling(2.0, mode, "uniform", seed=0)(shape, "float64")
    as_drawn = random.uniform(shape, -1, 1, dtype="float64", seed=0)
    np.testing.assert_allclose(values, as_drawn * math.sqrt(6 / fan), rtol=1e-12)
    values = initializers.VarianceScaling(2.0, mode, seed=0)(shape, "float64")
    as_drawn = random.truncated_normal(shape, dtype="float64", seed=0)
    density, inside = math.exp(-2) / math.sqrt(2 * math.pi), math.erf(math.sqrt(2))
    deviation = math.sqrt(1 - 4 * density / inside)  # of a normal distribution cut at 2
    np.testing.assert_allclose(values, as_drawn * math.sqrt(2 / fan) / deviation, rtol=1e-12)


@pytest.mark.parametrize("axes", [([0], [1, 2]), ([0, 1], [-1]), ([], [0])])
def test_fans_by_axes_are_those_of_keras(axes, keras):
    from keras.src.initializers.random_initializers import compute_fans

    assert initializers.compute_fans((2, 3, 5, 7), *axes) == compute_fans((2, 3, 5, 7), *axes)
    assert initializers.compute_fans((2, 3, 5, 7), axes[0]) == (30, 42)  # both or none


@pytest.mark.parametrize(("name", "arguments"), CONSTANTS)
def test_constant_initializer_equals_keras(name, arguments, keras):
    shapes = ((2, 3), (3, 3), (4, 1)) if name == "Identity" else ((), (3,), (2, 3), [4], 5)
    for shape, dtype in itertools.product(shapes, (*DTYPES, None)):
        ours, theirs = (
            np.asarray(getattr(k.initializers, name)(**arguments)(shape, dtype=dtype))
            for k in (cnn_ext, keras)
        )
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool"])
def test_numbers_of_other_types(dtype, keras):
    for name in ("zeros", "ones"):
        ours, theirs = (np.asarray(k.initializers.get(name)((3,), dtype)) for k in (cnn_ext, keras))
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype
    if dtype != "bool":
        drawn = initializers.RandomUniform(0, 10, seed=1)((100,), dtype)
        assert drawn.dtype == dtype and set(drawn.tolist()) == set(range(10))


def test_constant_of_an_array(keras):
    value = np.array([[1.0, 2.0]], np.float32)
    ours, theirs = (k.initializers.Constant(value) for k in (cnn_ext, keras))
    np.testing.assert_array_equal(ours((3, 2)), theirs((3, 2)))
    assert initializers.serialize(ours) == keras.initializers.serialize(theirs)
    again = initializers.deserialize(initializers.serialize(ours))
    np.testing.assert_array_equal(again((3, 2)), ours((3, 2)))


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (3, 3, 2, 7), (2, 2, 30), (1, 1)])
@pytest.mark.parametrize("gain", [1.0, 2.5])
def test_orthogonal(shape, gain):
    rows = math.prod(shape[:-1])
    for dtype, tolerance in (("float32", 1e-6), ("float64", 1e-14)):
        q = initializers.Orthogonal(gain, seed=3)(shape, dtype)
        assert (q.shape, q.dtype) == (shape, dtype)
        q = q.reshape(rows, shape[-1]).astype(np.float64) / gain
        product = q @ q.T if rows < shape[-1] else q.T @ q
        np.testing.assert_allclose(product, np.eye(len(product)), atol=tolerance)


def test_orthogonal_prefers_no_direction():
    """The determinant is 1 as often as -1, and each element has mean 0."""
    seeds = SeedGenerator(0)
    drawn = np.stack([initializers.Orthogonal(seed=seeds)((3, 3), "float64") for _ in range(400)])
    assert np.abs(np.linalg.det(drawn).mean()) < 4 / 20
    assert np.abs(drawn.mean(axis=0)).max() < 4 * math.sqrt(1 / 3) / 20


@pytest.mark.parametrize(("name", "arguments"), INITIALIZERS)
def test_initializer_repeats_by_seed(name, arguments):
    make = getattr(initializers, name)
    first = make(seed=3, **arguments)
    values = first((4, 5))
    np.testing.assert_array_equal(values, first((4, 5)))
    np.testing.assert_array_equal(values, make(seed=3, **arguments)((4, 5)))
    np.testing.assert_array_equal(values, first.clone()((4, 5)))
    assert (values != make(seed=4, **arguments)((4, 5))).all()
    drawn = []
    for seed in (1, 1, 2):
        set_random_seed(seed)
        unseeded = make(**arguments)
        drawn.append(np.stack([unseeded((4, 5)), unseeded.clone()((4, 5))]))
        np.testing.assert_array_equal(unseeded((4, 5)), drawn[-1][0])  # as in Keras
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).all()
    assert (drawn[0][0] != drawn[0][1]).all()
    goes_on = make(seed=SeedGenerator(3), **arguments)
    np.testing.assert_array_equal(goes_on((4, 5)), values)
    assert (goes_on((4, 5)) != values).all()
    assert make(**arguments)((2, 3), dtype="float64").dtype == np.float64
    assert make(**arguments)([2, 3]).dtype == np.float32


def complete(theirs):
    """A Keras initializer whose configuration says all: Keras 3.15's Identity forgets its gain."""
    if type(theirs).__name__ == "Identity":
        theirs.get_config = lambda: {"gain": theirs.gain}
    return theirs


NAMES = sorted(set(initializers._BY_NAME) - {"Initializer"})


# Keras 3.15 fails to look up "constant".
@pytest.mark.parametrize("name", sorted(set(NAMES) - {"constant", "Constant"}))
def test_initializer_by_name(name, keras):
    ours, theirs = initializers.get(name), keras.initializers.get(name)
    class_name = type(theirs).__name__
    assert type(ours).__name__ == class_name
    for identifier in (class_name, type(ours), {"class_name": name, "config": {}}):
        assert type(initializers.get(identifier)) is type(ours)
    assert initializers.get(ours) is ours
    assert ours.get_config() == complete(theirs).get_config()
    assert type(ours).from_config(ours.get_config()).get_config() == ours.get_config()


def test_names_are_those_of_keras(keras):
    from keras.src.initializers import ALL_OBJECTS_DICT

    theirs = set(ALL_OBJECTS_DICT) - NOT_OURS - {"initializer"}
    assert set(initializers._BY_NAME) == theirs
    public = {n for n in dir(keras.initializers) if not n.startswith("_")}
    assert set(initializers.__all__) == public - NOT_OURS
    for name in PUBLIC:
        ours, theirs = getattr(initializers, name), getattr(keras.initializers, name)
        assert ours.__name__ == theirs.__name__


@pytest.mark.parametrize(("name", "arguments"), (*INITIALIZERS, *CONSTANTS))
def test_nodes_are_those_of_keras(name, arguments, keras):
    def seeds(k):
        return (None, 7, k.random.SeedGenerator(4, name="g"))

    for i in range(1 if (name, arguments) in CONSTANTS else 3):
        nodes = []
        for k in (cnn_ext, keras):
            seed = {"seed": seeds(k)[i]} if i else {}
            made = getattr(k.initializers, name)(**arguments, **seed)
            nodes.append(k.initializers.serialize(complete(made) if k is keras else made))
        assert nodes[0] == nodes[1]
        again = initializers.deserialize(nodes[1])
        assert initializers.serialize(again) == nodes[1]
        assert initializers.serialize(initializers.get(nodes[1])) == nodes[1]


def test_none_and_callables_and_arrays():
    assert initializers.get(None) is None

    def halves(shape, dtype=None):
        return np.full(shape, 0.5, dtype)

    assert initializers.get(halves) is halves
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    for given in (values, Tensor(values)):
        made = initializers.get(given)
        np.testing.assert_array_equal(made((2, 2), dtype="float64"), values)
        assert made([2, 2]).dtype == np.float32
        with pytest.raises(ValueError, match=r"Expected `shape` to be \(2, 2\) for direct tensor"):
            made((2, 3))
    dense = cnn_ext.layers.Dense(2, kernel_initializer=values, bias_initializer=halves)
    dense.build((None, 2))
    np.testing.assert_array_equal(dense.get_weights()[0], values)
    np.testing.assert_array_equal(dense.get_weights()[1], [0.5, 0.5])


def test_an_initializer_of_ones_own():
    class Ramp(initializers.Initializer):
        def __init__(self, factor):
            self.factor = factor

        def __call__(self, shape, dtype=None):
            return self.factor * np.arange(math.prod(shape), dtype=dtype).reshape(shape)

        def get_config(self):
            return {"factor": self.factor}

    np.testing.assert_array_equal(Ramp(2).clone()((3,), "float32"), [0, 2, 4])
    node = initializers.serialize(Ramp(2))
    assert initializers.deserialize(node, {"Ramp": Ramp}).factor == 2
    with pytest.raises(NotImplementedError, match="must implement the `__call__"):
        initializers.Initializer()((2,))
    assert initializers.Initializer().get_config() == {}


@pytest.mark.parametrize("name", PUBLIC)
def test_initializer_signature(name, keras):
    theirs = getattr(keras.initializers, name)
    if "__init__" in vars(theirs):  # others take nothing
        same_parameters(getattr(initializers, name), theirs)


ERRORS = (
    (lambda k: k.initializers.VarianceScaling(scale=0.0), "scale=0.0"),
    (lambda k: k.initializers.VarianceScaling(mode="fan"), "fan"),
    (lambda k: k.initializers.VarianceScaling(distribution="norml"), "norml"),
    (lambda k: k.initializers.HeNormal("a"), "`seed` argument should be an instance of .*seed=a"),
    (lambda k: k.initializers.Identity()((2, 3, 4)), r"for 2D matrices.*=\(2, 3, 4\)"),
    (lambda k: k.initializers.Orthogonal()((2,)), r"at least two-dimensional. Rec.*shape=\(2,\)"),
    (lambda k: k.initializers.get("he_norml"), "he_norml"),
    (lambda k: k.initializers.get(3), "Could not interpret initializer identifier: 3"),
)  # fmt: skip


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors_are_those_of_keras(call, message, keras):
    for k in (keras, cnn_ext):
        with pytest.raises(ValueError, match=message):
            call(k)


def test_a_float_dtype_is_needed_for_random_floats():
    with pytest.raises(ValueError, match="requires a floating point `dtype`"):
        initializers.HeNormal()((2,), "int32")
    with pytest.raises(ValueError, match="dtype must be one of"):
        initializers.Zeros()((2,), "flaot32")
