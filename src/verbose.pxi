"""CNN_EXT_VERBOSE: which row of the table of kernels served which sizes, told on stderr.

0 or nothing: silence. 1: each operation, row, dtype and geometry once. 2: every call. A line is

    cnn_ext: conv2d_forward winograd/avx512 float32 32x14x14x32 -> 32x14x14x64, window 3x3,
        pad 1x1, 2 threads, 0.53 ms

in one: operation, row and instruction set, dtype, sizes, how many threads there are for it, and
the time that the kernel took. A first call's time has the start of the threads and fresh memory in
it.
"""

import sys
import time


def _verbosity():
    value = os.environ.get("CNN_EXT_VERBOSE", "").strip() or "0"
    if value not in ("0", "1", "2"):
        raise ValueError(
            "CNN_EXT_VERBOSE must be 0, 1 (tell each kind of call once) or 2 (tell every call). "
            f"Received: {value!r}"
        )
    return int(value)


cdef int verbose = _verbosity()

_told = set()


def _by(sizes):
    return "x".join(map(str, sizes))


def _geometry_in_brief(Geometry g not None):
    """`32x14x14x32 -> 32x14x14x64, window 3x3`, and what is not as usual."""
    parts = [f"{_by(g.x_shape)} -> {_by(g.y_shape)}", f"window {g.kh}x{g.kw}"]
    if g.stride_h != 1 or g.stride_w != 1:
        parts.append(f"stride {g.stride_h}x{g.stride_w}")
    if g.pad_top or g.pad_left:
        parts.append(f"pad {g.pad_top}x{g.pad_left}")
    if g.dilation_h != 1 or g.dilation_w != 1:
        parts.append(f"dilation {g.dilation_h}x{g.dilation_w}")
    if g.groups != 1:
        parts.append(f"groups {g.groups}")
    return ", ".join(parts)


def _shapes_in_brief(operation, arrays, sizes):
    """The shapes of the arrays, results last; of a gemm, `64x32.T 64x10 32x10`."""
    shapes = [_by(array.shape) for array in arrays if array is not None]
    if operation == "gemm":
        for number, transposed in enumerate(sizes):
            shapes[number] += ".T" * transposed
    return " ".join(shapes)


cdef object tell(str operation, str row, str dtype, tuple arrays, tuple sizes, double seconds):
    """One line on stderr, unless it was told before and once is enough."""
    if sizes and isinstance(sizes[0], Geometry):
        brief = _geometry_in_brief(sizes[0])
    else:
        brief = _shapes_in_brief(operation, arrays, sizes)
    how = row if row == "reference" else f"{row}/{isa()}"
    threads = threads_get()
    line = f"{operation} {how} {dtype} {brief}, {threads} thread{'s'[:threads > 1]}"
    if verbose > 1 or line not in _told:
        _told.add(line)
        print(f"cnn_ext: {line}, {1000 * seconds:.3f} ms", file=sys.stderr)
