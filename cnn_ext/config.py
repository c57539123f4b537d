"""Package-wide settings, with Keras's names and defaults."""

from __future__ import annotations

import numpy as np

from cnn_ext._errors import did_you_mean, missing_attribute

__all__ = [
    "disable_interactive_logging",
    "enable_interactive_logging",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_interactive_logging_enabled",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
]

FLOAT_TYPES = ("float32", "float64")
DATA_FORMATS = ("channels_last", "channels_first")

_settings: dict[str, object] = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "interactive_logging": True,
}


def floatx() -> str:
    """The default float dtype, `"float32"` unless changed (`keras.config.floatx`)."""
    return str(_settings["floatx"])


def set_floatx(value: str) -> None:
    """Set the default float dtype: `"float32"` or `"float64"`."""
    _settings["floatx"] = one_of("floatx", value, FLOAT_TYPES)


def epsilon() -> float:
    """The small number that keeps logarithms and divisions finite, 1e-7 unless changed."""
    return float(_settings["epsilon"])  # type: ignore[arg-type]


def set_epsilon(value: float) -> None:
    """Set the value that `epsilon()` returns."""
    _settings["epsilon"] = float(value)


def image_data_format() -> str:
    """`"channels_last"` (the default) or `"channels_first"`."""
    return str(_settings["image_data_format"])


def set_image_data_format(data_format: str) -> None:
    """Set the layout that layers assume when they are given none."""
    _settings["image_data_format"] = one_of("data_format", data_format, DATA_FORMATS)


def enable_interactive_logging() -> None:
    """Write messages and progress to stdout, which is the default."""
    _settings["interactive_logging"] = True


def disable_interactive_logging() -> None:
    """Hand messages and progress to `logging.getLogger("cnn_ext")` (Keras's goes to absl)."""
    _settings["interactive_logging"] = False


def is_interactive_logging_enabled() -> bool:
    """Whether messages go to stdout.

    >>> is_interactive_logging_enabled()
    True
    """
    return bool(_settings["interactive_logging"])


def one_of(name: str, value: object, choices: tuple[str, ...]) -> str:
    """`value` if it is one of the choices, else a ValueError that lists them."""
    if isinstance(value, str) and value in choices:
        return value
    hint = did_you_mean(value, choices) or "."
    raise ValueError(
        f"{name} must be one of {', '.join(map(repr, choices))}{hint} Received: {value!r}"
    )


def data_format_or_default(data_format: str | None) -> str:
    """The given layout, checked, or the package's default for None."""
    if data_format is None:
        return image_data_format()
    return one_of("data_format", data_format, DATA_FORMATS)


def float_dtype(dtype: object) -> str:
    """`"float32"` or `"float64"` for what a user may pass as a float dtype; None is floatx()."""
    if dtype is None:
        return floatx()
    if isinstance(dtype, dict):  # as Keras writes it into model files
        dtype = dtype.get("config", {}).get("name")
    try:
        name = np.dtype(dtype).name  # type: ignore[call-overload]
    except TypeError:
        name = str(dtype)
    return one_of("dtype", name, FLOAT_TYPES)


__getattr__ = missing_attribute(__name__, __all__)
