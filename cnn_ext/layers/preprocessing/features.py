"""Numbers put on another scale, and categories made vectors."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cnn_ext import config, ops, registry
from cnn_ext.autograd import Tensor, as_array
from cnn_ext.layers.base import Layer
from cnn_ext.layers.checks import floats_of
from cnn_ext.layers.shapes import without_batch
from cnn_ext.symbolic import Shape


class Rescaling(Layer):
    """inputs * scale + offset (`keras.layers.Rescaling`).

    Args:
        scale: a factor, or one for each channel.
        offset: what is added, or for each channel.
        others: see `Layer`.

    Integers become floats: `Rescaling(1 / 255)` takes images of bytes.

    >>> import numpy as np
    >>> Rescaling(0.5, offset=-1)(np.array([[2, 4]], np.uint8)).numpy()
    array([[0., 1.]], dtype=float32)
    """

    supports_masking = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset

    def call(self, inputs: Any) -> Any:
        x = floats_of(self, inputs)
        scale, offset = (as_array(value, x.dtype) for value in (self.scale, self.offset))
        if scale.ndim and config.image_data_format() == "channels_first":
            scale = scale.reshape(*scale.shape, *(1,) * (3 - scale.ndim))
        return x * scale + offset

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale": registry.serialize_keras_object(self.scale),
            "offset": registry.serialize_keras_object(self.offset),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer from what `get_config` returned."""
        return cls(**registry.deserialize_keras_object(dict(config)))


class Normalization(Layer):
    """(inputs - mean) / sqrt(variance) with the mean and the variance of data that was seen before
    (`keras.layers.Normalization`).

    Args:
        axis: the axis, or several, of which each place has a mean and variance of its own; None
            for one mean and variance of all.
        mean, variance: these, if known; else `adapt` finds them.
        invert: whether to compute inputs * sqrt(variance) + mean.
        others: see `Layer`.

    Weights, if they are to be found: mean, variance, count; none is trained.

    >>> import numpy as np
    >>> layer = Normalization()
    >>> layer.adapt(np.array([[1.0], [3.0]]))
    >>> layer(np.array([[5.0]])).numpy()
    array([[3.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        given: Any = () if axis is None else axis
        self.axis = (given,) if isinstance(given, int) else tuple(given)
        if (mean is None) != (variance is None):
            raise ValueError(
                "When setting values directly, both `mean` and `variance` must be set. "
                f"Received: mean={mean} and variance={variance}"
            )
        if np.shape(mean) != np.shape(variance):
            raise ValueError(
                "When setting values directly, `mean` and `variance` must have the same shape. "
                f"Received: mean shape {np.shape(mean)} and variance shape {np.shape(variance)}"
            )
        if np.ndim(mean) > len(self.axis):
            raise ValueError(
                "The rank of `mean` must be less than or equal to the number of axes "
                f"({len(self.axis)}). Received: mean shape {np.shape(mean)} for axis {self.axis}"
            )
        self.input_mean, self.input_variance = mean, variance
        self.invert = invert

    def check_input_shape(self, shape: Shape) -> None:
        rank = len(shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                "All `axis` values must be in the range [-ndim, ndim). "
                f"Received: inputs with ndim={rank}, while axis={self.axis}"
            )

    def build(self, input_shape: Shape) -> None:
        rank = len(input_shape)
        self._kept = tuple(sorted(axis % rank for axis in self.axis))
        for axis in self._kept:
            if input_shape[axis] is None:
                raise ValueError(
                    "All `axis` values to be kept must have a known shape. Received: "
                    f"axis={self.axis}, inputs.shape={tuple(input_shape)}, with unknown axis at "
                    f"index {axis}"
                )
        self._reduced = tuple(axis for axis in range(rank) if axis not in self._kept)
        sizes: Any = tuple(input_shape[axis] for axis in self._kept)
        self._beside: Any = tuple(n if i in self._kept else 1 for i, n in enumerate(input_shape))
        if self.input_mean is not None:
            return
        self.adapt_mean = self.add_weight(
            shape=sizes, initializer="zeros", trainable=False, name="mean"
        )
        self.adapt_variance = self.add_weight(
            shape=sizes, initializer="ones", trainable=False, name="variance"
        )
        self.count = self.add_weight(
            shape=(), initializer="zeros", dtype="int64", trainable=False, name="count"
        )

    @property
    def mean(self) -> np.ndarray | None:
        """The mean, in a shape that broadcasts with the inputs; None before `build`."""
        return self._statistic("mean", self.input_mean) if self.built else None

    @property
    def variance(self) -> np.ndarray | None:
        """The variance, in a shape that broadcasts with the inputs; None before `build`."""
        return self._statistic("variance", self.input_variance) if self.built else None

    def _statistic(self, name: str, given: Any) -> np.ndarray:
        if given is None:
            return getattr(self, f"adapt_{name}").data.reshape(self._beside)
        values, shape = as_array(given, self.compute_dtype), [1] * len(self._beside)
        for i in range(1, values.ndim + 1):
            shape[self._kept[-i]] = values.shape[-i]
        return np.broadcast_to(values.reshape(shape), self._beside)

    def adapt(self, data: Any) -> None:
        """Find the mean and the variance of data: an array, or an iterable of batches.

        A batch may be a tuple, whose first item counts.
        """
        if isinstance(data, np.ndarray | Tensor):
            whole = as_array(data)
            self._build_for(whole.shape)
            mean, variance = whole.mean(axis=self._reduced), whole.var(axis=self._reduced)
        else:
            mean, variance = self._of_batches(_batches(data))
        self.adapt_mean.assign(np.asarray(mean, self.adapt_mean.dtype))
        self.adapt_variance.assign(np.asarray(variance, self.adapt_mean.dtype))

    def _build_for(self, shape: Shape) -> None:
        if self.input_mean is not None:
            raise ValueError(
                "adapt() has nothing to find: `mean` and `variance` were passed to the layer. "
                f"Received: mean={self.input_mean}, variance={self.input_variance}"
            )
        if not self.built:
            self.build(without_batch(shape) if 0 not in self._axes(shape) else shape)
        elif len(shape) != len(self._beside) or any(
            shape[axis] != self._beside[axis] for axis in self._kept
        ):
            raise ValueError(
                f"The layer was built with input_shape={self.get_build_config()}, but adapt() is "
                "being called with data with an incompatible shape. "
                f"Received: data.shape={tuple(shape)}"
            )

    def _axes(self, shape: Shape) -> set[int]:
        return {axis % len(shape) for axis in self.axis} if shape else set()

    def _of_batches(self, batches: Iterator[Any]) -> tuple[Any, Any]:
        """Mean and variance, put together from those of the batches in float64."""
        total, mean, variance = 0, np.zeros(()), np.zeros(())
        for batch in batches:
            x = as_array(batch[0] if isinstance(batch, tuple) else batch)
            self._build_for(x.shape)
            x = x.astype(np.float64)
            new = int(np.prod([x.shape[axis] for axis in self._reduced]))
            total += new
            share = new / total
            ours = x.mean(axis=self._reduced)
            both = mean * (1 - share) + ours * share
            variance = (variance + (mean - both) ** 2) * (1 - share)
            variance = variance + (x.var(axis=self._reduced) + (ours - both) ** 2) * share
            mean = both
        return mean, variance

    def call(self, inputs: Any) -> Any:
        x = floats_of(self, inputs)
        mean, variance = (np.asarray(v, x.dtype) for v in (self.mean, self.variance))
        deviation = np.maximum(np.sqrt(variance), x.dtype.type(config.epsilon()))
        return x * deviation + mean if self.invert else (x - mean) / deviation

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "invert": self.invert,
            "mean": np.array(self.input_mean).tolist(),
            "variance": np.array(self.input_variance).tolist(),
        }


def _batches(data: Any) -> Iterator[Any]:
    """The batches of an iterable or of what has a length and items; at least one."""
    if hasattr(data, "__iter__"):
        found = iter(data)
    elif hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        found = (data[i] for i in range(len(data)))
    else:
        raise TypeError(
            f"Unsupported data type: {type(data)}. `adapt` supports arrays, Tensors and iterables "
            f"of batches (a list, a generator, a dataset). Received: {data!r}"
        )
    first = next(found, None)
    if first is None:
        raise ValueError(
            "adapt() received an empty iterable (no batches). Expected at least one batch. "
            f"Received: {data!r}"
        )
    if not hasattr(first[0] if isinstance(first, tuple) else first, "shape"):
        raise TypeError(
            "adapt() expects an iterable that yields arrays or tensors with a `.shape` attribute. "
            f"Received: an element of type {type(first).__name__}"
        )
    return itertools.chain([first], found)


MODES = ("count", "one_hot", "multi_hot")


class CategoryEncoding(Layer):
    """Numbers of categories as vectors (`keras.layers.CategoryEncoding`).

    Args:
        num_tokens: number of categories, which are 0 .. num_tokens - 1.
        output_mode: `"one_hot"` gives a vector for each number, `"multi_hot"` one for each row of
            numbers with a 1 for each category in it, `"count"` one with how often it is there.
        sparse: must be False.
        others: see `Layer`.

    Called with `count_weights=` it counts each number so many times (`"count"` only).

    >>> CategoryEncoding(4)([[0, 2], [3, 3]]).numpy()
    array([[1., 0., 1., 0.],
           [0., 0., 0., 1.]], dtype=float32)
    """

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode
        if output_mode not in MODES:
            raise ValueError(
                f"Unknown arg for output_mode: one of {MODES} is expected. "
                f"Received: output_mode={output_mode}"
            )
        if num_tokens is None:
            raise ValueError(
                "num_tokens must be set to use this layer: the number of categories. "
                f"Received: num_tokens={num_tokens}"
            )
        if num_tokens < 1:
            raise ValueError(f"`num_tokens` must be >= 1. Received: num_tokens={num_tokens}")
        if sparse:
            raise ValueError(
                f"CategoryEncoding: sparse=True is not supported; leave it out. "
                f"Received: sparse={sparse}"
            )
        self.num_tokens = num_tokens
        self.output_mode = output_mode
        self.sparse = sparse

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                "`count_weights` is not used when `output_mode` is not `'count'`. "
                f"Received: count_weights={count_weights}"
            )
        numbers = np.atleast_1d(as_array(inputs)).astype(np.int64)
        if self.output_mode == "one_hot" and numbers.ndim > 1 and numbers.shape[-1] == 1:
            numbers = numbers[..., 0]
        vectors = ops.one_hot(numbers, self.num_tokens, dtype=self.compute_dtype)
        if self.output_mode == "one_hot":
            return Tensor(vectors)
        along = 1 if numbers.ndim > 1 else 0  # Keras's, of more than two axes too
        if self.output_mode == "multi_hot":
            return Tensor(vectors.max(axis=along))
        if count_weights is not None:
            vectors = vectors * as_array(count_weights, self.compute_dtype)[..., None]
        return Tensor(vectors.sum(axis=along))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = tuple(input_shape)
        if not shape:
            return (self.num_tokens,)
        if self.output_mode == "one_hot" and (shape[-1] != 1 or len(shape) == 1):
            return (*shape, self.num_tokens)
        return (*shape[:-1], self.num_tokens)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_tokens": self.num_tokens,
            "output_mode": self.output_mode,
        }
