"""Legacy `.h5` files: whole models and weights, as Keras 2 and `model.save("m.h5")` wrote them.

The root's attributes `model_config` and `training_config` are JSON. The weights are in the group
`model_weights`, or in the root if there is nothing else: a group for each layer, by its name, with
the datasets that its attribute `weight_names` lists, in the order of the attribute `layer_names`.
The optimizer's are in `optimizer_weights`, listed in the same way.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnn_ext.autograd import Variable
from cnn_ext.registry import CustomObjectScope
from cnn_ext.saving import hdf5, legacy_config
from cnn_ext.saving.configuration import model_of, parsed, usable
from cnn_ext.saving.hdf5 import Mismatch, ModelFileError
from cnn_ext.saving.weights import Values, set_all

_MODEL, _OPTIMIZER, _TOP = "model_weights", "optimizer_weights", "top_level_model_weights"
_RATE = "learning_rate"


def is_legacy(file: hdf5.Group) -> bool:
    """Whether an open HDF5 file has the layout of legacy weights or models."""
    return _MODEL in file or bool(file.attributes.keys() & {"layer_names", "layer_names0"})


def model_in(path: Path, custom_objects: Mapping[str, Any] | None, compile: bool) -> Any:
    """The model in a file."""
    with hdf5.opened(path, str(path)) as file:
        model_config = _described(file, "model_config", path)
        if model_config is None:
            raise ModelFileError(
                f"No model config found in the file at {path}: it may hold weights alone, which "
                "load_weights() of the model that they belong to reads."
            )
        training = _described(file, "training_config", path) if compile else None
        with usable(str(path)), CustomObjectScope(custom_objects):
            node = legacy_config.model_node(model_config, training)
        model = model_of(node, custom_objects, compile, path.stat().st_size, str(path))
        values = values_in(file, model)
        if model.optimizer is not None:
            values |= _optimizer_values(file, model)
    set_all(values)
    return model


def _described(file: hdf5.Group, name: str, path: Path) -> dict[str, Any] | None:
    described = hdf5.text(file, name)
    return None if described is None else parsed(described.encode(), f"{path}: {name}")


def values_in(
    file: hdf5.Group, model: Any, skip_mismatch: bool = False, by_name: bool | None = None
) -> Values:
    """What an open file holds for the weights of a model's layers.

    Args:
        file: of weights, or of a whole model.
        model: a built model.
        skip_mismatch: leave weights of other shapes as they are, with a warning.
        by_name: take layers of the same names; else all that have weights, in their order.
    """
    group = hdf5.subgroup(file, _MODEL) if "layer_names" not in file.attributes else None
    reader = _Reader(file if group is None else group, skip_mismatch)
    (reader.by_name if by_name else reader.in_order)(model)
    return reader.values


class _Reader:
    """Collects the values for weights, each layer's checked before they are read."""

    def __init__(self, group: hdf5.Group, skip_mismatch: bool) -> None:
        self.group, self.skip_mismatch = group, skip_mismatch
        self.values: Values = {}

    def in_order(self, model: Any) -> None:
        layers = [layer for layer in model.layers if layer.weights]
        saved = [
            (name, weights)
            for name in hdf5.names(self.group, "layer_names")
            if (weights := self._weights_of(name))
        ]
        if len(layers) != len(saved):
            raise Mismatch(
                "Layer count mismatch when loading weights from file. "
                f"Model expected {len(layers)} layers, found {len(saved)} saved layers."
            )
        for k, (layer, (name, weights)) in enumerate(zip(layers, saved, strict=True)):
            variables = _in_legacy_order(layer)
            if len(variables) != len(weights):
                raise Mismatch(
                    f"Weight count mismatch for layer #{k} (named {layer.name} in the current "
                    f"model, {name} in the save file). Layer expects {len(variables)} weight(s). "
                    f"Received {len(weights)} saved weight(s)"
                )
            self._read(f"layer #{k} (named {layer.name})", name, weights, variables)
        self._read_top(model, skip=False)

    def by_name(self, model: Any) -> None:
        layers: dict[str, list[Any]] = {}
        for layer in model.layers:
            layers.setdefault(layer.name, []).append(layer)
        for k, name in enumerate(hdf5.names(self.group, "layer_names")):
            for layer in layers.get(name, []):
                weights, variables = self._weights_of(name), _in_legacy_order(layer)
                what = f"layer #{k} (named {name})"
                if self._counts_agree(what, weights, variables, self.skip_mismatch):
                    self._read(what, name, weights, variables)
        self._read_top(model, skip=self.skip_mismatch)

    def _read_top(self, model: Any, skip: bool) -> None:
        """The weights that are the model's own, not a layer's."""
        if _TOP in self.group:
            weights, variables = self._weights_of(_TOP), model.own_variables
            if self._counts_agree("top-level weights of model", weights, variables, skip):
                self._read("top-level model", _TOP, weights, variables)

    def _weights_of(self, place: str) -> list[str]:
        group = hdf5.subgroup(self.group, place)
        if group is None:
            raise Mismatch(f"'{place}' is not a group")
        return hdf5.names(group, "weight_names")

    def _counts_agree(
        self, what: str, weights: list[str], variables: list[Variable], skip: bool
    ) -> bool:
        if len(weights) == len(variables):
            return True
        told = f"Layer expects {len(variables)} weight(s). Received {len(weights)} saved weight(s)"
        if not skip:
            raise Mismatch(f"Weight count mismatch for {what}. {told}")
        _warn(
            f"Skipping loading of weights for {what} due to mismatch in number of weights. {told}"
        )
        return False

    def _read(self, what: str, place: str, weights: list[str], variables: list[Variable]) -> None:
        for name, variable in zip(weights, variables, strict=True):
            path = f"{place}/{name}"
            found = hdf5.dataset(self.group, path)
            if found.shape != variable.shape:
                told = (
                    f"for weight {variable.path}. Weight expects shape {variable.shape}. "
                    f"Received saved weight with shape {found.shape}"
                )
                if not self.skip_mismatch:
                    raise Mismatch(f"Shape mismatch in {what} {told}")
                _warn(f"Skipping loading weights for {what} due to mismatch in shape {told}")
                continue
            self.values[id(variable)] = variable, hdf5.value_for(variable, found, path)


def _in_legacy_order(layer: Any) -> list[Variable]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _optimizer_values(file: hdf5.Group, model: Any) -> Values:
    """The optimizer's state; none, with a warning, if it does not match."""
    group = hdf5.subgroup(file, _OPTIMIZER)
    if group is None:
        return {}
    names = hdf5.names(group, "weight_names")
    variables: list[Variable] = model.optimizer.variables
    if _RATE not in map(_last, names):  # Keras 2 did not save it
        variables = [v for v in variables if _last(v.path) != _RATE]
    if names and _last(names[0]) == "iter":
        names = _by_weight(names, len(model.trainable_variables))
    if len(names) <= 2:  # it had made no step
        variables = variables[: len(names)]
    values: Values = {}
    try:
        if len(names) != len(variables):
            raise Mismatch(f"it holds {len(names)} variables for {len(variables)}")
        for name, variable in zip(names, variables, strict=True):
            path = f"{_OPTIMIZER}/{name}"
            found = hdf5.dataset(file, path)
            values[id(variable)] = variable, hdf5.value_for(variable, found, path)
    except Mismatch as error:
        _warn(
            "Error in loading the saved optimizer state. As a result, your model is starting with "
            f"a freshly initialized optimizer: {error}"
        )
        return {}
    return values


def _by_weight(names: list[str], weights: int) -> list[str]:
    """Names that Keras 2 wrote, `iter`, `a/m`, `b/m`, `a/v`, `b/v`, as `iter`, `a/m`, `a/v`, ..."""
    slots: dict[str, list[str]] = {}
    for name in names[1:]:
        slots.setdefault(_last(name), []).append(name)
    apart = slots.pop("vhat", [])
    if any(len(slot) != weights for slot in slots.values()):
        return names
    ordered = [name for of_one in zip(*slots.values(), strict=True) for name in of_one]
    return [*names[:1], *ordered, *apart]


def _last(name: str) -> str:
    """The last part of a variable's name: `"kernel"` of `"dense/kernel:0"`."""
    return name.rpartition("/")[2].removesuffix(":0")


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=7)
