"""The table of kernels, and the doors through which Python calls them."""

import collections
import contextlib

Kernel = collections.namedtuple("Kernel", ["operation", "name", "serves", "run"])
Kernel.__doc__ = """One implementation of one operation.

operation: name of the door that reaches it.
name: what tells it from the others of its operation.
serves: whether it takes these sizes (called with the door's sizes; first match wins).
run: dtype name -> the compiled function, called with arrays, the results among them, and sizes.
"""


def _serves_all(*sizes):
    return True


def _kernel(operation, name, function, serves=_serves_all):
    run = {"float32": function["float"], "float64": function["double"]}
    return Kernel(operation, name, serves, run)


KERNELS = (
    _kernel("conv2d_forward", "winograd", conv2d_forward_winograd, _serves_winograd),
    _kernel("conv2d_forward", "direct", conv2d_forward_direct),
    _kernel("conv2d_forward", "reference", conv2d_forward_reference),
    _kernel("conv2d_backward_input", "winograd", conv2d_backward_input_winograd,
            _serves_winograd),
    _kernel("conv2d_backward_input", "scatter", conv2d_backward_input_scatter, _serves_scatter),
    _kernel("conv2d_backward_input", "direct", conv2d_backward_input_direct),
    _kernel("conv2d_backward_input", "reference", conv2d_backward_input_reference),
    _kernel("conv2d_backward_weight", "winograd", conv2d_backward_weight_winograd,
            _serves_winograd_weight),
    _kernel("conv2d_backward_weight", "direct", conv2d_backward_weight_direct),
    _kernel("conv2d_backward_weight", "reference", conv2d_backward_weight_reference),
    _kernel("conv2d_relu_pool_forward", "winograd", conv2d_relu_pool_forward_winograd,
            _serves_winograd_pool),
    _kernel("conv2d_relu_pool_forward", "direct", conv2d_relu_pool_forward_direct),
    _kernel("conv2d_relu_pool_forward", "reference", conv2d_relu_pool_forward_reference),
    _kernel("conv2d_relu_pool_backward_input", "sparse", conv2d_relu_pool_backward_input_sparse,
            _serves_sparse),
    _kernel("conv2d_relu_pool_backward_input", "dense", conv2d_relu_pool_backward_input_dense),
    _kernel("conv2d_relu_pool_backward_input", "reference",
            conv2d_relu_pool_backward_input_reference),
    _kernel("conv2d_relu_pool_backward_weight", "sparse", conv2d_relu_pool_backward_weight_sparse,
            _serves_sparse),
    _kernel("conv2d_relu_pool_backward_weight", "dense", conv2d_relu_pool_backward_weight_dense),
    _kernel("conv2d_relu_pool_backward_weight", "reference",
            conv2d_relu_pool_backward_weight_reference),
    _kernel("max_pool2d_forward", "direct", max_pool2d_forward_direct),
    _kernel("max_pool2d_forward", "reference", max_pool2d_forward_reference),
    _kernel("max_pool2d_backward", "direct", max_pool2d_backward_direct),
    _kernel("max_pool2d_backward", "reference", max_pool2d_backward_reference),
    _kernel("max_pool2d_gather", "direct", max_pool2d_gather_direct),
    _kernel("max_pool2d_gather", "reference", max_pool2d_gather_reference),
    _kernel("average_pool2d_forward", "direct", average_pool2d_forward_direct),
    _kernel("average_pool2d_forward", "reference", average_pool2d_forward_reference),
    _kernel("average_pool2d_backward", "direct", average_pool2d_backward_direct),
    _kernel("average_pool2d_backward", "reference", average_pool2d_backward_reference),
    _kernel("gemm", "blocked", gemm_blocked),
    _kernel("gemm", "reference", gemm_reference),
    _kernel("relu_forward", "direct", relu_forward_direct),
    _kernel("relu_forward", "reference", relu_forward_reference),
    _kernel("relu_backward", "direct", relu_backward_direct),
    _kernel("relu_backward", "reference", relu_backward_reference),
    _kernel("add_bias", "direct", add_bias_direct),
    _kernel("add_bias", "reference", add_bias_reference),
    _kernel("column_sum", "direct", column_sum_direct),
    _kernel("column_sum", "reference", column_sum_reference),
    _kernel("sgd_update", "direct", sgd_update_direct),
    _kernel("sgd_update", "reference", sgd_update_reference),
    _kernel("rmsprop_update", "direct", rmsprop_update_direct),
    _kernel("rmsprop_update", "reference", rmsprop_update_reference),
    _kernel("adam_update", "direct", adam_update_direct),
    _kernel("adam_update", "reference", adam_update_reference),
)

ROWS = {row.operation: [] for row in KERNELS}
for _row in KERNELS:
    ROWS[_row.operation].append(_row)

_only = None


@contextlib.contextmanager
def use_kernels(name):
    """Within this block the rows called `name` ("reference", say) serve wherever they can."""
    global _only
    names = sorted({row.name for row in KERNELS})
    if name not in names:
        raise ValueError(f"there are kernels called {', '.join(names)}. Received: {name!r}")
    before, _only = _only, name
    try:
        yield
    finally:
        _only = before


cdef object _serving(str operation, tuple sizes):
    """The first row that serves these sizes; within use_kernels, the first so called."""
    first = None
    for row in ROWS[operation]:
        if row.serves is _serves_all or row.serves(*sizes):
            if _only is None or row.name == _only:
                return row
            first = first or row
    return first


cdef object run_kernel(str operation, dtype, tuple arrays, tuple sizes):
    """Run the first row that serves these sizes, with denormals flushed."""
    cdef unsigned long long state
    cdef double started
    row = _serving(operation, sizes)
    started = time.perf_counter() if verbose else 0
    state = flush_denormals_enter()
    try:
        row.run["float32" if dtype is FLOAT32 else dtype.name](*arrays, *sizes)
    finally:
        flush_denormals_leave(state)
    if verbose:
        tell(operation, row.name, dtype.name, arrays, sizes, time.perf_counter() - started)


FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def _contiguous(array):
    """`array`, or a copy where its elements are not next to one another or not aligned."""
    flags = array.flags
    if flags.c_contiguous and flags.aligned:
        return array
    return np.ascontiguousarray(array) if flags.aligned else array.copy()


def _floats(str name, array, shape):
    """`array` as a contiguous float array of this shape, or an error."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} must be a NumPy array. Received: {type(array).__name__}")
    if array.dtype is not FLOAT32 and array.dtype not in (FLOAT32, FLOAT64):
        raise TypeError(f"{name} must be float32 or float64. Received: dtype={array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}. Received: shape={array.shape}")
    return _contiguous(array)


def _pair(first_name, first, first_shape, second_name, second, second_shape):
    """Both arrays, checked, of one dtype."""
    first = _floats(first_name, first, first_shape)
    second = _floats(second_name, second, second_shape)
    if first.dtype != second.dtype:
        raise TypeError(
            f"{first_name} and {second_name} must have one dtype. "
            f"Received: {first.dtype} and {second.dtype}"
        )
    return first, second


def _run_into(operation, shape, arrays, sizes):
    """The result of an operation, which is zero where an array is empty."""
    dtype = arrays[0].dtype
    for array in arrays:
        if array.size == 0:
            return np.zeros(shape, dtype)
    if 0 in shape:
        return np.zeros(shape, dtype)
    result = _empty(shape, dtype)
    run_kernel(operation, dtype, (*arrays, result), sizes)
    return result


def _check_pooling(Geometry g not None):
    if not g.c_in == g.c_out == g.groups or g.dilation_h != 1 or g.dilation_w != 1:
        raise ValueError(
            f"pooling needs c_in == c_out == groups and dilation 1. Received: {g}"
        )
    outside = (
        g.pad_top >= g.kh or g.pad_left >= g.kw
        or (g.oh - 1) * g.stride_h - g.pad_top >= g.h
        or (g.ow - 1) * g.stride_w - g.pad_left >= g.w
    )
    if outside or g.kh * g.kw >= 2**31:
        raise ValueError(f"every pooling window must touch the image. Received: {g}")


def _argmax(array, shape):
    if not isinstance(array, np.ndarray) or array.dtype != np.int32 or array.shape != shape:
        raise TypeError(
            f"argmax must be the int32 array of shape {shape} that max_pool2d_forward returned. "
            f"Received: {getattr(array, 'dtype', type(array))}, {getattr(array, 'shape', None)}"
        )
    return _contiguous(array)


def conv2d_forward(x, weight, Geometry g not None):
    """x (n, h, w, c_in), weight (kh, kw, c_in // groups, c_out) -> y (n, oh, ow, c_out)."""
    arrays = _pair("x", x, g.x_shape, "weight", weight, g.weight_shape)
    return _run_into("conv2d_forward", g.y_shape, arrays, (g,))


def conv2d_backward_input(grad_y, weight, Geometry g not None):
    """grad_y (n, oh, ow, c_out), weight -> grad_x (n, h, w, c_in)."""
    arrays = _pair("grad_y", grad_y, g.y_shape, "weight", weight, g.weight_shape)
    return _run_into("conv2d_backward_input", g.x_shape, arrays, (g,))


def conv2d_backward_weight(x, grad_y, Geometry g not None):
    """x (n, h, w, c_in), grad_y (n, oh, ow, c_out) -> grad_weight."""
    arrays = _pair("x", x, g.x_shape, "grad_y", grad_y, g.y_shape)
    return _run_into("conv2d_backward_weight", g.weight_shape, arrays, (g,))


def _pooled_shape(Geometry g not None, window_h, window_w):
    """The shape behind a pooling by windows side by side."""
    shape = (g.n, g.oh // max(1, window_h), g.ow // max(1, window_w), g.c_out)
    if window_h < 1 or window_w < 1 or window_h * window_w > DEAD or 0 in shape[1:3]:
        raise ValueError(
            f"the pooling window must fit {g.oh}x{g.ow} pixels and have at most {DEAD} of its own. "
            f"Received: window_h={window_h}, window_w={window_w}"
        )
    return shape


def _codes(code, shape, taps):
    """`code` as a contiguous array of taps' numbers, or an error."""
    if not isinstance(code, np.ndarray) or code.dtype != np.uint8 or code.shape != shape:
        raise ValueError(
            f"code must be a uint8 array of shape {shape}. Received: "
            f"{getattr(code, 'dtype', type(code).__name__)}, shape={getattr(code, 'shape', None)}"
        )
    if code.size and ((code >= taps) & (code != DEAD)).any():
        raise ValueError(f"code must hold numbers below {taps}, or {DEAD}. Received: others")
    return _contiguous(code)


def conv2d_relu_pool_forward(x, weight, bias, Geometry g not None, window_h, window_w):
    """max-pool of ReLU(conv2d(x, weight) + bias) by windows side by side -> y (n, oh // window_h,
    ow // window_w, c_out) and code, uint8: the tap of each maximum, 255 where it is not positive.
    """
    shape = _pooled_shape(g, window_h, window_w)
    x, weight = _pair("x", x, g.x_shape, "weight", weight, g.weight_shape)
    bias, _ = _pair("bias", bias, (g.c_out,), "weight", weight, g.weight_shape)
    y, code = _empty(shape, x.dtype), np.empty(shape, np.uint8)
    if not x.size:  # sums of nothing
        y[...], code[...] = np.maximum(bias, 0), np.where(bias > 0, 0, DEAD)
    elif y.size:
        run_kernel("conv2d_relu_pool_forward", x.dtype, (x, weight, bias, y, code),
                   (g, window_h, window_w))
    return y, code


def conv2d_relu_pool_backward_input(
    grad_y, code, weight, Geometry g not None, window_h, window_w
):
    """grad_y of the pooled shape, code, weight -> grad_x (n, h, w, c_in)."""
    shape = _pooled_shape(g, window_h, window_w)
    grad_y, weight = _pair("grad_y", grad_y, shape, "weight", weight, g.weight_shape)
    arrays = grad_y, _codes(code, shape, window_h * window_w), weight
    return _run_into("conv2d_relu_pool_backward_input", g.x_shape, arrays, (g, window_h, window_w))


def conv2d_relu_pool_backward_weight(x, grad_y, code, Geometry g not None, window_h, window_w):
    """x (n, h, w, c_in), grad_y of the pooled shape, code -> grad_weight."""
    shape = _pooled_shape(g, window_h, window_w)
    x, grad_y = _pair("x", x, g.x_shape, "grad_y", grad_y, shape)
    arrays = x, grad_y, _codes(code, shape, window_h * window_w)
    return _run_into(
        "conv2d_relu_pool_backward_weight", g.weight_shape, arrays, (g, window_h, window_w))


def max_pool2d_forward(x, Geometry g not None):
    """x (n, h, w, c) -> y (n, oh, ow, c) and argmax, int32, the number of each maximum's tap."""
    _check_pooling(g)
    x = _floats("x", x, g.x_shape)
    y, argmax = _empty(g.y_shape, x.dtype), np.empty(g.y_shape, np.int32)
    if y.size:
        run_kernel("max_pool2d_forward", x.dtype, (x, y, argmax), (g,))
    return y, argmax


def max_pool2d_backward(grad_y, argmax, Geometry g not None):
    """grad_y (n, oh, ow, c), argmax -> grad_x (n, h, w, c), each gradient at its maximum."""
    _check_pooling(g)
    arrays = _floats("grad_y", grad_y, g.y_shape), _argmax(argmax, g.y_shape)
    return _run_into("max_pool2d_backward", g.x_shape, arrays, (g,))


def max_pool2d_gather(x, argmax, Geometry g not None):
    """x (n, h, w, c), argmax -> y (n, oh, ow, c), the x at each argmax."""
    _check_pooling(g)
    arrays = _floats("x", x, g.x_shape), _argmax(argmax, g.y_shape)
    return _run_into("max_pool2d_gather", g.y_shape, arrays, (g,))


def average_pool2d_forward(x, Geometry g not None):
    """x (n, h, w, c) -> y (n, oh, ow, c)."""
    _check_pooling(g)
    return _run_into("average_pool2d_forward", g.y_shape, (_floats("x", x, g.x_shape),), (g,))


def average_pool2d_backward(grad_y, Geometry g not None):
    """grad_y (n, oh, ow, c) -> grad_x (n, h, w, c)."""
    _check_pooling(g)
    arrays = (_floats("grad_y", grad_y, g.y_shape),)
    return _run_into("average_pool2d_backward", g.x_shape, arrays, (g,))


def gemm(a, b, bint transpose_a=False, bint transpose_b=False):
    """The matrix product of a and b, either read transposed."""
    if getattr(a, "ndim", 0) != 2 or getattr(b, "ndim", 0) != 2:
        raise ValueError(
            f"gemm takes two matrices. Received shapes: {getattr(a, 'shape', None)} and "
            f"{getattr(b, 'shape', None)}"
        )
    m, k = a.shape[::-1] if transpose_a else a.shape
    b_k, n = b.shape[::-1] if transpose_b else b.shape
    if k != b_k:
        raise ValueError(
            f"gemm: the inner sizes differ, {k} and {b_k}. Received shapes: {a.shape} and "
            f"{b.shape}, transpose_a={transpose_a}, transpose_b={transpose_b}"
        )
    arrays = _pair("a", a, a.shape, "b", b, b.shape)
    return _run_into("gemm", (m, n), arrays, (transpose_a, transpose_b))


def relu_forward(x):
    """max(x, 0), of any shape; a NaN stays."""
    x = _floats("x", x, getattr(x, "shape", None))
    return _run_into("relu_forward", (x.size,), (x.reshape(-1),), ()).reshape(x.shape)


def relu_backward(grad_y, y):
    """grad_y where y > 0, else 0; both of one shape."""
    shape = getattr(y, "shape", None)
    grad_y, y = _pair("grad_y", grad_y, shape, "y", y, shape)
    flat = (grad_y.reshape(-1), y.reshape(-1))
    return _run_into("relu_backward", (y.size,), flat, ()).reshape(y.shape)


def _channels(x):
    """The size of the last axis."""
    if getattr(x, "ndim", 0) < 1:
        raise ValueError(
            f"x must be an array with an axis of channels. Received: {type(x).__name__} of shape "
            f"{getattr(x, 'shape', None)}"
        )
    return x.shape[x.ndim - 1]


def add_bias(x, bias):
    """x (..., channels) + bias (channels,)."""
    channels = _channels(x)
    x, bias = _pair("x", x, x.shape, "bias", bias, (channels,))
    if x.size == 0:
        return x.copy()
    rows = x.reshape((x.size // channels, channels))
    return _run_into("add_bias", rows.shape, (rows, bias), ()).reshape(x.shape)


def column_sum(x):
    """The sum of x (..., channels) over all axes but the last, (channels,)."""
    channels = _channels(x)
    x = _floats("x", x, x.shape)
    rows = x.reshape((x.size // channels, channels)) if x.size else x
    return _run_into("column_sum", (channels,), (rows,), ())


def _update(operation, value, gradient, slots, settings):
    """Change a weight and its slots in place."""
    for name, array in (("value", value), *slots.items()):
        if array is None:
            continue
        _floats(name, array, value.shape)
        if array.dtype != value.dtype or not array.flags.carray:
            raise ValueError(
                f"{name} must be a contiguous, writable, aligned array of the weight's dtype "
                f"{value.dtype}. Received: dtype={array.dtype}, strides={array.strides}"
            )
    gradient, _ = _pair("gradient", gradient, value.shape, "value", value, value.shape)
    if value.size:
        arrays = [None if array is None else array.reshape(-1) for array in slots.values()]
        run_kernel(operation, value.dtype, (gradient.reshape(-1), value.reshape(-1), *arrays),
                   settings)


def sgd_update(value, gradient, velocity, learning_rate, momentum, nesterov):
    """One step of gradient descent, in place; velocity is None without momentum."""
    _update("sgd_update", value, gradient, {"velocity": velocity},
            (learning_rate, momentum, nesterov))


def rmsprop_update(
    value, gradient, velocity, momentum_slot, average, learning_rate, rho, momentum, epsilon
):
    """One step of RMSprop, in place; momentum_slot and average are None if not kept."""
    slots = {"velocity": velocity, "momentum_slot": momentum_slot, "average": average}
    _update("rmsprop_update", value, gradient, slots, (learning_rate, rho, momentum, epsilon))


def adam_update(value, gradient, m, v, v_hat, alpha, beta_1, beta_2, epsilon):
    """One step of Adam, in place; v_hat is None unless AMSGrad; alpha is the corrected rate."""
    _update("adam_update", value, gradient, {"m": m, "v": v, "v_hat": v_hat},
            (alpha, beta_1, beta_2, epsilon))
