"""Chapter 7 of an introductory textbook: networks of dense layers on Fashion-MNIST.

    python dense_networks.py

The steps of Haesun Park's chapter, in code of our own: one layer, two layers, optimizers, loss
curves, dropout, saving and loading, callbacks. Only the import differs from a script for Keras.
Pictures and models go into the folder `output`. Needs Matplotlib and scikit-learn.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

import cnn_ext as keras

OUTPUT = Path("output")
OUTPUT.mkdir(exist_ok=True)
keras.utils.set_random_seed(42)


def finish(picture):
    plt.savefig(OUTPUT / picture, dpi=120, bbox_inches="tight")
    plt.close()


# 7-1: the data, and one dense layer
(train_input, train_target), (test_input, test_target) = keras.datasets.fashion_mnist.load_data()
print(train_input.shape, train_target.shape, test_input.shape, test_target.shape)

_, axs = plt.subplots(1, 10, figsize=(10, 1.4))
for i in range(10):
    axs[i].imshow(train_input[i], cmap="gray_r")
    axs[i].set_title(train_target[i])
    axs[i].axis("off")
finish("samples.png")
print(np.unique(train_target, return_counts=True))

train_scaled = train_input / 255.0
train_rows = train_scaled.reshape(-1, 28 * 28)
train_rows, val_rows, train_y, val_y = train_test_split(
    train_rows, train_target, test_size=0.2, random_state=42
)

inputs = keras.layers.Input(shape=(784,))
dense = keras.layers.Dense(10, activation="softmax")
model = keras.Sequential([inputs, dense])
model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
print(train_y[:10])
model.fit(train_rows, train_y, epochs=5)
model.evaluate(val_rows, val_y)

# 7-2: two layers, three ways to write them
dense1 = keras.layers.Dense(100, activation="sigmoid", name="hidden")
dense2 = keras.layers.Dense(10, activation="softmax", name="output")
model = keras.Sequential([keras.layers.Input(shape=(784,)), dense1, dense2])
model.summary()

model = keras.Sequential(name="Fashion_MNIST_model")
model.add(keras.layers.Input(shape=(784,)))
model.add(keras.layers.Dense(100, activation="sigmoid", name="hidden"))
model.add(keras.layers.Dense(10, activation="softmax", name="output"))
model.summary()
model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train_rows, train_y, epochs=5)

model = keras.Sequential()
model.add(keras.layers.Input(shape=(28, 28)))
model.add(keras.layers.Flatten())
model.add(keras.layers.Dense(100, activation="relu"))
model.add(keras.layers.Dense(10, activation="softmax"))
model.summary()

train_x, val_x, train_y, val_y = train_test_split(
    train_scaled, train_target, test_size=0.2, random_state=42
)
model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train_x, train_y, epochs=5)
model.evaluate(val_x, val_y)

for optimizer in (
    "sgd",
    keras.optimizers.SGD(),
    keras.optimizers.SGD(learning_rate=0.1),
    keras.optimizers.SGD(momentum=0.9, nesterov=True),
    keras.optimizers.Adagrad(),
    keras.optimizers.RMSprop(),
    "adam",
):
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train_x, train_y, epochs=5)
model.evaluate(val_x, val_y)


# 7-3: loss curves, dropout, files, callbacks
def model_fn(a_layer=None):
    model = keras.Sequential()
    model.add(keras.layers.Input(shape=(28, 28)))
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(100, activation="relu"))
    if a_layer:
        model.add(a_layer)
    model.add(keras.layers.Dense(10, activation="softmax"))
    return model


def curves(history, picture):
    plt.plot(history.history["loss"], label="train")
    plt.plot(history.history["val_loss"], label="val")
    plt.xlabel("epoch")
    plt.ylabel("loss")
    plt.legend()
    finish(picture)


model = model_fn()
model.summary()
model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(train_x, train_y, epochs=20, verbose=0, validation_data=(val_x, val_y))
print(history.history.keys())
curves(history, "loss_without_dropout.png")

model = model_fn(keras.layers.Dropout(0.3))
model.summary()
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(train_x, train_y, epochs=20, verbose=0, validation_data=(val_x, val_y))
curves(history, "loss_with_dropout.png")

model.save_weights(OUTPUT / "model.weights.h5")
model.save(OUTPUT / "model-whole.keras")

model = model_fn(keras.layers.Dropout(0.3))
model.load_weights(OUTPUT / "model.weights.h5")
val_labels = np.argmax(model.predict(val_x), axis=-1)
print(np.mean(val_labels == val_y))

model = keras.models.load_model(OUTPUT / "model-whole.keras")
model.evaluate(val_x, val_y)

model = model_fn(keras.layers.Dropout(0.3))
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
checkpoint_cb = keras.callbacks.ModelCheckpoint(OUTPUT / "best-model.keras", save_best_only=True)
early_stopping_cb = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
history = model.fit(
    train_x,
    train_y,
    epochs=20,
    verbose=0,
    validation_data=(val_x, val_y),
    callbacks=[checkpoint_cb, early_stopping_cb],
)
print(early_stopping_cb.stopped_epoch)
curves(history, "loss_early_stopping.png")
model.evaluate(val_x, val_y)

model = keras.models.load_model(OUTPUT / "best-model.keras")
model.evaluate(val_x, val_y)
