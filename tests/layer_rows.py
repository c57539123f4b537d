"""Rows of the tests of layers: a file `rows_*.py` for each family, with its `ROWS`.

It may have `UNKNOWN` too: rows whose shape, without the batch size, has unknown sizes.
"""

import importlib
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FIRST = "channels_first"


class Row(NamedTuple):
    """A layer by name, its arguments, and the shape of a batch for it."""

    layer: str
    shape: tuple[int, ...]
    arguments: dict[str, Any]

    @property
    def name(self) -> str:
        arguments = ",".join(f"{k}={v}" for k, v in self.arguments.items())
        return f"{self.layer}({re.sub('[ ()]', '', arguments)})-{'x'.join(map(str, self.shape))}"

    def make(self, keras, **more):
        return getattr(keras.layers, self.layer)(**{**self.arguments, **more})

    def inputs(self, dtype, seed=0):
        return np.random.default_rng(seed).standard_normal(self.shape).astype(dtype)


def row(layer, *shape, **arguments):
    return Row(layer, shape, arguments)


def fill(layer):
    """Give a built layer weights that say something: no zeros, no two alike."""
    rng = np.random.default_rng(1)
    layer.set_weights([rng.standard_normal(w.shape) * 0.5 for w in layer.weights])


def all_rows(table="ROWS"):
    """The rows of all families."""
    paths = sorted(Path(__file__).parent.glob("rows_*.py"))
    families = [importlib.import_module(path.stem) for path in paths]
    return tuple(row for family in families for row in getattr(family, table, ()))
