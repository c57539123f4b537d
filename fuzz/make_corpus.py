"""Writes the inputs that fuzzing begins with: `python fuzz/make_corpus.py [folder]`.

Small good files of each kind. Those kept in `fuzz/corpus` beside them were found by fuzzing.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from fuzzed import FOLDER, IMAGES, LABELS, small_model

import cnn_ext
from cnn_ext import callbacks, layers
from cnn_ext.naming import clear_session


def branched() -> Any:
    """Most of what a configuration can hold, in few weights."""
    clear_session()
    inputs = layers.Input((6, 6, 1))
    x = layers.Conv2D(2, 3, activation="relu", kernel_regularizer="l2")(inputs)
    x = cnn_ext.ops.multiply(layers.BatchNormalization()(x), 2.0)
    x = layers.concatenate([layers.Flatten()(x), layers.GlobalAveragePooling2D()(x)])
    x = cnn_ext.Sequential([layers.Dense(3, kernel_constraint="max_norm"), layers.ReLU()])(x)
    model = cnn_ext.Model(inputs, layers.Dense(2, activation="softmax")(layers.Dropout(0.5)(x)))
    schedule = cnn_ext.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
    model.compile(
        cnn_ext.optimizers.SGD(schedule), "categorical_crossentropy", metrics=["accuracy", "auc"]
    )
    return model


def wrapped() -> Any:
    clear_session()
    model = cnn_ext.Sequential(
        [layers.Input((2, 4, 4, 1)), layers.TimeDistributed(layers.Conv2D(2, 3))]
    )
    model.add(layers.Reshape((-1,)))
    model.add(layers.RepeatVector(2))
    model.add(layers.LayerNormalization())
    return model


def keras() -> dict[str, bytes]:
    return {
        "small": _saved(small_model(), "m.keras"),
        "branched": _saved(branched(), "m.keras"),
        "wrapped": _saved(wrapped(), "m.keras"),
    }


def weights() -> dict[str, bytes]:
    path = FOLDER / "m.weights.h5"
    small_model().save_weights(path)
    return {"small": path.read_bytes()}


def backup() -> dict[str, bytes]:
    found = {}
    x, y = np.zeros((6, 5, 5, 1), "float32"), np.zeros((6, 2), "float32")
    for name, save_freq in (("epoch", "epoch"), ("within", 2)):
        keep = callbacks.BackupAndRestore(FOLDER / name, save_freq, delete_checkpoint=False)
        stop = callbacks.EarlyStopping("loss", restore_best_weights=True)
        cnn_ext.utils.set_random_seed(1)
        small_model().fit(x, y, batch_size=2, epochs=2, verbose=0, callbacks=[keep, stop])
        found[name] = (FOLDER / name / "latest.weights.h5").read_bytes()
    return found


def legacy() -> dict[str, bytes]:
    """As Keras 2 writes models; by hand, so that Keras is not needed."""
    model = small_model()
    names = ["conv2d", "batch_normalization", "flatten", "dense"]
    nodes = [_old(layer) for layer in model.layers]
    nodes[0]["config"]["batch_input_shape"] = [None, 5, 5, 1]
    config = {"class_name": "Sequential", "config": {"name": "sequential", "layers": nodes}}
    training = {
        "loss": "mse",
        "metrics": ["accuracy"],
        "weighted_metrics": None,
        "loss_weights": None,
    }
    training["optimizer_config"] = {"class_name": "Adam", "config": {"learning_rate": 0.001}}
    file = io.BytesIO()
    with h5py.File(file, "w") as store:
        store.attrs.update(backend="tensorflow", keras_version="2.13.1")
        store.attrs["model_config"] = json.dumps(config)
        store.attrs["training_config"] = json.dumps(training)
        group = store.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in names]
        for name, layer in zip(names, model.layers, strict=True):
            own = group.create_group(name)
            paths = [f"{name}/{v.name}:0" for v in layer.weights]
            own.attrs["weight_names"] = [path.encode() for path in paths]
            for path, variable in zip(paths, layer.weights, strict=True):
                own[path] = variable.numpy()
    return {"small": file.getvalue()}


def _old(layer: Any) -> dict[str, Any]:
    return {
        "class_name": type(layer).__name__,
        "config": json.loads(json.dumps(layer.get_config(), default=str)),
    }


def idx() -> dict[str, bytes]:
    contents = {"images": IMAGES, "labels": LABELS}
    return {name: gzip.compress(content, 1, mtime=0) for name, content in contents.items()}


def npz() -> dict[str, bytes]:
    found = {}
    for name, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            for array, shape in (
                ("x_train", (3, 4)),
                ("y_train", 3),
                ("x_test", (3, 4)),
                ("y_test", 3),
            ):
                content = io.BytesIO()
                np.save(content, np.zeros(shape, np.uint8))
                archive.writestr(zipfile.ZipInfo(f"{array}.npy"), content.getvalue())
        found[name] = file.getvalue()
    return found


def cifar() -> dict[str, bytes]:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("a/1.bin", "a/2.bin", "a/t.bin", "a/readme"):
            member = tarfile.TarInfo(name)
            member.size = 3073
            archive.addfile(member, io.BytesIO(bytes(3073)))
    return {"small": gzip.compress(file.getvalue(), 6, mtime=0)}


MAKERS = (keras, weights, backup, legacy, idx, npz, cifar)


def _saved(model: Any, name: str) -> bytes:
    model.save(FOLDER / name)
    return (FOLDER / name).read_bytes()


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "corpus"
    for maker in MAKERS:
        place = folder / maker.__name__
        place.mkdir(parents=True, exist_ok=True)
        for name, content in maker().items():
            (place / name).write_bytes(content)
            print(f"{place.name}/{name}: {len(content)} bytes")


if __name__ == "__main__":
    main()
