"""Where batches come from: arrays, generators, data sets. Each source says how many there are."""

from __future__ import annotations

import inspect
import itertools
import types
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from cnn_ext.random import SeedGenerator
from cnn_ext.training.batches import (
    Rows,
    arrays,
    as_batch,
    is_array,
    pack_x_y_sample_weight,
    unpack_x_y_sample_weight,
    weights_of_classes,
)
from cnn_ext.training.outputs import alike
from cnn_ext.tree import flatten, is_nested, map_structure
from cnn_ext.utils import PyDataset
from cnn_ext.utils.py_dataset import batches as made_ahead


class Source:
    """Batches, one pass after the other.

    `num_batches` is None if it is not known before the end; `once` says that there is one pass;
    `stream` draws the random order of a pass when that begins; `holder` is the user's object.
    """

    num_batches: int | None = None
    once = False
    stream: SeedGenerator | None = None
    holder: Any = None

    def passed(self, skip: int = 0) -> Iterator[Any]:
        """The batches of a new pass, without the first ones."""
        raise NotImplementedError

    def sample(self) -> Any:
        """Some batch, None if there is none."""
        return next(self.passed(), None)

    def on_epoch_begin(self) -> None:
        """Before each epoch."""

    def on_epoch_end(self) -> None:
        """After each epoch."""


class ArrayData:
    """Arrays, or structures of them, with one row a sample.

    Args:
        x: inputs.
        y: targets, or None.
        sample_weight: factors for the samples' losses: for all outputs, or for each; or None.
        what: the argument's name in errors: "x" in `fit`, "validation_data".
    """

    def __init__(self, x: Any, y: Any = None, sample_weight: Any = None, what: str = "x") -> None:
        self.x = arrays(what, x)
        self.y = arrays(f"the targets of {what}", y)
        self.sample_weight = _weights_for(self.y, arrays("sample_weight", sample_weight))
        self._check_sizes(what)

    def _check_sizes(self, what: str) -> None:
        named = [(what, self.x), ("y", self.y), ("sample_weight", self.sample_weight)]
        leaves = [leaf for _, part in named for leaf in flatten(part) if leaf is not None]
        first = leaves[0] if leaves else np.zeros(0)
        if first.ndim == 0 or len(first) == 0:
            raise ValueError(
                f"{what} holds no samples; there must be at least one. "
                f"Received: shape={first.shape}"
            )
        if any(leaf.ndim == 0 or len(leaf) != len(first) for leaf in leaves):
            shapes = ", ".join(
                f"{name} of shape {map_structure(_shape, part)}"
                for name, part in named
                if part is not None
            )
            raise ValueError(
                "Data cardinality is ambiguous. Make sure all arrays contain the same number of "
                f"samples. Received: {shapes}"
            )
        self._samples = len(first)

    def __len__(self) -> int:
        return self._samples

    def __getitem__(self, rows: Any) -> Any:
        """The batch of some rows, packed as `train_step` gets it."""
        return self.rows(rows).packed()

    def rows(self, rows: Any) -> Rows:
        """The batch of some rows, not yet gathered."""
        return Rows(self.x, self.y, self.sample_weight, rows)

    def weigh_classes(self, class_weight: Any) -> None:
        """Weigh the samples by their classes."""
        if self.sample_weight is not None:
            raise ValueError(
                "You cannot `class_weight` and `sample_weight` at the same time. "
                f"Received: class_weight={class_weight}"
            )
        self.sample_weight = weights_of_classes(self.y, class_weight)

    def split(self, fraction: float) -> tuple[ArrayData, ArrayData]:
        """The first rows, and the last `fraction` of them for validation."""
        if not 0 < fraction < 1:
            raise ValueError(f"validation_split must be between 0 and 1. Received: {fraction}")
        samples = len(self)
        at = int(samples * (1 - fraction))
        if at == 0 or at == samples:
            raise ValueError(
                f"Training data contains {samples} samples, which is not sufficient to split it "
                f"into a validation and training set: validation_split={fraction} of {samples} "
                "samples leaves none for one of them; use another fraction or more data"
            )
        first, last = (
            [_part(one, rows) for one in (self.x, self.y, self.sample_weight)]
            for rows in (slice(at), slice(at, None))
        )
        return ArrayData(*first), ArrayData(*last)


class ArrayBatches(Source):
    """Arrays cut into batches; the last may be short.

    Args:
        data: the arrays.
        batch_size: samples in a batch.
        stream: of the random orders, one for each pass; none for the order of the rows.
        within: keep the batches together, and shuffle the samples of each.

    `gathers` says whether the batches are arrays, or `Rows` that someone else gathers.
    """

    gathers = True

    def __init__(
        self, data: ArrayData, batch_size: int, stream: SeedGenerator | None, within: bool = False
    ) -> None:
        self.data, self.batch_size = data, batch_size
        self.num_batches = -(-len(data) // batch_size)
        self.stream, self._within = stream, within

    def passed(self, skip: int = 0) -> Iterator[Any]:
        return self._batches(None if self.stream is None else self.stream.generator(), skip)

    def _batches(self, random: np.random.Generator | None, skip: int) -> Iterator[Any]:
        samples, size = len(self.data), self.batch_size
        order = None if random is None or self._within else random.permutation(samples)
        for start in range(0, samples, size):
            stop = min(start + size, samples)
            rows: Any = slice(start, stop)
            if order is not None:
                rows = order[rows]
            elif random is not None:
                rows = start + random.permutation(stop - start)
            elif not self.gathers:
                rows = np.arange(start, stop)
            if start >= skip * size:
                yield self.data[rows] if self.gathers else self.data.rows(rows)


class IterableBatches(Source):
    """Anything that gives batches when it is iterated over.

    Args:
        batches: a generator, which can be gone through once, or what makes a new iterator.
        class_weight: factors by class, for batches without sample weights.
    """

    def __init__(self, batches: Iterable[Any], class_weight: Any = None) -> None:
        self._batches, self._class_weight = batches, class_weight
        self.once = isinstance(batches, Iterator)
        self._skipped: list[Any] = []
        self.holder = None if self.once or not hasattr(batches, "__dict__") else batches
        try:
            self.num_batches = len(batches)  # type: ignore[arg-type]
        except TypeError:  # has no length, or an infinite one
            self.num_batches = None

    def passed(self, skip: int = 0) -> Iterator[Any]:
        batches = iter(self._batches)
        if skip and not (isinstance(batches, types.GeneratorType) and _has_begun(batches)):
            self._skipped = [next(batches, None)]
            for _ in range(skip - 1):
                next(batches, None)
        return self._checked(batches)

    def sample(self) -> Any:
        return next(self._checked(iter(self._skipped)), None) if self.once else super().sample()

    def _checked(self, batches: Iterator[Any]) -> Iterator[Any]:
        generator = isinstance(self._batches, types.GeneratorType)
        for batch in batches:
            if generator and not isinstance(batch, tuple):
                raise ValueError(
                    "When passing a Python generator to a Keras model, the generator must return "
                    "a tuple, either (input,) or (inputs, targets) or (inputs, targets, "
                    f"sample_weights). Received: {type(batch).__name__}"
                )
            yield _weighed(as_batch(batch), self._class_weight)


class DatasetBatches(Source):
    """A PyDataset, whose batches are made ahead by its workers.

    Args:
        dataset: the data set.
        stream: of random orders of its batches, or none.
        class_weight: factors by class, for batches without sample weights.
    """

    def __init__(self, dataset: PyDataset, stream: SeedGenerator | None, class_weight: Any) -> None:
        self._dataset, self.stream, self._class_weight = dataset, stream, class_weight
        self.holder = dataset
        self.num_batches = dataset.num_batches
        if self.num_batches == 0:
            raise ValueError("The PyDataset has length 0. Received: num_batches=0")

    def passed(self, skip: int = 0) -> Iterator[Any]:
        order: Any = itertools.count() if self.num_batches is None else range(self.num_batches)
        if self.stream is not None and self.num_batches is not None:
            order = self.stream.generator().permutation(self.num_batches).tolist()
        return self._made(itertools.islice(order, skip, None))

    def _made(self, order: Iterable[int]) -> Iterator[Any]:
        for batch in made_ahead(self._dataset, order):
            fits = isinstance(batch, list | tuple) and len(batch) in (1, 2, 3)
            if not (fits or isinstance(batch, dict | np.ndarray)):
                raise ValueError(
                    "PyDataset.__getitem__() must return a tuple or a dict. If a tuple, it must be "
                    "ordered either (input,) or (inputs, targets) or (inputs, targets, "
                    f"sample_weights). Received: {type(batch)}"
                )
            yield _weighed(as_batch(batch), self._class_weight)

    def on_epoch_begin(self) -> None:
        self._dataset.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self._dataset.on_epoch_end()


def is_array_data(x: Any) -> bool:
    """Whether it is an array, or a list, tuple or dict of arrays."""
    if isinstance(x, PyDataset) or (hasattr(x, "__next__") and not hasattr(x, "__array__")):
        return False
    return is_array(x) or is_nested(x)


def iterable_source(
    x: Any, y: Any, sample_weight: Any, stream: SeedGenerator | None, class_weight: Any
) -> Source:
    """The source for what is not arrays."""
    if not hasattr(x, "__iter__") and not isinstance(x, PyDataset):
        raise ValueError(
            "Unrecognized data type: x must be an array, a list or dict of arrays, a PyDataset, a "
            f"generator or another iterable of batches. Received: x={x!r} (of type {type(x)})"
        )
    dataset = isinstance(x, PyDataset)
    generator = isinstance(x, types.GeneratorType)
    kind = "PyDataset" if dataset else "generator" if generator else type(x).__name__
    for name, given, description in (
        ("y", y, "the targets"),
        ("sample_weight", sample_weight, "the sample weights"),
    ):
        if given is not None:
            raise ValueError(
                f"When providing `x` as a {kind}, `{name}` should not be passed. Instead, "
                f"{description} should be included as part of the {kind}. "
                f"Received: {name} of type {type(given).__name__}"
            )
    if dataset:
        return DatasetBatches(x, stream, class_weight)
    if generator and class_weight is not None:
        raise ValueError(
            "Argument `class_weight` is not supported for Python generator inputs. "
            f"Received: class_weight={class_weight}"
        )
    return IterableBatches(x, class_weight)


def _has_begun(generator: types.GeneratorType[Any, Any, Any]) -> bool:
    return inspect.getgeneratorstate(generator) != inspect.GEN_CREATED


def _weighed(batch: Any, class_weight: Any) -> Any:
    if class_weight is None:
        return batch
    x, y, sample_weight = unpack_x_y_sample_weight(batch)
    if sample_weight is not None:
        raise ValueError(
            "You cannot specify `class_weight` and `sample_weight` at the same time. "
            f"Received: class_weight={class_weight}"
        )
    return pack_x_y_sample_weight(x, y, weights_of_classes(y, class_weight))


def _weights_for(y: Any, sample_weight: Any) -> Any:
    """Sample weights in the structure of targets, checked."""
    if sample_weight is None or not is_nested(y):
        return sample_weight
    if is_nested(sample_weight):
        if not alike(y, sample_weight):
            raise ValueError(
                "You should provide one `sample_weight` array per output in `y`. The two "
                f"structures did not match: y: {map_structure(lambda _: '*', y)}. Received: "
                f"sample_weight={map_structure(lambda _: '*', sample_weight)}"
            )
        return sample_weight
    if sample_weight.ndim != 1 and sample_weight.shape[1:] != (1,):
        raise ValueError(
            "For a model with multiple outputs, when providing a single `sample_weight` array, it "
            "should only have one scalar score per sample (i.e. shape `(num_samples,)`). If you "
            "want to use non-scalar sample weights, pass a `sample_weight` argument with one array "
            f"per model output. Received: shape={sample_weight.shape}"
        )
    return map_structure(lambda _: sample_weight, y)


def _shape(array: np.ndarray | None) -> Any:
    return None if array is None else array.shape


def _part(part: Any, rows: Any) -> Any:
    """Some rows of each array, as they are."""
    return map_structure(lambda array: None if array is None else array[rows], part)
