"""SwapEMAWeights: evaluation with the moving averages of the weights."""

from __future__ import annotations

from cnn_ext.callbacks.base import Callback, Logs


class SwapEMAWeights(Callback):
    """Puts the moving averages of the weights in their place while the model is evaluated
    (`keras.callbacks.SwapEMAWeights`). The optimizer must have `use_ema=True`.

    Args:
        swap_on_epoch: also between the end of an epoch and the beginning of the next, for the
            callbacks that come after this one.

    >>> SwapEMAWeights(swap_on_epoch=True).swap_on_epoch
    True
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def _pairs(self) -> list:
        optimizer = self.model.optimizer
        averages = getattr(optimizer, "_model_variables_moving_average", None)
        if not getattr(optimizer, "use_ema", False) or averages is None:
            raise ValueError(
                "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer. "
                f"Received: use_ema={getattr(optimizer, 'use_ema', False)}"
            )
        return list(zip(optimizer._trainable_variables, averages, strict=True))

    def _swap(self, wanted: bool) -> None:
        """Have the averages in the model, or the weights."""
        if self._swapped == wanted:
            return
        for variable, average in self._pairs():
            kept = variable.numpy().copy()
            variable.assign(average)
            average.assign(kept)
        self._swapped = wanted

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self.swap_on_epoch:
            self._swap(False)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if not self.swap_on_epoch or self._swapped:
            return
        self._swap(True)
        if epoch == self.params["epochs"] - 1:  # training ends with the averages, which stay
            for variable, average in self._pairs():
                average.assign(variable)

    def on_test_begin(self, logs: Logs = None) -> None:
        self._swap(True)

    def on_test_end(self, logs: Logs = None) -> None:
        self._swap(False)

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._swap(True)

    def on_predict_end(self, logs: Logs = None) -> None:
        self._swap(False)
