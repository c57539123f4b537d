"""BatchNormalization: mean 0 and variance 1 over each batch, and in use over all batches seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext import config, initializers, ops
from cnn_ext.autograd import as_array
from cnn_ext.layers.checks import floats_of
from cnn_ext.layers.input_spec import InputSpec
from cnn_ext.layers.scaling import Scaled
from cnn_ext.ops.batch_norm import normalize_batch, scale_and_shift
from cnn_ext.symbolic import Shape

_RENORM_KEYS = ["rmax", "rmin", "dmax"]


class BatchNormalization(Scaled):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta (`keras.layers.BatchNormalization`).

    In training mean and variance are those of the batch, and the moving ones follow them.
    Otherwise, and if `trainable` is False, they are the moving ones.

    Args:
        axis: the axis of the channels; the others are averaged over.
        momentum: share of the moving mean and variance that each batch leaves.
        epsilon: added to the variance.
        center: whether beta is added.
        scale: whether gamma is a factor.
        beta_initializer, gamma_initializer, moving_mean_initializer,
        moving_variance_initializer: names, Initializers or callables.
        beta_regularizer, gamma_regularizer: give losses for beta and gamma.
        beta_constraint, gamma_constraint: applied after updates.
        renorm: whether batches are corrected towards statistics of earlier ones.
        renorm_clipping: limits of the correction, a dict of `"rmax"`, `"rmin"`, `"dmax"`.
        renorm_momentum: momentum of those statistics.
        synchronized: must be False: there is one machine.
        others: see `Layer`.

    Weights: gamma, beta (trained), moving_mean, moving_variance, all (channels,).
    Sources: Ioffe & Szegedy 2015, Ioffe 2017 (renorm).

    >>> import numpy as np
    >>> y = BatchNormalization()(np.random.default_rng(0).random((8, 4, 4, 3)), training=True)
    >>> y.shape, bool(abs(y.numpy().mean()) < 1e-6)
    ((8, 4, 4, 3), True)
    """

    supports_masking = True

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            **kwargs,
        )
        if synchronized:
            raise ValueError(
                "Argument synchronized=True is for training on several machines: leave it out. "
                f"Received: synchronized={synchronized}"
            )
        self.axis = int(axis)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm = renorm
        self.renorm_clipping = _checked_clipping(renorm_clipping) if renorm else renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.synchronized = synchronized

    def build(self, input_shape: Shape) -> None:
        shape: Any = (input_shape[self.axis],)
        self.make_scale(shape)

        def moving(name: str, initializer: Any) -> Any:
            return self.add_weight(shape=shape, name=name, initializer=initializer, trainable=False)

        self.moving_mean = moving("moving_mean", self.moving_mean_initializer)
        self.moving_variance = moving("moving_variance", self.moving_variance_initializer)
        if self.renorm:
            deviation = np.sqrt(self.moving_variance.data)
            self.moving_stddev = moving("moving_stddev", lambda shape, dtype: deviation)
            self.renorm_mean = moving("renorm_mean", self.moving_mean_initializer)
            self.renorm_stddev = moving("renorm_stddev", lambda shape, dtype: deviation)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: shape[0]})

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        inputs = floats_of(self, inputs)
        gamma, beta = self._or_constants(inputs.dtype)
        if not (training and self.trainable):
            mean, variance = self.moving_mean.data, self.moving_variance.data
            factor = gamma * (1 / np.sqrt(variance + inputs.dtype.type(self.epsilon)))
            shift = beta - factor * mean
            if self._last(inputs):
                return scale_and_shift(inputs, factor, shift)
            return inputs * self._spread(factor, inputs) + self._spread(shift, inputs)
        if mask is None and not self.renorm and self._last(inputs) and inputs.data.size:
            found: dict[str, Any] = {}
            y = normalize_batch(inputs, gamma, beta, epsilon=self.epsilon, statistics=found)
            self._follow(found["mean"], found["variance"])
            return y
        mean, variance = self._moments(inputs, mask)
        if self.renorm:
            gamma, beta = self._renormalized(as_array(mean), as_array(variance), gamma, beta)
        else:
            self._follow(as_array(mean), as_array(variance))
        return ops.batch_normalization(inputs, mean, variance, self.axis, beta, gamma, self.epsilon)

    def _or_constants(self, dtype: Any) -> tuple[Any, Any]:
        """gamma and beta, or the ones and zeros that stand for them."""
        size = self.moving_mean.shape
        ones, zeros = np.ones(size, dtype), np.zeros(size, dtype)
        return ones if self.gamma is None else self.gamma, zeros if self.beta is None else self.beta

    def _last(self, x: Any) -> bool:
        return self.axis in (-1, len(x.shape) - 1)

    def _spread(self, values: Any, x: Any) -> Any:
        """One number a channel, in a shape that broadcasts with x."""
        rank = len(x.shape)
        sizes = tuple(n if i == self.axis % rank else 1 for i, n in enumerate(x.shape))
        return ops.reshape(values, sizes)

    def _moments(self, x: Any, mask: Any) -> tuple[Any, Any]:
        rank = len(x.shape)
        axes = tuple(i for i in range(rank) if i != self.axis % rank)
        if mask is None:
            return ops.moments(x, axes)
        kept = as_array(mask).astype(bool)
        if kept.ndim != rank - 1:
            raise ValueError(
                "The mask provided should be one dimension less than the inputs. Received: "
                f"mask.shape={kept.shape}, inputs.shape={tuple(x.shape)}"
            )
        share = np.broadcast_to(kept[..., None], x.shape).astype(x.dtype)
        weight = share.sum(axis=axes, keepdims=True) + x.dtype.type(config.epsilon())
        mean = ops.sum(x * share, axis=axes, keepdims=True) / weight
        squares = ops.sum(ops.square((x - mean) * share), axis=axes, keepdims=True)
        return ops.squeeze(mean, axes), ops.squeeze(squares / weight, axes)

    def _follow(self, mean: np.ndarray, variance: np.ndarray) -> None:
        _move(self.moving_mean, mean, self.momentum)
        _move(self.moving_variance, variance, self.momentum)

    def _renormalized(self, mean: Any, variance: Any, gamma: Any, beta: Any) -> tuple[Any, Any]:
        """gamma and beta that correct the batch towards earlier ones, which then follow it."""
        deviation = np.sqrt(variance + mean.dtype.type(self.epsilon))
        divisor = np.maximum(self.renorm_stddev.data, np.sqrt(mean.dtype.type(self.epsilon)))
        limits: Any = self.renorm_clipping
        ratio = np.clip(deviation / divisor, limits.get("rmin"), limits.get("rmax"))
        distance = (mean - self.renorm_mean.data) / divisor
        if limits.get("dmax") is not None:
            distance = np.clip(distance, -limits["dmax"], limits["dmax"])
        _move(self.renorm_mean, mean, self.renorm_momentum)
        _move(self.renorm_stddev, deviation, self.renorm_momentum)
        _move(self.moving_mean, mean, self.momentum)
        _move(self.moving_stddev, deviation, self.momentum)
        squares = np.square(self.moving_stddev.data)
        self.moving_variance.assign(np.maximum(squares - squares.dtype.type(self.epsilon), 0))
        return gamma * ratio, gamma * distance + beta


def _move(variable: Any, value: np.ndarray, momentum: float) -> None:
    kept = variable.data.dtype.type(momentum)
    variable.assign((variable.data * kept + value * (1 - kept)).astype(variable.data.dtype))


def _checked_clipping(clipping: dict[str, float] | None) -> dict[str, float]:
    clipping = dict(clipping or {})
    if set(clipping) - set(_RENORM_KEYS):
        raise ValueError(
            f"Received invalid keys for `renorm_clipping` argument: {clipping}. Supported values: "
            f"{_RENORM_KEYS}. Received: renorm_clipping={clipping}"
        )
    rmax, rmin, dmax = (clipping.get(key) for key in _RENORM_KEYS)
    if rmax is not None and rmin is not None and rmax < rmin:
        raise ValueError(
            "rmax should be greater than rmin in the `renorm_clipping` argument. "
            f"Received: rmax={rmax}, rmin={rmin}"
        )
    if dmax is not None and dmax < 0:
        raise ValueError(
            f"dmax should be non-negative in the `renorm_clipping` argument. Received: dmax={dmax}"
        )
    return clipping
