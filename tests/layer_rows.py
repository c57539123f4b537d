"""Rows of the tests of layers: a file `rows_*.py` for each family, with its `ROWS`.

It may have `UNKNOWN` too: rows whose shape, without the batch size, has unknown sizes.
"""

import importlib
import inspect
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FIRST = "channels_first"


class Row(NamedTuple):
    """A layer by name, its arguments, and the shape of a batch for it, or of several inputs."""

    layer: str
    shape: tuple[Any, ...]
    arguments: dict[str, Any]

    @property
    def name(self) -> str:
        arguments = ",".join(f"{k}={v}" for k, v in self.arguments.items())
        return f"{self.layer}({re.sub('[ ()]', '', arguments)})-{'x'.join(map(str, self.shape))}"

    def make(self, keras, **more):
        made = {
            key: value.make(keras, more.get("dtype")) if isinstance(value, Inner) else value
            for key, value in self.arguments.items()
        }
        return getattr(keras.layers, self.layer)(**{**made, **more})

    @property
    def several(self) -> bool:
        """Whether it is of a list of inputs."""
        return isinstance(self.shape[0], tuple)

    @property
    def batch_shape(self):
        """The inputs' shape, or a list of them, without the batch size."""
        if self.several:
            return [(None, *shape[1:]) for shape in self.shape]
        return (None, *self.shape[1:])

    def inputs(self, dtype, seed=0):
        rng = np.random.default_rng(seed)
        shapes = self.shape if self.several else (self.shape,)
        arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
        return arrays if self.several else arrays[0]


class Inner(NamedTuple):
    """A layer that is another one's argument."""

    layer: str
    arguments: dict[str, Any]

    def make(self, keras, dtype):
        return getattr(keras.layers, self.layer)(**self.arguments, name="inner", dtype=dtype)

    def __str__(self) -> str:
        return f"{self.layer}"


def inner(layer, **arguments):
    return Inner(layer, arguments)


def row(name, /, *shape, **arguments):
    return Row(name, shape, arguments)


def fill(layer):
    """Give a built layer weights that say something: no zeros, no two alike."""
    rng = np.random.default_rng(1)
    values = [rng.standard_normal(w.shape) * 0.5 for w in layer.weights]
    positive = [w.name.endswith(("variance", "stddev")) for w in layer.weights]
    layer.set_weights([np.abs(v) + 0.5 if p else v for v, p in zip(values, positive, strict=True)])


def in_use(layer, x):
    """The layer's output outside training, which some layers are in if nothing is said."""
    takes_training = "training" in inspect.signature(layer.call).parameters
    return layer(x, training=False) if takes_training else layer(x)


def all_rows(table="ROWS"):
    """The rows of all families."""
    paths = sorted(Path(__file__).parent.glob("rows_*.py"))
    families = [importlib.import_module(path.stem) for path in paths]
    return tuple(row for family in families for row in getattr(family, table, ()))
