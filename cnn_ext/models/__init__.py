"""Models by Keras's names."""

from cnn_ext._errors import missing_attribute
from cnn_ext.models.model import Model
from cnn_ext.models.sequential import Sequential

__all__ = ["Model", "Sequential"]

__getattr__ = missing_attribute(__name__, __all__)
