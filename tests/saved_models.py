"""Models that travel in files between Keras and here: each made by one function for both, and the
data and the questions that all such tests share.
"""

import numpy as np

from cases import assert_close

# --- Models -----------------------------------------------------------------------------------


def textbook(k):
    return k.Sequential(
        [
            k.layers.Input((10, 10, 1)),
            k.layers.Conv2D(4, 3, activation="relu"),
            k.layers.MaxPooling2D(2),
            k.layers.Conv2D(6, 3, activation="relu"),
            k.layers.MaxPooling2D(2),
            k.layers.Flatten(),
            k.layers.Dropout(0.0),
            k.layers.Dense(5, activation="relu"),
            k.layers.Dense(3, activation="softmax"),
        ]
    )


def dense(k):
    return k.Sequential([k.layers.Input((6,)), k.layers.Dense(5, "tanh"), k.layers.Dense(3)])


def normalized(k):
    inputs = k.layers.Input((8, 8, 2))
    x = k.layers.Conv2D(4, 3, use_bias=False)(inputs)
    x = k.layers.BatchNormalization(momentum=0.7)(x)
    x = k.layers.LayerNormalization()(k.layers.ReLU(max_value=6.0)(x))
    x = k.layers.GroupNormalization(2)(x)
    return k.Model(inputs, k.layers.Dense(3)(k.layers.GlobalAveragePooling2D()(x)))


def branches(k):
    """Layers of one shape in branches of unlike depth: their order is not that of their making."""
    inputs = k.layers.Input((6,))
    short = k.layers.Dense(4, name="zz")(inputs)
    long = k.layers.Dense(4, name="bb")(k.layers.Dense(6, name="mm")(inputs))
    side = k.layers.Dense(4, name="aa")(inputs)
    joined = k.layers.Concatenate()([long, k.layers.Add()([side, short])])
    return k.Model(inputs, k.layers.Dense(3)(joined))


def shared(k):
    one, two = k.layers.Input((6,)), k.layers.Input((6,))
    layer = k.layers.Dense(4, "relu")
    again = k.layers.Dense(4)
    x = k.layers.Subtract()([layer(one), layer(two)])
    return k.Model([one, two], k.layers.Dense(3)(again(again(x))))


def nested(k):
    """Models in models, functional and Sequential, with weights that are not trained."""
    inputs = k.layers.Input((6,))
    deep = k.Sequential([k.layers.Dense(5), k.layers.BatchNormalization()], name="deep")
    entry = k.layers.Input((6,))
    inner = k.Model(entry, k.layers.Dense(4)(deep(entry)), name="inner")
    row = k.Sequential([k.layers.Input((4,)), k.layers.Dense(4, "relu"), k.layers.Dense(4)])
    return k.Model(inputs, k.layers.Dense(3)(row(inner(inputs))))


def nested_twice(k):
    """A model that is called twice."""
    inputs = k.layers.Input((6,))
    entry = k.layers.Input((6,))
    inner = k.Model(entry, k.layers.Dense(6, "tanh")(entry))
    return k.Model(inputs, k.layers.Dense(3)(k.layers.Add()([inner(inner(inputs)), inputs])))


def frozen(k):
    """Layers and a model that are not trained, which come last among the weights."""
    fixed = k.Sequential([k.layers.Dense(5), k.layers.BatchNormalization()])
    fixed.trainable = False
    held = k.layers.Dense(4)
    held.trainable = False
    mixed = k.Sequential([k.layers.Dense(4, trainable=False), k.layers.Dense(4)])
    return k.Sequential([k.layers.Input((6,)), fixed, held, mixed, k.layers.Dense(3)])


def convolutions(k):
    inputs = k.layers.Input((8, 8, 2))
    x = k.layers.SeparableConv2D(4, 3, depth_multiplier=2, padding="same")(inputs)
    x = k.layers.DepthwiseConv2D(3, strides=2, padding="same")(x)
    x = k.layers.Conv2DTranspose(3, 3, strides=2, padding="same")(x)
    x = k.layers.Conv2D(4, 3, dilation_rate=2, groups=1)(x)
    return k.Model(inputs, k.layers.Dense(3)(k.layers.GlobalMaxPooling2D()(x)))


def one_axis(k):
    inputs = k.layers.Input((12, 3))
    x = k.layers.Conv1D(4, 3, padding="causal", activation="gelu")(inputs)
    x = k.layers.MaxPooling1D(2)(k.layers.SeparableConv1D(4, 3)(x))
    x = k.layers.Cropping1D(1)(k.layers.UpSampling1D(2)(x))
    return k.Model(inputs, k.layers.Dense(3)(k.layers.GlobalAveragePooling1D()(x)))


def three_axes(k):
    return k.Sequential(
        [
            k.layers.Input((6, 6, 6, 1)),
            k.layers.Conv3D(3, 2, activation="relu"),
            k.layers.AveragePooling3D(2),
            k.layers.Flatten(),
            k.layers.Dense(3),
        ]
    )


def shapes(k):
    inputs = k.layers.Input((6, 4, 2))
    x = k.layers.ZeroPadding2D(((1, 0), (2, 1)))(inputs)
    x = k.layers.Cropping2D(1)(k.layers.UpSampling2D((2, 1), interpolation="bilinear")(x))
    x = k.layers.Permute((2, 1, 3))(x)
    x = k.layers.Reshape((5, -1))(x)
    return k.Model(inputs, k.layers.Dense(3)(k.layers.Flatten()(x)))


def merged(k):
    inputs = k.layers.Input((6,))
    a, b = k.layers.Dense(4, "sigmoid")(inputs), k.layers.Dense(4)(inputs)
    parts = [
        k.layers.Average()([a, b]), k.layers.Maximum()([a, b]), k.layers.Multiply()([a, b]),
        k.layers.Minimum()([a, b]), k.layers.Dot(axes=1)([a, b]),
    ]  # fmt: skip
    return k.Model(inputs, k.layers.Dense(3)(k.layers.Concatenate(axis=1)(parts)))


def activated(k):
    x = inputs = k.layers.Input((6,))
    for layer in (
        k.layers.PReLU(), k.layers.LeakyReLU(0.2), k.layers.ELU(0.7), k.layers.Activation("swish"),
        k.layers.Softmax(),
    ):  # fmt: skip
        x = layer(k.layers.Dense(6)(x))
    return k.Model(inputs, k.layers.Dense(3)(x))


def described(k):
    """Initializers, regularizers and constraints with configurations."""
    inputs = k.layers.Input((6, 6, 1))
    x = k.layers.Conv2D(
        3, 3, kernel_initializer=k.initializers.TruncatedNormal(stddev=0.2, seed=3),
        kernel_regularizer=k.regularizers.L1L2(0.01, 0.02), kernel_constraint="non_neg",
        bias_initializer=k.initializers.Constant(0.1),
    )(inputs)  # fmt: skip
    x = k.layers.Dense(
        4, kernel_initializer="he_normal", kernel_constraint=k.constraints.MaxNorm(0.9, axis=0),
        bias_regularizer="l2", activity_regularizer="l2",
    )(k.layers.Flatten()(x))  # fmt: skip
    return k.Model(inputs, k.layers.Dense(3)(x))


def wrapped(k):
    inputs = k.layers.Input((4, 6))
    x = k.layers.TimeDistributed(k.layers.Dense(5, kernel_regularizer="l2"))(inputs)
    x = k.layers.SpectralNormalization(k.layers.Dense(4))(x)
    return k.Model(inputs, k.layers.Dense(3)(k.layers.Flatten()(x)))


def prepared(k):
    return k.Sequential(
        [
            k.layers.Input((9, 9, 1)),
            k.layers.Rescaling(0.5, offset=0.1),
            k.layers.CenterCrop(8, 8),
            k.layers.Resizing(6, 6),
            k.layers.Normalization(mean=0.2, variance=2.0),
            k.layers.GaussianNoise(0.0),
            k.layers.SpatialDropout2D(0.0),
            k.layers.Flatten(),
            k.layers.Dense(3),
        ]
    )


def calculated(k):
    """Operations among the layers, which Keras writes but does not read."""
    inputs = k.layers.Input((6,))
    x = k.layers.Dense(4)(inputs) * 2.0 + 1
    x = k.ops.concatenate([x, k.ops.sqrt(k.ops.abs(x) + 1.0)], axis=-1)
    return k.Model(inputs, k.layers.Dense(3)(x - k.ops.mean(x, axis=-1, keepdims=True)))


def two_ends(k):
    """Several outputs, of which one is another's input."""
    inputs = k.layers.Input((6,))
    first = k.layers.Dense(3, name="first")(inputs)
    return k.Model(inputs, [k.layers.Dense(3, name="second")(first), first])


def double(k):
    return k.Sequential(
        [k.layers.Input((6,), dtype="float64"), k.layers.Dense(4, dtype="float64"),
         k.layers.Dense(3, dtype="float64")]
    )  # fmt: skip


def along_one_axis(k):
    """Sequences of unknown length; `one_axis` has the other layers."""
    inputs = k.layers.Input((None, 3))
    x = k.layers.ZeroPadding1D((1, 2))(inputs)
    x = k.layers.DepthwiseConv1D(3, depth_multiplier=2, padding="same")(x)
    x = k.layers.AveragePooling1D(2)(k.layers.Conv1DTranspose(4, 3, strides=2)(x))
    x = k.layers.SpatialDropout1D(0.0)(x)
    x = k.layers.RepeatVector(3)(k.layers.GlobalMaxPooling1D()(x))
    return k.Model(inputs, k.layers.Dense(3)(x))


def masked(k):
    """A mask that hides nothing."""
    layers = [k.layers.Input((4, 3)), k.layers.Masking(-9.0), k.layers.Dense(3, "softsign")]
    return k.Sequential([*layers, k.layers.Dense(3)])


def volumes(k):
    """Zeros come behind the pooling: Keras gives all that are largest in a window its gradient."""
    inputs = k.layers.Input((5, 6, 5, 2))
    x = k.layers.Conv3D(3, 2, padding="same", activation="silu")(inputs)
    x = k.layers.ZeroPadding3D(1)(k.layers.MaxPooling3D(2)(x))
    x = k.layers.Conv3DTranspose(4, 2, strides=2, use_bias=False)(x)
    x = k.layers.SpatialDropout3D(0.0)(k.layers.UpSampling3D((1, 2, 1))(x))
    x = k.layers.Cropping3D(((1, 0), (1, 2), (0, 1)))(x)
    both = [k.layers.GlobalMaxPooling3D()(x), k.layers.GlobalAveragePooling3D()(x)]
    return k.Model(inputs, k.layers.Dense(3)(k.layers.Concatenate()(both)))


def adaptive(k):
    """Inputs of one, two and three axes, pooled to sizes that are given."""
    inputs, pooled = [], []
    for size, axes in (((9,), 1), ((7, 8), 2), ((4, 5, 6), 3)):
        inputs.append(k.layers.Input((*size, 2)))
        for kind in ("Average", "Max"):
            layer = getattr(k.layers, f"Adaptive{kind}Pooling{axes}D")(3)
            pooled.append(k.layers.Flatten()(layer(inputs[-1])))
    return k.Model(inputs, k.layers.Dense(3)(k.layers.Concatenate()(pooled)))


def without_noise(k):
    """Layers that act in training alone, with nothing to do, and others that pass inputs on."""
    inputs = k.layers.Input((6,))
    x = k.layers.GaussianDropout(0.0)(k.layers.Dense(6, "mish")(inputs))
    x = k.layers.AlphaDropout(0.0)(k.layers.Identity()(x))
    x = k.layers.ActivityRegularization(l1=0.01, l2=0.02)(x)
    return k.Model(inputs, k.layers.Dense(3)(x))


def rescaled(k):
    inputs = k.layers.Input((6, 4))
    x = k.layers.RMSNormalization()(k.layers.Dense(6)(inputs))
    x = k.layers.UnitNormalization()(k.layers.Dense(5)(x))
    x = k.layers.BatchNormalization(scale=False)(k.layers.Dense(4, use_bias=False)(x))
    return k.Model(inputs, k.layers.Dense(3)(k.layers.Flatten()(x)))


def categories(k):
    """Whole numbers in, and two outputs."""
    one, several = k.layers.Input((1,), dtype="int32"), k.layers.Input((4,), dtype="int32")
    x = k.layers.Concatenate()(
        [
            k.layers.CategoryEncoding(9, output_mode="one_hot")(one),
            k.layers.CategoryEncoding(9, output_mode="multi_hot")(several),
            k.layers.CategoryEncoding(9, output_mode="count")(several),
        ]
    )
    return k.Model([one, several], [k.layers.Dense(3)(x), k.layers.Dense(2, "sigmoid")(x)])


def residual(k):
    """Blocks with a way around them, normalized, as in a ResNet."""
    x = inputs = k.layers.Input((8, 8, 3))
    for filters in (3, 4):
        y = k.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        y = k.layers.Activation("relu")(k.layers.BatchNormalization()(y))
        y = k.layers.Conv2D(filters, 3, padding="same")(y)
        if filters == 4:
            x = k.layers.AveragePooling2D(2)(k.layers.Conv2D(filters, 1)(x))
            y = k.layers.MaxPooling2D(2)(y)
        x = k.layers.ReLU()(k.layers.Add()([x, y]))
    return k.Model(inputs, k.layers.Dense(3)(k.layers.GlobalAveragePooling2D()(x)))


def augmented(k):
    """All that is random in training."""
    inputs = k.layers.Input((8, 8, 3))
    x = inputs
    for layer in (
        k.layers.RandomFlip("horizontal"), k.layers.RandomRotation(0.1),
        k.layers.RandomTranslation(0.1, (-0.2, 0.1)), k.layers.RandomZoom(0.2, 0.1),
        k.layers.RandomContrast(0.3), k.layers.RandomCrop(6, 7), k.layers.Dropout(0.5),
        k.layers.GaussianNoise(0.2),
    ):  # fmt: skip
        x = layer(x)
    return k.Model(inputs, k.layers.Dense(3)(k.layers.GlobalAveragePooling2D()(x)))


def brightened(k):
    return k.Sequential(
        [
            k.layers.Input((4, 4, 3)),
            k.layers.RandomBrightness(0.2, (0, 1)),
            k.layers.Flatten(),
            k.layers.Dense(3),
        ]
    )


MODELS = (
    textbook, dense, normalized, branches, shared, nested, nested_twice, frozen, convolutions,
    one_axis, three_axes, shapes, merged, activated, described, wrapped, prepared, calculated,
    two_ends, double, along_one_axis, masked, volumes, adaptive, without_noise, rescaled,
    categories, residual, augmented, brightened,
)  # fmt: skip
RANDOM = (augmented, brightened)  # whose training no two libraries do alike


# --- Data, weights and what is compared -------------------------------------------------------


def data(model, steps, seed=0):
    """Batches of five; sizes that a model leaves open are eight."""
    rng = np.random.default_rng(seed)

    def drawn(x):
        shape = (5, *(8 if n is None else n for n in x.shape[1:]))
        if x.dtype.startswith("int"):
            return rng.integers(0, 9, shape)
        return rng.standard_normal(shape).astype("float32")

    def batch(tensors):
        arrays = [drawn(x) for x in tensors]
        return arrays if len(arrays) > 1 else arrays[0]

    return [(batch(model.inputs), batch(model.outputs)) for _ in range(steps)]


def filled(model):
    """With weights that say something; variances are about 1."""
    rng = np.random.default_rng(1)
    model.set_weights(
        [
            0.5 + rng.random(w.shape)
            if "variance" in w.path
            else 0.4 * rng.standard_normal(w.shape)
            for w in model.weights
        ]
    )
    return model


def assert_same_weights(ours, theirs):
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(np.asarray(our), np.asarray(their))


def assert_same_outputs(ours, theirs, tolerance=1e-5):
    ours, theirs = (list(y) if isinstance(y, list | tuple) else [y] for y in (ours, theirs))
    for our, their in zip(ours, theirs, strict=True):
        assert_close(np.asarray(our), np.asarray(their), tolerance)


def assert_goes_on(ours, theirs):
    """Five more steps: the same losses and, at the end, weights."""
    for x, y in data(theirs, 5, seed=7):
        our, their = ours.train_on_batch(x, y), theirs.train_on_batch(x, y)
        np.testing.assert_allclose(our, their, rtol=1e-4)
    for our, their in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(our.numpy(), np.asarray(their), rtol=1e-4, atol=1e-4)
