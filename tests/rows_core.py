"""Rows of layers: dense, activations, shapes, dropout."""

from cnn_ext import activations
from layer_rows import FIRST, row

DENSE = (
    row("Dense", 3, 7, units=4),
    row("Dense", 3, 7, units=4, use_bias=False, activation="relu"),
    row("Dense", 3, 5, 7, units=4),
    row("Dense", 2, 3, 4, 5, units=1, activation="tanh"),
    row("Dense", 1, 1, units=2),
    row("Dense", 3, 7, units=4, kernel_regularizer="l2", bias_regularizer="l2",
        activity_regularizer="l2", kernel_constraint="max_norm", bias_constraint="non_neg",
        kernel_initializer="he_normal", bias_initializer="ones"),
)  # fmt: skip
# threshold has arguments without defaults; Keras's layer gives a false shape for glu, and a false
# gradient for sparsemax; TensorFlow rounds gelu's constants to float32.
PLAIN = sorted(set(activations._BY_NAME) - {"threshold", "glu", "sparsemax", "gelu"})
SOME = ("leaky_relu", "relu", "sigmoid", "softmax")
ACTIVATIONS = (
    *(row("Dense", 4, 6, units=5, activation=name) for name in SOME),
    *(row("Conv2D", 2, 5, 5, 2, filters=3, kernel_size=2, activation=name) for name in SOME),
    *(row("Activation", 3, 4, activation=name) for name in PLAIN),
)
OTHERS = (
    row("Flatten", 2, 3, 4, 5),
    row("Flatten", 3, 4),
    row("Flatten", 3),
    row("Flatten", 2, 3, 4, 5, data_format=FIRST),
    row("Dropout", 3, 4, rate=0.5),
    row("Dropout", 3, 4, rate=0),
    row("Dropout", 3, 4, rate=0.25, noise_shape=(None, 1), seed=3),
    row("ReLU", 3, 4),
    row("ReLU", 3, 4, max_value=0.5),
    row("ReLU", 3, 4, negative_slope=0.125),
    row("ReLU", 3, 4, threshold=0.3),
    row("ReLU", 3, 40, max_value=0.75, negative_slope=0.25, threshold=0.125),
    row("Softmax", 3, 4),
    row("Softmax", 3, 4, 5, axis=1),
    row("Softmax", 3, 4, 5, axis=(1, 2)),
    row("Reshape", 2, 6, target_shape=(2, 3)),
    row("Reshape", 2, 3, 4, target_shape=(-1,)),
    row("Reshape", 2, 3, 4, target_shape=(2, -1, 3)),
)
ROWS = (*DENSE, *ACTIVATIONS, *OTHERS)
UNKNOWN = (
    row("Flatten", None, 3),
    row("Reshape", None, 6, target_shape=(-1, 3)),
    row("Dense", None, 4, units=3),
)
