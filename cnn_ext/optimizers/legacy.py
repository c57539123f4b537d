"""The names of Keras 2's optimizers, which say that they are gone."""

from __future__ import annotations

from typing import Any


class LegacyOptimizerWarning:
    """Stands for every optimizer of `keras.optimizers.legacy`: cannot be made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise ImportError(
            "`keras.optimizers.legacy` is not supported in Keras 3, nor here. Use the optimizer of "
            "the same name in `keras.optimizers`. "
            f"Received: {', '.join([*map(repr, args), *(f'{k}={v!r}' for k, v in kwargs.items())])}"
        )


Adagrad = Adam = Ftrl = Optimizer = RMSprop = SGD = LegacyOptimizerWarning
