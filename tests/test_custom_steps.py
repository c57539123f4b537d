"""Models with steps, losses and metrics of their own, and how models are compiled again."""

import numpy as np
import pytest

import cnn_ext
from cases import assert_close
from cnn_ext.autograd import value_and_grad
from twins import assert_same_logs, assert_same_weights

RNG = np.random.default_rng(7)
X = RNG.random((12, 4)).astype(np.float32)
Y = RNG.random((12, 2)).astype(np.float32)
W = RNG.random(12).astype(np.float32)


def differentiated(keras, loss_of, model):
    """The loss, and the gradients by the model's weights, in either package."""
    if keras is cnn_ext:
        return value_and_grad(loss_of, variables=model.trainable_variables)()
    import tensorflow

    with tensorflow.GradientTape() as tape:
        loss = loss_of()
    return loss, tape.gradient(loss, model.trainable_variables)


def by_hand(keras):
    """A training step of one's own, with metrics of its own that stand for the usual ones."""

    class Model(keras.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.mean = keras.metrics.Mean(name="loss")
            self.error = keras.metrics.MeanAbsoluteError(name="error")

        def train_step(self, data):
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)

            def loss_of():
                return keras.ops.mean((self(x, training=True) - y) ** 2)

            loss, gradients = differentiated(keras, loss_of, self)
            self.optimizer.apply(gradients, self.trainable_variables)
            self.mean.update_state(loss)
            self.error.update_state(y, self(x, training=False))
            return {"loss": self.mean.result(), "error": self.error.result()}

        def test_step(self, data):
            x, y = data
            self.error.update_state(y, self(x, training=False))
            return {"error": self.error.result()}

        @property
        def metrics(self):
            return [self.mean, self.error]

    return Model, {}


def compiled_parts(keras):
    """The step of Keras's guide: the compiled loss and metrics, used by hand."""

    class Model(keras.Model):
        def train_step(self, data):
            x, y = data
            predictions = []

            def loss_of():
                predictions.append(self(x, training=True))
                return self.compute_loss(y=y, y_pred=predictions[0])

            loss, gradients = differentiated(keras, loss_of, self)
            self.optimizer.apply(gradients, self.trainable_variables)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, predictions[0])
            return {metric.name: metric.result() for metric in self.metrics}

    return Model, {"loss": "mse", "metrics": ["mae"]}


def own_loss(keras):
    class Model(keras.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            loss = keras.ops.mean(abs(y - y_pred) ** 3)
            return loss * (2.0 if training else 1.0)

    return Model, {"metrics": ["mae"]}


def old_loss(keras):
    """Without `training`, as it was written before."""

    class Model(keras.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            return super().compute_loss(x, y, y_pred, sample_weight) * 0.5

    return Model, {"loss": "mse"}


def own_metrics(keras):
    class Model(keras.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.largest = keras.metrics.Mean(name="largest")

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            results = super().compute_metrics(x, y, y_pred, sample_weight)
            self.largest.update_state(keras.ops.max(y_pred))
            results["largest"] = self.largest.result()
            return results

    return Model, {"loss": "mse", "metrics": ["mae"]}


def own_prediction(keras):
    class Model(keras.Model):
        def predict_step(self, data):
            x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
            return self(x, training=False) * 3.0

    return Model, {"loss": "mse"}


def added_losses(keras):
    """By a layer, by its activity and by its weights."""

    class Adds(keras.layers.Layer):
        def call(self, inputs):
            self.add_loss(0.1 * keras.ops.sum(inputs**2))
            return inputs

    class Scales(keras.layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight(
                shape=(4,), initializer="ones", regularizer=keras.regularizers.L2(0.1)
            )

        def call(self, inputs):
            return inputs * self.factor

    inside = [Adds(), Scales(activity_regularizer="l1"), Adds()]
    return keras.Model, {"loss": "mse", "metrics": ["mae"]}, inside


OWN = [by_hand, compiled_parts, own_loss, old_loss, own_metrics, own_prediction, added_losses]


def made(keras, kind):
    cls, how, *inside = kind(keras)
    inputs = keras.Input((4,))
    x = inputs
    for layer in inside[0] if inside else [keras.layers.Dense(3, activation="tanh")]:
        x = layer(x)
    model = cls(inputs, keras.layers.Dense(2)(x))
    model.compile("sgd", **how, run_eagerly=True)
    return model


@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.__name__)
def test_models_with_their_own_ways_train_as_in_keras(kind, keras):
    """History, logs of validation and evaluation, predictions and weights."""
    ours, theirs = made(cnn_ext, kind), made(keras, kind)
    weights = [w + 0.05 * RNG.standard_normal(w.shape) for w in ours.get_weights()]
    for model in (ours, theirs):
        model.set_weights(weights)
    found = []
    for model in (ours, theirs):
        history = model.fit(
            X, Y, batch_size=5, epochs=2, shuffle=False, validation_data=(X, Y), verbose=0
        ).history
        found.append(history)
    assert list(found[0]) == list(found[1])
    for name, values in found[0].items():
        assert values == pytest.approx(found[1][name], rel=1e-4)
    assert_same_weights(ours, theirs)
    for return_dict in (True, False):
        logs = [m.evaluate(X, Y, verbose=0, return_dict=return_dict) for m in (ours, theirs)]
        assert logs[0] == pytest.approx(logs[1], rel=1e-4)
    assert_close(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), 1e-4)
    assert [m.name for m in ours.metrics] == [m.name for m in theirs.metrics]


def test_a_step_with_backward_is_the_usual_step():
    """The gradients that `backward` leaves in the weights, and `zero_grad`."""

    class Model(cnn_ext.Model):
        def train_step(self, data):
            x, y = data
            self.zero_grad()
            loss = self.compute_loss(x, y, self(x, training=True))
            loss.backward()
            variables = self.trainable_variables
            self.optimizer.apply([v.grad for v in variables], variables)
            return {"loss": loss}

    models = []
    for cls in (Model, cnn_ext.Model):
        cnn_ext.utils.set_random_seed(3)
        inputs = cnn_ext.Input((4,))
        model = cls(inputs, cnn_ext.layers.Dense(2)(inputs))
        model.compile("adam", "mse")
        model.fit(X, Y, epochs=3, batch_size=4, shuffle=False, verbose=0)
        models.append(model)
    for own, usual in zip(*(m.get_weights() for m in models), strict=True):
        np.testing.assert_array_equal(own, usual)


def test_a_model_without_call_trains_by_its_own_step():
    """As two networks that are trained against each other do."""

    class Pair(cnn_ext.Model):
        def __init__(self):
            super().__init__()
            self.one, self.two = cnn_ext.layers.Dense(4), cnn_ext.layers.Dense(4)

        def train_step(self, data):
            loss = cnn_ext.ops.mean((self.one(data) - self.two(data)) ** 2)
            loss.backward()
            self.optimizer.apply([v.grad for v in self.trainable_variables],
                                 self.trainable_variables)  # fmt: skip
            self.zero_grad()
            return {"gap": loss}

    model = Pair()
    model.compile("adam")
    gaps = model.fit(X, epochs=4, verbose=0).history["gap"]
    assert gaps[-1] < gaps[0]


def test_logs_that_are_no_dict_are_an_error():
    class Model(cnn_ext.Model):
        def train_step(self, data):
            return 1.0

    inputs = cnn_ext.Input((4,))
    model = Model(inputs, cnn_ext.layers.Dense(2)(inputs))
    model.compile("sgd")
    with pytest.raises(TypeError, match="must return a dict"):
        model.fit(X, Y, verbose=0)


def test_losses_without_targets(keras):
    """A model that only adds losses is trained on inputs alone."""
    found = []
    for module in (cnn_ext, keras):

        class Adds(module.layers.Layer):
            ops = module.ops

            def call(self, inputs):
                self.add_loss(self.ops.mean(inputs**2))
                return inputs

        inputs = module.Input((4,))
        dense = module.layers.Dense(2, kernel_initializer="ones")
        model = module.Model(inputs, Adds()(dense(inputs)))
        model.compile("sgd", run_eagerly=True)
        history = model.fit(X, shuffle=False, verbose=0, validation_data=(X, None)).history
        found.append((history, model.evaluate(X, verbose=0)))
    assert list(found[0][0]) == list(found[1][0])
    assert found[0][0]["loss"] == pytest.approx(found[1][0]["loss"], rel=1e-5)
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-5)


# --- Compiled again ---------------------------------------------------------------------------

CONFIGS = {
    "names": {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]},
    "lists": {
        "optimizer": "sgd", "loss": ["mse"], "loss_weights": [0.5], "metrics": [["mae"]],
        "weighted_metrics": [["mse"]],
    },
    "objects": {
        "optimizer": lambda k: k.optimizers.SGD(0.1, momentum=0.5),
        "loss": lambda k: k.losses.MeanSquaredError(reduction="sum"),
        "metrics": lambda k: [k.metrics.MeanAbsoluteError(name="error")],
    },
    "eagerly": {"optimizer": "sgd", "loss": "mae", "run_eagerly": True, "steps_per_execution": 2},
}  # fmt: skip


def compiled(keras, how):
    cnn_ext.utils.set_random_seed(1)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2, name="out")(inputs))
    model.compile(**{k: v(keras) if callable(v) else v for k, v in how.items()})
    return model


def without_names(config):
    config["optimizer"]["config"].pop("name")
    return config


@pytest.mark.parametrize("how", CONFIGS.values(), ids=CONFIGS)
def test_compile_config_equals_that_of_keras_and_comes_back(how, keras):
    ours, theirs = compiled(cnn_ext, how), compiled(keras, how)
    config = ours.get_compile_config()
    assert without_names(ours.get_compile_config()) == without_names(theirs.get_compile_config())
    again = compiled(cnn_ext, {"loss": "mse"})
    again.set_weights(ours.get_weights())
    again.compile_from_config(config)
    assert again.optimizer.built
    logs = [m.train_on_batch(X, Y, return_dict=True) for m in (ours, again)]
    assert_same_logs(*logs)


def test_a_model_that_is_not_compiled_has_no_config(keras):
    for module in (cnn_ext, keras):
        assert module.Sequential([module.Input((1,))]).get_compile_config() == {}
    with pytest.raises(ValueError, match="You must call `compile"):
        cnn_ext.Sequential([cnn_ext.Input((1,))]).fit(X, Y)


def test_both_compilations_are_told_apart(keras):
    for module in (cnn_ext, keras):
        model = compiled(module, {"loss": "mse"})
        with pytest.warns(UserWarning, match="`jit_compile` cannot also be True"):
            model.compile("sgd", "mse", run_eagerly=True, jit_compile=True)
        assert model.jit_compile is False
        assert model.run_eagerly is True
