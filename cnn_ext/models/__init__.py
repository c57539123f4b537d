"""Models by Keras's names."""

from cnn_ext._errors import missing_attribute
from cnn_ext.models.cloning import clone_model, model_from_json
from cnn_ext.models.model import Model
from cnn_ext.models.sequential import Sequential
from cnn_ext.saving import load_model, save_model

__all__ = [
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]

__getattr__ = missing_attribute(__name__, __all__)
