"""A data set cut in two."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from cnn_ext._errors import teaches_keywords
from cnn_ext.autograd import Tensor

Size = int | float | None


@teaches_keywords
def split_dataset(
    dataset: Any,
    left_size: Size = None,
    right_size: Size = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """A data set cut into a left and a right part, as `keras.utils.split_dataset` does it.

    Args:
        dataset: an array, or a list or tuple of arrays of the same length.
        left_size: samples on the left, or their share if a float; the rest if None.
        right_size: samples on the right, or their share if a float; the rest if None.
        shuffle: whether to put the samples into a new order first.
        seed: names that order: the same for the same seed, and the one that Keras takes.
        preferred_backend: accepted for Keras's sake.

    Returns:
        Two data sets of the kind that was given: arrays, lists or tuples of arrays. (Keras makes
        `tf.data.Dataset` objects of them.)

    >>> left, right = split_dataset(np.arange(10), left_size=0.8)
    >>> left, right
    (array([0, 1, 2, 3, 4, 5, 6, 7]), array([8, 9]))
    """
    arrays = _arrays(dataset)
    if left_size is None and right_size is None:
        raise ValueError(
            "At least one of the `left_size` or `right_size` must be specified. Received: "
            "left_size=None and right_size=None"
        )
    total = len(arrays[0])
    left, right = _sizes(left_size, right_size, total)
    order: Any = slice(None)
    if shuffle:
        order = list(range(total))
        random.Random(random.randint(0, 10**6) if seed is None else seed).shuffle(order)

    def part(rows: slice) -> Any:
        cut = [array[order][rows] for array in arrays]
        return type(dataset)(cut) if isinstance(dataset, list | tuple) else cut[0]

    return part(slice(left)), part(slice(total - right, total))


def _arrays(dataset: Any) -> list[Any]:
    if isinstance(dataset, np.ndarray | Tensor):
        if dataset.ndim == 0 or len(dataset) == 0:
            raise ValueError(
                "Received an empty dataset. Argument `dataset` must be a non-empty array, or a "
                f"list/tuple of arrays. Received: dataset={dataset}"
            )
        return [dataset]
    if not isinstance(dataset, list | tuple):
        raise TypeError(
            f"Unsupported dataset type: {type(dataset)}. The `dataset` argument must be an array "
            "or a list/tuple of arrays."
        )
    kind = "list" if isinstance(dataset, list) else "tuple"
    if not dataset:
        raise ValueError(
            f"Received an empty list dataset. Please provide a non-empty {kind} of arrays. "
            f"Received: {dataset}"
        )
    for index, array in enumerate(dataset):
        if not isinstance(array, np.ndarray | Tensor):
            raise ValueError(
                f"Expected a {kind} of `numpy.ndarray` objects, Received: {type(array)} at index "
                f"{index}."
            )
        if array.ndim == 0 or len(array) != len(dataset[0]) or len(array) == 0:
            raise ValueError(
                f"Received a {kind} of NumPy arrays with different lengths. Mismatch found at "
                f"index {index}, Expected shape={dataset[0].shape} Received shape={array.shape}. "
                f"Please provide a {kind} of NumPy arrays of the same length."
            )
    return list(dataset)


def _sizes(left_size: Size, right_size: Size, total: int) -> tuple[int, int]:
    """Both sizes as numbers of samples."""
    left = _samples("left_size", left_size, total)
    right = _samples("right_size", right_size, total)
    if (
        isinstance(left_size, float)
        and isinstance(right_size, float)
        and left_size + right_size > 1
    ):
        raise ValueError(
            "The sum of `left_size` and `right_size` is greater than 1. It must be less than or "
            f"equal to 1. Received: left_size={left_size}, right_size={right_size}"
        )
    left = total - (right or 0) if left is None else left
    right = total - left if right is None else right
    if left + right > total:
        raise ValueError(
            f"The sum of `left_size` and `right_size` should be smaller than the {total}. "
            f"Received: left_size + right_size = {left + right} and total_length = {total}"
        )
    for side, size in (("left", left), ("right", right)):
        if size == 0:
            raise ValueError(
                f"With `dataset` of length={total}, `left_size`={left} and `right_size`={right}. "
                f"Resulting {side} side dataset split will be empty. Adjust any of the "
                "aforementioned parameters"
            )
    return left, right


def _samples(name: str, size: Any, total: int) -> int | None:
    if size is None:
        return None
    whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
    if not whole and not isinstance(size, float):
        raise TypeError(
            f"Invalid `{name}` Type. Expected: int or float or None, "
            f"Received: type({name})={type(size)}."
        )
    if not 0 < size < (total if whole else 1):
        raise ValueError(
            f"`{name}` should be either a positive integer smaller than {total}, or a float "
            f"within the range `[0, 1]`. Received: {name}={size}"
        )
    return int(size) if whole else round(size * total)
