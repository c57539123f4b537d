"""Images in another size, by the formulas of `tf.image.resize` without antialiasing.

Every method is separable: along one axis, an output pixel is a weighted sum of a few input
pixels, its taps. Pixel i covers the interval from i to i + 1, its centre is i + 1/2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Taps = tuple[np.ndarray, np.ndarray]  # indices of input pixels and their weights: (output, taps)


def resize(images: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """Images (..., height, width, channels) in another (height, width), as float32."""
    height, width = images.shape[-3:-1]
    rows = TAPS[interpolation](height, size[0])
    columns = TAPS[interpolation](width, size[1])
    images = images.astype(np.float32, copy=False)
    return _weighted(_weighted(images, rows, -3), columns, -2)


def _weighted(images: np.ndarray, taps: Taps, axis: int) -> np.ndarray:
    indices, weights = taps
    shape = [1] * images.ndim
    shape[axis] = -1
    total = np.take(images, indices[:, 0], axis) * weights[:, 0].reshape(shape)
    for tap in range(1, indices.shape[1]):
        total += np.take(images, indices[:, tap], axis) * weights[:, tap].reshape(shape)
    return total


def _centres(n_in: int, n_out: int) -> np.ndarray:
    """Where in the input the centres of the output's pixels are, rounded as TensorFlow does, so
    that the nearest pixel is the same one."""
    scale = np.float32(n_in) / np.float32(n_out)
    return ((np.arange(n_out, dtype=np.float32) + 0.5) * scale).astype(np.float64)


def _as_taps(indices: np.ndarray, weights: np.ndarray) -> Taps:
    return indices.astype(np.intp), weights.astype(np.float32)


def _nearest(n_in: int, n_out: int) -> Taps:
    index = np.minimum(_centres(n_in, n_out).astype(np.intp), n_in - 1)[:, None]
    return _as_taps(index, np.ones(index.shape))


def _bilinear(n_in: int, n_out: int) -> Taps:
    at = _centres(n_in, n_out) - 0.5
    share = (at - np.floor(at))[:, None]
    indices = np.clip(np.stack([np.floor(at), np.ceil(at)], 1), 0, n_in - 1)
    return _as_taps(indices, np.hstack([1 - share, share]))


def _bicubic(n_in: int, n_out: int) -> Taps:
    """Keys's kernel, a = -1/2. TensorFlow reads it from a table of 1024 steps a pixel."""
    at = _centres(n_in, n_out) - 0.5
    share = np.round((at - np.floor(at)) * 1024) / 1024
    indices = np.floor(at)[:, None] + np.arange(-1, 3)
    distance = np.abs(share[:, None] - np.arange(-1, 3))
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = np.where(distance <= 1, near, far)
    return _normalised(indices, weights, n_in)


def _area(n_in: int, n_out: int) -> Taps:
    """An output pixel is the mean of the area that it covers."""
    scale = np.float32(n_in) / np.float32(n_out)
    start = np.arange(n_out, dtype=np.float32)[:, None] * scale
    end = np.arange(1, n_out + 1, dtype=np.float32)[:, None] * scale
    indices = np.floor(start) + np.arange(int(np.ceil(scale)) + 1)
    overlap = np.minimum(indices + 1, end) - np.maximum(indices, start)
    return _normalised(indices, np.maximum(overlap, 0), n_in)


def _kernel(radius: float, kernel: Callable[[np.ndarray], np.ndarray]) -> Callable[..., Taps]:
    """A method whose weights are a function of the distance in input pixels."""

    def taps(n_in: int, n_out: int) -> Taps:
        scale = 1 / (np.float32(n_out) / np.float32(n_in))
        at = ((np.arange(n_out, dtype=np.float32) + 0.5) * scale).astype(np.float64)[:, None]
        indices = np.ceil(at - radius - 0.5) + np.arange(int(2 * radius) + 1)
        distance = np.abs(indices + 0.5 - at)
        weights = np.where(distance >= radius, 0, kernel(distance))
        return _normalised(indices, weights, n_in)

    return taps


def _normalised(indices: np.ndarray, weights: np.ndarray, n_in: int) -> Taps:
    """Pixels outside of the image do not count; the weights of the others add up to one."""
    weights = np.where((indices < 0) | (indices >= n_in), 0, weights)
    return _as_taps(np.clip(indices, 0, n_in - 1), weights / weights.sum(1, keepdims=True))


def _lanczos(radius: int) -> Callable[..., Taps]:
    return _kernel(radius, lambda x: np.sinc(x) * np.sinc(x / radius))


def _mitchell(x: np.ndarray) -> np.ndarray:
    """Mitchell and Netravali's cubic with B = C = 1/3."""
    near = ((7 / 6) * x - 2) * x**2 + 8 / 9
    far = (((-7 / 18) * x + 2) * x - 10 / 3) * x + 16 / 9
    return np.where(x < 1, near, far)


TAPS: dict[str, Callable[[int, int], Taps]] = {
    "bilinear": _bilinear,
    "nearest": _nearest,
    "bicubic": _bicubic,
    "area": _area,
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
    "gaussian": _kernel(1.5, lambda x: np.exp(-2 * x**2)),  # sigma 1/2
    "mitchellcubic": _kernel(2, _mitchell),
}
