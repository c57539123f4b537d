"""Chapter 8-3 of an introductory textbook: what a convolutional network sees.

    python convolutional_network.py
    python feature_maps.py

Loads the model that `convolutional_network.py` saved, draws its filters beside those of a network
that was not trained, and, by the functional API, the feature maps of one image. In code of our own;
only the import differs from a script for Keras. Needs Matplotlib.
"""

from pathlib import Path

import matplotlib.pyplot as plt

import cnn_ext as keras

OUTPUT = Path("output")


def finish(picture):
    plt.savefig(OUTPUT / picture, dpi=120, bbox_inches="tight")
    plt.close()


def draw_weights(weights, picture):
    _, axs = plt.subplots(2, 16, figsize=(15, 2))
    for i in range(2):
        for j in range(16):
            axs[i, j].imshow(weights[:, :, 0, i * 16 + j], vmin=-0.5, vmax=0.5)
            axs[i, j].axis("off")
    finish(picture)


def draw_maps(maps, rows, picture):
    _, axs = plt.subplots(rows, 8, figsize=(12, 1.5 * rows))
    for i in range(rows):
        for j in range(8):
            axs[i, j].imshow(maps[0, :, :, i * 8 + j])
            axs[i, j].axis("off")
    finish(picture)


model = keras.models.load_model(OUTPUT / "best-cnn-model.keras")
print(model.layers)

conv = model.layers[0]
print(conv.weights[0].shape, conv.weights[1].shape)
conv_weights = conv.weights[0].numpy()
print(conv_weights.mean(), conv_weights.std())
plt.hist(conv_weights.reshape(-1, 1))
plt.xlabel("weight")
plt.ylabel("count")
finish("weights_trained.png")
draw_weights(conv_weights, "filters_trained.png")

no_training_model = keras.Sequential()
no_training_model.add(keras.layers.Input(shape=(28, 28, 1)))
no_training_model.add(keras.layers.Conv2D(32, kernel_size=3, activation="relu", padding="same"))
no_training_conv = no_training_model.layers[0]
no_training_weights = no_training_conv.weights[0].numpy()
print(no_training_weights.mean(), no_training_weights.std())
plt.hist(no_training_weights.reshape(-1, 1))
plt.xlabel("weight")
plt.ylabel("count")
finish("weights_untrained.png")
draw_weights(no_training_weights, "filters_untrained.png")

dense_input = keras.Input(shape=(784,))
hidden = keras.layers.Dense(100, activation="sigmoid")(dense_input)
dense_output = keras.layers.Dense(10, activation="softmax")(hidden)
keras.Model(dense_input, dense_output).summary()

print(model.inputs)
conv_acti = keras.Model(model.inputs, model.layers[0].output)

(train_input, train_target), (test_input, test_target) = keras.datasets.fashion_mnist.load_data()
plt.imshow(train_input[0], cmap="gray_r")
finish("ankle_boot.png")

ankle_boot = train_input[0:1].reshape(-1, 28, 28, 1) / 255.0
feature_maps = conv_acti.predict(ankle_boot)
print(feature_maps.shape)
draw_maps(feature_maps, 4, "feature_maps_first.png")

conv2_acti = keras.Model(model.inputs, model.layers[2].output)
feature_maps = conv2_acti.predict(ankle_boot)
print(feature_maps.shape)
draw_maps(feature_maps, 8, "feature_maps_second.png")
