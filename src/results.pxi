"""Memory for results: large arrays are reused once their last user is gone.

The C library gives large memory back to the system, always from 32 MB on and now and then below,
and takes fresh pages for the next result, which the system clears: for a 1x1 convolution of 100 MB
of images that takes as long as the convolution, and a third of the time of training a small
network. So results of LARGE bytes and more are views of blocks that are kept, up to KEPT bytes
that no one uses.
"""

from cpython.object cimport PyObject

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject* o)

LARGE = 2**20
KEPT = 2**28

_blocks = []  # the most recently used last


def _block(nbytes):
    """A block of at least nbytes and at most twice as many that no array uses."""
    cdef Py_ssize_t kept = 0, place
    found = None
    for place in range(len(_blocks) - 1, -1, -1):
        block = _blocks[place]
        if Py_REFCNT(<PyObject*> block) > 2:  # the list, this variable, and someone
            continue
        if found is None and nbytes <= block.nbytes <= 2 * nbytes:
            found = _blocks.pop(place)
        else:
            kept += block.nbytes
            if kept > KEPT:
                del _blocks[place]
    if found is None:
        found = np.empty(nbytes, np.uint8)
    _blocks.append(found)
    return found


def _empty(shape, dtype):
    """np.empty, whose memory may be that of an earlier result."""
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes < LARGE:
        return np.empty(shape, dtype)
    return _block(nbytes)[:nbytes].view(dtype).reshape(shape)
