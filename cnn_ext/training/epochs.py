"""Epochs: batches, as many as an epoch has."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from cnn_ext.callbacks.kept import is_small, knowledge, put_back
from cnn_ext.random import SeedGenerator
from cnn_ext.training.data import ArrayBatches, ArrayData, Source, is_array_data, iterable_source

RAN_OUT = (
    "Your input ran out of data; interrupting training. Make sure that your dataset or generator "
    "can generate at least `steps_per_epoch * epochs` batches. You may need to use the `.repeat()` "
    "function when building your dataset."
)


class Place(NamedTuple):
    """What the batches to come depend on: draws of orders, what the user's object knows."""

    draws: Any
    known: dict[str, Any]

    @classmethod
    def of(cls, source: Source) -> Place:
        """Where a source is now."""
        draws = None if source.stream is None else source.stream.state.numpy().copy()
        if source.holder is None:
            return cls(draws, {})
        return cls(draws, copy.deepcopy(knowledge(source.holder, is_small)))

    def parts(self) -> list[Any]:
        """As plain data, of which `Place(*parts)` is made."""
        return list(self)

    def put_back(self, source: Source) -> None:
        """Let a source be here."""
        if source.stream is not None and self.draws is not None:
            source.stream.state.assign(self.draws)
        if source.holder is not None:
            put_back(source.holder, self.known)


class Epochs:
    """The batches of one epoch, each time it is iterated over.

    Args:
        source: where they come from.
        steps: batches in an epoch, which then goes on where the last one ended; None for all.

    `steps` is the number of batches in an epoch, None if that is not known; `exhausted` is True
    when there will be none in the next.
    """

    def __init__(self, source: Source, steps: int | None) -> None:
        self.source = source
        self._asked = steps
        self.steps = steps or source.num_batches
        self.exhausted = False
        self._seen = 0
        self._taken = 0
        self._begun = 0  # batches of the next epoch that were trained on before
        self._rest: Iterator[Any] | None = source.passed() if source.once else None
        self._pass: Place | None = None  # if it is asked for: where the pass begins

    def restart(self) -> None:
        """Let the next epoch begin with the first batch; a generator can only go on."""
        if not self.source.once:
            self._rest = None

    def watch(self) -> None:
        """Keep what `position` needs."""
        self._pass = Place.of(self.source)

    def position(self) -> dict[str, Any]:
        """Where the batches are, as `resume` takes it."""
        assert self._pass is not None, "watch() comes first"
        now = Place.of(self.source)
        begun = self._pass if self._rest is not None else now
        return {
            "taken": self._taken, "seen": self._seen if self._rest is not None else None,
            "exhausted": self.exhausted, "pass": begun.parts(), "now": now.parts(),
        }  # fmt: skip

    def resume(self, position: dict[str, Any], step: int) -> None:
        """Go on from a position, which was reached after so many batches of an epoch."""
        seen, self._taken = position["seen"], position["taken"]
        self._pass = Place(*position["pass"])
        self._pass.put_back(self.source)
        if self.source.once:
            self._rest = self.source.passed(self._taken)
        elif seen is not None:
            self._rest = self.source.passed(seen)
        self._seen, self._begun = seen or 0, step
        self.exhausted = bool(position["exhausted"])
        if step:
            self.source.on_epoch_begin()
        Place(*position["now"]).put_back(self.source)

    def sample(self) -> Any:
        """Some batch, to learn shapes from, after which all is as before; None if there is none."""
        place = Place.of(self.source)
        batch = self.source.sample()
        place.put_back(self.source)
        return batch

    def _new_pass(self) -> None:
        if self._pass is not None:
            self._pass = Place.of(self.source)
        self._rest = self._rest if self.source.once else self.source.passed()
        self._seen = 0

    def __iter__(self) -> Iterator[Any]:
        step, self._begun = self._begun, 0
        if not step:
            self.source.on_epoch_begin()
            if self._rest is None or self._asked is None:
                self._new_pass()
        assert self._rest is not None
        while self.steps is None or step < self.steps:
            batch = next(self._rest, None) if self._left() else None
            if batch is None:
                self._ran_out(step)
                break
            self._seen += 1
            self._taken += 1
            step += 1
            yield batch
        if not self._left():
            self.restart()
        self.source.on_epoch_end()

    def _left(self) -> bool:
        return self.source.num_batches is None or self._seen < self.source.num_batches

    def _ran_out(self, step: int) -> None:
        """There is no batch left: as it should be, or too early."""
        self.exhausted = self.source.once
        self.restart()
        if self._asked is not None:
            warnings.warn(
                f"{RAN_OUT} This epoch ends after {step} of the {self._asked} steps that it should "
                "have.",
                stacklevel=4,
            )


def epochs_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: Any = None,
    steps: Any = None,
    shuffle: Any = False,
    class_weight: Any = None,
    stream: SeedGenerator | None = None,
    steps_name: str = "steps",
) -> Epochs:
    """The epochs of a user's data: arrays, which are cut into batches, or a source of batches.

    Args:
        x, y, sample_weight: the data; or `x` alone, an ArrayData included.
        batch_size: samples in a batch; if None, what makes `steps` batches of arrays, else 32.
        steps: batches in an epoch; None for all.
        shuffle: whether in a random order, or `"batch"`: within batches.
        class_weight: factors for the samples by class.
        stream: of random orders.
        steps_name: what the user calls steps: "steps_per_epoch".
    """
    steps = None if steps is None else _positive(steps_name, steps)
    if not isinstance(x, ArrayData) and not is_array_data(x):
        source = iterable_source(x, y, sample_weight, stream if shuffle else None, class_weight)
        return Epochs(source, steps)
    data = x if isinstance(x, ArrayData) else ArrayData(x, y, sample_weight)
    if class_weight is not None:
        data.weigh_classes(class_weight)
    if batch_size is None:
        batch_size = 32 if steps is None else -(-len(data) // steps)
    size = _positive("batch_size", batch_size)
    return Epochs(ArrayBatches(data, size, stream if shuffle else None, shuffle == "batch"), steps)


def _positive(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a positive integer. Received: {name}={value!r}")
    return int(value)
