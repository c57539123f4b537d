"""The sizes of one convolution or pooling, checked once, read by every kernel."""


cdef class Geometry:
    """Sizes of a 2-D convolution or pooling, in elements.

    Output pixel (i, j) reads the input pixels (i * stride_h - pad_top + k * dilation_h, ...);
    what lies outside the image counts as zero (convolution) or not at all (pooling). The padding
    at the bottom and right is whatever the windows of the oh * ow output pixels reach.
    Pooling has c_out == c_in == groups.
    """

    cdef readonly Py_ssize_t n, h, w, c_in, c_out, kh, kw, oh, ow
    cdef readonly Py_ssize_t stride_h, stride_w, pad_top, pad_left, dilation_h, dilation_w, groups

    def __init__(
        self, *, n, h, w, c_in, c_out, kh, kw, oh, ow, stride_h=1, stride_w=1, pad_top=0,
        pad_left=0, dilation_h=1, dilation_w=1, groups=1,
    ):
        self.n, self.h, self.w, self.c_in = n, h, w, c_in
        self.c_out, self.kh, self.kw, self.oh, self.ow = c_out, kh, kw, oh, ow
        self.stride_h, self.stride_w = stride_h, stride_w
        self.pad_top, self.pad_left = pad_top, pad_left
        self.dilation_h, self.dilation_w, self.groups = dilation_h, dilation_w, groups
        if min(n, h, w, c_in, c_out, oh, ow, pad_top, pad_left) < 0:
            raise ValueError(f"sizes and padding must not be negative. Received: {self}")
        if min(kh, kw, stride_h, stride_w, dilation_h, dilation_w, groups) < 1:
            raise ValueError(
                f"window, strides, dilation and groups must be at least 1. Received: {self}"
            )
        if c_in % groups or c_out % groups:
            raise ValueError(f"c_in and c_out must be multiples of groups. Received: {self}")
        sizes = (n * h * w * c_in, n * oh * ow * c_out, kh * kw * c_in * c_out,
                 n * (h + kh * dilation_h + oh * stride_h) * (w + kw * dilation_w + ow * stride_w)
                 * (c_in + c_out))
        if max(sizes) >= 2**60 or max(pad_top, pad_left, stride_h, stride_w) >= 2**30:
            raise ValueError(f"sizes are too large for memory. Received: {self}")

    @property
    def x_shape(self):
        return (self.n, self.h, self.w, self.c_in)

    @property
    def y_shape(self):
        return (self.n, self.oh, self.ow, self.c_out)

    @property
    def weight_shape(self):
        return (self.kh, self.kw, self.c_in // self.groups, self.c_out)

    def __repr__(self):
        return (
            f"Geometry(n={self.n}, h={self.h}, w={self.w}, c_in={self.c_in}, c_out={self.c_out}, "
            f"kh={self.kh}, kw={self.kw}, oh={self.oh}, ow={self.ow}, stride_h={self.stride_h}, "
            f"stride_w={self.stride_w}, pad_top={self.pad_top}, pad_left={self.pad_left}, "
            f"dilation_h={self.dilation_h}, dilation_w={self.dilation_w}, groups={self.groups})"
        )
