"""Activation functions as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnn_ext import activations, ops
from cnn_ext.autograd import as_array
from cnn_ext.layers.checks import floats_of, incompatible
from cnn_ext.layers.described import Described, Weighted
from cnn_ext.layers.input_spec import InputSpec
from cnn_ext.symbolic import Shape


class _SameShape(Described):
    """Outputs of the inputs' shape."""

    supports_masking = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)


class Activation(_SameShape):
    """An activation function as a layer (`keras.layers.Activation`).

    Args:
        activation: name or function.
        others: see `Layer`.

    >>> import numpy as np
    >>> Activation("relu")(np.array([-1.0, 2.0])).numpy()
    array([0., 2.], dtype=float32)
    """

    built_at_once = True

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)


class ReLU(_SameShape):
    """max(x, 0) and its variants (`keras.layers.ReLU`).

    Args:
        max_value: largest output; None for no limit.
        negative_slope: slope below the threshold.
        threshold: where the slope changes.
        others: see `Layer`.

    >>> import numpy as np
    >>> ReLU(max_value=6)(np.array([-1.0, 8.0])).numpy()
    array([0., 6.], dtype=float32)
    """

    built_at_once = True

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        limits = {"max_value": max_value, "negative_slope": negative_slope, "threshold": threshold}
        for name, value in limits.items():
            if (value is None and name != "max_value") or (value is not None and value < 0):
                raise ValueError(
                    f"{name} of a ReLU layer must be a number of at least 0. "
                    f"Received: {name}={value}"
                )
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold

    def call(self, inputs: Any) -> Any:
        return activations.relu(
            inputs,
            negative_slope=self.negative_slope,
            max_value=self.max_value,
            threshold=self.threshold,
        )


class LeakyReLU(_SameShape):
    """x for x > 0, else negative_slope * x (`keras.layers.LeakyReLU`).

    Args:
        negative_slope: at least 0.
        others: see `Layer`; `alpha` is an old name of negative_slope.

    >>> import numpy as np
    >>> LeakyReLU(0.5)(np.array([-2.0, 3.0])).numpy()
    array([-1.,  3.], dtype=float32)
    """

    built_at_once = True

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ValueError(
                "The negative_slope value of a Leaky ReLU layer cannot be None or negative value. "
                f"Expected a float. Received: negative_slope={negative_slope}"
            )
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)


class PReLU(_SameShape, Weighted):
    """x for x > 0, else alpha * x with learned alpha (`keras.layers.PReLU`).

    Args:
        alpha_initializer: name, Initializer or callable.
        alpha_regularizer: gives a loss for alpha.
        alpha_constraint: applied after updates.
        shared_axes: axes along which alpha is the same: [1, 2] for one alpha a channel of images.
        others: see `Layer`.

    Weights: alpha, of a sample's shape with 1 for shared axes. Source: He et al. 2015.

    >>> import numpy as np
    >>> PReLU(shared_axes=[1, 2])(np.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    prefixes = ("alpha",)

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            alpha_initializer=alpha_initializer,
            alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
            **kwargs,
        )
        if isinstance(shared_axes, list | tuple):
            self.shared_axes: Any = list(shared_axes)
        else:
            self.shared_axes = None if shared_axes is None else [shared_axes]

    def build(self, input_shape: Shape) -> None:
        sizes = list(input_shape[1:])
        for axis in self.shared_axes or ():
            sizes[axis - 1] = 1
        if None in sizes:
            raise incompatible(
                self,
                "the sizes that alpha is not shared along must be known (see shared_axes)",
                input_shape,
            )
        self.alpha = self.make_weight("alpha", tuple(sizes))
        own = {i: n for i, n in enumerate(input_shape) if i and i not in (self.shared_axes or ())}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=own if self.shared_axes else {})

    def call(self, inputs: Any) -> Any:
        inputs = floats_of(self, inputs)
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)


class ELU(_SameShape):
    """x for x > 0, else alpha * (exp(x) - 1) (`keras.layers.ELU`).

    Args:
        alpha: what large negative x come to, with a minus.
        others: see `Layer`.

    >>> import numpy as np
    >>> ELU(0.5)(np.array([-100.0, 3.0])).numpy()
    array([-0.5,  3. ], dtype=float32)
    """

    built_at_once = True

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        return activations.elu(floats_of(self, inputs), alpha=self.alpha)


class Softmax(_SameShape):
    """exp(x) / sum(exp(x)) along an axis (`keras.layers.Softmax`).

    Args:
        axis: the classes' axis, or several.
        others: see `Layer`.

    Called with `mask=`, truth values that broadcast with the inputs, it leaves the others out.

    >>> import numpy as np
    >>> Softmax()(np.zeros((1, 2))).numpy()
    array([[0.5, 0.5]], dtype=float32)
    """

    built_at_once = True

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis: Any = axis if isinstance(axis, int) else tuple(axis)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return activations.softmax(inputs, axis=self.axis)
        kept = as_array(mask) > 0.5
        try:
            np.broadcast_to(kept, inputs.shape)
        except ValueError:
            raise ValueError(
                "The `mask` must be broadcastable to `inputs` and must not have more dimensions. "
                f"Received: inputs.shape={tuple(inputs.shape)}, mask.shape={kept.shape}"
            ) from None
        y = activations.softmax(ops.where(kept, inputs, inputs.dtype.type(-1e9)), axis=self.axis)
        return ops.where(kept, y, inputs.dtype.type(0))
