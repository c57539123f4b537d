"""Whole networks in the libraries that cnn_ext is timed beside, with cnn_ext's weights.

PyTorch computes the layers with its own functions, on images with the channels first or last; ONNX
Runtime runs what PyTorch exports; TensorFlow is Keras, traced. Images lie ready as each likes them,
and a dense layer behind a flattening has its weights in the order that the peer flattens in.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from peers import TO_FIRST, TO_OIHW, Candidate, OnnxRuntime, TensorFlow, Torch, quiet


class TorchNetwork:
    """A model of cnn_ext as a torch.nn.Module."""

    def __init__(self, model: Any) -> None:
        import torch

        self.torch, self.functional = torch, torch.nn.functional
        self.model, self.tensors = model, {}
        made: dict[int, tuple[int, ...]] = {}  # what a flattening has flattened
        for node in model._graph.nodes:
            layer = node.operation
            shape = None
            if not node.is_input:
                shape = made.get(id(node.input_tensors[0]))
            if type(layer).__name__ == "Flatten":
                shape = node.input_tensors[0].shape[1:]
            made[id(node.output_tensors[0])] = shape if type(layer).__name__ in (
                "Flatten", "Dropout") else None  # fmt: skip
            weights = [v.data for v in getattr(layer, "weights", ())]
            if type(layer).__name__ == "Dense" and shape is not None:
                kernel = weights[0].reshape(*shape, -1).transpose(2, 0, 1, 3)
                weights[0] = kernel.reshape(weights[0].shape)
            self.tensors[layer.name] = [self._tensor(layer, w) for w in weights]

        class Module(torch.nn.Module):
            forward = staticmethod(self.run)

        self.module = Module().eval()

    def _tensor(self, layer: Any, weight: np.ndarray) -> Any:
        if weight.ndim == 4:
            depthwise = type(layer).__name__ == "DepthwiseConv2D"
            weight = weight.transpose((2, 3, 0, 1) if depthwise else TO_OIHW)
        if weight.ndim == 2:
            weight = weight.T
        return self.torch.from_numpy(np.ascontiguousarray(weight))

    def run(self, x: Any) -> Any:
        values = {id(self.model._graph.inputs[0]): x}
        for node in self.model._graph.nodes:
            if not node.is_input:
                node.run(values, self._layer)
        return values[id(self.model._graph.outputs[0])]

    def _layer(self, layer: Any, x: Any) -> Any:
        y = getattr(self, "_" + type(layer).__name__.lower())(layer, x, *self.tensors[layer.name])
        name = getattr(getattr(layer, "activation", None), "__name__", "linear")
        if name == "softmax":
            return self.torch.softmax(y, -1)
        return y if name == "linear" else getattr(self.torch, name)(y)

    def _conv2d(self, layer: Any, x: Any, weight: Any, bias: Any = None, groups: int = 1) -> Any:
        pads = [0, 0, 0, 0]
        if layer.padding == "same":
            for axis in (0, 1):
                size, stride, window = (
                    x.shape[2 + axis],
                    layer.strides[axis],
                    weight.shape[2 + axis],
                )
                total = max(0, (-(-size // stride) - 1) * stride + window - size)
                pads[2 * (1 - axis) : 2 * (1 - axis) + 2] = [total // 2, total - total // 2]
        if pads[0] == pads[1] and pads[2] == pads[3]:
            padding = (pads[2], pads[0])
        else:
            x, padding = self.functional.pad(x, pads), (0, 0)
        return self.functional.conv2d(x, weight, bias, layer.strides, padding, 1, groups)

    def _depthwiseconv2d(self, layer: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        return self._conv2d(layer, x, weight, bias, groups=x.shape[1])

    def _batchnormalization(self, layer: Any, x: Any, *weights: Any) -> Any:
        gamma, beta, mean, variance = weights
        return self.functional.batch_norm(x, mean, variance, gamma, beta, False, 0, layer.epsilon)

    def _dense(self, layer: Any, x: Any, weight: Any, bias: Any) -> Any:
        return self.functional.linear(x, weight, bias)

    def _maxpooling2d(self, layer: Any, x: Any) -> Any:
        return self.functional.max_pool2d(x, layer.pool_size, layer.strides)

    def _averagepooling2d(self, layer: Any, x: Any) -> Any:
        return self.functional.avg_pool2d(x, layer.pool_size, layer.strides)

    def _globalaveragepooling2d(self, layer: Any, x: Any) -> Any:
        return x.mean((2, 3))

    def _flatten(self, layer: Any, x: Any) -> Any:
        return self.torch.flatten(x, 1)

    def _relu(self, layer: Any, x: Any) -> Any:
        if layer.max_value is not None:
            return self.functional.hardtanh(x, 0.0, float(layer.max_value))
        return self.torch.relu(x)

    def _dropout(self, layer: Any, x: Any) -> Any:
        return x

    def _add(self, layer: Any, xs: Any) -> Any:
        return xs[0] + xs[1]


def _first(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(TO_FIRST))


class TorchNetworks(Torch):
    """Contiguous and channels-last, each eager and traced and frozen."""

    def network(self, name: str, model: Any, build: Any, x: np.ndarray) -> list[Candidate]:
        torch, network, found = self.torch, TorchNetwork(model), []
        for layout in (torch.contiguous_format, torch.channels_last):
            image = torch.from_numpy(_first(x)).contiguous(memory_format=layout)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                frozen = torch.jit.freeze(torch.jit.trace(network.module, image))
            for call in (network.module, frozen):
                for _ in range(3):
                    call(image)
                found.append(Candidate(lambda c=call, i=image: c(i), lambda y: y.numpy()))
        return found


class TensorFlowNetworks(TensorFlow):
    """Keras's model, traced for the shape."""

    def __init__(self, threads: int) -> None:
        os.environ["KERAS_BACKEND"] = "tensorflow"
        super().__init__(threads)
        with quiet():
            import keras
        self.keras = keras

    def network(self, name: str, model: Any, build: Any, x: np.ndarray) -> list[Candidate]:
        twin = build(self.keras)
        twin.set_weights(model.get_weights())
        image = self.tf.constant(x)
        run = self.tf.function(lambda x: twin(x, training=False)).get_concrete_function(image)
        return [Candidate(lambda: run(image), lambda y: y.numpy())]


class OnnxRuntimeNetworks(OnnxRuntime):
    """What PyTorch exports, on bound arrays."""

    def network(self, name: str, model: Any, build: Any, x: np.ndarray) -> list[Candidate]:
        import torch

        image, file = _first(x), io.BytesIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), quiet():
            warnings.simplefilter("ignore")
            torch.onnx.export(TorchNetwork(model).module, (torch.from_numpy(image),), file,
                              input_names=["x"], output_names=["y"], opset_version=17,
                              dynamo=False)  # fmt: skip
        session = self.runtime.InferenceSession(
            file.getvalue(), self.options, providers=["CPUExecutionProvider"]
        )
        shape = (x.shape[0], *model.output_shape[1:])
        y = self.runtime.OrtValue.ortvalue_from_shape_and_type(shape, np.float32)
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", self.runtime.OrtValue.ortvalue_from_numpy(image))
        binding.bind_ortvalue_output("y", y)
        plain: Callable[[], Any] = lambda: session.run(None, {"x": image})[0]  # noqa: E731
        return [
            Candidate(lambda: session.run_with_iobinding(binding), lambda _: y.numpy()),
            Candidate(plain, lambda y: y),
        ]


NETWORK_PEERS = {
    "tensorflow": TensorFlowNetworks,
    "torch": TorchNetworks,
    "onnxruntime": OnnxRuntimeNetworks,
}
