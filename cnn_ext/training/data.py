"""Data for the loops: checked once, cut into batches."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from cnn_ext.autograd import Tensor, as_array
from cnn_ext.random import SeedGenerator


class Batch(NamedTuple):
    """One batch: inputs, and targets and sample weights if there are any."""

    x: np.ndarray
    y: np.ndarray | None
    sample_weight: np.ndarray | None


class ArrayData:
    """Arrays with one row a sample.

    Args:
        x: inputs.
        y: targets, or None.
        sample_weight: one factor a sample, or None.
        what: the argument's name in errors: "x" in `fit`, "validation_data".
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        what: str = "x",
    ) -> None:
        self.x = _numbers(what, x)
        self.y = None if y is None else _numbers(f"the targets of {what}", y)
        self.sample_weight = (
            None if sample_weight is None else _numbers("sample_weight", sample_weight)
        )
        if self.x.ndim == 0 or len(self.x) == 0:
            raise ValueError(
                f"{what} holds no samples; there must be at least one. "
                f"Received: shape={self.x.shape}"
            )
        for name, other in (("y", self.y), ("sample_weight", self.sample_weight)):
            if other is not None and (other.ndim == 0 or len(other) != len(self.x)):
                raise ValueError(
                    "Data cardinality is ambiguous. Make sure all arrays contain the same number "
                    f"of samples. Received: {what} of shape {self.x.shape}, {name} of shape "
                    f"{other.shape}"
                )

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Any) -> Batch:
        return Batch(
            self.x[rows],
            None if self.y is None else self.y[rows],
            None if self.sample_weight is None else self.sample_weight[rows],
        )

    def weigh_classes(self, class_weight: dict[int, float]) -> None:
        """Multiply the samples' weights by those of their classes: labels, or one-hot rows."""
        if not isinstance(class_weight, dict):
            raise TypeError(
                "class_weight must be a dict of factors by class, such as {0: 1.0, 1: 2.5}. "
                f"Received: {class_weight!r}"
            )
        if self.y is None:
            raise ValueError("class_weight needs targets: pass y")
        y = self.y
        labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(len(y))
        weights = np.ones(len(y), np.float32)
        for label, weight in class_weight.items():
            weights[labels == label] = weight
        self.sample_weight = weights * (1 if self.sample_weight is None else self.sample_weight)

    def split(self, fraction: float) -> tuple[ArrayData, ArrayData]:
        """The first rows, and the last `fraction` of them for validation."""
        if not 0 < fraction < 1:
            raise ValueError(f"validation_split must be between 0 and 1. Received: {fraction}")
        at = int(len(self.x) * (1 - fraction))
        if at == 0 or at == len(self.x):
            raise ValueError(
                f"validation_split={fraction} of {len(self.x)} samples leaves none for training or "
                "none for validation; use another fraction or more data"
            )
        first, last = self[:at], self[at:]
        return (
            ArrayData(first.x, first.y, first.sample_weight),
            ArrayData(last.x, last.y, last.sample_weight),
        )


class Epochs:
    """The batches of one epoch, each time it is iterated over.

    Args:
        data: what is cut into batches; the last may be short.
        batch_size: samples in a batch; if None, what makes `steps` batches of the data, else 32.
        steps: batches in an epoch, which then goes on where the last one ended; None for all.
        shuffle: the stream of random orders, one for each pass over the data, if any.
        steps_name: what the user calls steps: "steps_per_epoch".
    """

    def __init__(
        self,
        data: ArrayData,
        batch_size: int | None = None,
        steps: int | None = None,
        shuffle: SeedGenerator | None = None,
        steps_name: str = "steps",
    ) -> None:
        self.data = data
        if steps is not None:
            steps = _positive(steps_name, steps)
        if batch_size is None:
            batch_size = 32 if steps is None else -(-len(data) // steps)
        self.batch_size = _positive("batch_size", batch_size)
        self.all_steps = -(-len(data) // self.batch_size)
        self.steps = steps or self.all_steps
        self._shuffle = shuffle
        self.restart()

    def restart(self) -> None:
        """Let the next epoch begin with the first batch."""
        self._rest: Iterator[Batch] = iter(())
        self._left = 0

    def __iter__(self) -> Iterator[Batch]:
        if not self._left:
            self._rest, self._left = self._batches(), self.all_steps
        for step in range(self.steps):
            if not self._left:
                warnings.warn(
                    f"Your input ran out of data: it has {self.all_steps} batches, and this "
                    f"epoch ends after {step} of the {self.steps} steps that it should have.",
                    stacklevel=2,
                )
                return
            self._left -= 1
            yield next(self._rest)

    def _batches(self) -> Iterator[Batch]:
        samples = len(self.data)
        order = None if self._shuffle is None else self._shuffle.generator().permutation(samples)
        for start in range(0, samples, self.batch_size):
            rows: Any = slice(start, start + self.batch_size)
            yield self.data[rows if order is None else order[rows]]


def _positive(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a positive integer. Received: {name}={value!r}")
    return int(value)


def _numbers(name: str, value: Any) -> np.ndarray:
    """A user's data as an array of numbers, or an error that says what was given."""
    if isinstance(value, Tensor):
        value = value.data
    if hasattr(value, "__next__") or not hasattr(value, "__len__"):
        raise ValueError(
            f"{name} must be an array; generators and data sets are not supported yet: collect "
            f"them with numpy.concatenate. Received: {type(value).__name__}"
        )
    try:
        array = as_array(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must hold numbers in a regular shape, each row as long as the others. "
            f"Received: {type(value).__name__} of length {len(value)}"
        ) from None
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold numbers. Received: dtype={array.dtype}")
    return array


def unpack_validation(data: Any) -> ArrayData:
    """validation_data as ArrayData: (x, y) or (x, y, sample_weight)."""
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        raise ValueError(
            "validation_data must be a tuple (x_val, y_val) or (x_val, y_val, sample_weights). "
            f"Received: {type(data).__name__}"
            + (f" of length {len(data)}" if isinstance(data, tuple | list) else "")
        )
    x, y, sample_weight = (*data, None)[:3]
    return ArrayData(x, y, sample_weight, what="validation_data")
