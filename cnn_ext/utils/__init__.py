"""Tools around a model: its summary, its picture, the progress bar; data for it: labels, pictures,
files; objects as configurations.

>>> from cnn_ext.utils import to_categorical
>>> to_categorical([0, 2], num_classes=3)
array([[1., 0., 0.],
       [0., 0., 1.]])
"""

from cnn_ext._errors import missing_attribute
from cnn_ext.backend import standardize_dtype
from cnn_ext.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from cnn_ext.naming import clear_session
from cnn_ext.random import set_random_seed
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
from cnn_ext.symbolic import is_keras_tensor
from cnn_ext.utils.files import get_file
from cnn_ext.utils.image_folder import image_dataset_from_directory
from cnn_ext.utils.images import array_to_img, img_to_array, load_img, save_img
from cnn_ext.utils.numerical import normalize, to_categorical
from cnn_ext.utils.plot_model import model_to_dot, plot_model
from cnn_ext.utils.progbar import Progbar
from cnn_ext.utils.py_dataset import (
    PyDataset,
    pack_x_y_sample_weight,
    unpack_x_y_sample_weight,
)
from cnn_ext.utils.splitting import split_dataset
from cnn_ext.utils.summary import print_summary

Sequence = PyDataset  # its older name

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "plot_model",
    "print_summary",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

__getattr__ = missing_attribute(__name__, __all__)
