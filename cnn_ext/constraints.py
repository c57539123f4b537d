"""Constraints by Keras's names."""

from __future__ import annotations

from cnn_ext import registry

get, serialize, deserialize = registry.family("constraint", "keras.constraints", {})
