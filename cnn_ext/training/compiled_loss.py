"""The losses of compile: which belongs to which output, and their weighted sum."""

from __future__ import annotations

from typing import Any, NamedTuple

from cnn_ext import losses
from cnn_ext.metrics import Mean
from cnn_ext.training.outputs import Path, aligned_targets, is_binary, is_sparse, names_of, paths
from cnn_ext.tree import flatten, is_nested, map_structure, pack_sequence_as


class _Part(NamedTuple):
    """One loss: of which output, counted in the flat order of outputs, and how much it weighs."""

    output: int
    loss: losses.Loss
    weight: float | None
    name: str


class _Weighted:
    """A loss and its weight, as one leaf of a structure."""

    def __init__(self, loss: Any, weight: Any) -> None:
        self.loss, self.weight = loss, weight


class CompiledLoss:
    """What `compile(loss=, loss_weights=)` means, known in full when the first data are seen.

    Args:
        loss: a loss for all outputs, or a structure of losses.
        loss_weights: None, or factors in the structure of `loss`.
        output_names: names of the outputs in flat order, if the model knows them.
    """

    def __init__(self, loss: Any, loss_weights: Any, output_names: list[str] | None) -> None:
        if loss_weights and not isinstance(loss_weights, list | tuple | dict | float | int):
            raise ValueError(
                "Expected `loss_weights` argument to be a float (single output case) or a list, "
                "tuple, or dict (multiple output case). Received instead: "
                f"loss_weights={loss_weights} of type {type(loss_weights)}"
            )
        for given in flatten(loss):
            if given is not None and not _is_automatic(given):
                _as_loss(given)  # an error now, not in fit
        self._given, self._weights, self._names = loss, loss_weights, output_names
        self._parts: list[_Part] | None = None
        self.metrics: list[Mean] = []

    def _parts_for(self, y_true: Any, y_pred: Any) -> list[_Part]:
        if self._parts is None:
            self._parts = self._resolved(y_true, y_pred)
            if len(self._parts) > 1:
                self.metrics = [Mean(name=f"{part.name}_loss") for part in self._parts]
        return self._parts

    def _resolved(self, y_true: Any, y_pred: Any) -> list[_Part]:
        """A part for each output that has a loss, in the order in which the losses are written."""
        structure = _leaf_losses(self._matched_weights(y_pred), y_pred)
        leaves, outputs = flatten(structure), flatten(y_pred)
        names, keys = names_of(y_pred, self._names), list(paths(y_pred))
        targets = aligned_targets(y_true, y_pred, self._names, leaves)
        parts = []
        for index in _as_written(pack_sequence_as(structure, range(len(leaves)))):
            leaf = leaves[index]
            if leaf is not None:
                loss, name = _resolved_loss(leaf.loss, targets[index], outputs[index])
                name = _in_logs(keys[index], names[index] or name)
                parts.append(_Part(index, loss, leaf.weight, name))
        return parts

    def _matched_weights(self, y_pred: Any) -> Any:
        """The losses, each with its weight; a dict by names as a list of outputs if they are."""
        loss, weights, names = self._given, self._weights, self._names
        if isinstance(loss, dict) and names and not isinstance(y_pred, dict):
            if set(names) != set(loss):
                raise ValueError(
                    f"Expected keys {names} in loss dict, but found loss.keys()={list(loss)}"
                )
            loss = [loss[name] for name in names]
            if isinstance(weights, dict):
                _check_names(weights, names)
                weights = [weights.get(name) for name in names]
        if weights is None:
            return map_structure(_weighted, loss)
        if isinstance(weights, dict) and isinstance(loss, dict):
            _check_names(weights, list(loss))
            weights = {key: weights.get(key) for key in loss}
        flat = flatten(weights)
        if len(flat) != len(flatten(loss)):
            raise ValueError(
                f"`loss_weights` must match the number of losses, got {len(flatten(loss))} losses "
                f"and {len(flat)} weights. Received: loss_weights={self._weights}"
            )
        return map_structure(_weighted, loss, pack_sequence_as(loss, flat))

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The weighted sum of the losses of all outputs; None if no output has one."""
        if not (is_nested(y_pred) or is_nested(y_true) or is_nested(sample_weight)):
            parts = self._parts_for(y_true, y_pred)
            if len(parts) == 1:
                value = parts[0].loss(y_true, y_pred, sample_weight)
                return value if parts[0].weight is None else value * parts[0].weight
            return None
        parts = self._parts_for(y_true, y_pred)
        wanted = [None] * len(flatten(y_pred))
        for part in parts:
            wanted[part.output] = part  # type: ignore[call-overload]
        outputs = flatten(y_pred)
        targets = aligned_targets(y_true, y_pred, self._names, wanted)
        weights: list[Any] = [sample_weight] * len(outputs)
        if is_nested(sample_weight):
            weights = aligned_targets(sample_weight, y_pred, self._names, wanted)
        total = None
        for index, part in enumerate(parts):
            output = outputs[part.output]
            value = part.loss(targets[part.output], output, weights[part.output])
            if self.metrics:
                self.metrics[index].update_state(value.data, sample_weight=len(output))
            if part.weight is not None:
                value = value * part.weight
            total = value if total is None else total + value
        return total

    def check_targets(self, y_true: Any, y_pred: Any) -> None:
        """Errors for targets, all of them, that no prediction like these, of some, can meet."""
        parts = self._parts_for(y_true, y_pred)
        leaves: list[Any] = [None] * len(flatten(y_pred))
        for part in parts:
            leaves[part.output] = part
        targets = aligned_targets(y_true, y_pred, self._names, leaves)
        for part in parts:
            output = flatten(y_pred)[part.output]
            part.loss.check_targets(targets[part.output], tuple(output.shape))


def _weighted(loss: Any, weight: Any = None) -> _Weighted | None:
    return None if loss is None else _Weighted(loss, weight)


def _in_logs(path: Path, name: str) -> str:
    """What logs call a loss: the keys to its output; a position gives way to the output's name."""
    keys = path if path and isinstance(path[-1], str) else (*path[:-1], name)
    return "/".join(map(str, keys))


def _as_written(structure: Any) -> list[Any]:
    """The leaves in the order of the structure's keys, not of its sorted keys."""
    if not is_nested(structure):
        return [structure]
    items = structure.values() if isinstance(structure, dict) else structure
    return [leaf for item in items for leaf in _as_written(item)]


def _check_names(weights: dict[str, Any], names: list[str]) -> None:
    unknown = [name for name in weights if name not in names]
    if unknown:
        raise ValueError(
            f"`loss_weights` must match the number of losses: its keys are names of outputs, "
            f"{names}. Received: loss_weights={weights}"
        )


def _leaf_losses(loss: Any, y_pred: Any, path: tuple[Any, ...] = ()) -> Any:
    """Losses in the structure of y_pred; one for a whole structure is one for each leaf of it."""
    if loss is None or not is_nested(y_pred):
        if is_nested(loss):
            several = flatten(loss)
            if len(several) != 1:
                raise ValueError(
                    f"`loss` holds {len(several)} losses for one output; give one, or a function "
                    f"that adds them up. Received: loss={[one.loss for one in several]}"
                )
            loss = several[0]
        return loss if not is_nested(y_pred) else map_structure(lambda _: loss, y_pred)
    if not is_nested(loss):
        return map_structure(lambda _: loss, y_pred)
    flat = flatten(y_pred)
    if isinstance(loss, list | tuple) and len(loss) == len(flat) and not any(map(is_nested, loss)):
        return pack_sequence_as(y_pred, loss)
    keys = list(loss) if isinstance(loss, dict) else list(range(len(loss)))
    if isinstance(loss, dict) != isinstance(y_pred, dict):
        raise KeyError(_not_found(path, "the model's output (`y_pred`)", loss))
    for key in keys:
        if key not in (y_pred if isinstance(y_pred, dict) else range(len(y_pred))):
            where = "either the model's output (`y_pred`) or in the labels (`y_true`)"
            raise KeyError(_not_found((*path, key), where, loss))
    if isinstance(y_pred, dict):
        keys += [key for key in y_pred if key not in loss]
        return {key: _leaf_losses(loss.get(key), y_pred[key], (*path, key)) for key in keys}
    return [
        _leaf_losses(loss[i] if i < len(loss) else None, part, (*path, i))
        for i, part in enumerate(y_pred)
    ]


def _not_found(path: tuple[Any, ...], where: str, loss: Any) -> str:
    return (
        f"The path: {path} in the `loss` argument, can't be found in {where}. Received: loss of "
        f"{map_structure(lambda one: getattr(one, 'loss', None), loss)}"
    )


def _is_automatic(identifier: Any) -> bool:
    return isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce")


def _as_loss(identifier: Any) -> losses.Loss:
    found = losses.as_loss(identifier)
    assert found is not None
    return found


def _resolved_loss(identifier: Any, y_true: Any, y_pred: Any) -> tuple[losses.Loss, str]:
    """The loss, and its name where its output has none."""
    if not _is_automatic(identifier):
        loss = _as_loss(identifier)
        return loss, identifier if isinstance(identifier, str) else loss.name
    if is_binary(y_pred):
        return losses.BinaryCrossentropy(), identifier
    if is_sparse(y_true, y_pred):
        return losses.SparseCategoricalCrossentropy(), identifier
    return losses.CategoricalCrossentropy(), identifier
