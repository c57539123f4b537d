"""image_dataset_from_directory: which pictures there are, and of which class each is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cnn_ext import config
from cnn_ext._errors import did_you_mean, teaches_keywords
from cnn_ext.random import SeedGenerator
from cnn_ext.utils._resize import TAPS
from cnn_ext.utils.image_dataset import ImageDataset, ImageReader
from cnn_ext.utils.images import CHANNELS
from cnn_ext.utils.messages import message

FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_LABEL_MODES = ("int", "categorical", "binary", None)
_SUBSETS = ("training", "validation", "both", None)
Found = tuple[list[str], "np.ndarray | None"]  # paths, and the number of each one's class


@teaches_keywords
def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Batches of the pictures in a folder (`keras.utils.image_dataset_from_directory`).

    Args:
        directory: a folder with a folder of pictures for each class, or, without inferred
            labels, of pictures anywhere in it: .bmp, .gif (the first frame), .jpeg, .jpg, .png.
        labels: `"inferred"` from the folders, None, or a list with a class number for each file
            in alphanumeric order.
        label_mode: what labels become: `"int"` int32 (batch,); `"binary"` float32 (batch, 1) of
            two classes; `"categorical"` float32 (batch, classes); None for no labels.
        class_names: the folders to read, in the order of their numbers; all, sorted, if None.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`: 1, 3 or 4 channels.
        batch_size: pictures in a batch; None for single pictures.
        image_size: (height, width) in pixels that they are resized to.
        shuffle: a new order in each epoch; else alphanumeric order.
        seed: names the order, and which files are for validation.
        validation_split: share of the files that is for validation.
        subset: `"training"`, `"validation"`, or `"both"` for a list of both data sets.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"area"`, `"lanczos3"`,
            `"lanczos5"`, `"gaussian"` or `"mitchellcubic"`, as in `tf.image.resize`.
        follow_links: whether to enter folders that are symbolic links.
        crop_to_aspect_ratio: do not distort: cut the middle out.
        pad_to_aspect_ratio: do not distort: add black margins.
        data_format: `"channels_last"` or `"channels_first"`; None is the package's default.
        format: accepted for Keras's sake: `"tf"` or `"grain"`.
        verbose: print how many files and classes there are.

    Returns:
        An `ImageDataset`, a PyDataset of float32 images from 0 to 255, with `class_names` and
        `file_paths`. With the same seed the same files as with Keras are for validation.

    Raises:
        ImportError: Pillow is not installed.
        ValueError: an argument is wrong, there are no pictures, or, when a batch is read, a file
            is no picture.

    >>> from cnn_ext.utils import save_img
    >>> for name in ("cat", "dog"):
    ...     os.makedirs(f"pets/{name}")
    ...     save_img(f"pets/{name}/1.png", np.zeros((8, 8, 3)))
    >>> pets = image_dataset_from_directory("pets", image_size=(4, 4))
    Found 2 files belonging to 2 classes.
    >>> [(images.shape, labels.shape) for images, labels in pets], pets.class_names
    ([((2, 4, 4, 3), (2,))], ['cat', 'dog'])
    """
    _check_labels(labels, label_mode, class_names)
    if labels is None or label_mode is None:
        labels = label_mode = None
    reader = _reader(
        color_mode, image_size, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio
    )
    _one_of("format", format, ("tf", "grain"))
    _check_split(validation_split, subset, shuffle, seed)
    data_format = config.data_format_or_default(data_format)
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be a positive integer. Received: {batch_size}")

    found, names = _index(os.fspath(directory), labels, class_names, follow_links, verbose)
    if label_mode == "binary" and names is not None and len(names) != 2:
        raise ValueError(
            'When passing `label_mode="binary"`, there must be exactly 2 class_names. '
            f"Received: class_names={names}"
        )
    if shuffle:
        found = _shuffled(found, seed)
    parts = _parts(found, validation_split, subset)
    for what, (paths, _) in parts.items():
        if not paths:
            raise ValueError(
                f"No {what}images found in directory {directory}. Allowed formats: {FORMATS}. "
                f"Received: {subset=}"
            )
    datasets = []
    for what, (paths, numbers) in parts.items():
        encoded = None if numbers is None else _encoded(numbers, label_mode, len(names or ()))
        fixed = not shuffle or (subset == "both" and what == "validation ")
        order = None if fixed else SeedGenerator(seed, name="pictures")
        datasets.append(ImageDataset(paths, encoded, reader, batch_size, order, data_format, names))
    return datasets if subset == "both" else datasets[0]


def _reader(
    color_mode: str, image_size: Any, interpolation: str, crop: bool, pad: bool
) -> ImageReader:
    if crop and pad:
        raise ValueError(
            "Only one of `pad_to_aspect_ratio`, `crop_to_aspect_ratio` can be set to `True`."
        )
    return ImageReader(
        _one_of("color_mode", color_mode, tuple(CHANNELS)),
        _size(image_size),
        _one_of("interpolation", interpolation.lower(), tuple(TAPS)),
        crop,
        pad,
    )


def _check_labels(labels: Any, label_mode: Any, class_names: Any) -> None:
    if labels is not None and not (isinstance(labels, str) and labels == "inferred"):
        if not isinstance(labels, list | tuple):
            raise ValueError(
                "`labels` argument should be a list/tuple of integer labels, of the same size as "
                "the number of image files in the target directory. If you wish to infer the "
                "labels from the subdirectory names in the target directory, pass "
                '`labels="inferred"`. If you wish to get a dataset that only contains images (no '
                f"labels), pass `labels=None`. Received: labels={labels}"
            )
        if class_names:
            raise ValueError(
                'You can only pass `class_names` if `labels="inferred"`. Received: '
                f"labels={labels}, and class_names={class_names}"
            )
    if label_mode not in _LABEL_MODES:
        hint = did_you_mean(label_mode, [m for m in _LABEL_MODES if m]) or "."
        raise ValueError(
            '`label_mode` argument must be one of "int", "categorical", "binary", or None'
            f"{hint} Received: label_mode={label_mode}"
        )


def _size(image_size: Any) -> tuple[int, int]:
    if isinstance(image_size, int):
        image_size = (image_size, image_size)
    if not isinstance(image_size, list | tuple) or len(image_size) != 2 or min(image_size) < 1:
        raise ValueError(
            "Invalid `image_size` value. Expected a tuple of 2 integers. "
            f"Received: image_size={image_size}"
        )
    return int(image_size[0]), int(image_size[1])


def _one_of(name: str, value: Any, choices: tuple[str, ...]) -> str:
    if value not in choices:
        hint = did_you_mean(value, choices) or "."
        raise ValueError(f"`{name}` must be one of {choices}{hint} Received: {name}={value}")
    return value


def _check_split(share: float | None, subset: Any, shuffle: bool, seed: Any) -> None:
    if share and not 0 < share < 1:
        raise ValueError(f"`validation_split` must be between 0 and 1, received: {share}")
    if bool(share) != bool(subset):
        raise ValueError(
            "If `subset` is set, `validation_split` must be set, and inversely. Received: "
            f"subset={subset!r}, validation_split={share}"
        )
    if subset not in _SUBSETS:
        raise ValueError(
            f'`subset` must be either "training", "validation" or "both", received: {subset}'
        )
    if share and shuffle and seed is None:
        raise ValueError(
            "If using `validation_split` and shuffling the data, you must provide a `seed` "
            "argument, to make sure that there is no overlap between the training and validation "
            "subset. Received: seed=None"
        )


def _index(
    directory: str, labels: Any, class_names: Any, follow_links: bool, verbose: bool
) -> tuple[Found, list[str] | None]:
    """The files in order, the number of each one's class, and the names of the classes."""
    if labels == "inferred":
        names = _classes(directory, class_names)
        files = [list(_files(os.path.join(directory, name), follow_links)) for name in names]
        paths = [path for one in files for path in one]
        counts = [len(one) for one in files]
        numbers: Any = np.repeat(np.arange(len(names), dtype=np.int32), counts)
    else:
        if class_names is not None:
            raise ValueError(
                "When `labels=None` (no labels), argument `class_names` cannot be specified. "
                f"Received: class_names={class_names}"
            )
        paths, names, numbers = list(_files(directory, follow_links)), None, None
        if labels is not None:
            if len(labels) != len(paths):
                raise ValueError(
                    "Expected the lengths of `labels` to match the number of files in the target "
                    f"directory {directory}. Received: {len(labels)} labels for {len(paths)} files"
                )
            names = [str(label) for label in sorted(set(labels))]
            numbers = np.array(labels, np.int32)
    if verbose:
        classes = "" if names is None else f" belonging to {len(names)} classes"
        message(f"Found {len(paths)} files{classes}.")
    return (paths, numbers), names


def _classes(directory: str, class_names: Any) -> list[str]:
    folders = [
        entry
        for entry in sorted(os.listdir(directory))
        if os.path.isdir(os.path.join(directory, entry)) and not entry.startswith(".")
    ]
    if class_names is None:
        return folders
    if not set(class_names) <= set(folders):
        raise ValueError(
            "The `class_names` passed did not match the names of the subdirectories of the target "
            f"directory. Expected: {folders} (or a subset of it), but received: "
            f"class_names={class_names}"
        )
    return list(class_names)


def _files(directory: str, follow_links: bool) -> Iterator[str]:
    for root, _, names in sorted(os.walk(directory, followlinks=follow_links)):
        for name in sorted(names):
            if name.lower().endswith(FORMATS):
                yield os.path.join(root, name)


def _shuffled(found: Found, seed: int | None) -> Found:
    """The files in the order that Keras puts them in, which decides the ones for validation."""
    paths, numbers = found
    if seed is None:
        seed = int(SeedGenerator(name="files").generator().integers(10**6))
    order = np.arange(len(paths))
    np.random.RandomState(seed).shuffle(order)
    return [paths[i] for i in order], None if numbers is None else numbers[order]


def _parts(found: Found, share: float | None, subset: str | None) -> dict[str, Found]:
    """The files of each data set that is asked for; those for validation are the last ones."""
    if not share:
        return {"": found}
    paths, numbers = found
    at = len(paths) - int(share * len(paths))
    halves = {}
    for name, rows in (("training", slice(at)), ("validation", slice(at, None))):
        if subset in (name, "both"):
            part = paths[rows], None if numbers is None else numbers[rows]
            message(f"Using {len(part[0])} files for {name}.")
            halves[f"{name} " if subset == "both" else ""] = part
    return halves


def _encoded(numbers: np.ndarray, label_mode: str | None, classes: int) -> np.ndarray:
    if label_mode == "binary":
        return numbers.astype(np.float32)[:, None]
    if label_mode == "categorical":
        return (numbers[:, None] == np.arange(classes)).astype(np.float32)
    return numbers
