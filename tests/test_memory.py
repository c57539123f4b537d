"""Long use leaves nothing behind: objects are counted, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = '''
import gc, tracemalloc
from collections import Counter
import numpy as np
import cnn_ext as keras
from cnn_ext import layers

x = np.random.default_rng(0).random((16, 8, 8, 1), dtype="float32")
y = np.arange(16) % 3

def model():
    inputs = keras.Input((8, 8, 1))
    z = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(inputs))
    z = layers.Flatten()(layers.MaxPooling2D(2)(layers.ReLU()(z)))
    outputs = layers.Dense(3, activation="softmax")(layers.Dropout(0.2)(z))
    one = keras.Model(inputs, outputs)
    one.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return one

def ours():
    """Live objects of cnn_ext's classes, and bytes in arrays."""
    gc.collect()
    arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    traces = tracemalloc.take_snapshot().filter_traces([arrays]).traces
    kinds = Counter(map(type, gc.get_objects()))
    found = Counter({k.__name__: n for k, n in kinds.items() if "cnn_ext" in str(k.__module__)})
    return found + Counter(bytes=sum(trace.size for trace in traces))

one = model()
def use():
    {use}

for _ in range(3):
    use()
tracemalloc.start()
use()
before = ours()
for _ in range({rounds}):
    use()
print(dict(ours() - before))
'''

USES = {
    "predict": ("one.predict(x[:2], verbose=0)", 100),
    "predict, other shapes": ("[one.predict(x[:n], verbose=0) for n in range(1, 13)]", 5),
    "call": ("one(x)", 100),
    "evaluate": ("one.evaluate(x, y, verbose=0)", 20),
    "fit": ("one.fit(x, y, batch_size=8, verbose=0)", 20),
    "fit, a short last batch": ("one.fit(x, y, batch_size=7, verbose=0)", 20),
    "one batch": ("one.train_on_batch(x, y)", 30),
    "models dropped": ("m = model(); m.fit(x, y, verbose=0); m.predict(x, verbose=0)", 20),
    "models cloned": ("m = keras.models.clone_model(one); m(x)", 20),
}


@pytest.mark.parametrize("use", USES)
def test_nothing_is_left_behind(use: str) -> None:
    code, rounds = USES[use]
    program = PROGRAM.replace("{use}", code).replace("{rounds}", str(rounds))
    output = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert output == "{}\n"
