"""PyDataset: data that is made batch by batch, in Python."""

from __future__ import annotations

import itertools
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent import futures
from typing import Any


class PyDataset:
    """Base of data sets that make one batch at a time (`keras.utils.PyDataset`).

    A subclass has `__getitem__(index)`, which returns the batch `x`, `(x, y)` or
    `(x, y, sample_weight)`, and `__len__()`, the number of batches; or the property
    `num_batches`, None for a data set without an end.

    Args:
        workers: how many batches `fit` has made at once.
        use_multiprocessing: make them in processes, not threads; the data set must pickle.
        max_queue_size: most batches that wait to be used.

    >>> import numpy as np
    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 2
    ...     def __getitem__(self, index):
    ...         x = np.arange(2 * index, 2 * index + 2)
    ...         return x, x**2
    >>> [y.tolist() for x, y in Squares()]
    [[0, 1], [4, 9]]
    """

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self._workers = workers
        self._use_multiprocessing = use_multiprocessing
        self._max_queue_size = max_queue_size

    def _setting(self, name: str) -> Any:
        if name not in vars(self):
            warnings.warn(
                "Your `PyDataset` class should call `super().__init__(**kwargs)` in its "
                "constructor. `**kwargs` can include `workers`, `use_multiprocessing`, "
                "`max_queue_size`. Do not pass these arguments to `fit()`, as they will be "
                "ignored.",
                stacklevel=3,
            )
            PyDataset.__init__(self)
        return vars(self)[name]

    @property
    def workers(self) -> int:
        """How many batches are made at once."""
        return self._setting("_workers")

    @workers.setter
    def workers(self, value: int) -> None:
        self._workers = value

    @property
    def use_multiprocessing(self) -> bool:
        """Whether they are made in processes."""
        return self._setting("_use_multiprocessing")

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        self._use_multiprocessing = value

    @property
    def max_queue_size(self) -> int:
        """Most batches that wait to be used."""
        return self._setting("_max_queue_size")

    @max_queue_size.setter
    def max_queue_size(self, value: int) -> None:
        self._max_queue_size = value

    def __getitem__(self, index: int) -> Any:
        """The batch at this index."""
        raise NotImplementedError(f"{type(self).__name__} must implement __getitem__(index)")

    def __iter__(self) -> Iterator[Any]:
        for index in _indices(self):
            yield self[index]

    @property
    def num_batches(self) -> int | None:
        """Number of batches, None for a data set without an end."""
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(
            "You need to implement the `num_batches` property:\n\n"
            "@property\ndef num_batches(self):\n  return ..."
        )

    def on_epoch_begin(self) -> None:
        """Called before every epoch."""

    def on_epoch_end(self) -> None:
        """Called after every epoch."""


def batches(dataset: PyDataset, order: Iterable[int] | None = None) -> Iterator[Any]:
    """The batches of a data set, made ahead by as many workers as it asks for.

    Args:
        dataset: the data set.
        order: indices of batches; all in a row if None.

    The order is kept whatever the number of workers. What a batch raises is raised here.
    """
    indices = _indices(dataset) if order is None else order
    workers, processes = dataset.workers, dataset.use_multiprocessing
    if workers < 1 or (workers == 1 and not processes):
        yield from map(dataset.__getitem__, indices)
        return
    kind = futures.ProcessPoolExecutor if processes else futures.ThreadPoolExecutor
    pool: futures.Executor = kind(workers)
    waiting: deque[futures.Future[Any]] = deque()
    ahead = max(1, dataset.max_queue_size)
    try:
        for index in indices:
            waiting.append(pool.submit(dataset.__getitem__, index))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _indices(dataset: PyDataset) -> Iterable[int]:
    try:
        number = dataset.num_batches
    except NotImplementedError:
        number = None
    return itertools.count() if number is None else range(number)


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """What `fit` takes as one batch (`keras.utils.pack_x_y_sample_weight`).

    >>> pack_x_y_sample_weight(1, 2)
    (1, 2)
    """
    if y is None:
        return (x,) if isinstance(x, list | tuple) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """`(x, y, sample_weight)` of a batch, None for what it lacks
    (`keras.utils.unpack_x_y_sample_weight`).

    >>> unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    if not isinstance(data, list | tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`, "
            f"found: {data}"
        )
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight
