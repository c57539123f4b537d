"""Data for the loops: checked once, cut into batches."""

from __future__ import annotations

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
    """Arrays with one row a sample, as batches.

    Args:
        x: inputs.
        y: targets, or None.
        sample_weight: one factor a sample, or None.
        batch_size: samples in a batch; 32 if None.
        what: the argument's name in errors: "x" in `fit`, "validation_data".
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        what: str = "x",
    ) -> None:
        self.x = _numbers(what, x)
        self.y = None if y is None else _numbers(f"the targets of {what}", y)
        self.sample_weight = (
            None if sample_weight is None else _numbers("sample_weight", sample_weight)
        )
        size = 32 if batch_size is None else batch_size
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(f"batch_size must be a positive integer. Received: {batch_size!r}")
        self.batch_size = int(size)
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

    @property
    def steps(self) -> int:
        """Number of batches; the last may be short."""
        return -(-len(self.x) // self.batch_size)

    def batches(self, shuffle: SeedGenerator | None = None) -> Iterator[Batch]:
        """The batches, in a new random order if a stream is given."""
        order = None if shuffle is None else shuffle.next().permutation(len(self.x))
        for start in range(0, len(self.x), self.batch_size):
            rows: Any = slice(start, start + self.batch_size)
            yield self[rows if order is None else order[rows]]

    def __getitem__(self, rows: Any) -> Batch:
        return Batch(
            self.x[rows],
            None if self.y is None else self.y[rows],
            None if self.sample_weight is None else self.sample_weight[rows],
        )

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
            ArrayData(first.x, first.y, first.sample_weight, self.batch_size),
            ArrayData(last.x, last.y, last.sample_weight, self.batch_size),
        )


def _numbers(name: str, value: Any) -> np.ndarray:
    """A user's data as an array of numbers, or an error that says what was given."""
    if isinstance(value, Tensor):
        value = value.data
    if hasattr(value, "__next__") or not hasattr(value, "__len__"):
        raise TypeError(
            f"{name} must be an array; generators and data sets are not supported yet: collect "
            f"them with numpy.concatenate. Received: {type(value).__name__}"
        )
    array = as_array(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold numbers. Received: dtype={array.dtype}")
    return array


def unpack_validation(data: Any, batch_size: int | None) -> ArrayData:
    """validation_data as ArrayData: (x, y) or (x, y, sample_weight)."""
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        raise ValueError(
            "validation_data must be a tuple (x_val, y_val) or (x_val, y_val, sample_weights). "
            f"Received: {type(data).__name__}"
            + (f" of length {len(data)}" if isinstance(data, tuple | list) else "")
        )
    x, y, sample_weight = (*data, None)[:3]
    return ArrayData(x, y, sample_weight, batch_size, what="validation_data")


def class_weights_of(y: np.ndarray, class_weight: dict[int, float]) -> np.ndarray:
    """Each sample's factor, by its class: integer labels, or one-hot rows."""
    labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(len(y))
    weights = np.ones(len(y), np.float32)
    for label, weight in class_weight.items():
        weights[labels == label] = weight
    return weights
