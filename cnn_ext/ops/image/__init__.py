"""Operations on images, with the names of `keras.ops.image`: one image or a batch of them."""

from cnn_ext._errors import missing_attribute
from cnn_ext.ops.image.affine import affine_transform
from cnn_ext.ops.image.color import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from cnn_ext.ops.image.frame import crop_images, pad_images
from cnn_ext.ops.image.resize import resize

OPS = {
    "affine_transform": affine_transform,
    "crop_images": crop_images,
    "hsv_to_rgb": hsv_to_rgb,
    "pad_images": pad_images,
    "resize": resize,
    "rgb_to_grayscale": rgb_to_grayscale,
    "rgb_to_hsv": rgb_to_hsv,
}
"""Every public operation on images by name."""

__all__ = ["OPS", *OPS]

__getattr__ = missing_attribute(__name__, __all__)
