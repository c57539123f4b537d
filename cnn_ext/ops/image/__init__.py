"""Operations on images, with the names of `keras.ops.image`: one image or a batch of them."""

from cnn_ext._errors import missing_attribute
from cnn_ext.ops.image.affine import affine_transform
from cnn_ext.ops.image.color import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from cnn_ext.ops.image.frame import crop_images, pad_images
from cnn_ext.ops.image.resize import resize
from cnn_ext.ops.places import place as _place
from cnn_ext.symbolic import accepts_symbols as _accepts_symbols

OPS = {
    "affine_transform": _accepts_symbols(affine_transform),
    "crop_images": _accepts_symbols(crop_images),
    "hsv_to_rgb": _accepts_symbols(hsv_to_rgb),
    "pad_images": _accepts_symbols(pad_images),
    "resize": _accepts_symbols(resize),
    "rgb_to_grayscale": _accepts_symbols(rgb_to_grayscale),
    "rgb_to_hsv": _accepts_symbols(rgb_to_hsv),
}
"""Every public operation on images by name."""

globals().update(OPS)
_place(OPS, "image")

__all__ = ["OPS", *OPS]

__getattr__ = missing_attribute(__name__, __all__)
