"""CIFAR-10: 32x32 colour pictures of ten kinds of things, by Krizhevsky, Nair and Hinton."""

from __future__ import annotations

from cnn_ext.datasets._cifar import Arrays, CifarDataset

_CIFAR10 = CifarDataset(
    name="cifar-10",
    archive="cifar-10-binary.tar.gz",
    # Length and SHA-256 as in url_checksums of TensorFlow Datasets.
    size=170_052_171,
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    train=tuple(f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)),
    test=("cifar-10-batches-bin/test_batch.bin",),
    images=10_000,
    test_images=10_000,
    labels=1,
)


def load_data() -> tuple[Arrays, Arrays]:
    """CIFAR-10, as `keras.datasets.cifar10.load_data` returns it.

    Labels: 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship,
    9 truck.

    The archive cifar-10-binary.tar.gz (162 MiB) is looked for in the cache of cnn_ext, in
    `~/.keras/datasets` (or `$KERAS_HOME/datasets`) and its folder `cifar-10`, in
    `/usr/share/datasets/cifar-10`, and else downloaded once. Its checksum is verified. The
    pickled batches that Keras downloads are not read, since a pickle can run code.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 arrays of shapes (50000, 32, 32, 3),
        (50000, 1), (10000, 32, 32, 3), (10000, 1); images (n, 3, 32, 32) where
        `keras.config.image_data_format()` is `"channels_first"`.

    Raises:
        OSError: the archive is nowhere on this machine and cannot be downloaded.
    """
    return _CIFAR10.load()
