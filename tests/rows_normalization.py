"""Rows of normalizations, with the moving statistics in use."""

from layer_rows import row

ALL_SAID = {
    "beta_initializer": "ones", "gamma_initializer": "he_normal", "beta_regularizer": "l2",
    "gamma_regularizer": "l2", "beta_constraint": "non_neg", "gamma_constraint": "max_norm",
}  # fmt: skip
ROWS = (
    row("BatchNormalization", 4, 5, 6, 3),
    row("BatchNormalization", 6, 5),
    row("BatchNormalization", 2, 3, 4, 5, 2),
    row("BatchNormalization", 4, 3, 5, 6, axis=1),
    row("BatchNormalization", 4, 5, 6, 3, axis=2, momentum=0.8, epsilon=0.1),
    row("BatchNormalization", 4, 5, 6, 3, center=False),
    row("BatchNormalization", 4, 5, 6, 3, scale=False),
    row("BatchNormalization", 4, 5, 6, 3, center=False, scale=False, axis=1),
    row("BatchNormalization", 4, 5, 3, renorm=True, renorm_clipping={"rmax": 3.0, "dmax": 5.0}),
    row("BatchNormalization", 4, 5, 3, moving_mean_initializer="ones", **ALL_SAID
        | {"gamma_initializer": "ones"}),
    row("LayerNormalization", 4, 5),
    row("LayerNormalization", 4, 5, 6, 3, epsilon=0.1),
    row("LayerNormalization", 4, 5, 6, 3, axis=[1, 2, 3]),
    row("LayerNormalization", 4, 5, 6, 3, axis=1),
    row("LayerNormalization", 4, 5, 6, 3, axis=[2, 1], center=False),
    row("LayerNormalization", 4, 5, 6, scale=False),
    row("LayerNormalization", 4, 5, **ALL_SAID | {"gamma_initializer": "ones"}),
    row("GroupNormalization", 2, 4, 5, 6, groups=3),
    row("GroupNormalization", 2, 6, 4, 5, groups=2, axis=1),
    row("GroupNormalization", 2, 4, 5, 6, groups=-1, epsilon=0.1),
    row("GroupNormalization", 2, 4, 5, 6, groups=1, center=False),
    row("GroupNormalization", 2, 5, 6, groups=2, scale=False),
    row("GroupNormalization", 2, 4, 6, groups=6, **ALL_SAID | {"gamma_initializer": "ones"}),
    row("UnitNormalization", 4, 5),
    row("UnitNormalization", 4, 5, 6, axis=1),
    row("UnitNormalization", 4, 5, 6, axis=[1, 2]),
    row("RMSNormalization", 4, 5),
    row("RMSNormalization", 4, 5, epsilon=0.1),
    row("RMSNormalization", 4, 5, 6, axis=[1, 2]),
)  # fmt: skip
UNKNOWN = (
    row("BatchNormalization", None, None, 3),
    row("LayerNormalization", None, 3),
    row("GroupNormalization", None, None, 6, groups=2),
    row("UnitNormalization", None, 3),
    row("RMSNormalization", None, 3),
)
