"""Picture files and arrays, under the names of `keras.preprocessing.image`."""

from cnn_ext._errors import missing_attribute
from cnn_ext.utils.images import array_to_img, img_to_array, load_img, save_img, smart_resize

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"]

__getattr__ = missing_attribute(__name__, __all__)
