"""Pictures in files, read batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnn_ext._kernels import get_num_threads
from cnn_ext.autograd import Tensor
from cnn_ext.random import SeedGenerator
from cnn_ext.utils import images
from cnn_ext.utils._resize import resize
from cnn_ext.utils.py_dataset import PyDataset


@dataclass(frozen=True)
class ImageReader:
    """Reads a picture file as (height, width, channels), resized, float32, 0 to 255."""

    color_mode: str
    size: tuple[int, int]
    interpolation: str
    crop: bool
    pad: bool

    def __call__(self, path: str) -> np.ndarray:
        try:
            pixels = self._pixels(path)
        except (OSError, SyntaxError, ValueError) as error:
            raise ValueError(f"{path} cannot be read as a picture: {error}") from error
        if self.pad:
            return images.padded(pixels, self.size, self.interpolation)
        if self.crop:
            pixels = images.cropped(pixels, self.size)
        return resize(pixels, self.size, self.interpolation)

    def _pixels(self, path: str) -> np.ndarray:
        with (
            open(path, "rb") as file,
            images.pillow("image_dataset_from_directory").open(
                file, formats=("BMP", "GIF", "JPEG", "PNG")
            ) as image,
        ):
            if image.mode.startswith("I"):  # 16 bits a pixel: keep the upper 8
                grey = (np.asarray(image) >> 8).astype(np.uint8)
                image = images.pillow("").fromarray(grey)
            mode = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}[self.color_mode]
            pixels = np.asarray(image if image.mode == mode else image.convert(mode))
        return pixels[..., None] if pixels.ndim == 2 else pixels


class ImageDataset(PyDataset):
    """What `image_dataset_from_directory` returns: batches of pictures, read when asked for.

    Attributes: `class_names`, and `file_paths` in the order before shuffling anew.

    Iterating gives Tensors `images`, or `(images, labels)`; with `shuffle`, each time in a new
    order. `map`, `take`, `cache` and `prefetch` are those of `tf.data.Dataset`.
    """

    def __init__(
        self,
        paths: Sequence[str],
        labels: np.ndarray | None,
        reader: ImageReader,
        batch_size: int | None,
        shuffle: SeedGenerator | None,
        data_format: str,
        class_names: list[str] | None,
    ) -> None:
        super().__init__()
        self.file_paths = list(paths)
        self.class_names = class_names
        self.batch_size = batch_size
        self._labels = labels
        self._reader = reader
        self._shuffle = shuffle
        self._data_format = data_format
        self._order = np.arange(len(self.file_paths))
        self.on_epoch_begin()

    def __len__(self) -> int:
        return -(-len(self.file_paths) // (self.batch_size or 1))

    def on_epoch_begin(self) -> None:
        """Choose the next order of the pictures, if they are shuffled."""
        if self._shuffle is not None:
            self._order = self._shuffle.generator().permutation(len(self.file_paths))

    def __iter__(self) -> Iterator[Any]:
        self.on_epoch_begin()
        return super().__iter__()

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"there are {len(self)} batches. Received: index={index}")
        step = self.batch_size or 1
        rows = self._order[index * step : (index + 1) * step]
        with futures.ThreadPoolExecutor(max(1, min(len(rows), get_num_threads()))) as pool:
            pictures = np.stack(list(pool.map(self._reader, (self.file_paths[i] for i in rows))))
        if self._data_format == "channels_first":
            pictures = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))
        x = Tensor(pictures if self.batch_size else pictures[0])
        if self._labels is None:
            return x
        labels = self._labels[rows]
        return x, Tensor(labels if self.batch_size else labels[0])

    def map(self, function: Callable[..., Any], **_: Any) -> View:
        """The data set of `function(images, labels)`, or `function(images)` without labels."""
        return View(self, function)

    def take(self, count: int) -> View:
        """The first batches of it."""
        return View(self, count=count)

    def cache(self) -> View:
        """The same, kept in memory once read; then in one order."""
        return View(self, keep=True)

    def prefetch(self, *_: Any, **__: Any) -> ImageDataset:
        """The same: pictures are read by several threads as it is."""
        return self


class View(PyDataset):
    """Another data set's batches: mapped, fewer of them, or kept in memory."""

    def __init__(
        self,
        source: PyDataset,
        function: Callable[..., Any] | None = None,
        count: int | None = None,
        keep: bool = False,
    ) -> None:
        super().__init__()
        self.source = source
        self._function = function
        self._count = count
        self._kept: dict[int, Any] | None = {} if keep else None
        self.class_names = getattr(source, "class_names", None)
        self.file_paths = getattr(source, "file_paths", None)

    def __len__(self) -> int:
        whole = self.source.num_batches or 0
        return whole if self._count is None or self._count < 0 else min(whole, self._count)

    def on_epoch_begin(self) -> None:
        """Choose the next order, unless there is one for good."""
        if not self._kept:
            self.source.on_epoch_begin()

    def __iter__(self) -> Iterator[Any]:
        self.on_epoch_begin()
        return super().__iter__()

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"there are {len(self)} batches. Received: index={index}")
        if self._kept is not None and index in self._kept:
            return self._kept[index]
        batch = self.source[index]
        if self._function is not None:
            batch = self._function(*batch) if isinstance(batch, tuple) else self._function(batch)
        if self._kept is not None:
            self._kept[index] = batch
        return batch

    map = ImageDataset.map
    take = ImageDataset.take
    cache = ImageDataset.cache
    prefetch = ImageDataset.prefetch
