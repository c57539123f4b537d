"""A model of cnn_ext in JAX's functions, images with the channels last; and its training step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp

from interpreted import Interpreted, same_padding


class JaxNetwork(Interpreted):
    """key and moved are set and read within one trace: dropout's noise, the moving statistics."""

    key: Any = None

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.moved: dict[str, list[Any]] = {}

    def converted(self, layer: Any, weight: np.ndarray) -> Any:
        if type(layer).__name__ == "DepthwiseConv2D":
            weight = weight.reshape(*weight.shape[:2], 1, -1)
        return jnp.array(weight)

    def activated(self, name: str, x: Any) -> Any:
        return jnp.tanh(x) if name == "tanh" else getattr(jax.nn, name)(x)

    def _conv2d(self, layer: Any, x: Any, weight: Any, bias: Any = None, groups: int = 1) -> Any:
        pads = same_padding(layer, x.shape[1:3], weight.shape[:2])
        y = lax.conv_general_dilated(
            x, weight, layer.strides, pads, feature_group_count=groups,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )  # fmt: skip
        return y if bias is None else y + bias

    def _depthwiseconv2d(self, layer: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        return self._conv2d(layer, x, weight, bias, groups=x.shape[-1])

    def _batchnormalization(self, layer: Any, x: Any, *weights: Any) -> Any:
        gamma, beta, mean, variance = weights
        if self.training:
            old, axes = (mean, variance), (0, 1, 2)
            mean, variance = jnp.mean(x, axes), jnp.var(x, axes)
            part = 1 - layer.momentum
            self.moved[layer.name] = [
                o + part * (n - o) for o, n in zip(old, (mean, variance), strict=True)
            ]
        return (x - mean) * (gamma * lax.rsqrt(variance + layer.epsilon)) + beta

    def _dense(self, layer: Any, x: Any, weight: Any, bias: Any) -> Any:
        return x @ weight + bias

    def _pooled(self, layer: Any, x: Any, start: float, reduce: Any) -> Any:
        window, strides = (1, *layer.pool_size, 1), (1, *layer.strides, 1)
        return lax.reduce_window(x, start, reduce, window, strides, "VALID")

    def _maxpooling2d(self, layer: Any, x: Any) -> Any:
        return self._pooled(layer, x, -jnp.inf, lax.max)

    def _averagepooling2d(self, layer: Any, x: Any) -> Any:
        return self._pooled(layer, x, 0.0, lax.add) / (layer.pool_size[0] * layer.pool_size[1])

    def _globalaveragepooling2d(self, layer: Any, x: Any) -> Any:
        return jnp.mean(x, (1, 2))

    def _flatten(self, layer: Any, x: Any) -> Any:
        return x.reshape(x.shape[0], -1)

    def _relu(self, layer: Any, x: Any) -> Any:
        return jnp.clip(x, 0.0, layer.max_value)

    def _dropout(self, layer: Any, x: Any) -> Any:
        if not self.training or not layer.rate:
            return x
        self.key, key = jax.random.split(self.key)
        kept = jax.random.bernoulli(key, 1 - layer.rate, x.shape)
        return jnp.where(kept, x / (1 - layer.rate), 0.0)


def adam_step(network: JaxNetwork, rate: float, epsilon: float) -> tuple[Callable, Any]:
    """A training step as one compiled function, and the state that it takes and gives.

    step(state, images, labels, rows) trains on these rows and also gives loss and right answers.
    """
    network.training = True

    def loss_of(trained: Any, fixed: Any, key: Any, x: Any, y: Any) -> tuple[Any, Any]:
        network.key, network.moved = key, {}
        logits = network.run(trained, fixed, x, activate_last=False)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1)
        right = jnp.sum(jnp.argmax(logits, 1) == y)
        return -jnp.mean(chosen), ({**fixed, **network.moved}, network.key, right)

    def step(state: Any, images: Any, labels: Any, rows: Any) -> tuple[Any, Any, Any]:
        trained, fixed, means, squares, count, key = state
        differentiate = jax.value_and_grad(loss_of, has_aux=True)
        (loss, (fixed, key, right)), gradients = differentiate(
            trained, fixed, key, images[rows], labels[rows]
        )
        each, count = jax.tree.map, count + 1
        means = each(lambda m, g: m + 0.1 * (g - m), means, gradients)
        squares = each(lambda v, g: v + 0.001 * (g * g - v), squares, gradients)
        now = rate * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        trained = each(
            lambda w, m, v: w - now * m / (jnp.sqrt(v) + epsilon), trained, means, squares
        )
        return (trained, fixed, means, squares, count, key), loss, right

    zeros = [jax.tree.map(jnp.zeros_like, network.trained) for _ in range(2)]
    state = (network.trained, network.fixed, *zeros, jnp.float32(0), jax.random.key(0))
    return jax.jit(step, donate_argnums=0), state
