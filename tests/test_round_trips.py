"""Models that go from Keras here and back, in `.keras` and `.weights.h5` files: the same bits of
weights and optimizer, the same predictions, and training that goes on as if nothing had happened.
"""

import numpy as np
import pytest

import cnn_ext
from cnn_ext import layers
from saved_models import (
    MODELS,
    RANDOM,
    assert_goes_on,
    assert_same_outputs,
    assert_same_weights,
    data,
    filled,
)

# What Keras's own saving calls h5py with.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

OPTIMIZERS = (
    ("SGD", {"momentum": 0.9}),
    ("RMSprop", {"momentum": 0.5, "centered": True}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {"weight_decay": 0.01}),
    ("Nadam", {}),
    ("Adagrad", {}),
    ("Adadelta", {}),
    ("Adamax", {}),
    ("Ftrl", {}),
    ("Lamb", {}),
    ("Adafactor", {}),
    ("Lion", {"learning_rate": 1e-3}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "clipnorm": 1.0}),
    ("Adam", {"use_ema": True, "ema_momentum": 0.9}),
)
ROWS = [(make, *OPTIMIZERS[i % len(OPTIMIZERS)]) for i, make in enumerate(MODELS)]
rows = pytest.mark.parametrize(
    ("make", "optimizer", "arguments"),
    ROWS,
    ids=[f"{make.__name__}-{optimizer}" for make, optimizer, _ in ROWS],
)
both_ways = pytest.mark.parametrize("writer", ["keras", "cnn_ext"])


def trained(k, make, optimizer, arguments, seed=0):
    """A model after two steps."""
    model = filled(make(k))
    made = getattr(k.optimizers, optimizer)(**{"learning_rate": 0.01} | arguments)
    model.compile(made, "mse", run_eagerly=k is not cnn_ext)
    for x, y in data(model, 2, seed):
        model.train_on_batch(x, y)
    return model


def state(model):
    """All that a file holds of a model."""
    return [np.asarray(v.numpy()) for v in (*model.weights, *model.optimizer.variables)]


@both_ways
@rows
def test_a_model_goes_over_and_training_goes_on(
    writer, make, optimizer, arguments, keras, tmp_path
):
    path = tmp_path / "model.keras"
    pair = {"keras": keras, "cnn_ext": cnn_ext}
    saved = trained(pair.pop(writer), make, optimizer, arguments)
    saved.save(path)
    (reader,) = pair.values()
    loaded = reader.saving.load_model(path)
    assert loaded.name == saved.name
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in saved.layers]
    assert_same_weights(state(loaded), state(saved))
    ours, theirs = (saved, loaded) if writer == "cnn_ext" else (loaded, saved)
    x, _ = data(theirs, 1, seed=9)[0]
    assert_same_outputs(ours(x, training=False), theirs(x, training=False))
    if make not in RANDOM:
        theirs.run_eagerly = True  # tracing would take longer than the steps
        assert_goes_on(ours, theirs)


@rows
def test_there_and_back_every_bit_is_the_same(make, optimizer, arguments, keras, tmp_path):
    ours, theirs = tmp_path / "ours.keras", tmp_path / "theirs.keras"
    saved = trained(cnn_ext, make, optimizer, arguments)
    saved.save(ours)
    keras.saving.load_model(ours).save(theirs)
    back = cnn_ext.saving.load_model(theirs)
    assert_same_weights(state(back), state(saved))
    assert back.optimizer.get_config() == saved.optimizer.get_config()


@both_ways
@rows
def test_weights_go_over(writer, make, optimizer, arguments, keras, tmp_path):
    path = tmp_path / "model.weights.h5"
    pair = {"keras": keras, "cnn_ext": cnn_ext}
    saved = trained(pair.pop(writer), make, optimizer, arguments)
    saved.save_weights(path)
    (reader,) = pair.values()
    loaded = trained(reader, make, optimizer, arguments, seed=3)
    assert any((a != b).any() for a, b in zip(state(loaded), state(saved), strict=True))
    loaded.load_weights(path)
    assert_same_weights(state(loaded), state(saved))


def classes_in(layer):
    """The classes of a layer and of all within it."""
    yield type(layer)
    for inside in (*getattr(layer, "layers", ()), *filter(None, [getattr(layer, "layer", None)])):
        yield from classes_in(inside)


WITHOUT_MODEL = {
    layers.Layer: "what others are made of",
    layers.Wrapper: "what others are made of",
    layers.Lambda: "code, which files do not hold",
}


def test_every_class_of_layers_is_in_a_model():
    public = {getattr(layers, name) for name in layers.__all__}
    public = {c for c in public if isinstance(c, type) and issubclass(c, layers.Layer)}
    covered = {cls for make in MODELS for cls in classes_in(make(cnn_ext))}
    missing = {cls.__name__ for cls in public - covered - set(WITHOUT_MODEL)}
    assert not missing
    assert len(MODELS) >= 25
