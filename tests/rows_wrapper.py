"""Rows of layers around other layers."""

from layer_rows import inner, row

ROWS = (
    row("TimeDistributed", 2, 3, 5, layer=inner("Dense", units=4)),
    row("TimeDistributed", 2, 3, 6, 5, 2, layer=inner("Conv2D", filters=3, kernel_size=2)),
    row("TimeDistributed", 4, 3, 5, layer=inner("BatchNormalization")),
    row("SpectralNormalization", 2, 5, layer=inner("Dense", units=4)),
    row("SpectralNormalization", 2, 6, 5, 2, power_iterations=3,
        layer=inner("Conv2D", filters=3, kernel_size=2, use_bias=False)),
)  # fmt: skip
UNKNOWN = (row("TimeDistributed", None, 5, layer=inner("Dense", units=4)),)
