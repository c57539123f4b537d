"""Time to train the textbook CNN, beside TensorFlow on the same machine in the same run.

    python benchmarks/textbook.py --peers tensorflow --images 8000 --rounds 3

Random images (the values do not change the time), adam, sparse crossentropy, dropout 0.4. The
rounds of all contestants are interleaved, so that a busy moment of the machine hits them alike;
medians are printed, with the ratio to cnn_ext. Also prints the time of `import cnn_ext` beyond
NumPy's, median of 10 fresh interpreters.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

import numpy as np


def textbook_model(keras):
    """The network of the README's main example, from cnn_ext or from Keras."""
    model = keras.Sequential(
        [
            keras.layers.Input((28, 28, 1)),
            keras.layers.Conv2D(32, 3, activation="relu", padding="same"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(64, 3, activation="relu", padding="same"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(100, activation="relu"),
            keras.layers.Dropout(0.4),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def contestants(peers):
    import cnn_ext

    models = {"cnn_ext": textbook_model(cnn_ext)}
    if "tensorflow" in peers:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ["KERAS_BACKEND"] = "tensorflow"
        import keras

        models["tensorflow"] = textbook_model(keras)
    return models


def import_seconds(statement):
    """Median time of a statement in a fresh interpreter, measured inside it."""
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    times = [float(subprocess.check_output([sys.executable, "-P", "-c", code])) for _ in range(10)]
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default="", help="tensorflow")
    parser.add_argument("--images", type=int, default=8000)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    x = rng.random((options.images, 28, 28, 1), dtype=np.float32)
    y = rng.integers(0, 10, options.images)
    models = contestants([peer for peer in options.peers.split(",") if peer])
    for model in models.values():  # compile, build, warm up
        model.fit(x[:320], y[:320], batch_size=options.batch_size, verbose=0)
    seconds = {name: [] for name in models}
    for _ in range(options.rounds):
        for name, model in models.items():
            start = time.perf_counter()
            model.fit(x, y, batch_size=options.batch_size, verbose=0)
            seconds[name].append(time.perf_counter() - start)

    from cnn_ext import _kernels

    print(f"ISA {_kernels.isa()}, {os.cpu_count()} cores, batch {options.batch_size}")
    ours = statistics.median(seconds["cnn_ext"])
    for name, times in seconds.items():
        median = statistics.median(times)
        print(
            f"{name:12} {median:7.2f} s for {options.images} images, "
            f"{median * 48000 / options.images:7.1f} s for 48,000; {median / ours:.2f} of cnn_ext"
        )
    beyond = import_seconds("import numpy, cnn_ext") - import_seconds("import numpy")
    print(f"import cnn_ext: {beyond * 1000:.0f} ms beyond NumPy")


if __name__ == "__main__":
    main()
