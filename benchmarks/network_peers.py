"""The contestants of networks.py: whole networks in each library, with cnn_ext's weights.

PyTorch and JAX compute the layers with their own functions; TensorFlow is Keras; ONNX Runtime and
OpenVINO run what PyTorch exports, and do not train. Images lie ready as each likes them. Where
there are several ways (channels first or last, eager or traced), each is offered, and the fastest
is timed. `torch.compile` is left out: it needs a C++ compiler, and 20 seconds for each shape.

    network(name, model, x)             calls of the network on these images
    training(name, model, x, y, batch)  calls that train on them for an epoch, shuffled, with Adam
                                        and dropout, loss and accuracy; each gives the mean loss
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import peers
from architectures import EPSILON, NETWORKS, RATE, compiled
from peers import TO_FIRST, Candidate, quiet

Epoch = Callable[[], float]
EXPORT = Path(__file__).with_name("onnx_export.py")


class CnnExt:
    def __init__(self, threads: int) -> None:
        import cnn_ext

        self.keras, self.version = cnn_ext, cnn_ext.__version__

    def network(self, name: str, model: Any, x: np.ndarray) -> list[Candidate]:
        return [Candidate(lambda: model(x), lambda y: y.data)]

    def predict(self, model: Any, x: np.ndarray, batch: int) -> Callable[[], Any]:
        return lambda: model.predict(x, batch_size=batch, verbose=0)

    def training(self, name: str, model: Any, x: Any, y: Any, batch: int) -> Iterator[Epoch]:
        twin = compiled(self.keras, twin_of(self.keras, name, model))
        yield lambda: twin.fit(x, y, batch_size=batch, verbose=0).history["loss"][0]


class TensorFlow(peers.TensorFlow):
    """Keras's model: traced for the shape; `fit` on arrays, and on a tf.data.Dataset."""

    def __init__(self, threads: int) -> None:
        os.environ["KERAS_BACKEND"] = "tensorflow"
        super().__init__(threads)
        with quiet():
            import keras
        self.keras = keras

    def network(self, name: str, model: Any, x: np.ndarray) -> list[Candidate]:
        twin, image = twin_of(self.keras, name, model), self.tf.constant(x)
        run = self.tf.function(lambda x: twin(x, training=False)).get_concrete_function(image)
        return [Candidate(lambda: run(image), lambda y: y.numpy())]

    def training(self, name: str, model: Any, x: Any, y: Any, batch: int) -> Iterator[Epoch]:
        data = self.tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(batch)
        data = data.prefetch(self.tf.data.AUTOTUNE)
        for form in ({"x": x, "y": y, "batch_size": batch}, {"x": data, "shuffle": False}):
            twin = compiled(self.keras, twin_of(self.keras, name, model))
            yield lambda twin=twin, form=form: twin.fit(**form, verbose=0).history["loss"][0]


class Torch(peers.Torch):
    """Channels last and contiguous; inference eager, traced, and traced and fused."""

    def network(self, name: str, model: Any, x: np.ndarray) -> list[Candidate]:
        from torch_network import TorchNetwork

        torch, found = self.torch, []
        for layout in (torch.channels_last, torch.contiguous_format):
            module = TorchNetwork(model, layout).module
            image = torch.from_numpy(first(x)).contiguous(memory_format=layout)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                frozen = torch.jit.freeze(torch.jit.trace(module, image))
                fused = torch.jit.optimize_for_inference(torch.jit.trace(module, image))
            for call in (module, frozen, fused):
                for _ in range(3):
                    call(image)
                found.append(Candidate(lambda c=call, i=image: c(i), lambda y: y.numpy()))
        return found

    def training(self, name: str, model: Any, x: Any, y: Any, batch: int) -> Iterator[Epoch]:
        from torch_network import TorchNetwork, adam_steps

        torch, count = self.torch, len(x)
        labels = torch.from_numpy(y)
        for layout in (torch.channels_last, torch.contiguous_format):
            step = adam_steps(TorchNetwork(model, layout), RATE, EPSILON)
            images = torch.from_numpy(first(x)).contiguous(memory_format=layout)

            def epoch(step: Any = step, images: Any = images, layout: Any = layout) -> float:
                total, right = torch.zeros(()), torch.zeros((), dtype=torch.int64)
                with torch.enable_grad():
                    for rows in torch.randperm(count).split(batch):
                        chosen = images[rows].contiguous(memory_format=layout)
                        loss, hits = step(chosen, labels[rows])
                        total += loss * len(rows)
                        right += hits
                return float(total) / count

            yield epoch


class Jax:
    """All compiled: the network for its shape, and the whole training step."""

    def __init__(self, threads: int) -> None:
        os.environ["NPROC"] = str(threads)  # the size of XLA's thread pool
        os.environ["JAX_PLATFORMS"] = "cpu"
        import jax

        self.jax, self.version = jax, jax.__version__

    def network(self, name: str, model: Any, x: np.ndarray) -> list[Candidate]:
        from jax_network import JaxNetwork

        jax, network = self.jax, JaxNetwork(model)
        image = jax.numpy.array(x)
        kept = jax.jit(lambda x: network.run(network.trained, network.fixed, x))
        given = jax.jit(network.run)
        runs = [
            lambda: kept(image).block_until_ready(),
            lambda: given(network.trained, network.fixed, image).block_until_ready(),
        ]
        return [Candidate(run, np.asarray) for run in runs]

    def training(self, name: str, model: Any, x: Any, y: Any, batch: int) -> Iterator[Epoch]:
        from jax_network import JaxNetwork, adam_step

        step, state = adam_step(JaxNetwork(model), RATE, EPSILON)
        images, labels = self.jax.numpy.array(x), self.jax.numpy.array(y, "int32")
        rng = np.random.default_rng(0)

        def epoch() -> float:
            nonlocal state
            rows, losses, right = rng.permutation(len(x)).astype("int32"), [], []
            for at in range(0, len(x), batch):
                state, loss, hits = step(state, images, labels, rows[at : at + batch])
                losses.append(loss)
                right.append(hits)
            return float(np.mean(self.jax.device_get(losses)))

        yield epoch


class OnnxRuntime(peers.OnnxRuntime):
    """On bound arrays and on plain ones."""

    def network(self, name: str, model: Any, x: np.ndarray) -> list[Candidate]:
        session = self.runtime.InferenceSession(
            exported(name, x.shape), self.options, providers=["CPUExecutionProvider"]
        )
        image, shape = first(x), (x.shape[0], *model.output_shape[1:])
        y = self.runtime.OrtValue.ortvalue_from_shape_and_type(shape, np.float32)
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", self.runtime.OrtValue.ortvalue_from_numpy(image))
        binding.bind_ortvalue_output("y", y)
        plain: Callable[[], Any] = lambda: session.run(None, {"x": image})[0]  # noqa: E731
        return [
            Candidate(lambda: session.run_with_iobinding(binding), lambda _: y.numpy()),
            Candidate(plain, lambda y: y),
        ]


class OpenVino:
    """For the least latency, in float32, on a tensor that the request keeps."""

    def __init__(self, threads: int) -> None:
        import openvino

        self.openvino, self.version = openvino, openvino.__version__.split("-")[0]
        self.core = openvino.Core()
        self.settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16 where the processor has it
        }

    def network(self, name: str, model: Any, x: np.ndarray) -> list[Candidate]:
        read = self.core.read_model(exported(name, x.shape), b"")
        request = self.core.compile_model(read, "CPU", self.settings).create_infer_request()
        image = self.openvino.Tensor(first(x))  # with a copy of its own
        request.set_input_tensor(image)
        return [Candidate(request.infer, lambda _: request.get_output_tensor().data.copy())]


def first(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(TO_FIRST))


def twin_of(keras: Any, name: str, model: Any) -> Any:
    """The network in cnn_ext or Keras, with the weights and the dropout of this one."""
    twin = NETWORKS[name](keras)
    twin.set_weights(model.get_weights())
    for layer, other in zip(twin.layers, model.layers, strict=True):
        if hasattr(other, "rate"):
            layer.rate = other.rate
    return twin


@lru_cache(maxsize=2)
def exported(name: str, shape: tuple[int, ...]) -> bytes:
    """The settled network as PyTorch exports it, made by another process: PyTorch is large."""
    return subprocess.check_output([sys.executable, str(EXPORT), name, str(shape[0])])


CONTESTANTS: dict[str, Callable[[int], Any]] = {
    "cnn_ext": CnnExt,
    "tensorflow": TensorFlow,
    "torch": Torch,
    "jax": Jax,
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
}
NETWORK_PEERS = tuple(CONTESTANTS)[1:]
