"""Small trainings that are killed and gone on with; for tests/test_resume.py and `make kills`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

import cnn_ext as keras
from cnn_ext import callbacks, layers

SAMPLES, BATCH = 14, 4  # the last batch is short
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(SAMPLES, 4, 4, 1)).astype("float32")
Y = RANDOM.integers(0, 3, SAMPLES)
WEIGHTS = RANDOM.uniform(0.5, 2, SAMPLES)
VALIDATION = X[:3] + 0.1, Y[:3]
CLASSES = np.eye(3, dtype="float32")


class Data(keras.utils.PyDataset):
    """Batches in an order of its own, with noise of its own."""

    def __init__(self):
        super().__init__(workers=0)
        self.rows = np.arange(SAMPLES)
        self.random = np.random.default_rng(3)

    def __len__(self):
        return -(-SAMPLES // BATCH)

    def __getitem__(self, index):
        rows = self.rows[index * BATCH : (index + 1) * BATCH]
        return X[rows] + self.random.normal(0, 0.01, X[rows].shape), Y[rows]

    def on_epoch_end(self):
        np.random.shuffle(self.rows)  # noqa: NPY002 - as users do


class Passes:
    """Batches that can be gone through again, each time in another order."""

    def __init__(self):
        self.random = keras.random.SeedGenerator(5)

    def __iter__(self):
        for index in self.random.generator().permutation(3):
            yield X[index * BATCH : (index + 1) * BATCH], Y[index * BATCH : (index + 1) * BATCH]


def endless():
    random = np.random.default_rng(4)
    while True:
        rows = random.integers(0, SAMPLES, BATCH)
        yield X[rows], Y[rows], WEIGHTS[rows]


class Noise(layers.Layer):
    """Draws from a helper's generator, from Python's and from that of no seed."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.helper = {"random": np.random.default_rng(8)}

    def call(self, inputs, training=None):
        if not training:
            return inputs
        inputs = inputs + keras.random.normal(inputs.shape, stddev=0.01)
        return inputs * float(self.helper["random"].uniform(0.99, 1.01))


class Counter(callbacks.Callback):
    """Of one's own: changes the learning rate by what it has counted."""

    def __init__(self, every=4):
        self.every = every
        self.batches = 0
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1
        self.losses.append(logs["loss"])
        rate = self.model.optimizer.learning_rate
        if self.batches % self.every == 0 and hasattr(rate, "assign"):
            rate.assign(np.float32(float(rate) * (0.9 + 0.01 * np.mean(self.losses))))


def optimizer(name: str) -> Any:
    return {
        "sgd": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        "adam": lambda: keras.optimizers.Adam(0.01, amsgrad=True),
        "adamw ema": lambda: keras.optimizers.AdamW(
            0.01, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=5
        ),
        "rmsprop": lambda: keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
        "accumulated": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=3),
        "nadam": lambda: keras.optimizers.Nadam(0.01),
        "schedule": lambda: keras.optimizers.SGD(
            keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.8), clipnorm=1.0
        ),
    }[name]()


@dataclasses.dataclass(frozen=True)
class Training:
    """One row: what is trained, and how."""

    optimizer: str = "adam"
    save_freq: Any = "epoch"
    data: str = "arrays"
    epochs: int = 3
    watch: str = ""
    double: bool = False
    planned: bool = False  # only layers that a step by a plan knows

    def __str__(self) -> str:
        return (
            f"{self.optimizer}, {self.save_freq}, {self.data} {self.watch}".strip()
            + ", planned" * self.planned
        )

    def run(self, folder: Path, *more: Any, resume: bool = True) -> dict[str, Any]:
        """As a script would run; what is left of it in the end."""
        keras.utils.set_random_seed(11)
        model = self._model()
        backup = callbacks.BackupAndRestore(
            folder / "backup", save_freq=self.save_freq, double_checkpoint=self.double
        )
        watching = self._watching(folder)
        given = [backup] * resume + watching + list(more)
        try:
            history = model.fit(
                **self._data(), epochs=self.epochs, verbose=0, validation_data=VALIDATION,
                callbacks=given,
            )  # fmt: skip
        finally:
            if watching[1].csv_file is not None:
                watching[1].csv_file.close()
        return {
            "weights": [w.tobytes() for w in model.get_weights()],
            "optimizer": [v.numpy().tobytes() for v in model.optimizer.variables],
            "history": history.history,
            "epochs": history.epoch,
            "known": [known(one) for one in watching],
            "csv": (folder / "log.csv").read_text(),
            "best": [w.tobytes() for w in _weights_in(folder / "best.keras")],
            "drawn": float(np.random.random()),  # noqa: NPY002
        }

    def _model(self) -> Any:
        own = [] if self.planned else [layers.GaussianNoise(0.1), Noise()]
        model = keras.Sequential(
            [
                keras.Input((4, 4, 1)),
                *own,
                layers.Conv2D(2, 3, activation="relu"),
                layers.BatchNormalization(),
                layers.Flatten(),
                layers.Dropout(0.3),
                layers.Dense(3, activation="softmax"),
            ]
        )
        model.compile(
            optimizer(self.optimizer), "sparse_categorical_crossentropy",
            metrics=["accuracy"], weighted_metrics=[keras.metrics.SparseTopKCategoricalAccuracy(2)],
        )  # fmt: skip
        return model

    def _data(self) -> dict[str, Any]:
        arrays = {"x": X, "y": Y, "sample_weight": WEIGHTS, "batch_size": BATCH}
        return {
            "arrays": lambda: arrays,
            "within": lambda: {**arrays, "shuffle": "batch"},
            "part": lambda: {**arrays, "steps_per_epoch": 2},
            "dataset": lambda: {"x": Data()},
            "passes": lambda: {"x": Passes()},
            "generator": lambda: {"x": endless(), "steps_per_epoch": 4},
        }[self.data]()

    def _watching(self, folder: Path) -> list[Any]:
        found = [
            Counter(),
            callbacks.CSVLogger(folder / "log.csv"),
            callbacks.ModelCheckpoint(folder / "best.keras", monitor="loss", save_best_only=True),
        ]
        if self.watch == "rate":
            found += [
                callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
                callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=0.5, cooldown=1),
            ]
        if self.watch == "stop":
            found.append(
                callbacks.EarlyStopping("loss", patience=2, min_delta=10, restore_best_weights=True)
            )
        if self.watch == "swap":
            found.append(callbacks.SwapEMAWeights(swap_on_epoch=True))
        return found


def known(callback: Any) -> dict[str, Any]:
    """What a callback has counted, in a form that compares."""
    names = ("batches", "losses", "best", "wait", "stopped_epoch", "cooldown_counter", "_batches")
    return {name: vars(callback).get(name) for name in names}


def _weights_in(path: Path) -> list[np.ndarray]:
    if not path.exists():
        return []
    return keras.saving.load_model(path, custom_objects={"Noise": Noise}).get_weights()


ROWS = [
    Training("sgd", "epoch"),
    Training("adam", 1),
    Training("adamw ema", 4),
    Training("rmsprop", 5, double=True),
    Training("adamw ema", "epoch", watch="swap"),
    Training("schedule", 3),
    Training("accumulated", 4),
    Training("nadam", 2, watch="rate"),
    Training("sgd", "epoch", watch="rate"),
    Training("adam", "epoch", watch="stop", epochs=6),
    Training("adam", 4, watch="stop", epochs=6),
    Training("sgd", 4, "within"),
    Training("sgd", 3, "part", epochs=5),
    Training("adam", "epoch", "part", epochs=5),
    Training("sgd", 4, "dataset"),
    Training("sgd", "epoch", "dataset"),
    Training("sgd", 3, "passes"),
    Training("sgd", 3, "generator"),
    Training("sgd", "epoch", "generator"),
    Training("sgd", 3, planned=True),
    Training("adam", "epoch", planned=True),
    Training("rmsprop", 3, "dataset", planned=True),
    Training("adam", "epoch", "generator", planned=True),
    Training("adam", 3, "generator", planned=True),
    Training("adam", 3, "passes", planned=True),
]
