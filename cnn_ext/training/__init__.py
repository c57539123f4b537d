"""The loops of compile, fit, evaluate and predict."""

from cnn_ext.training.trainer import Trainer

__all__ = ["Trainer"]
