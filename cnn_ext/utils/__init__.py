"""Tools around a model: its summary, its picture, the progress bar, one-hot labels.

>>> from cnn_ext.utils import to_categorical
>>> to_categorical([0, 2], num_classes=3)
array([[1., 0., 0.],
       [0., 0., 1.]])
"""

from cnn_ext._errors import missing_attribute
from cnn_ext.naming import clear_session
from cnn_ext.random import set_random_seed
from cnn_ext.utils.numerical import to_categorical
from cnn_ext.utils.plot_model import plot_model
from cnn_ext.utils.progbar import Progbar
from cnn_ext.utils.summary import print_summary

__all__ = [
    "Progbar",
    "clear_session",
    "plot_model",
    "print_summary",
    "set_random_seed",
    "to_categorical",
]

__getattr__ = missing_attribute(__name__, __all__)
