"""What beginners get wrong most often: each told by the exception and in the words of Keras.

A message begins as Keras's does, says what to do, and shows what was received.
"""

import re

import numpy as np
import pytest

import cnn_ext
from cnn_ext.utils import clear_session

X = np.random.default_rng(0).random((8, 6, 6, 1), "float32")
Y = np.arange(8) % 3
BEGINNING = 24  # letters of a message that must be Keras's, if its first sentence is not shorter


def net(k, **compiled):
    model = k.Sequential(
        [
            k.layers.Input((6, 6, 1)),
            k.layers.Conv2D(2, 3),
            k.layers.Flatten(),
            k.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(**{"loss": "sparse_categorical_crossentropy", **compiled})
    return model


def fit(model, x=X, y=Y, **arguments):
    return model.fit(x, y, verbose=0, **arguments)


def without_flatten(k):
    model = k.Sequential([k.layers.Input((6, 6, 1)), k.layers.Dense(3)])
    model.compile(loss="sparse_categorical_crossentropy")
    return fit(model)


def row(k, *layers):
    return k.Sequential([k.layers.Input(layers[0]), *layers[1:]])


MISTAKES = {
    # what is forgotten
    "fit before compile": lambda k: fit(row(k, (3,), k.layers.Dense(1))),
    "evaluate before compile": lambda k: row(k, (3,), k.layers.Dense(1)).evaluate(X, Y),
    "no targets": lambda k: fit(net(k), y=None),
    "no Flatten": without_flatten,
    "no layers": lambda k: fit(compiled(k.Sequential())),
    "a layer not called": lambda k: k.Model(k.Input((3,)), k.layers.Dense(3)),
    "a layer's class added": lambda k: k.Sequential([k.layers.Dense]),
    "a layer called on a layer": lambda k: k.layers.Dense(3)(k.layers.Dense(3)),
    "the shape of Input": lambda k: k.Input(),
    "counting weights not made": lambda k: k.layers.Dense(3).count_params(),
    "output of a layer not called": lambda k: k.layers.Dense(3).output,
    # what is misspelt
    "an optimizer": lambda k: net(k, optimizer="adm"),
    "a metric": lambda k: fit(net(k, metrics=["acuracy"])),
    "an activation": lambda k: k.layers.Dense(3, activation="rleu"),
    "an initializer": lambda k: k.layers.Dense(3, kernel_initializer="he_norml"),
    "a regularizer": lambda k: k.layers.Dense(3, kernel_regularizer="l3"),
    "an argument": lambda k: k.layers.Conv2D(3, 3, stride=1),
    "a padding": lambda k: k.layers.Conv2D(3, 3, padding="sam"),
    "a layer's name": lambda k: net(k).get_layer("dens"),
    "the end of a weights' file": lambda k: net(k).save_weights("weights.h5x"),
    "the end of a model's file": lambda k: net(k).save("model.krs"),
    # what does not fit
    "one-hot labels with sparse crossentropy": lambda k: fit(net(k), y=np.eye(3)[Y]),
    "integer labels with crossentropy": lambda k: fit(net(k, loss="categorical_crossentropy")),
    "more images than labels": lambda k: fit(net(k), y=Y[:5]),
    "images of another size": lambda k: net(k).predict(np.ones((2, 7, 7, 1)), verbose=0),
    "images of other channels": lambda k: net(k).predict(np.ones((2, 6, 6, 3)), verbose=0),
    "rows for images": lambda k: row(k, (784,), k.layers.Conv2D(2, 3)),
    "an Input without channels": lambda k: row(k, (28, 28), k.layers.Conv2D(2, 3)),
    "images as rows": lambda k: fit(net(k), x=X.reshape(8, -1)),
    "a window larger than the image": lambda k: row(k, (4, 4, 1), k.layers.Conv2D(2, 5)),
    "one pooling too many": lambda k: row(
        k, (4, 4, 1), k.layers.MaxPooling2D(3), k.layers.MaxPooling2D(3)
    ),
    "Dense on unknown sizes": lambda k: row(
        k, (None, None, 3), k.layers.Flatten(), k.layers.Dense(3)
    ),
    "a sum of different shapes": lambda k: k.layers.Add()([k.Input((3,)), k.Input((4,))]),
    "joined shapes that differ": lambda k: k.layers.Concatenate()(
        [k.Input((3, 4)), k.Input((4, 4))]
    ),
    "a Reshape to another size": lambda k: row(k, (6,), k.layers.Reshape((4,))),
    "too few samples to split": lambda k: fit(net(k), X[:1], Y[:1], validation_split=0.1),
    "weights too few": lambda k: net(k).set_weights([np.ones(3)]),
    # what is out of range
    "a negative number of units": lambda k: k.layers.Dense(-3),
    "units in quotes": lambda k: k.layers.Dense("10"),
    "no filters": lambda k: k.layers.Conv2D(0, 3),
    "a kernel of three sizes": lambda k: k.layers.Conv2D(3, (3, 3, 3)),
    "dropout in per cent": lambda k: k.layers.Dropout(20),
    "strides with dilation": lambda k: k.layers.Conv2D(3, 3, strides=2, dilation_rate=2),
    "filters not in groups": lambda k: k.layers.Conv2D(3, 3, groups=2),
    "a number for a shape": lambda k: k.Input(3),
    "metrics in a string": lambda k: net(k, metrics="accuracy"),
    "two ways of clipping": lambda k: k.optimizers.Adam(clipnorm=1, clipvalue=1),
    "a learning rate in words": lambda k: k.optimizers.Adam(learning_rate="fast"),
    # what is there twice
    "one name for two layers": lambda k: k.Sequential(
        [k.layers.Dense(3, name="a"), k.layers.Dense(3, name="a")]
    ),
    "two Inputs": lambda k: k.Sequential([k.layers.Input((3,)), k.layers.Input((3,))]),
    "targets beside a generator": lambda k: fit(net(k), x=((x, y) for x, y in [(X, Y)])),
    # what is not there
    "a model's file": lambda k: k.models.load_model("nothing.keras"),
}
TELLS_NOTHING_MORE = (  # what was received is in the sentence itself, as it is in Keras's
    "fit before compile",
    "evaluate before compile",
    "counting weights not made",
    "output of a layer not called",
    "a layer's name",
    "weights too few",
    "one name for two layers",
    "two Inputs",
    "an argument",
    "a layer called on a layer",
    "too few samples to split",
    "Dense on unknown sizes",
    "a model's file",
)


def compiled(model):
    model.compile(loss="mse")
    return model


def told(call, k):
    """The exception and its message, numbers of layers and Keras's frame around it taken off."""
    (clear_session if k is cnn_ext else k.backend.clear_session)()
    try:
        call(k)
    except Exception as error:  # that is what is looked for
        text = re.sub(r"^Exception encountered when calling [^\n]*\n+\x1b\[1m", "", str(error))
        return error, re.sub(r"_\d+", "", text)
    return None, ""


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Keras, as it fails
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_told_as_keras_does(mistake, keras, capsys):
    error, message = told(MISTAKES[mistake], cnn_ext)
    theirs, expected = told(MISTAKES[mistake], keras)
    assert isinstance(error, type(theirs)), (error, theirs)
    sentence = re.split(r"[.:]|Received", expected)[0].rstrip()
    beginning = sentence[: max(BEGINNING, 1)]
    assert message.startswith(beginning), (message, expected)
    if mistake not in TELLS_NOTHING_MORE:
        assert "Received" in message or "received" in message


def test_there_are_thirty():
    assert len(MISTAKES) >= 30
    assert set(TELLS_NOTHING_MORE) <= set(MISTAKES)
