"""The metrics of compile: which belongs to which output, and what it is called in logs."""

from __future__ import annotations

from typing import Any, NamedTuple

from cnn_ext import metrics
from cnn_ext.autograd import Tensor
from cnn_ext.metrics.compiled import accuracy_for, crossentropy_for, named
from cnn_ext.training.outputs import aligned_targets, is_flat, names_of
from cnn_ext.tree import flatten, is_nested, map_structure

_BY_SHAPE = {
    "acc": accuracy_for,
    "accuracy": accuracy_for,
    "ce": crossentropy_for,
    "crossentropy": crossentropy_for,
}


class _Watch(NamedTuple):
    """One metric: of which output, counted in flat order, and the output's name in logs."""

    output: int
    metric: metrics.Metric
    prefix: str | None
    weighted: bool


class CompiledMetrics:
    """What `compile(metrics=, weighted_metrics=)` means; one metric to `Model.metrics`.

    Args:
        metrics: None, a list of metrics for a single output, or one entry an output: a list, or
            a dict by names.
        weighted_metrics: the same; these are given the sample weights.
        output_names: names of the outputs in flat order, if the model knows them.
    """

    name = "compile_metrics"

    def __init__(self, metrics: Any, weighted: Any, output_names: list[str] | None) -> None:
        for argument, value in (("metrics", metrics), ("weighted_metrics", weighted)):
            if value and not isinstance(value, list | tuple | dict):
                raise ValueError(
                    f"Expected `{argument}` argument to be a list, tuple, or dict, such as "
                    f"['accuracy']. Received instead: {argument}={value!r} of type {type(value)}"
                )
            for one in flatten(value or ()):
                if one is not None and not _is_automatic(one):
                    named(_known(one), one)  # an error now, not in fit
        self._given = {"metrics": metrics, "weighted_metrics": weighted}
        self._names = output_names
        self._watches: list[_Watch] = []
        self.built = False

    @property
    def metrics(self) -> list[metrics.Metric]:
        """The metrics, once data were seen: those that take no weights first."""
        return [watch.metric for watch in self._watches]

    @property
    def variables(self) -> list[Any]:
        """The state of all metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Make the metrics for targets and predictions like these."""
        outputs = flatten(y_pred)
        targets = self._targets(y_true, y_pred)
        watches = []
        for argument, given in self._given.items():
            entries = self._by_output(argument, given, y_pred) if given else []
            for index, (identifiers, prefix) in enumerate(entries):
                if identifiers is not None and targets[index] is None:
                    raise ValueError(
                        f"`{argument}` are given for output {prefix or index}, which has no "
                        f"targets. Received: {argument}={given}"
                    )
                for one in [identifiers] if not is_nested(identifiers) else flatten(identifiers):
                    if identifiers is not None:
                        metric = _metric(one, targets[index], outputs[index])
                        weighted = argument == "weighted_metrics"
                        watches.append(_Watch(index, metric, prefix, weighted))
        self._watches = watches
        self.built = True

    def _targets(self, y_true: Any, y_pred: Any) -> list[Any]:
        if y_true is None:
            raise ValueError("metrics need targets: pass y")
        return aligned_targets(y_true, y_pred, self._names, flatten(y_pred))

    def _by_output(self, argument: str, given: Any, y_pred: Any) -> list[tuple[Any, str | None]]:
        """For each output the metrics' identifiers and the name that logs show."""
        names = names_of(y_pred, self._names)
        if len(names) == 1:
            return [(flatten(given), None)]
        if is_flat(y_pred):
            if isinstance(given, dict) and set(given) <= set(names):
                return [(given.get(name), name) for name in names]
            if isinstance(given, list | tuple) and len(given) == len(names):
                return list(zip(_in_flat_order(given, y_pred, self._names), names, strict=True))
        elif _covers(y_pred, given):
            return list(zip(_cut_like(y_pred, given), names, strict=True))
        known = f"the output names of the functional model {names} or match " if any(names) else ""
        raise ValueError(
            f"Invalid `{argument}`. `{argument}` should contain metrics objects and either be a "
            f"dict or a list matching {known}the output structure of the model: "
            f"{map_structure(lambda _: 'X', y_pred)}. Received: {argument}={given}"
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account."""
        if not self.built:
            self.build(y_true, y_pred)
        if is_nested(y_pred) or is_nested(y_true) or is_nested(sample_weight):
            outputs, targets = flatten(y_pred), self._targets_seen(y_true, y_pred)
            weights = [sample_weight] * len(outputs)
            if is_nested(sample_weight):
                weights = aligned_targets(sample_weight, y_pred, self._names, [None] * len(outputs))
        else:
            outputs, targets, weights = [y_pred], [y_true], [sample_weight]
        outputs = [y.data if isinstance(y, Tensor) else y for y in outputs]
        for index, metric, _, weighted in self._watches:
            if weighted and weights[index] is not None:
                metric.update_state(targets[index], outputs[index], weights[index])
            else:
                metric.update_state(targets[index], outputs[index])

    def _targets_seen(self, y_true: Any, y_pred: Any) -> list[Any]:
        wanted: list[Any] = [None] * len(flatten(y_pred))
        for watch in self._watches:
            wanted[watch.output] = watch
        return aligned_targets(y_true, y_pred, self._names, wanted)

    def reset_state(self) -> None:
        """Forget what was seen."""
        for metric in self.metrics:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        """The values by the names that logs show."""
        results: dict[str, Any] = {}
        seen: dict[str, int] = {}
        for _, metric, prefix, weighted in self._watches:
            name = f"{prefix}_{metric.name}" if prefix else metric.name
            if name in seen and weighted:
                name = f"weighted_{metric.name}"
                name = f"{prefix}_{name}" if prefix else name
            seen[name] = seen.get(name, 0) + 1
            results[name if seen[name] == 1 else f"{name}_{seen[name] - 1}"] = metric.result()
        return results


def _in_flat_order(given: Any, y_pred: Any, names: list[str] | None) -> list[Any]:
    """A list with an entry an output, which for a dict of outputs is in the model's order."""
    if isinstance(y_pred, dict) and names and set(names) == set(y_pred):
        by_name = dict(zip(names, given, strict=True))
        return [by_name[name] for name in sorted(y_pred)]
    return list(given)


def _covers(y_pred: Any, given: Any) -> bool:
    """Whether there is something in `given` for each leaf of y_pred."""
    if not is_nested(y_pred):
        return True
    if isinstance(y_pred, dict):
        return (
            isinstance(given, dict)
            and set(given) == set(y_pred)
            and all(_covers(y_pred[key], given[key]) for key in y_pred)
        )
    return (
        isinstance(given, list | tuple)
        and len(given) == len(y_pred)
        and all(map(_covers, y_pred, given))
    )


def _cut_like(y_pred: Any, given: Any) -> list[Any]:
    """What `given` has for each leaf of y_pred."""
    if isinstance(y_pred, dict):
        return [leaf for key in sorted(y_pred) for leaf in _cut_like(y_pred[key], given[key])]
    if isinstance(y_pred, list | tuple):
        return [leaf for pair in zip(y_pred, given, strict=True) for leaf in _cut_like(*pair)]
    return [given]


def _is_automatic(identifier: Any) -> bool:
    return isinstance(identifier, str) and identifier.lower() in _BY_SHAPE


def _known(identifier: Any) -> Any:
    return metrics.get(identifier)


def _metric(identifier: Any, y_true: Any, y_pred: Any) -> metrics.Metric:
    if identifier is None:
        raise ValueError("Expected metric, received `None`")
    if _is_automatic(identifier):
        return _BY_SHAPE[identifier.lower()](identifier, y_true, y_pred)
    return named(_known(identifier), identifier)
