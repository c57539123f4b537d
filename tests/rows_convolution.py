"""Rows of layers: convolutions."""

from layer_rows import FIRST, row

CONV2D = (
    row("Conv2D", 2, 7, 6, 3, filters=5, kernel_size=3),
    row("Conv2D", 2, 7, 6, 3, filters=5, kernel_size=3, padding="same"),
    row("Conv2D", 2, 7, 6, 3, filters=4, kernel_size=(2, 3), use_bias=False),
    row("Conv2D", 2, 8, 7, 2, filters=3, kernel_size=3, strides=2, padding="same"),
    row("Conv2D", 2, 9, 8, 2, filters=3, kernel_size=2, strides=(3, 2)),
    row("Conv2D", 2, 9, 8, 2, filters=3, kernel_size=3, dilation_rate=(2, 1)),
    row("Conv2D", 2, 9, 8, 2, filters=3, kernel_size=3, dilation_rate=2, padding="same"),
    row("Conv2D", 2, 7, 6, 4, filters=6, kernel_size=3, groups=2),
    row("Conv2D", 2, 7, 6, 4, filters=8, kernel_size=3, groups=4, strides=2, padding="SAME"),
    row("Conv2D", 2, 5, 5, 3, filters=1, kernel_size=1),
    row("Conv2D", 2, 4, 4, 1, filters=2, kernel_size=(4, 4)),
    row("Conv2D", 1, 3, 2, 2, filters=2, kernel_size=5, padding="same"),  # window > image
    # Keras adds the bias along the width if filters equal it: here they do not.
    row("Conv2D", 2, 3, 7, 6, filters=5, kernel_size=3, data_format=FIRST, activation="tanh"),
    row("Conv2D", 2, 3, 8, 6, filters=5, kernel_size=3, strides=2, padding="same",
        data_format=FIRST),
    row("Conv2D", 2, 4, 7, 6, filters=6, kernel_size=3, groups=2, activation="tanh",
        data_format=FIRST),
    row("Conv2D", 2, 28, 28, 1, filters=32, kernel_size=3, padding="same"),
)  # fmt: skip
CONV1D = (
    row("Conv1D", 2, 9, 3, filters=5, kernel_size=3),
    row("Conv1D", 2, 9, 3, filters=4, kernel_size=(2,), padding="same", strides=2),
    row("Conv1D", 2, 8, 3, filters=4, kernel_size=3, strides=(3,), use_bias=False),
    row("Conv1D", 2, 9, 2, filters=3, kernel_size=3, dilation_rate=2, activation="tanh"),
    row("Conv1D", 2, 9, 2, filters=3, kernel_size=3, dilation_rate=(2,), padding="same"),
    row("Conv1D", 2, 9, 4, filters=6, kernel_size=2, groups=2, padding="same"),
    row("Conv1D", 2, 7, 3, filters=4, kernel_size=3, padding="causal"),
    row("Conv1D", 2, 8, 3, filters=4, kernel_size=2, padding="causal", strides=3),
    row("Conv1D", 2, 7, 3, filters=4, kernel_size=3, padding="Causal", dilation_rate=2),
    row("Conv1D", 1, 3, 2, filters=2, kernel_size=6, padding="causal"),  # window > sequence
    row("Conv1D", 2, 3, 9, filters=4, kernel_size=3, padding="same", data_format=FIRST),
    row("Conv1D", 2, 3, 9, filters=4, kernel_size=3, padding="causal", data_format=FIRST),
)
CONV3D = (
    row("Conv3D", 2, 4, 5, 4, 2, filters=3, kernel_size=2),
    row("Conv3D", 1, 5, 4, 6, 2, filters=3, kernel_size=3, padding="same", strides=2),
    row("Conv3D", 1, 5, 4, 6, 2, filters=2, kernel_size=(2, 1, 3), strides=(1, 2, 3)),
    row("Conv3D", 1, 5, 4, 6, 2, filters=2, kernel_size=(2, 3, 1), dilation_rate=(3, 1, 1)),
    row("Conv3D", 1, 4, 4, 3, 4, filters=4, kernel_size=2, groups=2, activation="tanh"),
    row("Conv3D", 1, 2, 3, 4, 5, filters=2, kernel_size=2, padding="same", data_format=FIRST),
)
DEPTHWISE = (
    row("DepthwiseConv1D", 2, 8, 3, kernel_size=3),
    row("DepthwiseConv1D", 2, 8, 3, kernel_size=3, strides=2, padding="same", depth_multiplier=2),
    row("DepthwiseConv1D", 2, 8, 3, kernel_size=2, dilation_rate=3, use_bias=False),
    row("DepthwiseConv1D", 2, 3, 8, kernel_size=3, data_format=FIRST),
    row("DepthwiseConv2D", 2, 6, 5, 3, kernel_size=3),
    row("DepthwiseConv2D", 2, 6, 5, 3, kernel_size=(2, 3), strides=2, padding="same"),
    row("DepthwiseConv2D", 2, 6, 7, 2, kernel_size=3, depth_multiplier=3, activation="tanh"),
    row("DepthwiseConv2D", 2, 7, 6, 2, kernel_size=2, dilation_rate=(2, 3), padding="same"),
    row("DepthwiseConv2D", 2, 9, 8, 2, kernel_size=2, dilation_rate=2, strides=2),
    row("DepthwiseConv2D", 2, 3, 6, 5, kernel_size=3, depth_multiplier=2, data_format=FIRST),
)
SEPARABLE = (
    row("SeparableConv1D", 2, 8, 3, filters=4, kernel_size=3),
    row("SeparableConv1D", 2, 8, 3, filters=4, kernel_size=2, strides=2, padding="same",
        depth_multiplier=2, activation="tanh"),
    row("SeparableConv1D", 2, 3, 8, filters=4, kernel_size=3, data_format=FIRST),
    row("SeparableConv2D", 2, 6, 5, 3, filters=4, kernel_size=3),
    row("SeparableConv2D", 2, 6, 5, 3, filters=2, kernel_size=(2, 3), strides=2, padding="same",
        depth_multiplier=2, use_bias=False),
    row("SeparableConv2D", 2, 7, 6, 2, filters=2, kernel_size=2, dilation_rate=2),
    row("SeparableConv2D", 2, 3, 6, 5, filters=4, kernel_size=3, data_format=FIRST),
)  # fmt: skip
TRANSPOSED = (
    row("Conv1DTranspose", 2, 4, 3, filters=2, kernel_size=3),
    row("Conv1DTranspose", 2, 4, 3, filters=2, kernel_size=3, strides=2, padding="same"),
    row("Conv1DTranspose", 2, 4, 3, filters=2, kernel_size=2, strides=3, output_padding=1),
    row("Conv1DTranspose", 2, 4, 3, filters=2, kernel_size=3, dilation_rate=2, use_bias=False),
    row("Conv1DTranspose", 2, 3, 4, filters=2, kernel_size=3, strides=2, data_format=FIRST),
    row("Conv2DTranspose", 2, 4, 3, 3, filters=2, kernel_size=3),
    row("Conv2DTranspose", 2, 4, 3, 3, filters=2, kernel_size=2, strides=2, activation="tanh"),
    row("Conv2DTranspose", 2, 4, 3, 3, filters=2, kernel_size=3, strides=2, padding="same"),
    row("Conv2DTranspose", 2, 4, 3, 3, filters=2, kernel_size=2, strides=(3, 1)),
    row("Conv2DTranspose", 2, 4, 3, 2, filters=3, kernel_size=(3, 2), strides=(2, 3),
        padding="same"),
    row("Conv2DTranspose", 2, 4, 3, 2, filters=3, kernel_size=3, strides=2, padding="same",
        output_padding=1),
    row("Conv2DTranspose", 2, 4, 3, 2, filters=3, kernel_size=3, strides=(2, 3), padding="same",
        output_padding=(0, 1)),
    row("Conv2DTranspose", 2, 4, 3, 2, filters=3, kernel_size=3, strides=(2, 3),
        output_padding=[1, 0]),
    row("Conv2DTranspose", 2, 4, 3, 2, filters=3, kernel_size=2, dilation_rate=(2, 1)),
    row("Conv2DTranspose", 2, 4, 3, 2, filters=3, kernel_size=2, dilation_rate=2, padding="same"),
    row("Conv2DTranspose", 2, 3, 4, 5, filters=2, kernel_size=3, strides=2, data_format=FIRST),
    row("Conv3DTranspose", 1, 2, 3, 2, 2, filters=3, kernel_size=2),
    row("Conv3DTranspose", 1, 2, 3, 2, 2, filters=2, kernel_size=3, strides=2, padding="same"),
    row("Conv3DTranspose", 1, 2, 3, 2, 2, filters=2, kernel_size=(1, 2, 3), strides=(2, 1, 3),
        use_bias=False),
    row("Conv3DTranspose", 1, 2, 2, 2, 2, filters=2, kernel_size=3, strides=2, padding="same",
        output_padding=1),
    row("Conv3DTranspose", 1, 2, 2, 3, 4, filters=3, kernel_size=2, strides=2, data_format=FIRST),
)  # fmt: skip
EXTRAS = (  # losses, constraints and initializers
    row("Conv2D", 2, 5, 5, 2, filters=3, kernel_size=2, kernel_regularizer="l2",
        bias_regularizer="l2", activity_regularizer="l2", kernel_constraint="max_norm",
        bias_constraint="non_neg", kernel_initializer="he_normal", bias_initializer="ones"),
    row("Conv1D", 2, 6, 2, filters=3, kernel_size=2, kernel_regularizer="l2",
        activity_regularizer="l2"),
    row("DepthwiseConv2D", 2, 5, 5, 2, kernel_size=2, depthwise_regularizer="l2",
        bias_regularizer="l2", depthwise_constraint="unit_norm", activity_regularizer="l2",
        depthwise_initializer="he_uniform"),
    row("SeparableConv2D", 2, 5, 5, 2, filters=3, kernel_size=2, depthwise_regularizer="l2",
        pointwise_regularizer="l2", bias_regularizer="l2", pointwise_constraint="non_neg",
        pointwise_initializer="lecun_normal"),
    row("Conv2DTranspose", 2, 4, 4, 2, filters=3, kernel_size=2, kernel_regularizer="l2",
        bias_constraint="non_neg", activity_regularizer="l2"),
)  # fmt: skip
ROWS = (
    *CONV2D, *CONV1D, *CONV3D, *DEPTHWISE, *SEPARABLE, *TRANSPOSED, *EXTRAS,
)  # fmt: skip
UNKNOWN = (
    row("Conv2D", None, None, 3, filters=2, kernel_size=3, padding="same", strides=2),
    row("Conv2D", 3, None, None, filters=2, kernel_size=3, data_format=FIRST),
    row("Conv1D", None, 3, filters=2, kernel_size=3, padding="causal"),
    row("Conv3D", None, 5, None, 3, filters=2, kernel_size=3),
    row("DepthwiseConv2D", None, 8, 3, kernel_size=3, depth_multiplier=2),
    row("SeparableConv2D", 8, None, 3, filters=2, kernel_size=3),
    row("Conv2DTranspose", None, 8, 3, filters=2, kernel_size=3, strides=2, output_padding=1),
    row("Conv3DTranspose", 3, None, 8, None, filters=2, kernel_size=3, data_format=FIRST),
)
