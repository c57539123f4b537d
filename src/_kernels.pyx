# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, embedsignature=False
"""The compiled kernels: convolution, pooling and matrix products over buffers.

Every operation has a textbook implementation (reference.pxi: read it first) and a fast one
(conv.pxi, gemm.pxi, pool.pxi: drivers that cut the work into blocks, over the C microkernels of
micro.h). Both are rows of one table (table.pxi), where the first row that serves a geometry wins;
the functions there are the doors that Python calls. A door checks its arguments once, makes them
contiguous, allocates the result and runs a row, which holds no GIL. With CNN_EXT_VERBOSE set it
tells which (verbose.pxi). A plan (plan.pxi) runs a list of fast kernels, with weights packed
before, in one call.

Layouts are NHWC for images and HWIO for weights, float32 or float64. Kernels overwrite their
results and never write to their arguments.
"""
from libc.stdint cimport int32_t, uint8_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

cdef extern from "stdlib.h" nogil:
    void* aligned_alloc(size_t alignment, size_t size)

import os

import numpy as np

ctypedef fused real:
    float
    double

include "geometry.pxi"
include "reference.pxi"
include "micro.pxi"
include "threads.pxi"
include "panels.pxi"
include "source.pxi"
include "finish.pxi"
include "pooled.pxi"
include "slide.pxi"
include "conv.pxi"
include "conv_scatter.pxi"
include "conv_weight.pxi"
include "gemm.pxi"
include "winograd.pxi"
include "winograd_weight.pxi"
include "conv_relu_pool.pxi"
include "sparse.pxi"
include "pool.pxi"
include "pass.pxi"
include "verbose.pxi"
include "results.pxi"
include "table.pxi"
include "pack.pxi"
include "plan.pxi"
include "train.pxi"
