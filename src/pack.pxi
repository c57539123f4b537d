"""Weights as the fast kernels read them, packed once for any number of calls; a plan's memory."""


cdef class PackedWeights:
    """Weights and bias of a convolution, a matrix product or a scaling, ready for its kernel.

    Args:
        geometry: sizes of the convolution, of which batch and image do not matter; a matrix
            product is a 1x1 convolution.
        kernel: "winograd" or "direct" for a convolution, "direct" for a matrix product, "scale"
            for one factor and one summand a channel.

    Everything is float32. `fill` may be called again, with new values, while no plan runs.
    """

    cdef readonly Geometry geometry
    cdef readonly str kernel
    cdef readonly Py_ssize_t nbytes
    cdef float* panels
    cdef float* bias

    def __cinit__(self, Geometry geometry not None, str kernel not None):
        cdef Py_ssize_t lane = lanes(<float*> NULL), size
        self.geometry, self.kernel = geometry, kernel
        if kernel == "winograd":
            size = 16 * (geometry.c_in * vectors_for(geometry.c_out, lane) * lane + APART)
        elif kernel == "direct":
            size = self._pack_direct(NULL)
        elif kernel == "scale":
            size = geometry.c_out
        else:
            raise ValueError(f"kernel must be winograd, direct or scale. Received: {kernel!r}")
        self.panels = allocate(<float*> NULL, size)
        self.bias = allocate(<float*> NULL, geometry.c_out)
        self.nbytes = 4 * (size + geometry.c_out)
        if self.panels == NULL or self.bias == NULL:
            raise MemoryError(f"no memory for packed weights of {geometry}")

    def __dealloc__(self):
        free(self.panels)
        free(self.bias)

    def fill(self, weight, bias):
        """Pack weight (kh, kw, c_in / groups, c_out), or factors (c_out,), and bias (c_out,)."""
        cdef Geometry g = self.geometry
        cdef const float[::1] values
        cdef Winograd s
        shape = (g.c_out,) if self.kernel == "scale" else g.weight_shape
        weight, bias = _pair("weight", weight, shape, "bias", bias, (g.c_out,))
        if weight.dtype != FLOAT32:
            raise TypeError(f"weights to be packed must be float32. Received: {weight.dtype}")
        values = bias
        memcpy(self.bias, &values[0], g.c_out * sizeof(float))
        values = weight.reshape(-1)
        if self.kernel == "winograd":
            s.c_in, s.oh, s.ow, s.c_out, s.pooled = g.c_in, g.oh, g.ow, g.c_out, NULL
            winograd_arrange(&s, <float*> NULL, g.n, g.h, g.w, g.pad_top, g.pad_left)
            s.weight, s.panels = &values[0], self.panels
            winograd_pack(&s, self.panels)
        elif self.kernel == "direct":
            self._pack_direct(&values[0])
        else:
            memcpy(self.panels, &values[0], g.c_out * sizeof(float))

    cdef Py_ssize_t _pack_direct(self, const float* weight) except -1:
        """Pack the weights, if given; the number of elements of the panels."""
        cdef Sliding s
        cdef Phase phase
        cdef Taps taps = Taps(self.geometry)
        forward_sliding(&s, &phase, taps.numbers, taps.runs, <float*> NULL, weight, <float*> NULL,
                        self.geometry, NULL)
        arrange(&s, <float*> NULL, 0)
        s.threads = threads_get()
        s.panels = self.panels
        if weight != NULL:
            pack(&s, self.panels)
        return s.panels_size


cdef class Taps:
    """Memory for the taps of one convolution."""

    cdef Py_ssize_t* numbers
    cdef tap_run* runs

    def __cinit__(self, Geometry g not None):
        cdef Py_ssize_t taps = g.kh * g.kw
        self.numbers = <Py_ssize_t*> malloc(taps * sizeof(Py_ssize_t))
        self.runs = <tap_run*> malloc(taps * (g.c_in // g.groups) * sizeof(tap_run))
        if self.numbers == NULL or self.runs == NULL:
            raise MemoryError(f"no memory for the taps of {g}")

    def __dealloc__(self):
        free(self.numbers)
        free(self.runs)


cdef class Memory:
    """Memory that several plans use, one at a time; it grows to the largest need."""

    cdef char* start
    cdef readonly Py_ssize_t nbytes

    def __dealloc__(self):
        free(self.start)

    def reserve(self, Py_ssize_t nbytes):
        """At least so many bytes, on a cache line; what was in them is gone."""
        if nbytes > self.nbytes or self.start == NULL:
            free(self.start)
            self.nbytes = 0
            self.start = <char*> allocate(<float*> NULL, nbytes // sizeof(float) + 1)
            if self.start == NULL:
                raise MemoryError(f"no memory for a plan of {nbytes} bytes")
            self.nbytes = nbytes
