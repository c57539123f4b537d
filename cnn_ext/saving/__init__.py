"""Model files: the only code that touches them."""

from cnn_ext.saving.weights import load_weights, save_weights

__all__ = ["load_weights", "save_weights"]
