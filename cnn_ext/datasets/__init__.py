"""Data sets to learn with, read from this machine's caches or downloaded once.

>>> from cnn_ext.datasets import fashion_mnist
>>> (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
>>> x_train.shape, y_test.shape
((60000, 28, 28), (10000,))
"""

from cnn_ext._errors import missing_attribute
from cnn_ext.datasets import cifar10, cifar100, fashion_mnist, mnist

__all__ = ["cifar10", "cifar100", "fashion_mnist", "mnist"]

__getattr__ = missing_attribute(__name__, __all__)
