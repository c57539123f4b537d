"""Rows of layers with several inputs."""

from layer_rows import row

SAME = ((3, 4), (3, 4))
THREE = ((2, 4, 5), (2, 4, 5), (2, 4, 5))
BROADCAST = ((2, 4, 5), (2, 1, 5))
RANKS = ((2, 4, 5, 3), (2, 3), (2, 5, 3))
ELEMENTWISE = ("Add", "Multiply", "Average", "Maximum", "Minimum")
ROWS = (
    *(row(name, *shapes) for name in ELEMENTWISE for shapes in (SAME, THREE, BROADCAST, RANKS)),
    *(row("Subtract", *shapes) for shapes in (SAME, BROADCAST, ((2, 4, 5), (2, 5)))),
    row("Concatenate", *SAME),
    row("Concatenate", (2, 4, 5), (2, 4, 1), (2, 4, 3)),
    row("Concatenate", (2, 4, 5), (2, 1, 5), axis=1),
    row("Concatenate", (2, 4, 5, 2), (2, 4, 1, 2), axis=-2),
    row("Dot", *SAME, axes=1),
    row("Dot", (2, 4, 5), (2, 4, 6), axes=1),
    row("Dot", (2, 4, 5), (2, 3, 5), axes=(2, 2)),
    row("Dot", (2, 4, 5), (2, 6, 4), axes=(1, 2)),
    row("Dot", (2, 4, 5), (2, 5), axes=-1),
    row("Dot", (2, 4, 5, 3), (2, 6, 5), axes=(2, 2)),
    row("Dot", (2, 5), (2, 5), axes=-1, normalize=True),
)
