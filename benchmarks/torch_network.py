"""A model of cnn_ext in PyTorch's functions, images with the channels first."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from interpreted import Interpreted, same_padding
from peers import TO_OIHW


class TorchNetwork(Interpreted):
    """`module` is the network for inference; layout is the memory format of its images."""

    def __init__(self, model: Any, layout: Any = torch.contiguous_format) -> None:
        self.layout = layout
        self.flattened = flattened_shapes(model._graph)
        super().__init__(model)
        network = self

        class Module(torch.nn.Module):
            def forward(self, x: Any) -> Any:
                return network.run(network.trained, network.fixed, x)

        self.module = Module().eval()

    def converted(self, layer: Any, weight: np.ndarray) -> Any:
        if weight.ndim == 4:
            depthwise = type(layer).__name__ == "DepthwiseConv2D"
            weight = weight.transpose((2, 3, 0, 1) if depthwise else TO_OIHW)
        if weight.ndim == 2:
            if (shape := self.flattened.get(layer.name)) is not None:  # channels go first
                weight = weight.reshape(*shape, -1).transpose(2, 0, 1, 3).reshape(weight.shape)
            weight = weight.T
        tensor = torch.tensor(np.ascontiguousarray(weight))
        return tensor.contiguous(memory_format=self.layout) if weight.ndim == 4 else tensor

    def activated(self, name: str, x: Any) -> Any:
        return torch.softmax(x, -1) if name == "softmax" else getattr(torch, name)(x)

    def _conv2d(self, layer: Any, x: Any, weight: Any, bias: Any = None, groups: int = 1) -> Any:
        rows, columns = same_padding(layer, x.shape[2:], weight.shape[2:])
        if rows[0] == rows[1] and columns[0] == columns[1]:
            padding = (rows[0], columns[0])
        else:
            x, padding = functional.pad(x, [*columns, *rows]), (0, 0)
        return functional.conv2d(x, weight, bias, layer.strides, padding, 1, groups)

    def _depthwiseconv2d(self, layer: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        return self._conv2d(layer, x, weight, bias, groups=x.shape[1])

    def _batchnormalization(self, layer: Any, x: Any, *weights: Any) -> Any:
        gamma, beta, mean, variance = weights
        momentum = 1 - layer.momentum
        return functional.batch_norm(
            x, mean, variance, gamma, beta, self.training, momentum, layer.epsilon
        )

    def _dense(self, layer: Any, x: Any, weight: Any, bias: Any) -> Any:
        return functional.linear(x, weight, bias)

    def _maxpooling2d(self, layer: Any, x: Any) -> Any:
        return functional.max_pool2d(x, layer.pool_size, layer.strides)

    def _averagepooling2d(self, layer: Any, x: Any) -> Any:
        return functional.avg_pool2d(x, layer.pool_size, layer.strides)

    def _globalaveragepooling2d(self, layer: Any, x: Any) -> Any:
        return x.mean((2, 3))

    def _flatten(self, layer: Any, x: Any) -> Any:
        return torch.flatten(x, 1)

    def _relu(self, layer: Any, x: Any) -> Any:
        if layer.max_value is not None:
            return functional.hardtanh(x, 0.0, float(layer.max_value))
        return torch.relu(x)

    def _dropout(self, layer: Any, x: Any) -> Any:
        return functional.dropout(x, layer.rate, self.training)


def flattened_shapes(graph: Any) -> dict[str, tuple[int, ...]]:
    """Of the dense layers behind a flattening: what it has flattened."""
    shapes: dict[str, tuple[int, ...]] = {}
    made: dict[int, tuple[int, ...]] = {}
    for node in graph.nodes:
        if node.is_input:
            continue
        kind, x = type(node.operation).__name__, node.input_tensors[0]
        if kind == "Flatten":
            made[id(node.output_tensors[0])] = x.shape[1:]
        elif id(x) in made and kind == "Dropout":
            made[id(node.output_tensors[0])] = made[id(x)]
        elif id(x) in made and kind == "Dense":
            shapes[node.operation.name] = made[id(x)]
    return shapes


def adam_steps(network: TorchNetwork, rate: float, epsilon: float) -> Any:
    """The plain training loop's step: takes images and labels, gives loss and right answers."""
    weights = [w.requires_grad_() for ws in network.trained.values() for w in ws]
    network.training = True
    optimizer = torch.optim.Adam(weights, rate, eps=epsilon, fused=True)

    def step(x: Any, y: Any) -> tuple[Any, Any]:
        logits = network.run(network.trained, network.fixed, x, activate_last=False)
        loss = functional.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach(), (logits.detach().argmax(1) == y).sum()

    return step
