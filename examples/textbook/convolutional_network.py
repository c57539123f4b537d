"""Chapter 8-2 of an introductory textbook: the convolutional network on Fashion-MNIST.

    python convolutional_network.py

The steps of Haesun Park's chapter, in code of our own. Only the import differs from a script for
Keras. Pictures and the best model go into the folder `output`. Needs Matplotlib and scikit-learn.
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


(train_input, train_target), (test_input, test_target) = keras.datasets.fashion_mnist.load_data()
train_scaled = train_input.reshape(-1, 28, 28, 1) / 255.0
train_scaled, val_scaled, train_target, val_target = train_test_split(
    train_scaled, train_target, test_size=0.2, random_state=42
)

model = keras.Sequential()
model.add(keras.layers.Input(shape=(28, 28, 1)))
model.add(keras.layers.Conv2D(32, kernel_size=3, activation="relu", padding="same"))
model.add(keras.layers.MaxPooling2D(2))
model.add(keras.layers.Conv2D(64, kernel_size=(3, 3), activation="relu", padding="same"))
model.add(keras.layers.MaxPooling2D(2))
model.add(keras.layers.Flatten())
model.add(keras.layers.Dense(100, activation="relu"))
model.add(keras.layers.Dropout(0.4))
model.add(keras.layers.Dense(10, activation="softmax"))
model.summary()

keras.utils.plot_model(model, to_file=OUTPUT / "cnn.png")
keras.utils.plot_model(
    model, show_shapes=True, show_layer_names=True, to_file=OUTPUT / "cnn-architecture.png", dpi=300
)

model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
checkpoint_cb = keras.callbacks.ModelCheckpoint(
    OUTPUT / "best-cnn-model.keras", save_best_only=True
)
early_stopping_cb = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
history = model.fit(
    train_scaled,
    train_target,
    epochs=20,
    validation_data=(val_scaled, val_target),
    callbacks=[checkpoint_cb, early_stopping_cb],
)

plt.plot(history.history["loss"], label="train")
plt.plot(history.history["val_loss"], label="val")
plt.xlabel("epoch")
plt.ylabel("loss")
plt.legend()
finish("cnn_loss.png")
model.evaluate(val_scaled, val_target)

plt.imshow(val_scaled[0].reshape(28, 28), cmap="gray_r")
finish("first_image.png")
preds = model.predict(val_scaled[0:1])
print(preds)
plt.bar(range(1, 11), preds[0])
plt.xlabel("class")
plt.ylabel("prob.")
finish("first_prediction.png")

classes = [
    "T-shirt",
    "Trousers",
    "Sweater",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]
print(classes[np.argmax(preds)])

test_scaled = test_input.reshape(-1, 28, 28, 1) / 255.0
model.evaluate(test_scaled, test_target)
