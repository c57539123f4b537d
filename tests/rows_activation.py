"""Rows of activations that are layers of their own, and of noise when it is off."""

from layer_rows import FIRST, row

ROWS = (
    row("LeakyReLU", 3, 40),
    row("LeakyReLU", 3, 40, negative_slope=0.125),
    row("ELU", 3, 40),
    row("ELU", 3, 40, alpha=0.5),
    row("PReLU", 3, 40),
    row("PReLU", 3, 4, 5, 6, shared_axes=[1, 2]),
    row("PReLU", 3, 4, 5, 6, shared_axes=1, alpha_initializer="ones", alpha_regularizer="l2",
        alpha_constraint="non_neg"),
    row("Identity", 3, 4),
    row("Masking", 3, 4, 5),
    row("Masking", 3, 4, 5, mask_value=2.0),
    row("SpatialDropout1D", 3, 4, 5, rate=0.5),
    row("SpatialDropout2D", 3, 4, 4, 5, rate=0.5, seed=3),
    row("SpatialDropout2D", 3, 4, 4, 5, rate=0.5, data_format=FIRST),
    row("SpatialDropout3D", 2, 3, 4, 4, 2, rate=0.25),
    row("GaussianNoise", 3, 4, stddev=0.5),
    row("GaussianDropout", 3, 4, rate=0.5, seed=2),
    row("AlphaDropout", 3, 4, rate=0.5),
    row("AlphaDropout", 3, 4, rate=0.5, noise_shape=(None, 1), seed=1),
    row("ActivityRegularization", 3, 4, l1=0.1, l2=0.2),
)  # fmt: skip
UNKNOWN = (
    row("PReLU", None, None, 3, shared_axes=[1, 2]),
    row("LeakyReLU", None, 3),
    row("GaussianNoise", None, 3, stddev=0.1),
)
