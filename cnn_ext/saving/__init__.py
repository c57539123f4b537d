"""Model files: the only code that touches them."""

from cnn_ext._errors import missing_attribute
from cnn_ext.registry import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from cnn_ext.saving.hdf5 import ModelFileError
from cnn_ext.saving.loading import load_model, load_weights
from cnn_ext.saving.model_file import save_model
from cnn_ext.saving.weights import save_weights

__all__ = [
    "CustomObjectScope",
    "ModelFileError",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]

__getattr__ = missing_attribute(__name__, __all__)
