"""CIFAR-100: 32x32 colour pictures of a hundred kinds of things in twenty groups."""

from __future__ import annotations

import numpy as np

from cnn_ext.datasets._cifar import Arrays, CifarDataset

_CIFAR100 = CifarDataset(
    name="cifar-100",
    archive="cifar-100-binary.tar.gz",
    # Length and SHA-256 as in url_checksums of TensorFlow Datasets.
    size=168_513_733,
    sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    train=("cifar-100-binary/train.bin",),
    test=("cifar-100-binary/test.bin",),
    images=50_000,
    test_images=10_000,
    labels=2,
)
_LABEL_MODES = ("coarse", "fine")  # in the order of a record


def load_data(label_mode: str = "fine") -> tuple[Arrays, Arrays]:
    """CIFAR-100, as `keras.datasets.cifar100.load_data` returns it.

    The archive cifar-100-binary.tar.gz (161 MiB) is looked for in the cache of cnn_ext, in
    `~/.keras/datasets` (or `$KERAS_HOME/datasets`) and its folder `cifar-100`, in
    `/usr/share/datasets/cifar-100`, and else downloaded once. Its checksum is verified. The
    pickled files that Keras downloads are not read, since a pickle can run code.

    Args:
        label_mode: `"fine"` for labels of 100 classes, `"coarse"` for those of 20 groups.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shapes (50000, 32, 32, 3) and
        (10000, 32, 32, 3), int64 labels (as Keras gives them) of shapes (50000, 1), (10000, 1);
        images (n, 3, 32, 32) where `keras.config.image_data_format()` is `"channels_first"`.

    Raises:
        OSError: the archive is nowhere on this machine and cannot be downloaded.
    """
    if label_mode not in _LABEL_MODES:
        raise ValueError(
            f'`label_mode` must be one of `"fine"`, `"coarse"`. Received: label_mode={label_mode}.'
        )
    at = _LABEL_MODES.index(label_mode)
    (x_train, y_train), (x_test, y_test) = _CIFAR100.load()
    return (x_train, _column(y_train, at)), (x_test, _column(y_test, at))


def _column(labels: np.ndarray, at: int) -> np.ndarray:
    return labels[:, at : at + 1].astype(np.int64)
