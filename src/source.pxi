"""The images that a convolution slides over: as they are, or a band of rows at a time in a copy
with a halo of zeros, so that no edge is special.

A group with few channels leaves most lanes of a vector empty; such convolutions, depthwise ones
first of all, run by channel: a lane is a channel of the result. The copy then holds, for each of a
group's channels, a plane in which every target channel finds the one it meets.
"""


cdef enum:
    BAND_BYTES = 262144  # of the source: what one band of rows reads stays in L2


cdef struct Halo:
    # Where an image lies in its copy: rows top.. and columns left.. of height x width pixels.
    # A row of the result reads at most `span` rows of the copy.
    Py_ssize_t top, left, height, width, span


cdef struct Source:
    # n images of h x w x channels, in groups; and the channels of the target in each group.
    # From one pixel and row of what is slid over to the next: `pixel` and `row` elements.
    const void* images
    Halo halo
    bint copied, by_channel
    Py_ssize_t n, h, w, channels, groups, group, target_group, pixel, row


cdef void lay_out(
    Source* s, Py_ssize_t groups, Py_ssize_t target_channels, real* dtype
) noexcept nogil:
    """Choose how to read the images, given their sizes and the halo."""
    cdef Py_ssize_t lane = lanes(dtype)
    s.groups, s.group, s.target_group = groups, s.channels // groups, target_channels // groups
    s.by_channel = groups > 1 and 4 * s.target_group <= max(4, lane) and s.group <= 8
    s.copied = s.by_channel or (s.halo.top > 0 or s.halo.left > 0 or s.halo.height > s.h
                                or s.halo.width > s.w)
    s.pixel = s.channels
    if s.by_channel:
        s.pixel = s.group * target_channels
        if s.pixel * sizeof(real) % 1024 == 0:
            s.pixel += 64 // sizeof(real)  # else the pixels of a window share a few sets of L1
    s.row = (s.halo.width if s.copied else s.w) * s.pixel


cdef void copy_band(
    const Source* s, const real* image, Py_ssize_t first, Py_ssize_t count, real* copy
) noexcept nogil:
    """Rows first.. of the image's copy, which is zero around it; what no window reaches is left
    out."""
    cdef Py_ssize_t i, y, before = s.halo.left * s.channels
    cdef Py_ssize_t width = max(0, min(s.w, s.halo.width - s.halo.left)) * s.channels
    for i in range(count):
        y = first + i - s.halo.top
        if y < 0 or y >= s.h or width == 0:
            memset(copy, 0, s.row * sizeof(real))
        else:
            memset(copy, 0, before * sizeof(real))
            memcpy(copy + before, image + y * s.w * s.channels, width * sizeof(real))
            memset(copy + before + width, 0, (s.row - before - width) * sizeof(real))
        copy += s.row


cdef void copy_planes(
    const Source* s, const real* image, Py_ssize_t first, Py_ssize_t count, real* copy
) noexcept nogil:
    """The same, each pixel as planes: plane i has, for every target channel, channel i of its
    group."""
    cdef Py_ssize_t i, y, x, plane, group, c
    cdef const real* value
    cdef real* pixel
    memset(copy, 0, count * s.row * sizeof(real))
    for i in range(count):
        y = first + i - s.halo.top
        if y < 0 or y >= s.h:
            continue
        for x in range(min(s.w, s.halo.width - s.halo.left)):
            value = image + (y * s.w + x) * s.channels
            pixel = copy + i * s.row + (s.halo.left + x) * s.pixel
            if s.group == 1 and s.target_group == 1:
                memcpy(pixel, value, s.channels * sizeof(real))
                continue
            for plane in range(s.group):
                for group in range(s.groups):
                    for c in range(s.target_group):
                        pixel[0] = value[group * s.group + plane]
                        pixel += 1


cdef const real* source_band(
    const Source* s, Py_ssize_t n, Py_ssize_t first, Py_ssize_t count, real* copy
) noexcept nogil:
    """Rows first.. of image n as they are slid over: in place, or put into `copy`."""
    cdef const real* image = <const real*> s.images + n * s.h * s.w * s.channels
    if not s.copied:
        return image + first * s.row
    if s.by_channel and (s.group > 1 or s.target_group > 1 or s.pixel > s.channels):
        copy_planes(s, image, first, count, copy)
    else:
        copy_band(s, image, first, count, copy)
    return copy


cdef inline Py_ssize_t plane_offset(const Source* s, Py_ssize_t plane) noexcept nogil:
    """From the first to another channel of a group, in a pixel of what is slid over."""
    return plane * s.groups * s.target_group if s.by_channel else plane


cdef inline Py_ssize_t multiply_adds(Geometry g) noexcept nogil:
    """Of a convolution; few channels take a vector's time."""
    cdef Py_ssize_t channels = g.c_out if g.groups > 1 else max(g.c_out, 16)
    return g.n * g.oh * g.ow * channels * g.kh * g.kw * (g.c_in // g.groups)


cdef Source forward_source(const real* x, Geometry g) noexcept nogil:
    """x as windows slide over it: the halo is exactly the pixels that they reach."""
    cdef Source s
    s.images, s.n, s.h, s.w, s.channels = x, g.n, g.h, g.w, g.c_in
    s.halo.top, s.halo.left, s.halo.span = g.pad_top, g.pad_left, (g.kh - 1) * g.dilation_h + 1
    s.halo.height = (g.oh - 1) * g.stride_h + s.halo.span
    s.halo.width = (g.ow - 1) * g.stride_w + (g.kw - 1) * g.dilation_w + 1
    lay_out(&s, g.groups, g.c_out, <real*> x)
    return s


cdef inline Py_ssize_t window_offset(
    const Source* s, Geometry g, Py_ssize_t kh, Py_ssize_t kw
) noexcept nogil:
    """From a window's first tap to another, in what is slid over."""
    return kh * g.dilation_h * s.row + kw * g.dilation_w * s.pixel
