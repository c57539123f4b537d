"""Circle loss, of embeddings: alike of one class, unlike of two (Sun et al. 2020)."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext import ops
from cnn_ext.autograd import as_array
from cnn_ext.losses.base import Configurable, as_floats

ABSENT = -1e30  # a logarithm of nothing that can still be added to


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Any:
    """Circle loss of each embedding among all others (`keras.losses.circle`).

    Args:
        y_true: labels, (n,) or (n, 1).
        y_pred: embeddings of length 1, (n, features).
        ref_labels, ref_embeddings: what they are compared with; themselves if None.
        remove_diagonal: whether the i-th is not compared with the i-th.
        gamma: scale.
        margin: how much similarities may differ from 1 and 0.

    >>> import numpy as np
    >>> circle(np.array([0, 0]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    array([0., 0.])
    """
    y_pred = as_floats(y_pred)
    labels = as_array(y_true).reshape(-1, 1)
    references = y_pred if ref_embeddings is None else as_floats(ref_embeddings, y_pred.dtype)
    others = labels if ref_labels is None else as_array(ref_labels).reshape(-1, 1)
    alike = labels == others.T
    unlike = ~alike
    if remove_diagonal:
        alike &= np.eye(*alike.shape) == 0
    distance = ops.maximum(1 - ops.matmul(y_pred, ops.transpose(references)), 0.0)
    pull = -gamma * ops.maximum(margin + distance, 0.0) * (margin - distance)
    push = gamma * ops.maximum(1 + margin - distance, 0.0) * (1 - margin - distance)
    pulled = ops.logsumexp(ops.where(alike, pull, ABSENT), axis=1)
    pushed = ops.logsumexp(ops.where(unlike, push, ABSENT), axis=1)
    return ops.softplus(pulled + pushed)


class Circle(Configurable):
    """Circle loss; the mean is over the samples whose loss is not 0 (`keras.losses.Circle`).

    Args:
        gamma: scale.
        margin: how much similarities may differ from 1 and 0.
        remove_diagonal: whether a sample is not compared with itself.
        reduction, name, dtype: see `Loss`.

    >>> float(Circle()([0, 0], [[1.0, 0.0], [1.0, 0.0]]))
    0.0
    """

    _takes_labels = True

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str = "circle",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            circle,
            reduction=reduction,
            name=name,
            dtype=dtype,
            gamma=gamma,
            margin=margin,
            remove_diagonal=remove_diagonal,
        )

    def _counted(self, y_true: Any, values: Any) -> np.ndarray:
        return np.asarray(values) > 0
