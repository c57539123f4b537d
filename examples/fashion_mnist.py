"""Train a convolutional network to tell ten kinds of clothing apart.

    python fashion_mnist.py --epochs 20 --output output

The network is the one that many textbooks begin with (chapter 8 of Haesun Park's Korean book
on machine learning and deep learning is one): two convolutions, each with a pooling, then two
dense layers. The script trains it until the validation loss stops falling, keeps the best
weights, measures the accuracy on the test set and draws two pictures: `loss.png` and
`predictions.png`.

Without a network connection and without the full data set, it uses
`data/fashion_mnist_small.npz`: of Fashion-MNIST (Zalando, MIT licence) the first 1,000 training
and 200 test images of each class, in their original order.
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

import cnn_ext as keras

SMALL_DATA = Path(__file__).parent / "data" / "fashion_mnist_small.npz"
CLASSES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]


def main():
    options = parse_arguments()
    options.output.mkdir(parents=True, exist_ok=True)
    weights = options.output / "best-cnn.weights.h5"
    keras.utils.set_random_seed(options.seed)

    (x_train, y_train), (x_test, y_test) = load_data()
    x_train, x_test = scale(x_train), scale(x_test)
    (x_train, y_train), validation = split(x_train, y_train, options.seed)

    model = build_model()
    model.summary()
    history = train(model, x_train, y_train, validation, weights, options)

    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test accuracy: {accuracy:.4f}, test loss: {loss:.4f}")

    # The file holds the best weights too: a model that loads them must do exactly as well.
    model.load_weights(weights)
    again, _ = model.evaluate(x_test, y_test, verbose=0)
    if not math.isclose(loss, again, rel_tol=1e-6):
        sys.exit(f"The saved weights give another test loss: {again} instead of {loss}")

    draw_losses(history.history, options.output / "loss.png")
    draw_predictions(model, x_test, y_test, options.output / "predictions.png")
    print(f"Weights and pictures are in {options.output.resolve()}")


def parse_arguments():
    parser = argparse.ArgumentParser(description="Train a CNN on Fashion-MNIST.")
    parser.add_argument("--epochs", type=int, default=20, help="at most so many (default 20)")
    parser.add_argument("--batch-size", type=int, default=32, help="images a step (default 32)")
    parser.add_argument("--output", type=Path, default=Path("output"), help="folder for results")
    parser.add_argument("--seed", type=int, default=42, help="same seed, same result (default 42)")
    return parser.parse_args()


def load_data():
    """`(x_train, y_train), (x_test, y_test)`: all of Fashion-MNIST, or the subset."""
    try:
        return keras.datasets.fashion_mnist.load_data()
    except Exception as error:  # Keras itself raises no narrower one when it is offline
        print(f"The full data set is not available ({type(error).__name__}): using {SMALL_DATA}")
    with np.load(SMALL_DATA) as data:
        return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])


def scale(images):
    """Pixels 0..255 as numbers 0..1, with an axis for the one colour: (n, 28, 28, 1)."""
    return images.reshape(-1, 28, 28, 1) / np.float32(255)


def split(images, labels, seed):
    """Keep every fifth image, after shuffling, for validation."""
    order = np.random.default_rng(seed).permutation(len(images))
    validation, training = np.split(order, [len(images) // 5])
    return (images[training], labels[training]), (images[validation], labels[validation])


def build_model():
    return keras.Sequential(
        [
            keras.layers.Conv2D(
                32, kernel_size=3, activation="relu", padding="same", input_shape=(28, 28, 1)
            ),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(64, kernel_size=3, activation="relu", padding="same"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(100, activation="relu"),
            keras.layers.Dropout(0.4),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def train(model, images, labels, validation, weights, options):
    """Fit until the validation loss has not improved for three epochs; go back to the best."""
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.fit(
        images,
        labels,
        epochs=options.epochs,
        batch_size=options.batch_size,
        validation_data=validation,
        callbacks=[
            keras.callbacks.ModelCheckpoint(weights, save_best_only=True, save_weights_only=True),
            keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True),
        ],
    )


def draw_losses(history, path):
    """The loss after each epoch, in training and in validation; the best epoch is marked."""
    epochs = range(1, len(history["loss"]) + 1)
    best = int(np.argmin(history["val_loss"]))
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(epochs, history["loss"], "o-", label="train")
    axes.plot(epochs, history["val_loss"], "o-", label="validation")
    axes.axvline(
        epochs[best], color="gray", linestyle=":", zorder=0, label=f"best epoch: {epochs[best]}"
    )
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    figure.savefig(path, dpi=150)


def draw_predictions(model, images, labels, path, rows=4, columns=6):
    """The first test images: what the model says, how sure it is, and what they are."""
    count = rows * columns
    probabilities = model.predict(images[:count], verbose=0)
    figure = Figure(figsize=(1.8 * columns, 2.2 * rows), layout="constrained")
    grid = figure.subplots(rows, columns).ravel()
    for axes, image, label, p in zip(grid, images, labels, probabilities, strict=False):
        guess = np.argmax(p)
        axes.imshow(image[:, :, 0], cmap="gray_r")
        axes.set_title(
            f"{CLASSES[guess]} {p[guess]:.0%}\ntrue: {CLASSES[label]}",
            fontsize=10,
            color="black" if guess == label else "red",
        )
        axes.axis("off")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
