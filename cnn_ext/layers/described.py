"""Layers described by their constructor's arguments; weights, and what arguments say of them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from cnn_ext import activations, constraints, initializers, registry, regularizers
from cnn_ext.autograd import Variable
from cnn_ext.layers.base import Layer
from cnn_ext.symbolic import Shape

_GOES_WITH_A_WEIGHT = {
    "initializer": initializers.get,
    "regularizer": regularizers.get,
    "constraint": constraints.get,
}


def arguments(constructor_locals: dict[str, Any]) -> dict[str, Any]:
    """A constructor's arguments by name, from its `locals()`; those of `**kwargs` among them."""
    named = {k: v for k, v in constructor_locals.items() if k not in ("self", "kwargs")}
    named.pop("__class__", None)
    return named | constructor_locals["kwargs"]


def argument_names(cls: type) -> tuple[str, ...]:
    """What the constructor spells out; that of the package's class, for a class of one's own."""
    ours = (c for c in cls.__mro__ if "__init__" in vars(c) and c.__module__.startswith("cnn_ext."))
    parameters = list(inspect.signature(vars(next(ours))["__init__"]).parameters.values())
    return tuple(p.name for p in parameters[1:] if p.kind is not p.VAR_KEYWORD)


class Described(Layer):
    """Base of layers that keep their constructor's arguments as attributes of the same names."""

    unwritten: Sequence[str] = ()  # arguments that stand in no configuration
    activation: Any = None

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as `from_config` takes them."""
        names = [name for name in argument_names(type(self)) if name not in self.unwritten]
        written = {name: registry.serialize_keras_object(getattr(self, name)) for name in names
                   if name != "activation"}  # fmt: skip
        if "activation" in names:
            written["activation"] = activations.serialize(self.activation)
        return {**super().get_config(), **written}


class Weighted(Described):
    """Base of layers that take an initializer, a regularizer and a constraint for each weight."""

    prefixes: Sequence[str] = ("kernel", "bias")  # of those arguments' names

    def __init__(self, **kwargs: Any) -> None:
        made = {
            f"{prefix}_{kind}": get(kwargs.pop(f"{prefix}_{kind}"))
            for prefix in self.prefixes
            for kind, get in _GOES_WITH_A_WEIGHT.items()
        }
        super().__init__(**kwargs)
        for name, value in made.items():
            setattr(self, name, value)

    def make_weight(self, name: str, shape: Shape, prefix: str | None = None) -> Variable:
        """A weight with what the arguments say of it; `prefix` is theirs if not the name."""
        said = {kind: getattr(self, f"{prefix or name}_{kind}") for kind in _GOES_WITH_A_WEIGHT}
        return self.add_weight(shape, name=name, **said)
