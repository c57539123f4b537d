"""How a training went, and what a classifier takes for what."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_ext._errors import did_you_mean, teaches_keywords
from cnn_ext.plot._sheet import GREY, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TRAINING, _VALIDATION = "#1f77b4", "#ff7f0e"
# Parts of names of metrics of which more is better; of others, less is.
_MORE_IS_BETTER = ("acc", "auc", "precision", "recall", "f1", "fbeta", "iou", "r2", "dice")
_WIDE = 0.64  # width of a letter, as a share of the font's size
_NORMALIZE = (None, "true", "pred", "all")


@teaches_keywords
def history(history: Any, metrics: Sequence[str] | None = None) -> Figure:
    """Curves of the loss and the metrics over the epochs of a training, the best epoch marked.

    Args:
        history: what `fit` returned, or its dict of lists.
        metrics: names of the curves, such as `["loss", "accuracy"]`; all if None. Each is drawn
            with its `val_` curve, if there is one, whose best value is then the one marked.

    Returns:
        A Matplotlib Figure with a panel for each name.

    >>> figure = history({"loss": [2.0, 1.0], "accuracy": [0.3, 0.6]}, metrics=["loss"])
    >>> [axes.get_title() for axes in figure.axes]
    ['loss']
    """
    logs = history if isinstance(history, Mapping) else getattr(history, "history", None)
    if not isinstance(logs, Mapping) or not logs:
        raise ValueError(
            "history must be what fit() returned, or its dict of lists, of at least one epoch. "
            f"Received: {history!r}"
        )
    names = _curves(logs, metrics)
    length = max(len(logs[key]) for key in logs)
    epochs = list(getattr(history, "epoch", None) or range(length))
    columns = min(3, len(names))
    rows = math.ceil(len(names) / columns)
    figure = new_figure(4.6 * columns + 0.4, 3.4 * rows, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, name in zip(grid.flat, names, strict=False):
        _draw_curves(axes, name, np.array(epochs) + 1, logs)
    for axes in grid.flat[len(names) :]:
        axes.remove()
    return figure


def _curves(logs: Mapping[str, Any], metrics: Sequence[str] | None) -> list[str]:
    known = [name for name in logs if not name.startswith("val_")]
    if metrics is None:
        return sorted(known or logs, key=lambda name: name != "loss")
    if isinstance(metrics, str):
        metrics = [metrics]
    for name in metrics:
        if name not in logs:
            raise ValueError(
                f"history has no '{name}'{did_you_mean(name, logs)}. It has: {', '.join(logs)}. "
                f"Received: metrics={metrics!r}"
            )
    if not metrics:
        raise ValueError(f"metrics must name at least one curve. Received: {metrics!r}")
    return list(metrics)


def _draw_curves(axes: Axes, name: str, epochs: np.ndarray, logs: Mapping[str, Any]) -> None:
    from matplotlib.ticker import MaxNLocator

    curves = [("training", _TRAINING, np.asarray(logs[name], float))]
    if f"val_{name}" in logs:
        curves.append(("validation", _VALIDATION, np.asarray(logs[f"val_{name}"], float)))
    for label, colour, values in curves:
        # Validation may be rarer than the epochs: then it ends with the last of them.
        step = max(1, len(epochs) // max(1, len(values)))
        at = epochs[::-step][: len(values)][::-1]
        marker = "o" if len(values) <= 20 else ""
        axes.plot(at, values, color=colour, label=label, marker=marker, markersize=3)
    _, colour, values = curves[-1]
    best = None if name in ("lr", "learning_rate") else _best(name, values)
    if best is not None:
        label = f"best: {values[best]:.4g}, epoch {at[best]}"
        axes.plot(
            at[best], values[best], "*", markersize=12, color=colour, label=label,
            markeredgecolor="black", markeredgewidth=0.7, zorder=3,
        )  # fmt: skip
    axes.set_title(name, fontsize=11)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if len(epochs) == 1:
        axes.set_xlim(epochs[0] - 0.5, epochs[0] + 0.5)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def _best(name: str, values: np.ndarray) -> int | None:
    """The index of the best value, if there is one."""
    if not np.isfinite(values).any():
        return None
    more = "loss" not in name and any(part in name.lower() for part in _MORE_IS_BETTER)
    finite = np.where(np.isfinite(values), values, -np.inf if more else np.inf)
    return int(finite.argmax() if more else finite.argmin())


@teaches_keywords
def confusion_matrix(
    y_true: Any,
    y_pred: Any,
    class_names: Sequence[str] | None = None,
    normalize: str | bool | None = None,
) -> Figure:
    """How many samples of each class were taken for which class.

    Args:
        y_true: class numbers, or one-hot rows.
        y_pred: class numbers, or what `predict` returned: a row of probabilities a sample, or a
            single probability of class 1.
        class_names: names for the class numbers 0, 1, ...; the numbers themselves if None.
        normalize: `"true"` (or True) divides by the samples of each true class, so that the
            diagonal is the recall; `"pred"` by those of each predicted class; `"all"` by all.

    Returns:
        A Matplotlib Figure: rows are true classes, columns predicted ones.

    >>> figure = confusion_matrix([0, 1, 1], [0, 1, 0], class_names=["cat", "dog"])
    >>> figure.axes[0].get_title()
    'accuracy 66.67 % of 3 samples'
    """
    true, predicted = _labels("y_true", y_true), _labels("y_pred", y_pred)
    if true.shape != predicted.shape or not true.size:
        raise ValueError(
            "y_true and y_pred must have the same number of samples, at least one. "
            f"Received: {len(true)} and {len(predicted)}"
        )
    normalize = "true" if normalize is True else (normalize or None)
    if normalize not in _NORMALIZE:
        raise ValueError(f"normalize must be one of {_NORMALIZE}. Received: {normalize!r}")
    classes = _number_of_classes(true, predicted, y_true, y_pred)
    names = list(map(str, range(classes) if class_names is None else class_names))
    if len(names) < classes:
        raise ValueError(
            f"class_names must have a name for each of {classes} classes. Received: {len(names)}"
        )
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (true, predicted), 1)
    return _draw_matrix(counts, names, normalize)


def _labels(name: str, given: Any) -> np.ndarray:
    """Class numbers of labels, one-hot rows or probabilities."""
    array = np.asarray(given)
    if array.ndim == 2 and array.shape[1] > 1:
        return array.argmax(axis=1)
    if array.ndim == 2:
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} must be class numbers (samples,) or a row for each sample. "
            f"Received: {array.dtype} of shape {array.shape}"
        )
    if array.dtype.kind == "f" and name == "y_pred" and np.any(array != np.round(array)):
        return (array > 0.5).astype(int)
    numbers = array.astype(int)
    if np.any(numbers != array) or np.any(numbers < 0):
        raise ValueError(f"{name} must be whole numbers, 0 or more. Received: {given!r}")
    return numbers


def _number_of_classes(true: np.ndarray, predicted: np.ndarray, *given: Any) -> int:
    widths = [a.shape[1] for a in map(np.asarray, given) if a.ndim == 2 and a.shape[1] > 1]
    return int(max(true.max() + 1, predicted.max() + 1, *widths, 2))


def _draw_matrix(counts: np.ndarray, names: list[str], normalize: str | None) -> Figure:
    from matplotlib.ticker import MaxNLocator

    classes, total = len(names), counts.sum()
    axis = {"true": 1, "pred": 0}.get(normalize or "")
    shown = counts if normalize is None else counts / np.maximum(counts.sum(axis, keepdims=True), 1)
    side = float(np.clip(0.52 * classes, 2.6, 11))
    room = 72 * side / classes  # points of a cell
    size = float(np.clip(0.8 * room, 5.5, 9))
    longest = max(map(len, names))
    figure = new_figure(side + 1.7 + 0.06 * longest, side + 1.0, layout="compressed")
    axes = figure.add_subplot()
    top = max(float(shown.max()), 1e-12)
    image = axes.imshow(shown, cmap="Blues", vmin=0, vmax=1 if axis is not None else top)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03)
    bar.set_label("samples" if normalize is None else f"share of {_SHARES[normalize]}", fontsize=9)
    if normalize is None:
        bar.locator = MaxNLocator(integer=True, min_n_ticks=1)
    axes.set_title(f"accuracy {100 * np.trace(counts) / total:.2f} % of {total:,} samples")
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    step = math.ceil(1.2 * size / room)
    turned: dict[str, Any] = {}
    if _WIDE * size * longest > step * room:
        upright = room < 14  # neighbours at an angle would touch
        turned = {"rotation": 90 if upright else 45, "ha": "right", "rotation_mode": "anchor"}
        turned |= {"va": "center"} if upright else {}
    axes.set_xticks(range(0, classes, step), names[::step], fontsize=size, **turned)
    axes.set_yticks(range(0, classes, step), names[::step], fontsize=size)
    if classes <= 30:
        _write_cells(axes, shown, room)
    return figure


_SHARES = {"true": "the true class", "pred": "the predicted class", "all": "all samples"}


def _write_cells(axes: Axes, shown: np.ndarray, room: float) -> None:
    """The numbers in the cells, dark on light and light on dark; zeros are grey."""
    whole = shown.dtype.kind == "i"
    texts = [f"{value}" if whole else f"{value:.2f}" for value in shown.flat]
    longest = max(4, *map(len, texts))
    size = float(np.clip(0.8 * room / (_WIDE * longest), 4, 9))
    dark = shown.max() / 2
    for index, text in enumerate(texts):
        row, column = divmod(index, len(shown))
        value = shown[row, column]
        colour = "white" if value > dark else "black" if value else GREY
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
