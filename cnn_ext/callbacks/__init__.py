"""Callbacks: what happens between the batches and epochs of `fit`, by Keras's names."""

from cnn_ext import registry
from cnn_ext._errors import missing_attribute
from cnn_ext.callbacks.backup import BackupAndRestore
from cnn_ext.callbacks.base import Callback
from cnn_ext.callbacks.callback_list import CallbackList
from cnn_ext.callbacks.checkpoint import ModelCheckpoint
from cnn_ext.callbacks.csv_logger import CSVLogger
from cnn_ext.callbacks.early_stopping import EarlyStopping
from cnn_ext.callbacks.history import History
from cnn_ext.callbacks.lambda_callback import LambdaCallback
from cnn_ext.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from cnn_ext.callbacks.progress import ProgbarLogger
from cnn_ext.callbacks.swap_ema_weights import SwapEMAWeights
from cnn_ext.callbacks.tensorboard import TensorBoard
from cnn_ext.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]

registry.publish("keras.callbacks", {name: globals()[name] for name in __all__})

__getattr__ = missing_attribute(__name__, __all__)
