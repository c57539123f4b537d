"""Calls of kernels, operations and autograd that must fail, and words that they must fail with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from cnn_ext import _kernels, ops
from cnn_ext._kernels import Geometry
from cnn_ext.autograd import Tensor, Variable, grad, gradients, no_grad, primitive, value_and_grad
from cnn_ext.testing import check_gradients


class Error(NamedTuple):
    """A call, the exception that it must raise, and words that must be in its message."""

    name: str
    call: Callable[[], Any]
    exception: type[Exception]
    words: tuple[str, ...]

    def check(self) -> None:
        try:
            self.call()
        except Exception as error:
            assert type(error) is self.exception, repr(error)
            missing = [words for words in self.words if words not in str(error)]
            assert not missing, f"{missing} not in: {error}"
        else:
            raise AssertionError(f"no {self.exception.__name__}")


def error(name, call, exception, *words):
    return Error(name, call, exception, words)


def ones(*shape, dtype="float32"):
    return np.ones(shape, dtype)


def leaf(*shape):
    return Tensor(ones(*shape), requires_grad=True)


_SIZES = {"n": 1, "h": 3, "w": 3, "c_in": 2, "c_out": 2, "kh": 2, "kw": 2, "oh": 2, "ow": 2}
_CONV = Geometry(**_SIZES)
_POOL = Geometry(**_SIZES, groups=2)
_X, _W, _Y = ones(1, 3, 3, 2), ones(2, 2, 2, 2), ones(1, 2, 2, 2)
_TAPS = np.zeros(_POOL.y_shape, np.int32)
_B, _POOLED, _CODE = ones(2), ones(1, 1, 1, 2), np.full((1, 1, 1, 2), 255, np.uint8)
_IMAGE, _KERNEL, _BIAS = ones(1, 5, 5, 1), ones(3, 3, 1, 4), ones(4)
_WIDE = Geometry(**{**_SIZES, "h": 17, "w": 17, "oh": 16, "ow": 16})


def _fused(weight=_W, bias=_B, g=_CONV, window=(2, 2)):
    _kernels.conv2d_relu_pool_forward(ones(*g.x_shape), weight, bias, g, *window)


def _fused_backward_input(grad_y=_POOLED, code=_CODE, weight=_W, window=(2, 2)):
    _kernels.conv2d_relu_pool_backward_input(grad_y, code, weight, _CONV, *window)


def _fused_backward_weight(x=_X, grad_y=_POOLED, code=_CODE, window=(2, 2)):
    _kernels.conv2d_relu_pool_backward_weight(x, grad_y, code, _CONV, *window)


KERNEL_ERRORS = [
    error("list", lambda: _kernels.conv2d_forward(_X.tolist(), _W, _CONV), TypeError,
          "x must be a NumPy array", "Received: list"),
    error("Tensor", lambda: _kernels.gemm(leaf(2, 2), ones(2, 2)), TypeError,
          "a must be a NumPy array", "Received: Tensor"),
    error("integers", lambda: _kernels.conv2d_forward(_X, _W.astype(int), _CONV), TypeError,
          "weight must be float32 or float64", "Received: dtype=int64"),
    error("half", lambda: _kernels.average_pool2d_forward(_X.astype("float16"), _POOL), TypeError,
          "x must be float32 or float64", "Received: dtype=float16"),
    error("other byte order", lambda: _kernels.gemm(ones(2, 2).astype(">f4"), ones(2, 2)),
          TypeError, "a must be float32 or float64", "Received: dtype=>f4"),
    error("two dtypes", lambda: _kernels.conv2d_forward(_X, _W.astype("float64"), _CONV),
          TypeError, "x and weight must have one dtype", "Received: float32 and float64"),
    error("two dtypes backward input",
          lambda: _kernels.conv2d_backward_input(_Y, _W.astype("float64"), _CONV), TypeError,
          "grad_y and weight must have one dtype"),
    error("two dtypes backward weight",
          lambda: _kernels.conv2d_backward_weight(_X, _Y.astype("float64"), _CONV), TypeError,
          "x and grad_y must have one dtype"),
    error("shape of x", lambda: _kernels.conv2d_forward(_X[:, 1:], _W, _CONV), ValueError,
          "x must have shape (1, 3, 3, 2)", "Received: shape=(1, 2, 3, 2)"),
    error("shape of weight", lambda: _kernels.conv2d_backward_input(_Y, _W[1:], _CONV), ValueError,
          "weight must have shape (2, 2, 2, 2)", "Received: shape=(1, 2, 2, 2)"),
    error("shape of grad_y", lambda: _kernels.conv2d_backward_weight(_X, _Y[0], _CONV), ValueError,
          "grad_y must have shape (1, 2, 2, 2)", "Received: shape=(2, 2, 2)"),
    error("shape of bias", lambda: _fused(bias=ones(3)), ValueError,
          "bias must have shape (2,)", "Received: shape=(3,)"),
    error("rank of bias", lambda: _fused(bias=ones(1, 2)), ValueError,
          "bias must have shape (2,)", "Received: shape=(1, 2)"),
    error("dtype of bias", lambda: _fused(bias=_B.astype("float64")), TypeError,
          "bias and weight must have one dtype", "Received: float64 and float32"),
    error("bias of None", lambda: _fused(bias=None), TypeError,
          "bias must be a NumPy array", "Received: NoneType"),
    error("shape of weight before a pool", lambda: _fused(weight=_W[1:]), ValueError,
          "weight must have shape (2, 2, 2, 2)", "Received: shape=(1, 2, 2, 2)"),
    error("pool of no pixels", lambda: _fused(window=(2, 0)), ValueError,
          "the pooling window must fit 2x2 pixels", "Received: window_h=2, window_w=0"),
    error("pool of fewer", lambda: _fused(window=(-1, 2)), ValueError,
          "the pooling window must fit 2x2 pixels", "Received: window_h=-1, window_w=2"),
    error("pool too high", lambda: _fused_backward_input(window=(3, 1)), ValueError,
          "the pooling window must fit 2x2 pixels", "Received: window_h=3, window_w=1"),
    error("pool too wide", lambda: _fused_backward_weight(window=(1, 3)), ValueError,
          "the pooling window must fit 2x2 pixels", "Received: window_h=1, window_w=3"),
    error("pool of more than a byte's pixels", lambda: _fused(g=_WIDE, window=(16, 16)), ValueError,
          "must fit 16x16 pixels and have at most 255", "Received: window_h=16, window_w=16"),
    error("code of another dtype",
          lambda: _fused_backward_input(code=_CODE.astype("int32")), ValueError,
          "code must be a uint8 array of shape (1, 1, 1, 2)", "Received: int32, shape="),
    error("code of another shape", lambda: _fused_backward_weight(code=_CODE[0]), ValueError,
          "code must be a uint8 array of shape (1, 1, 1, 2)", "Received: uint8, shape=(1, 1, 2)"),
    error("code a list", lambda: _fused_backward_weight(code=_CODE.tolist()), ValueError,
          "code must be a uint8 array", "Received: list, shape=None"),
    error("code of a pixel that the window has not",
          lambda: _fused_backward_input(code=_CODE - np.uint8(251)), ValueError,
          "code must hold numbers below 4, or 255"),
    error("code nearly dead", lambda: _fused_backward_weight(code=_CODE - np.uint8(1)), ValueError,
          "code must hold numbers below 4, or 255"),
    error("grad_y before the pool", lambda: _fused_backward_input(grad_y=_Y), ValueError,
          "grad_y must have shape (1, 1, 1, 2)", "Received: shape=(1, 2, 2, 2)"),
    error("grad_y and weight of two dtypes",
          lambda: _fused_backward_input(grad_y=_POOLED.astype("float64")), TypeError,
          "grad_y and weight must have one dtype"),
    error("x and grad_y of two dtypes",
          lambda: _fused_backward_weight(grad_y=_POOLED.astype("float64")), TypeError,
          "x and grad_y must have one dtype"),
    error("x of another shape", lambda: _fused_backward_weight(x=_X[:, 1:]), ValueError,
          "x must have shape (1, 3, 3, 2)", "Received: shape=(1, 2, 3, 2)"),
    error("no geometry before a pool",
          lambda: _kernels.conv2d_relu_pool_forward(_X, _W, _B, None, 2, 2), TypeError, "Geometry"),
    error("no geometry", lambda: _kernels.max_pool2d_forward(_X, None), TypeError, "Geometry"),
    error("argmax of another dtype",
          lambda: _kernels.max_pool2d_backward(_Y, _TAPS.astype("int64"), _POOL), TypeError,
          "argmax must be the int32 array of shape (1, 2, 2, 2)", "Received: int64"),
    error("argmax of another shape",
          lambda: _kernels.max_pool2d_gather(_X, _TAPS[:, 1:], _POOL), TypeError,
          "argmax must be the int32 array", "Received: int32, (1, 1, 2, 2)"),
    error("argmax a list", lambda: _kernels.max_pool2d_backward(_Y, _TAPS.tolist(), _POOL),
          TypeError, "argmax must be the int32 array", "list"),
    error("pooling across channels", lambda: _kernels.max_pool2d_forward(_X, _CONV), ValueError,
          "pooling needs c_in == c_out == groups and dilation 1", "Received: Geometry("),
    error("pooling dilated",
          lambda: _kernels.average_pool2d_forward(_X, Geometry(**_SIZES, groups=2, dilation_h=2)),
          ValueError, "pooling needs c_in == c_out == groups and dilation 1"),
    error("window in front of the image",
          lambda: _kernels.max_pool2d_forward(_X, Geometry(**_SIZES, groups=2, pad_top=2)),
          ValueError, "every pooling window must touch the image"),
    error("window behind the image",
          lambda: _kernels.average_pool2d_backward(_Y, Geometry(**_SIZES, groups=2, stride_w=3)),
          ValueError, "every pooling window must touch the image"),
    error("negative size", lambda: Geometry(**{**_SIZES, "h": -1}), ValueError,
          "must not be negative", "Received: Geometry(n=1, h=-1"),
    error("negative padding", lambda: Geometry(**_SIZES, pad_left=-1), ValueError,
          "must not be negative", "pad_left=-1"),
    error("no strides", lambda: Geometry(**_SIZES, stride_w=0), ValueError,
          "must be at least 1", "stride_w=0"),
    error("no window", lambda: Geometry(**{**_SIZES, "kh": 0}), ValueError,
          "must be at least 1", "kh=0"),
    error("channels and groups", lambda: Geometry(**{**_SIZES, "c_in": 3}, groups=2), ValueError,
          "must be multiples of groups", "c_in=3"),
    error("filters and groups", lambda: Geometry(**{**_SIZES, "c_out": 3}, groups=2), ValueError,
          "must be multiples of groups", "c_out=3"),
    error("too large", lambda: Geometry(**{**_SIZES, "h": 2**40, "w": 2**40}), ValueError,
          "too large for memory"),
    error("steps too large",
          lambda: Geometry(**{**_SIZES, "oh": 5, "ow": 5}, stride_h=2**29, stride_w=2**29),
          ValueError, "too large for memory"),
    error("gemm of vectors", lambda: _kernels.gemm(ones(3), ones(3, 3)), ValueError,
          "gemm takes two matrices", "Received shapes: (3,) and (3, 3)"),
    error("gemm of a list", lambda: _kernels.gemm([[1.0]], ones(1, 1)), ValueError,
          "gemm takes two matrices", "Received shapes: None and (1, 1)"),
    error("gemm inner sizes", lambda: _kernels.gemm(ones(2, 3), ones(2, 3)), ValueError,
          "the inner sizes differ, 3 and 2"),
    error("gemm inner sizes transposed", lambda: _kernels.gemm(ones(2, 3), ones(2, 3), True, True),
          ValueError, "the inner sizes differ, 2 and 3", "transpose_a=True"),
    error("gemm of two dtypes", lambda: _kernels.gemm(ones(2, 3), ones(3, 2, dtype="float64")),
          TypeError, "a and b must have one dtype"),
]  # fmt: skip


def _conv_relu_max_pool(inputs=_IMAGE, kernel=_KERNEL, bias=_BIAS, **more):
    ops.conv_relu_max_pool(inputs, kernel, bias, **more)


OPERATION_ERRORS = [
    error("misspelt operation", lambda: ops.max_pol, AttributeError,
          "module 'cnn_ext.ops' has no attribute 'max_pol'; did you mean 'max_pool'?"),
    error("capital", lambda: ops.ReLU, AttributeError, "did you mean 'relu'?"),
    error("images without channels", lambda: ops.conv(ones(2, 5, 5), ones(3, 3, 1, 4)), ValueError,
          "conv: expected images of rank 4, (batch, height, width, channels)", "x[..., None]",
          "Received: shape=(2, 5, 5)"),
    error("images of rank 2, channels first",
          lambda: ops.conv(ones(5, 5), ones(3, 3, 1, 4), data_format="channels_first"), ValueError,
          "expected images of rank 4", "Received: shape=(5, 5)"),
    error("kernel of rank 3", lambda: ops.conv(ones(2, 5, 5, 1), ones(3, 3, 4)), ValueError,
          "conv: expected a kernel of rank 4", "Received: shape=(3, 3, 4)"),
    error("channels mismatch", lambda: ops.conv(ones(2, 5, 5, 4), ones(3, 3, 3, 8)), ValueError,
          "conv: the input's channels must be a multiple of the kernel's",
          "Received: input shape=(2, 5, 5, 4), kernel shape=(3, 3, 3, 8)"),
    error("filters do not fill the groups", lambda: ops.conv(ones(2, 5, 5, 4), ones(3, 3, 2, 3)),
          ValueError, "groups they make must divide the filters"),
    error("window larger than the image", lambda: ops.conv(ones(2, 5, 5, 1), ones(7, 3, 1, 4)),
          ValueError, "(size - (window - 1) * dilation - 1) // stride + 1",
          "(5 - (7 - 1) * 1 - 1) // 1 + 1 = -1", "padding='same'",
          "Received: size=5, window=7, strides=1, dilation=1"),
    error("dilated window larger than the image",
          lambda: ops.conv(ones(2, 5, 6, 1), ones(3, 3, 1, 4), dilation_rate=3), ValueError,
          "(5 - (3 - 1) * 3 - 1) // 1 + 1 = -1", "Received: size=5, window=3"),
    error("pool larger than the image", lambda: ops.max_pool(ones(2, 1, 1, 3), 2), ValueError,
          "pooling: the window does not fit its input", "(1 - (2 - 1) * 1 - 1) // 2 + 1 = 0"),
    error("pool of rank 2", lambda: ops.average_pool(ones(4, 3), 2), ValueError,
          "pooling: expected inputs of rank 3, 4 or 5", "Received: shape=(4, 3)"),
    error("padding", lambda: ops.conv(ones(1, 5, 5, 1), ones(3, 3, 1, 4), padding="sane"),
          ValueError, "one of {'valid', 'same'}; did you mean 'same'?",
          "Received: sane"),
    error("padding a number", lambda: ops.max_pool(ones(1, 5, 5, 1), 2, padding=1), ValueError,
          "one of {'valid', 'same'}", "Received: 1"),
    error("data_format",
          lambda: ops.max_pool(ones(1, 5, 5, 1), 2, data_format="channel_last"), ValueError,
          "data_format must be one of", "did you mean 'channels_last'?"),
    error("fused window larger than the image",
          lambda: _conv_relu_max_pool(kernel=ones(7, 3, 1, 4)), ValueError,
          "conv: the window does not fit its input", "Received: size=5, window=7"),
    error("fused channels mismatch", lambda: _conv_relu_max_pool(kernel=ones(3, 3, 2, 4)),
          ValueError, "conv: the input's channels must be a multiple of the kernel's"),
    error("fused image of rank 3", lambda: _conv_relu_max_pool(ones(5, 5, 1)), ValueError,
          "conv: expected images of rank 4", "Received: shape=(5, 5, 1)"),
    error("fused pool larger than the convolution", lambda: _conv_relu_max_pool(pool_size=(2, 4)),
          ValueError, "pooling: the window does not fit its input", "Received: size=3, window=4"),
    error("fused pool of zero", lambda: _conv_relu_max_pool(pool_size=0), ValueError,
          "each at least 1", "Received: pool_size=0"),
    error("fused pool of more than a byte's pixels",
          lambda: _conv_relu_max_pool(ones(1, 16, 16, 1), pool_size=16, padding="same"),
          ValueError, "at most 255", "Received: window_h=16, window_w=16"),
    error("fused padding", lambda: _conv_relu_max_pool(padding="some"), ValueError,
          "one of {'valid', 'same'}", "Received: some"),
    error("fused bias of other filters", lambda: _conv_relu_max_pool(bias=ones(3)), ValueError,
          "bias must have shape (4,)", "Received: shape=(3,)"),
    error("fused bias would broadcast", lambda: _conv_relu_max_pool(bias=ones(1, 4)), ValueError,
          "bias must have shape (4,)", "Received: shape=(1, 4)"),
    error("fused bias of a Tensor of another dtype",
          lambda: _conv_relu_max_pool(bias=Tensor(ones(4, dtype="float64"))), TypeError,
          "bias and weight must have one dtype", "Received: float64 and float32"),
    error("strides of zero", lambda: ops.conv(ones(1, 5, 5, 1), ones(3, 3, 1, 4), strides=0),
          ValueError, "each at least 1", "Received: strides=0"),
    error("three strides", lambda: ops.max_pool(ones(1, 5, 5, 1), 2, strides=(1, 1, 1)),
          ValueError, "a tuple of 2 integers", "Received: strides=(1, 1, 1)"),
    error("half a pixel", lambda: ops.max_pool(ones(1, 5, 5, 1), 1.5), ValueError,
          "a tuple of 2 integers", "Received: pool_size=1.5"),
    error("dilation of True",
          lambda: ops.conv(ones(1, 5, 5, 1), ones(3, 3, 1, 4), dilation_rate=True), ValueError,
          "each at least 1", "Received: dilation_rate=True"),
    error("two dtypes", lambda: ops.conv(ones(1, 5, 5, 1, dtype="float64"), ones(3, 3, 1, 4)),
          TypeError, "must have one dtype", "Received: float64 and float32"),
    error("image of bytes", lambda: ops.max_pool(ones(1, 5, 5, 1, dtype="uint8"), 2), TypeError,
          "must be float32 or float64", "Received: dtype=uint8"),
    error("matmul inner sizes", lambda: ops.matmul(ones(2, 3), ones(2, 3)), ValueError,
          "matmul: the inner sizes differ, 3 and 2", "Received shapes: (2, 3) and (2, 3)"),
    error("matmul inner sizes of vectors", lambda: ops.matmul(ones(3), ones(2)), ValueError,
          "the inner sizes differ, 3 and 2"),
    error("matmul of a number", lambda: ops.matmul(leaf(2, 2), Tensor(3.0)), ValueError,
          "rank 1 or more; use multiply", "Received shapes: (2, 2) and ()"),
    error("reshape", lambda: ops.reshape(ones(2, 3), newshape=(4, 2)), ValueError,
          "reshape: 6 elements of shape (2, 3) do not fit", "Received: newshape=(4, 2)"),
    error("squeeze", lambda: ops.squeeze(ones(2, 3), 0), ValueError,
          "only axes of one element can be squeezed", "Received: axis=0, shape=(2, 3)"),
    error("expand_dims", lambda: ops.expand_dims(ones(2, 3), 3), ValueError,
          "axis must be in [-3, 3)", "Received: axis=3"),
    error("axis of a reduction", lambda: ops.sum(ones(2, 3), axis=2), ValueError,
          "axis must be in [-2, 2)", "Received: axis=2"),
    error("shape of indices",
          lambda: ops.take_along_axis(ones(4, 3), np.zeros((2, 1), int), axis=1), ValueError,
          "indices must have x's shape but for the length of the axis",
          "Received: x.shape=(4, 3), indices.shape=(2, 1), axis=1"),
    error("label too large",
          lambda: ops.sparse_categorical_crossentropy(np.array([0, 3, 4]), ones(3, 3)),
          ValueError, "labels must be integers from 0 to 2", "Received: 3 at [1], and 1 more"),
    error("label negative",
          lambda: ops.sparse_categorical_crossentropy(np.array([0, -1]), ones(2, 3)),
          ValueError, "labels must be integers from 0 to 2", "Received: -1 at [1]"),
    error("one-hot rows as labels",
          lambda: ops.sparse_categorical_crossentropy(ones(2, 3), ones(2, 3)), ValueError,
          "for one-hot rows use categorical_crossentropy", "target.shape=(2, 3)"),
    error("classes not last",
          lambda: ops.sparse_categorical_crossentropy(np.zeros(2, int), ones(2, 3), axis=0),
          ValueError, "only axis=-1 is supported", "Received: axis=0"),
    error("shapes of target and output",
          lambda: ops.categorical_crossentropy(ones(2, 3), ones(2, 4)), ValueError,
          "categorical_crossentropy: target and output must have the same shape",
          "Received: target.shape=(2, 3), output.shape=(2, 4)"),
    error("binary shapes", lambda: ops.binary_crossentropy(ones(2), ones(2, 1)), ValueError,
          "binary_crossentropy: target and output must have the same shape"),
    error("one argument too many", lambda: ops.relu(ones(2), 0.1), TypeError,
          "relu takes at most 1 positional arguments", "Received: 2"),
    error("far too many", lambda: ops.sum(ones(2), 0, True, 1), TypeError,
          "sum takes at most 3 positional arguments", "Received: 4"),
    error("axis twice", lambda: ops.sum(ones(2), 0, axis=0), TypeError,
          "sum: 'axis' was given by position and by keyword"),
    error("misspelt keyword", lambda: ops.sum(ones(2), axes=0), TypeError, "'axes'"),
]  # fmt: skip


@primitive
def _shapeless(x):
    return x * 2


_shapeless.gradients(lambda g, y, x: np.ones(5))


@primitive
def _forgetful(x):
    return x * 2


_forgetful.gradients(lambda g, y, x: None)


@primitive
def _ruleless(x1, x2):
    return x1 * x2


_ruleless.gradients(lambda g, y, x1, x2: g * x2)


def _backward_twice():
    loss = (leaf(3) ** 2.0).sum()
    loss.backward()
    loss.backward()


def _through_a_freed_part():
    middle = leaf(3) * 2.0
    middle.sum().backward()
    (middle * 3.0).sum().backward()


def _without_recording():
    with no_grad():
        y = (leaf(3) * 2.0).sum()
    y.backward()


def _stale():
    w = Variable(ones(3), name="w", path="dense/w")
    loss = (w * w).sum()
    w.assign([2.0, 2.0, 2.0])
    loss.backward()


AUTOGRAD_ERRORS = [
    error("backward twice", _backward_twice, RuntimeError,
          "freed by an earlier backward()", "retain_graph=True"),
    error("backward through a freed part", _through_a_freed_part, RuntimeError,
          "'multiply' was freed", "retain_graph=True"),
    error("nothing recorded", _without_recording, ValueError,
          "backward() needs a Tensor that was computed from one with requires_grad=True",
          "Received: Tensor(6., shape=(), dtype=float32)"),
    error("many elements", lambda: (leaf(2, 3) * 2.0).backward(), ValueError,
          "needs a Tensor of one element; sum or average it", "Received: shape=(2, 3)"),
    error("gradient of another shape", lambda: (leaf(2, 3) * 2.0).backward(ones(3, 2)), ValueError,
          "the gradient must have the Tensor's shape (2, 3)", "Received: shape=(3, 2)"),
    error("rule of another shape", lambda: _shapeless(leaf(3)).sum().backward(), ValueError,
          "the gradient rule of '_shapeless' for its argument 0 must return shape (3,)",
          "Received: shape=(5,)"),
    error("rule returns None", lambda: _forgetful(leaf(3)).sum().backward(), TypeError,
          "the gradient rule of '_forgetful' for its argument 0 must return an array of shape (3,)",
          "Received: None"),
    error("no rule", lambda: _ruleless(leaf(3), leaf(3)).sum().backward(), NotImplementedError,
          "'_ruleless' has no gradient rule for its argument 1", "_ruleless.gradients(...)"),
    error("integers", lambda: Tensor(np.arange(3), requires_grad=True), TypeError,
          "only float Tensors can require gradients", "dtype='float32'", "Received: dtype=int64"),
    error("ragged rows", lambda: Tensor([[1.0, 2.0], [3.0]]), ValueError, "inhomogeneous"),
    error("objects", lambda: Tensor([None, object()]), TypeError,
          "data must be numbers in a regular shape", "list"),
    error("assigned after use", _stale, RuntimeError,
          "'w' was assigned to after 'multiply' used it"),
    error("assign another shape", lambda: Variable(ones(3), path="dense/w").assign(ones(2)),
          ValueError, "variable 'dense/w' has shape (3,)", "Received: shape=(2,)"),
    error("assign would broadcast", lambda: Variable(ones(3)).assign(1.0), ValueError,
          "has shape (3,)", "Received: shape=()"),
    error("assign floats to integers", lambda: Variable(np.zeros(2, int)).assign(ones(2)),
          TypeError, "same_kind"),
    error("variable without a shape", lambda: Variable(lambda shape, dtype: ones(*shape)),
          ValueError, "needs a shape"),
    error("function of many values", lambda: grad(lambda x: x * 2.0)(ones(3)), ValueError,
          "must return a Tensor of one element (sum or average it)", "Received: Tensor("),
    error("function of no Tensor", lambda: value_and_grad(lambda x: 3.0)(ones(3)), ValueError,
          "must return a Tensor of one element", "Received: 3.0"),
    error("gradients of many values", lambda: gradients(leaf(3) * 2.0, []), ValueError,
          "one element", "Received: shape=(3,)"),
    error("iterate over a number", lambda: list(Tensor(3.0)), TypeError, "cannot be iterated"),
    error("truth of many values", lambda: bool(leaf(3)), ValueError, "ambiguous"),
]  # fmt: skip

TESTING_ERRORS = [
    error("no floats", lambda: check_gradients(lambda x: leaf(2).sum() + x, np.arange(3)),
          ValueError, "at least one float input"),
    error("every derivative zero", lambda: check_gradients(lambda x: x * 0.0, ones(3)), ValueError,
          "nothing was checked: every derivative is zero"),
    error("derivative stopped", lambda: check_gradients(lambda x: ops.sign(x) + 0.0, ones(3)),
          ValueError, "every derivative is zero"),
    error("dead relu", lambda: check_gradients(ops.relu, -ones(3)), ValueError,
          "every derivative is zero", "choose others"),
    error("nothing to check", lambda: check_gradients(ops.relu, ones(0)), ValueError,
          "every derivative is zero"),
    error("third order", lambda: check_gradients(ops.relu, ones(3), order=3), ValueError,
          "order must be 1 or 2", "Received: order=3"),
    error("array returned", lambda: check_gradients(lambda x: x.numpy(), ones(3)), TypeError,
          "must return Tensors", "Received: ndarray"),
    error("number returned", lambda: check_gradients(lambda x: 3.0, ones(3)), TypeError,
          "must return Tensors", "Received: float"),
    error("no directions", lambda: check_gradients(ops.relu, ones(3), directions=0), ValueError),
]  # fmt: skip
