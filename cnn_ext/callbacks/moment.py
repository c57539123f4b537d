"""The moment of a training, besides its weights: what it takes to go on with the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from cnn_ext import random
from cnn_ext.autograd import Tensor
from cnn_ext.callbacks.callback_list import CallbackList, plain_logs
from cnn_ext.callbacks.kept import (
    fingerprints,
    generator_state,
    is_generator,
    set_generator,
    without,
)
from cnn_ext.saving.training_state import is_plain

_DEPTH = 3  # of objects within a layer in which random generators are looked for


class Moment:
    """Takes the state of a training apart from its weights, and puts it back.

    Args:
        model: the model that is trained.
        events: its callbacks, as they are when training begins.
    """

    def __init__(self, model: Any, events: CallbackList) -> None:
        self.model, self.events = model, events
        self._fresh = [fingerprints(one.backup_state()) for one in self._callbacks()]

    def _callbacks(self) -> list[Any]:
        return [one for one in self.events.callbacks if not one.acts_last]

    def state(self, epoch: int, step: int, logs: Any) -> dict[str, Any]:
        """All of it, after `step` batches of an epoch, as plain data."""
        model = self.model
        own = [
            [type(one).__name__, without(one.backup_state(), fresh)]
            for one, fresh in zip(self._callbacks(), self._fresh, strict=True)
        ]
        return {
            "epoch": epoch,
            "step": step,
            "logs": {k: v for k, v in plain_logs(logs).items() if is_plain(v)},
            "stopped": bool(model.stop_training) and not getattr(model, "_interrupted", False),
            "position": self.events.epochs and self.events.epochs.position(),
            "metrics": [v.numpy() for v in model.metrics_variables] if step else [],
            "generators": {k: generator_state(v) for k, v in _generators(model).items()},
            "random": random.global_state(),
            "callbacks": own,
        }

    def go_to_batch(self, state: dict[str, Any]) -> None:
        """Let the batches go on where they were, with a model that has seen the first."""
        if self.events.epochs is None:
            return
        self.events.epochs.resume(state["position"], state["step"])
        if getattr(self.events.epochs.source, "data", None) is None:  # not arrays, which `fit` sees
            batch = self.events.epochs.sample()
            if batch is not None:
                self.model._get_ready(batch)

    def put_back(self, state: dict[str, Any]) -> None:
        """What callbacks know, and all that draws random numbers."""
        left = list(self._callbacks())
        for kind, known in state["callbacks"]:
            callback = next((one for one in left if type(one).__name__ == kind), None)
            if callback is not None:
                left.remove(callback)
                if known:
                    callback.restore_state(known)
        for name, generator in _generators(self.model).items():
            if name in state["generators"]:
                set_generator(generator, state["generators"][name])
        random.set_global_state(state["random"])
        self.model.stop_training = bool(state["stopped"])

    def put_back_metrics(self, state: dict[str, Any]) -> bool:
        """Their running state; False if they are not made yet, as the first batch does."""
        variables, values = self.model.metrics_variables, state["metrics"]
        if [v.shape for v in variables] != [np.shape(value) for value in values]:
            return False
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return True


def _generators(model: Any) -> dict[str, Any]:
    """The random generators of a model, its loss, metrics and optimizer, by where they are."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for index, layer in enumerate(_layers(model, set())):
        _look_into(layer, str(index), _DEPTH, seen, found)
    return found


def _layers(layer: Any, seen: set[int]) -> Iterator[Any]:
    if id(layer) not in seen:
        seen.add(id(layer))
        yield layer
        for inside in layer._sublayers:
            yield from _layers(inside, seen)


_NO_HOLDERS = (
    str,
    bytes,
    int,
    float,
    type,
    ModuleType,
    FunctionType,
    MethodType,
    Tensor,
    np.ndarray,
    np.generic,
)


def _look_into(value: Any, place: str, depth: int, seen: set[int], found: dict[str, Any]) -> None:
    if isinstance(value, _NO_HOLDERS) or id(value) in seen:
        return
    seen.add(id(value))
    if is_generator(value):
        found[place] = value
        return
    inside: Any = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list | tuple):
        inside = enumerate(value)
    elif depth:
        inside = getattr(value, "__dict__", {}).items()
        depth -= 1
    for name, one in inside:
        if not hasattr(one, "_sublayers") and name != "_inbound_nodes":
            _look_into(one, f"{place}.{name}", depth, seen, found)
