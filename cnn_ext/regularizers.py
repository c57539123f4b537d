"""Regularizers by Keras's names."""

from __future__ import annotations

from cnn_ext import registry

get, serialize, deserialize = registry.family("regularizer", "keras.regularizers", {})
