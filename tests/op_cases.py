"""Rows of operations, beside those of cases.py: windows of any rank, activations, normalization,
images.

CASES has the rows of all files.
"""

from __future__ import annotations

import functools

import numpy as np

from array_cases import ARRAY_CASES
from cases import (
    CASES as FIRST_CASES,
)
from cases import (
    KINKS,
    WIDE,
    Case,
    both,
    distinct,
    gradient_by_tape,
    just,
    labels,
    normal,
    off_zero,
    positive,
    statics,
    unary,
)


def by_layout(theirs, channels_first):
    """The counterpart on channels-last inputs, for which TensorFlow has CPU kernels."""

    def call(k, x, *others):
        if not channels_first:
            return theirs(k, x, *others)
        rank = len(x.shape)
        y = theirs(k, k.transpose(x, (0, *range(2, rank), 1)), *others)
        return k.transpose(y, (0, rank - 1, *range(1, rank - 1)))

    return call


# TensorFlow has some kernels in float32 only, or takes weights in float32.
SINGLE = 3e-6


def single(theirs):
    """The counterpart in float32, in the dtype given."""
    return lambda k, x: k.cast(theirs(k.cast(x, "float32")), x.dtype)


# --- Windows ---------------------------------------------------------------------------------

# x (channels last), window, filters, keywords
CONVS_OF_OTHER_RANKS = {
    "sequences": ((2, 9, 3), (3,), 5, {}),
    "sequences, same, strides": ((2, 9, 3), (4,), 5, {"padding": "same", "strides": 2}),
    "sequences, dilation": ((2, 9, 3), (3,), 4, {"dilation_rate": (2,)}),
    "sequences, groups": ((2, 9, 4), (3,), 6, {"padding": "same"}),
    "volumes": ((2, 5, 6, 4, 3), (3, 2, 3), 4, {}),
    "volumes, same": ((1, 4, 5, 4, 2), (2, 3, 2), 3, {"padding": "same"}),
    "volumes, strides": ((2, 6, 5, 7, 2), (3, 3, 2), 3, {"padding": "same", "strides": (2, 1, 3)}),
    "volumes, strides without padding": ((1, 6, 5, 7, 2), (2, 2, 2), 3, {"strides": (3, 2, 1)}),
}


def convs_of_other_ranks():
    cases = []
    for name, (shape, window, filters, static) in CONVS_OF_OTHER_RANKS.items():
        channels = shape[-1] // 2 if "groups" in name else shape[-1]
        arrays = normal(shape, (*window, channels, filters))
        cases.append(Case(name, arrays, static, linear="each"))
        first = (shape[0], shape[-1], *shape[1:-1])

        def theirs(k, x, weight, static=static):
            return k.conv(x, weight, **static)

        cases.append(
            Case(
                f"{name}, channels first",
                normal(first, (*window, channels, filters)),
                {**static, "data_format": "channels_first"},
                by_layout(theirs, True),
                linear="each",
            )
        )
    return cases


def dilated_volumes(k, x, weight):  # TensorFlow has no kernel: by taps laid apart by hand
    apart = k.reshape(k.stack([weight, k.zeros_like(weight)], axis=1), (4, *weight.shape[1:]))
    return k.conv(x, apart[:3], padding="same")


DEPTHWISE = {
    "plain": ((2, 6, 7, 3), (3, 3, 3, 1), {}),
    "multiplier": ((2, 6, 7, 3), (3, 2, 3, 2), {"padding": "same"}),
    "strides": ((1, 7, 7, 4), (3, 3, 4, 2), {"padding": "same", "strides": 2}),
    "dilation": ((1, 8, 7, 2), (3, 3, 2, 2), {"dilation_rate": 2}),
    "strides and dilation": (
        (1, 11, 9, 2), (3, 3, 2, 1), {"strides": (2, 2), "dilation_rate": (2, 2)}
    ),
    "sequences": ((2, 9, 3), (3, 3, 2), {"padding": "same", "strides": 2}),
    "channels first": ((2, 3, 6, 7), (3, 3, 3, 2), {"data_format": "channels_first"}),
}  # fmt: skip


def transposed_by_hand(k, x, weight, shape, **how):
    """The gradient by its input of a convolution, which TensorFlow knows with dilation."""
    return gradient_by_tape(lambda y: k.conv(y, weight, **how), k.zeros(shape, x.dtype), x)


# x, kernel (.., filters, channels), keywords
TRANSPOSED = {
    "plain": ((2, 4, 5, 3), (3, 3, 2, 3), {}),
    "same": ((2, 4, 5, 3), (3, 3, 2, 3), {"padding": "same"}),
    "strides": ((2, 4, 5, 3), (2, 2, 4, 3), {"strides": 2}),
    "strides, same": ((2, 4, 5, 3), (3, 3, 4, 3), {"strides": 2, "padding": "same"}),
    "even window, same": ((1, 4, 3, 2), (4, 4, 3, 2), {"strides": 2, "padding": "same"}),
    "wide strides": ((1, 3, 4, 2), (2, 3, 3, 2), {"strides": (3, 4)}),
    "wide strides, same": ((1, 3, 4, 2), (2, 3, 3, 2), {"strides": (3, 4), "padding": "same"}),
    "output padding": ((1, 3, 4, 2), (3, 3, 3, 2), {"strides": 2, "output_padding": 1}),
    "output padding, same": (
        (1, 3, 4, 2), (3, 2, 3, 2),
        {"strides": 2, "output_padding": (1, 0 + 2), "padding": "same"},
    ),
    "sequences": ((2, 5, 3), (3, 2, 3), {"strides": 2, "padding": "same"}),
    "sequences, valid": ((2, 5, 3), (4, 2, 3), {"strides": 3}),
    "volumes": ((1, 3, 4, 2, 2), (3, 2, 3, 4, 2), {}),
    "volumes, same": ((1, 3, 4, 2, 2), (3, 3, 2, 3, 2), {"strides": 2, "padding": "same"}),
    "volumes, strides": ((1, 2, 3, 2, 2), (2, 2, 3, 3, 2), {"strides": (3, 1, 2)}),
}  # fmt: skip


def transposed_cases():
    cases = [
        Case(name, normal(x, weight), static, linear="each")
        for name, (x, weight, static) in TRANSPOSED.items()
    ]

    def dilated(k, x, weight):
        return transposed_by_hand(k, x, weight, (1, 9, 8, 4), dilation_rate=2)

    def first(k, x, weight):
        return k.conv_transpose(x, weight, 2)

    return [
        *cases,
        Case("dilation", normal((1, 5, 4, 3), (3, 3, 4, 3)), {"dilation_rate": 2}, dilated,
             linear="each"),
        Case("channels first", normal((2, 3, 4, 5), (2, 2, 4, 3)),
             {"strides": 2, "data_format": "channels_first"}, by_layout(first, True),
             linear="each"),
    ]  # fmt: skip


# x (channels last), pool, keywords
POOLS_OF_OTHER_RANKS = {
    "sequences": ((2, 9, 3), {"pool_size": 2}),
    "sequences, same": ((2, 9, 3), {"pool_size": (4,), "strides": 3, "padding": "same"}),
    "volumes": ((2, 5, 6, 4, 3), {"pool_size": 2}),
    "volumes, same": (
        (1, 5, 7, 4, 2), {"pool_size": (2, 3, 3), "strides": (2, 2, 1), "padding": "same"}
    ),
    "volumes, wide strides": ((1, 7, 5, 6, 2), {"pool_size": (2, 2, 1), "strides": (3, 2, 2)}),
}  # fmt: skip


def pools_of_other_ranks(name, make, **flags):
    cases = []
    for title, (shape, static) in POOLS_OF_OTHER_RANKS.items():
        first = (shape[0], shape[-1], *shape[1:-1])
        for extra, given in (("", {}), (", channels first", {"data_format": "channels_first"})):
            keywords = {**static, **given}

            def theirs(k, x, keywords=keywords):
                return single(lambda x: getattr(k, name)(x, **keywords))(k, x)

            deep = {"theirs": theirs, "tolerance": SINGLE} if len(shape) == 5 else {}
            arrays = make(first if given else shape)
            cases.append(Case(title + extra, arrays, keywords, **deep, **flags))
    return cases


ADAPTIVE = {
    "sequences": ((2, 7, 3), {"output_size": 3}),
    "images": ((2, 7, 5, 3), {"output_size": (3, 2)}),
    "volumes": ((1, 5, 4, 7, 2), {"output_size": (2, 3, 4)}),
    "channels first": ((2, 3, 7, 5), {"output_size": 3, "data_format": "channels_first"}),
}


def adaptive_cases(make, reduction, **flags):
    """Keras itself breaks down where all of the image goes into one window."""
    name_of = {"mean": "adaptive_average_pool", "max": "adaptive_max_pool"}

    def theirs(static, k, x):
        return single(lambda x: getattr(k, name_of[reduction])(x, **static))(k, x)

    return [
        *(Case(name, make(shape), static, functools.partial(theirs, static), tolerance=SINGLE,
               **flags)
          for name, (shape, static) in ADAPTIVE.items()),
        Case("one window", make((2, 4, 5, 2)), {"output_size": 1},
             lambda k, x: getattr(k, reduction)(x, (1, 2), keepdims=True), **flags),
        Case("larger than the image", make((2, 2, 3)), {"output_size": 4},
             lambda k, x: k.take(x, [0, 0, 1, 1], axis=1), **flags),
    ]  # fmt: skip


# --- Activations -----------------------------------------------------------------------------


def activation(kinks=False, **flags):
    rows = [unary(off_zero((3, 4)), **flags), Case("wide", WIDE, smooth=False, **flags)]
    return rows + ([Case("kinks", KINKS, smooth=False, **flags)] if kinks else [])


FAR_OUT = just(np.array([-1000.0, -90.0, -20.0, 20.0, 90.0, 1000.0]))
SMALL = just(np.array([1e-9, -1e-9, 1e-4, -1e-4, -0.5]))
SPREAD = just(np.linspace(-7.1, 7.3, 41))

# --- Images ----------------------------------------------------------------------------------

SIZES = {"larger": (11, 9), "smaller": (3, 4), "mixed": (4, 11), "height only": (11, 7)}


def resize_case(name, shape, static, **flags):
    def theirs(k, x):
        return single(lambda x: k.image.resize(x, **static))(k, x)

    return Case(name, normal(shape), static, theirs, tolerance=SINGLE, **flags)


def resize_cases():
    cases = [
        resize_case(f"{method}, {name}", (2, 6, 7, 3), {"size": size, "interpolation": method},
                    linear="each", their_gradient=method != "area")  # for which it has none
        for method in ("nearest", "bilinear", "bicubic", "lanczos3", "area")
        for name, size in SIZES.items()
    ]  # fmt: skip
    cases += [
        resize_case(f"{method}, antialias, {name}", (2, 9, 8, 2),
                    {"size": size, "interpolation": method, "antialias": True}, linear="each")
        for method in ("bilinear", "bicubic", "lanczos5")
        for name, size in SIZES.items()
    ]  # fmt: skip
    more = {
        "one image": ((6, 7, 2), {"size": (4, 5)}),
        "channels first": ((2, 3, 6, 7), {"size": (4, 9), "data_format": "channels_first"}),
        "crop": ((2, 6, 9, 2), {"size": (4, 4), "crop_to_aspect_ratio": True}),
        "crop height": ((2, 9, 4, 2), {"size": (4, 5), "crop_to_aspect_ratio": True}),
        "frame": ((2, 6, 9, 2), {"size": (4, 4), "pad_to_aspect_ratio": True, "fill_value": 0.5}),
        "frame width": ((9, 4, 2), {"size": (6, 6), "pad_to_aspect_ratio": True}),
        "same size": ((2, 4, 5, 2), {"size": (4, 5)}),
    }
    cases += [
        resize_case(name, shape, static, linear="" if name == "frame" else "each")
        for name, (shape, static) in more.items()
    ]
    whole = labels((2, 6, 7, 3), 256)
    for dtype in ("uint8", "int32"):
        arrays = just(*(a.astype(dtype) for a in whole(np.random.default_rng(0))))
        cases.append(Case(dtype, arrays, {"size": (3, 14)}, differentiable=False))
    return cases


TURN = np.array([0.813, -0.587, 1.719, 0.523, 0.911, -0.417, 0.0, 0.0])
FAR = np.array([1.713, 0.317, -6.231, -0.227, 1.423, 7.319, 0.0, 0.0])
TILT = np.array([0.913, 0.117, 0.319, -0.119, 1.123, 0.227, 0.01, 0.02])
EACH = np.stack([TURN, FAR])


def affine_cases():
    """TensorFlow's gradient turns back what it is given, which is not the derivative."""
    made = []
    for mode in ("constant", "nearest", "reflect", "wrap"):
        for how in ("nearest", "bilinear"):
            for name, numbers in {"turn": TURN, "far": FAR, "tilt": TILT, "each": EACH}.items():
                static = {"interpolation": how, "fill_mode": mode}
                if mode == "constant" and name == "far":
                    static["fill_value"] = 0.5
                made.append((f"{mode}, {how}, {name}", (2, 7, 6, 2), numbers, static))
    made.append(("one image", (7, 6, 2), TURN, {}))
    made.append(("channels first", (2, 3, 7, 6), TURN, {"data_format": "channels_first"}))
    return [
        Case(name, normal(shape), {"transform": numbers, **static},
             lambda k, x, static=static, numbers=numbers: k.image.affine_transform(
                 x, k.convert_to_tensor(numbers), **static),
             linear="" if "fill_value" in static else "each", tolerance=SINGLE,
             their_gradient=False)
        for name, shape, numbers, static in made
    ]  # fmt: skip


def colours(shape, axis=-1):
    """No two channels of a pixel are near each other, nor any near a corner of hue."""

    def arrays(rng):
        base = rng.uniform(0.1, 0.3, shape)
        steps = np.moveaxis(np.argsort(rng.random(shape), axis=axis), axis, axis)
        return (base + 0.3 * steps,)

    return arrays


def normalized_by_keras(k, x, gamma, beta):
    axes = list(range(len(x.shape) - 1))
    mean, variance = k.moments(x, axes)
    return k.batch_normalization(x, mean, variance, -1, beta, gamma, 1e-3)


BATCHES = {"images": (3, 5, 4, 3), "rows": (9, 4)}

MORE: dict[str, list[Case]] = {
    "batch_norm.normalize_batch": [
        Case(name, normal(shape, shape[-1:], shape[-1:]), {"epsilon": 1e-3, "statistics": {}},
             normalized_by_keras)
        for name, shape in BATCHES.items()
    ],
    "batch_norm.scale_and_shift": [
        Case(name, normal(shape, shape[-1:], shape[-1:]),
             theirs=lambda k, x, factor, shift: x * factor + shift)
        for name, shape in BATCHES.items()
    ],
    "adaptive_average_pool": adaptive_cases(normal, "mean", linear="each"),
    "adaptive_max_pool": adaptive_cases(distinct, "max"),
    "average_pool": pools_of_other_ranks("average_pool", normal, linear="each"),
    "batch_normalization": [
        Case("last", both(normal((3, 2, 4), (4,)), positive((4,))), {"axis": -1}),
        Case("middle", both(normal((3, 4, 2), (4,)), positive((4,))), {"axis": 1}),
        Case("scale and offset",
             lambda rng: (*normal((3, 4), (4,))(rng), *positive((4,))(rng), -1,
                          *normal((4,), (4,))(rng))),
        Case("epsilon", both(normal((3, 4), (4,)), positive((4,))),
             {"axis": -1, "epsilon": 0.1}),
    ],
    "celu": [unary(off_zero((3, 4))), Case("wide", FAR_OUT, smooth=False),
             Case("alpha", off_zero((3, 4)), {"alpha": 0.5})],
    "conv": [
        *convs_of_other_ranks(),
        Case("volumes, dilation in depth", normal((1, 6, 4, 4, 2), (2, 2, 2, 2, 3)),
             {"dilation_rate": (2, 1, 1), "padding": "same"}, dilated_volumes, linear="each"),
    ],
    "conv_transpose": transposed_cases(),
    "depthwise_conv": [
        Case(name, normal(x, weight), static, linear="each")
        for name, (x, weight, static) in DEPTHWISE.items()
    ],
    "elu": [Case("small", SMALL, smooth=False)],
    "erf": [Case("spread", SPREAD, smooth=False), Case("small", SMALL),
            Case("nodes", just(np.arange(-3, 3) / 16 + 1 / 32)), unary(normal((3, 4)))],
    "gelu": [
        # TensorFlow rounds the constants to float32.
        *statics(normal((3, 4)), [{}, {"approximate": False}], tolerance=1e-7),
        Case("wide", just(np.array([-40.0, -5.0, 0.0, 5.0, 40.0])), {"approximate": False},
             smooth=False, tolerance=1e-7),
    ],
    "glu": statics(normal((4, 3, 2)), [{}, {"axis": 0}]),
    "hard_shrink": [*activation(), Case("threshold", off_zero((3, 4)), {"threshold": 0.9})],
    "hard_sigmoid": [unary(normal((3, 4))), Case("limits", just(np.array([-3.0, 1.0, 3.0])),
                                                  smooth=False)],
    "hard_silu": activation(),
    "hard_swish": activation(),
    "hard_tanh": activation(kinks=True),
    "image.affine_transform": affine_cases(),
    "image.crop_images": [
        Case("top and left", normal((2, 6, 7, 3)),
             {"top_cropping": 1, "left_cropping": 2, "target_height": 3, "target_width": 4},
             linear="each"),
        Case("both ends", normal((3, 6, 7)),
             {"top_cropping": 1, "bottom_cropping": 2, "left_cropping": 0, "right_cropping": 3,
              "data_format": "channels_first"}, linear="each"),
    ],
    "image.hsv_to_rgb": [
        Case("last", colours((2, 3, 4, 3)), their_gradient=False),
        Case("first", colours((3, 3, 4), 0), {"data_format": "channels_first"},
             their_gradient=False),
    ],
    "image.pad_images": [
        Case("top and left", normal((2, 6, 7, 3)),
             {"top_padding": 1, "left_padding": 2, "target_height": 9, "target_width": 10},
             linear="each"),
        Case("both ends", normal((3, 6, 7)),
             {"top_padding": 1, "bottom_padding": 2, "left_padding": 0, "right_padding": 3,
              "data_format": "channels_first"}, linear="each"),
    ],
    "image.resize": resize_cases(),
    "image.rgb_to_grayscale": [
        Case("last", normal((2, 3, 4, 3)), linear="each"),
        Case("first", normal((3, 3, 4)), {"data_format": "channels_first"}, linear="each"),
        Case("grey", normal((3, 4, 1)), linear="each"),
    ],
    "image.rgb_to_hsv": [
        Case("last", colours((2, 3, 4, 3))),
        Case("first", colours((3, 3, 4), 0), {"data_format": "channels_first"}),
    ],
    "layer_normalization": [
        *statics(normal((3, 5, 4)), [{}, {"axis": 1}, {"axis": [1, 2]}, {"epsilon": 0.1}]),
        Case("scaled", normal((3, 2, 4), (4,), (4,))),
        Case("scaled, two axes", normal((3, 2, 4), (2, 4), (2, 4)), {"axis": (1, 2)}),
        Case("scaled, middle", normal((3, 4, 2), (4,), (4,)), {"axis": 1}),
    ],
    "log_sigmoid": activation(),
    "log_softmax": statics(normal((2, 3, 4)), [{"axis": None}]),
    "max_pool": pools_of_other_ranks("max_pool", distinct),
    "mish": [unary(normal((3, 4)), theirs=lambda k, x: x * k.tanh(k.softplus(x)))],
    "moments": [
        Case(f"{'mean' if pick == 0 else 'variance'}, {static}", normal((2, 3, 4)), static,
             pick=pick)
        for pick in (0, 1)
        for static in ({"axes": [0]}, {"axes": (0, 2)}, {"axes": [1], "keepdims": True})
    ],
    "normalize": statics(
        off_zero((3, 4)), [{}, {"axis": 0}, {"order": 1}, {"order": 3}, {"axis": (0, 1)}]
    ),
    "pad": [
        *statics(normal((3, 4)), [
            {"pad_width": ((1, 2), (0, 3)), "mode": "reflect"},
            {"pad_width": ((1, 2), (3, 4)), "mode": "symmetric"},
        ], linear="each"),
        Case("value", normal((2, 3)), {"pad_width": ((1, 0), (2, 1)), "constant_values": 2.0}),
        Case("number", normal((2, 3)), {"pad_width": 1},
             lambda k, x: k.pad(x, ((1, 1), (1, 1))), linear="each"),
        Case("edge", normal((2, 3)), {"pad_width": ((1, 0), (2, 1)), "mode": "edge"},
             lambda k, x: k.take(k.take(x, [0, 0, 1], 0), [0, 0, 0, 1, 2, 2], 1), linear="each"),
    ],
    "psnr": [Case("plain", normal((3, 4), (3, 4)), {"max_val": 2.0})],
    "relu6": [unary(lambda rng: (rng.uniform(0.1, 5.9, (3, 4)),)),
              Case("limits", just(np.array([-1.0, 0.0, 3.0, 6.0, 7.0])), smooth=False)],
    "rms_normalization": [
        *statics(normal((3, 2, 4)), [{}, {"axis": 1}, {"epsilon": 0.1}]),
        Case("scaled", normal((3, 4), (4,))),
    ],
    "selu": activation(),
    "separable_conv": [
        Case("images", normal((2, 6, 7, 3), (3, 3, 3, 2), (1, 1, 6, 4)),
             {"padding": "same", "strides": 2}, linear="each"),
        Case("sequences", normal((2, 9, 3), (3, 3, 2), (1, 6, 4)), linear="each"),
        Case("channels first", normal((2, 3, 6, 7), (3, 3, 3, 1), (1, 1, 3, 4)),
             {"data_format": "channels_first"}, linear="each"),
    ],
    "soft_shrink": [*activation(), Case("threshold", off_zero((3, 4)), {"threshold": 0.9})],
    "softmax": statics(normal((2, 3, 4)), [{"axis": None}, {"axis": (0, 2)}]),
    "softsign": activation(),
    "sparse_plus": activation(),
    "sparse_sigmoid": [unary(off_zero((3, 4)), theirs=lambda k, x: k.clip((x + 1) / 2, 0, 1))],
    "sparsemax": [*statics(normal((3, 5)), [{}, {"axis": 0}])],
    "squareplus": [*activation(), Case("b", normal((3, 4)), {"b": 2})],
    "swish": activation(),
    "tanh_shrink": [unary(normal((3, 4)))],
    "threshold": [
        Case("plain", off_zero((3, 4)), {"threshold": 0.05, "default_value": 0.25}),
    ],
    "multi_hot": [
        *statics(labels((2, 3), 4), [{"num_classes": 5}], differentiable=False),
        Case("one sample", labels((3,), 4), {"num_classes": 5}, differentiable=False),
    ],
    "one_hot": statics(
        labels((2, 3), 4),
        [{"num_classes": 4, "axis": 0}, {"num_classes": 4, "axis": 1},
         {"num_classes": 5, "dtype": "int32"}],
        differentiable=False,
    ),
    **{
        name: [unary(make((3, 4))), *more]
        for name, make, more in (
            ("arccos", lambda s: lambda rng: (rng.uniform(-0.8, 0.8, s),), []),
            ("arccosh", lambda s: lambda rng: (rng.uniform(1.2, 3, s),), []),
            ("arcsin", lambda s: lambda rng: (rng.uniform(-0.8, 0.8, s),), []),
            ("arcsinh", normal, []),
            ("arctan", normal, []),
            ("arctanh", lambda s: lambda rng: (rng.uniform(-0.8, 0.8, s),), []),
            ("cos", normal, []),
            ("cosh", normal, []),
            ("exp2", normal, []),
            ("expm1", normal, [Case("small", SMALL, smooth=False)]),
            ("log10", positive, []),
            ("log2", positive, []),
            ("reciprocal", off_zero, []),
            ("rsqrt", positive, []),
            ("sin", normal, []),
            ("sinh", normal, []),
            ("tan", lambda s: lambda rng: (rng.uniform(-1.2, 1.2, s),), []),
        )
    },
    "arctan2": [Case("plain", off_zero((3, 4), (4,)))],
}  # fmt: skip

_TABLES = (FIRST_CASES, MORE, ARRAY_CASES)

CASES = {
    name: [case for table in _TABLES for case in table.get(name, [])]
    for name in sorted({name for table in _TABLES for name in table})
}
