"""The libraries that cnn_ext is timed beside, each called as suits it best.

A peer offers candidates for a problem and an operation: ways to compute it from arrays that lie
ready in the peer's own layout. None means that the peer cannot compute it; where there are
several (NCHW or channels last, eager or compiled), the benchmark times the fastest.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from geometries import Problem

TO_FIRST, TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
TO_OIHW, TO_HWIO = (3, 2, 0, 1), (2, 3, 1, 0)


class Candidate(NamedTuple):
    """run computes; read makes a NumPy array in cnn_ext's layout of what run returned."""

    run: Callable[[], Any]
    read: Callable[[Any], np.ndarray]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing on stderr, not from C either."""
    sys.stderr.flush()
    before = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


class Torch:
    """conv2d and convolution_backward on contiguous and on channels-last tensors."""

    def __init__(self, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.torch, self.version = torch, torch.__version__

    def candidates(self, problem: Problem, operation: str) -> list[Candidate]:
        if problem.layer.dense:
            return self._dense(problem, operation)
        layouts = self.torch.contiguous_format, self.torch.channels_last
        return [self._conv(problem, operation, layout) for layout in layouts]

    def _conv(self, problem: Problem, operation: str, layout: Any) -> Candidate:
        x, weight, grad_y = (
            self.torch.from_numpy(array).permute(axes).contiguous(memory_format=layout)
            for array, axes in (
                (problem.x, TO_FIRST), (problem.weight, TO_OIHW), (problem.grad_y, TO_FIRST)
            )
        )  # fmt: skip
        layer = problem.layer
        stride, dilation = [layer.stride] * 2, [layer.dilation] * 2
        padding, groups = [layer.pad_h, layer.pad_w], layer.groups

        def forward():
            conv2d = self.torch.nn.functional.conv2d
            return conv2d(x, weight, None, stride, padding, dilation, groups)

        def backward(position):
            mask = [position == i for i in range(3)]
            return self.torch.ops.aten.convolution_backward(
                grad_y, x, weight, None, stride, padding, dilation, False, [0, 0], groups, mask
            )[position]

        run = {
            "forward": forward,
            "backward_input": lambda: backward(0),
            "backward_weight": lambda: backward(1),
        }[operation]
        axes = TO_HWIO if operation == "backward_weight" else TO_LAST
        return Candidate(run, lambda result: result.permute(axes).numpy())

    def _dense(self, problem: Problem, operation: str) -> list[Candidate]:
        x, weight, grad_y = map(self.torch.from_numpy, problem.matrices())
        turned = weight.T.contiguous().T  # as a Linear layer keeps it
        mm = self.torch.mm
        runs = {
            "forward": [lambda: mm(x, weight), lambda: mm(x, turned)],
            "backward_input": [lambda: mm(grad_y, weight.T), lambda: mm(grad_y, turned.T)],
            "backward_weight": [lambda: mm(x.T, grad_y)],
        }[operation]
        return [Candidate(run, lambda result: result.numpy()) for run in runs]


class TensorFlow:
    """Raw operations on NHWC, called eagerly and from a traced function."""

    def __init__(self, threads: int) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
        with quiet():
            import tensorflow
        tensorflow.get_logger().setLevel("ERROR")
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
        self.tf, self.version = tensorflow, tensorflow.__version__

    def candidates(self, problem: Problem, operation: str) -> list[Candidate]:
        prepare = self._dense if problem.layer.dense else self._conv
        call, arrays = prepare(problem, operation)
        tensors = [self.tf.constant(array) for array in arrays]
        try:
            call(*tensors)
        except self.tf.errors.OpError:  # backward with groups, on a CPU
            return []
        traced = self.tf.function(call).get_concrete_function(*tensors)
        return [
            Candidate(lambda call=call: call(*tensors), lambda result: result.numpy())
            for call in (call, traced)
        ]

    def _conv(self, problem: Problem, operation: str) -> tuple[Callable, list[np.ndarray]]:
        layer, geometry, raw = problem.layer, problem.geometry, self.tf.raw_ops
        settings = self._settings(problem)
        x, weight, grad_y = problem.x, problem.weight, problem.grad_y
        if layer.depthwise:
            forward, name = raw.DepthwiseConv2dNative, "DepthwiseConv2dNativeBackprop"
            weight = weight.reshape(layer.kh, layer.kw, layer.c_in, 1)
        else:
            forward, name = raw.Conv2D, "Conv2DBackprop"
        by_input, by_filter = getattr(raw, name + "Input"), getattr(raw, name + "Filter")
        x_shape, w_shape = self.tf.constant(geometry.x_shape), self.tf.constant(weight.shape)
        return {
            "forward": (lambda x, w: forward(input=x, filter=w, **settings), [x, weight]),
            "backward_input": (
                lambda g, w: by_input(input_sizes=x_shape, filter=w, out_backprop=g, **settings),
                [grad_y, weight],
            ),
            "backward_weight": (
                lambda x, g: by_filter(input=x, filter_sizes=w_shape, out_backprop=g, **settings),
                [x, grad_y],
            ),
        }[operation]

    def _settings(self, problem: Problem) -> dict[str, Any]:
        """Padding by name where TensorFlow has a name for it, else in pixels."""
        layer = problem.layer
        pads = [0, 0, layer.pad_h, layer.pad_h, layer.pad_w, layer.pad_w, 0, 0]
        padding = "EXPLICIT" if any(pads) else "VALID"
        if any(pads) and layer.stride == 1:
            padding, pads = "SAME", []
        return {
            "strides": [1, layer.stride, layer.stride, 1],
            "dilations": [1, layer.dilation, layer.dilation, 1],
            "padding": padding,
            "explicit_paddings": pads if padding == "EXPLICIT" else [],
        }

    def _dense(self, problem: Problem, operation: str) -> tuple[Callable, list[np.ndarray]]:
        x, weight, grad_y = problem.matrices()
        matmul = self.tf.linalg.matmul
        return {
            "forward": (matmul, [x, weight]),
            "backward_input": (lambda g, w: matmul(g, w, transpose_b=True), [grad_y, weight]),
            "backward_weight": (lambda x, g: matmul(x, g, transpose_a=True), [x, grad_y]),
        }[operation]


class OnnxRuntime:
    """A model of one node whose weight is a constant, on bound arrays; forward only."""

    def __init__(self, threads: int) -> None:
        import onnx
        import onnxruntime

        self.onnx, self.runtime, self.version = onnx, onnxruntime, onnxruntime.__version__
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.inter_op_num_threads = 1

    def candidates(self, problem: Problem, operation: str) -> list[Candidate]:
        if operation != "forward":
            return []
        if problem.layer.dense:
            x, weight, _ = problem.matrices()
            return [self._candidate("MatMul", {}, x, weight, (problem.n, weight.shape[1]))]
        layer, geometry = problem.layer, problem.geometry
        settings = {
            "strides": [layer.stride] * 2,
            "dilations": [layer.dilation] * 2,
            "pads": [layer.pad_h, layer.pad_w] * 2,
            "group": layer.groups,
        }
        shape = tuple(geometry.y_shape[axis] for axis in TO_FIRST)
        x, weight = problem.x.transpose(TO_FIRST), problem.weight.transpose(TO_OIHW)
        candidate = self._candidate("Conv", settings, x, weight, shape)
        return [Candidate(candidate.run, lambda y: candidate.read(y).transpose(TO_LAST))]

    def _candidate(self, operator, settings, x, weight, shape) -> Candidate:
        """x and weight as the operator takes them; shape of its result."""
        helper, floats = self.onnx.helper, self.onnx.TensorProto.FLOAT
        x, weight = np.ascontiguousarray(x), np.ascontiguousarray(weight)
        graph = helper.make_graph(
            [helper.make_node(operator, ["x", "weight"], ["y"], **settings)],
            operator,
            [helper.make_tensor_value_info("x", floats, x.shape)],
            [helper.make_tensor_value_info("y", floats, shape)],
            [self.onnx.numpy_helper.from_array(weight, "weight")],
        )
        opset = [helper.make_opsetid("", 17)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=8)
        session = self.runtime.InferenceSession(
            model.SerializeToString(), self.options, providers=["CPUExecutionProvider"]
        )
        y = self.runtime.OrtValue.ortvalue_from_shape_and_type(shape, np.float32)
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", self.runtime.OrtValue.ortvalue_from_numpy(x))
        binding.bind_ortvalue_output("y", y)
        return Candidate(lambda: session.run_with_iobinding(binding), lambda _: y.numpy())


PEERS = {"tensorflow": TensorFlow, "torch": Torch, "onnxruntime": OnnxRuntime}
