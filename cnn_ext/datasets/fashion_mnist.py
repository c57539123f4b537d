"""Fashion-MNIST: 28x28 grey pictures of ten kinds of clothing, made by Zalando (MIT licence)."""

from __future__ import annotations

from cnn_ext.datasets._idx import IdxDataset, IdxFile, Split

_FASHION_MNIST = IdxDataset(
    name="fashion-mnist",
    train_images=IdxFile(
        "train-images-idx3-ubyte.gz",
        (60000, 28, 28),
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    train_labels=IdxFile(
        "train-labels-idx1-ubyte.gz",
        (60000,),
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    test_images=IdxFile(
        "t10k-images-idx3-ubyte.gz",
        (10000, 28, 28),
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    test_labels=IdxFile(
        "t10k-labels-idx1-ubyte.gz",
        (10000,),
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    urls=(
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ),
    hint="; or, on Debian and Ubuntu, run `apt install dataset-fashion-mnist`",
)


def load_data() -> tuple[Split, Split]:
    """Fashion-MNIST, as `keras.datasets.fashion_mnist.load_data` returns it.

    The four files are looked for in the cache of cnn_ext, in that of Keras (`$KERAS_HOME` or
    `~/.keras`) and in Debian's `/usr/share/datasets`; what is missing is downloaded into the
    first. Every file is checked by the SHA-256 of its content; a damaged one is skipped with
    a warning.

    Labels: 0 T-shirt/top, 1 Trouser, 2 Pullover, 3 Dress, 4 Coat, 5 Sandal, 6 Shirt,
    7 Sneaker, 8 Bag, 9 Ankle boot.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 arrays of shapes (60000, 28, 28),
        (60000,), (10000, 28, 28), (10000,); pixels 0 to 255, labels 0 to 9.

    Raises:
        OSError: a file is nowhere on this machine and cannot be downloaded.

    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, x_train.dtype, y_train[:5].tolist()
    ((60000, 28, 28), dtype('uint8'), [9, 0, 0, 3, 0])
    """
    return _FASHION_MNIST.load()
