"""MNIST: 28x28 grey pictures of handwritten digits, by LeCun, Cortes and Burges (CC BY-SA 3.0)."""

from __future__ import annotations

import os

from cnn_ext.datasets._idx import IdxDataset, IdxFile, Split

# SHA-256 of the four uncompressed files, as many public projects state them, all alike, beside
# those of the .gz files in url_checksums of TensorFlow Datasets.
_MNIST = IdxDataset(
    name="mnist",
    train_images=IdxFile(
        "train-images-idx3-ubyte.gz",
        (60000, 28, 28),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    train_labels=IdxFile(
        "train-labels-idx1-ubyte.gz",
        (60000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    test_images=IdxFile(
        "t10k-images-idx3-ubyte.gz",
        (10000, 28, 28),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    test_labels=IdxFile(
        "t10k-labels-idx1-ubyte.gz",
        (10000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    urls=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    hint=", or Keras's mnist.npz beside it",
)


def load_data(path: str = "mnist.npz") -> tuple[Split, Split]:
    """MNIST, as `keras.datasets.mnist.load_data` returns it.

    Keras's file mnist.npz is looked for in the cache of cnn_ext and in `~/.keras/datasets` (or
    `$KERAS_HOME/datasets`); then the four idx files of MNIST in the cache of cnn_ext, in
    `~/.keras/datasets/mnist` and in `/usr/share/datasets/mnist`; what is nowhere is downloaded
    once. Checksums are verified, and nothing is unpickled.

    Args:
        path: name of the .npz file in the cache.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 arrays of shapes (60000, 28, 28),
        (60000,), (10000, 28, 28), (10000,); pixels 0 to 255, labels 0 to 9.

    Raises:
        OSError: a file is nowhere on this machine and cannot be downloaded.
    """
    if os.path.basename(path) != path:
        raise ValueError(f"path must be the name of a file, without folders. Received: {path!r}")
    return _MNIST.load(npz=path)
