"""What scripts use of `keras.backend`: settings, names, dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_ext._errors import missing_attribute
from cnn_ext.config import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from cnn_ext.naming import clear_session, get_uid
from cnn_ext.symbolic import is_keras_tensor

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]


def backend() -> str:
    """The name of what computes: `"cnn_ext"` (`keras.backend.backend`)."""
    return "cnn_ext"


def standardize_dtype(dtype: Any) -> str:
    """A dtype's name; `floatx()` for None (`keras.backend.standardize_dtype`).

    >>> standardize_dtype(np.float32), standardize_dtype("int"), standardize_dtype(None)
    ('float32', 'int64', 'float32')
    """
    return floatx() if dtype is None else np.dtype(dtype).name


def is_float_dtype(dtype: Any) -> bool:
    """Whether it is a float's (`keras.backend.is_float_dtype`)."""
    return standardize_dtype(dtype).startswith("float")


def is_int_dtype(dtype: Any) -> bool:
    """Whether it is an integer's (`keras.backend.is_int_dtype`)."""
    return np.dtype(standardize_dtype(dtype)).kind in "iu"


def result_type(*dtypes: Any) -> str:
    """The dtype that values of these dtypes are computed in (`keras.backend.result_type`).

    >>> result_type("int32", "float32"), result_type("uint8", "int16")
    ('float32', 'int16')
    """
    names = [standardize_dtype(dtype) for dtype in dtypes]
    floats = [name for name in names if is_float_dtype(name)]
    return np.result_type(*(floats or names)).name


__getattr__ = missing_attribute(__name__, __all__)
