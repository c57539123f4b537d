"""Pictures on their way to a model, under the names of `keras.preprocessing`.

>>> from cnn_ext.preprocessing.image import img_to_array
>>> img_to_array([[0, 255]]).shape
(1, 2, 1)
"""

from cnn_ext._errors import missing_attribute
from cnn_ext.preprocessing import image
from cnn_ext.utils import image_dataset_from_directory

__all__ = ["image", "image_dataset_from_directory"]

__getattr__ = missing_attribute(__name__, __all__)
