"""Models as estimators: scikit-learn's own checks, and its tools that take estimators."""

import copy
import inspect
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import cnn_ext
from cnn_ext.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

KINDS = (SKLearnClassifier, SKLearnRegressor, SKLearnTransformer)


def dynamic_model(X, y, loss, activation=None, units=(10,), rate=0.01, keras=cnn_ext):
    """A network whose sizes are those of the data, the same at every fit."""
    if keras is cnn_ext:
        keras.utils.set_random_seed(3)
    x = inputs = keras.layers.Input(X.shape[1:])
    if X.ndim > 2:
        x = keras.layers.Flatten()(x)
    for size in units:
        x = keras.layers.Dense(size, activation="relu")(x)
    model = keras.Model(inputs, keras.layers.Dense(y.shape[1], activation=activation)(x))
    model.compile(loss=loss, optimizer=keras.optimizers.RMSprop(rate))
    return model


def classifier(**fit):
    kwargs = {"loss": "categorical_crossentropy", "activation": "softmax", "units": [20, 20]}
    return SKLearnClassifier(dynamic_model, model_kwargs=kwargs, fit_kwargs={"verbose": 0, **fit})


def regressor(**fit):
    kwargs = {"loss": "mse"}
    return SKLearnRegressor(dynamic_model, model_kwargs=kwargs, fit_kwargs={"verbose": 0, **fit})


def transformer(**fit):
    kwargs = {"loss": "mse"}
    return SKLearnTransformer(dynamic_model, model_kwargs=kwargs, fit_kwargs={"verbose": 0, **fit})


MAKERS = (classifier, regressor, transformer)


def data(n=60, features=4, seed=0):
    x = np.random.default_rng(seed).normal(size=(n, features))
    return x, np.where(x[:, 0] + x[:, 1] > 0, "high", "low"), x @ np.arange(features)


def compiled(outputs=1, loss="mse", optimizer="sgd", **compilation):
    layers = cnn_ext.layers
    model = cnn_ext.Sequential([layers.Input((4,)), layers.Dense(8, "relu"), layers.Dense(outputs)])
    model.compile(optimizer, loss, **compilation)
    return model


# --- scikit-learn's checks ----------------------------------------------------------------------

# What does not hold, and why; Keras's own tests list eight for classifiers, these two among them.
COLUMNS = "decision_function has, as Keras's, a column for each class, of two classes too"
EXPECTED = {
    SKLearnClassifier: {"check_classifiers_classes": COLUMNS, "check_classifiers_train": COLUMNS},
    SKLearnRegressor: {},
    SKLearnTransformer: {},
}
CHECKS = [
    (estimator, check)
    for make in MAKERS
    for estimator, check in estimator_checks_generator(make(epochs=5), legacy=True)
]


def check_name(check):
    return check.func.__name__ if hasattr(check, "func") else check.__name__


def case(estimator, check):
    name = check_name(check)
    reason = EXPECTED[type(estimator)].get(name)
    marks = [pytest.mark.xfail(reason=reason, raises=AssertionError, strict=True)] if reason else []
    return pytest.param(estimator, check, id=f"{type(estimator).__name__}-{name}", marks=marks)


@pytest.mark.filterwarnings("ignore")  # the checks give deliberately odd data
@pytest.mark.parametrize(("estimator", "check"), [case(*pair) for pair in CHECKS])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_fewer_exceptions_than_in_keras(keras):
    from keras.src.wrappers import sklearn_test

    for kind, names in EXPECTED.items():
        assert set(names) <= set(sklearn_test.EXPECTED_FAILED_CHECKS[kind.__name__])


# --- With Keras -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_names_and_signatures_are_those_of_keras(kind, keras):
    theirs = getattr(keras.wrappers, kind.__name__)
    assert inspect.signature(kind).parameters.keys() == (
        inspect.signature(theirs).parameters.keys()
    )
    for name, parameter in inspect.signature(theirs).parameters.items():
        assert inspect.signature(kind).parameters[name].default == parameter.default
    public = {name for name in dir(theirs) if not name.startswith("_")}
    assert public <= set(dir(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_results_are_of_the_same_form_as_those_of_keras(kind, keras):
    x, labels, numbers = data()
    y = labels if kind is SKLearnClassifier else numbers
    found = []
    for module in (cnn_ext, keras):
        kwargs = {"loss": "mse", "keras": module}
        estimator = getattr(module.wrappers, kind.__name__)(
            dynamic_model, model_kwargs=kwargs, fit_kwargs={"verbose": 0}
        )
        fitted = estimator.fit(x, y)
        assert fitted is estimator
        made = {
            name: getattr(estimator, name)(x)
            for name in ("predict", "transform", "decision_function")
            if hasattr(estimator, name)
        }
        found.append(
            {name: (value.shape, value.dtype) for name, value in made.items()}
            | {"features": estimator.n_features_in_, "history": list(estimator.history_.history)}
            | {"classes": getattr(estimator, "classes_", np.zeros(0)).tolist()}
        )
    assert found[0] == found[1]


# --- Models and arguments -------------------------------------------------------------------------


def test_a_model_stays_as_it_is():
    x, _, y = data()
    model = compiled()
    before = [w.copy() for w in model.get_weights()]
    estimator = SKLearnRegressor(model, fit_kwargs={"verbose": 0})
    first = estimator.fit(x, y).model_
    second = estimator.fit(x, y).model_
    assert first is not model and second is not first
    for value, was in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, was)


def test_warm_start_goes_on():
    """The first fit trains the model itself, the next ones go on with it."""
    x, labels, y = data()
    model = compiled()
    warm = SKLearnRegressor(model, warm_start=True, fit_kwargs={"verbose": 0, "shuffle": False})
    once = compiled()
    once.set_weights(model.get_weights())
    for _ in range(2):
        assert warm.fit(x, y).model_ is model
    once.fit(x, y[:, None], epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(warm.predict(x), once.predict(x, verbose=0)[:, 0], rtol=1e-5)
    assert clone(warm).model is not model
    build = classifier().set_params(warm_start=True)
    first = build.fit(x, labels).model_
    assert build.fit(x, labels).model_ is first
    with pytest.raises(ValueError, match=r"must be those of the fit before, \['high', 'low'\]"):
        build.fit(x, np.where(x[:, 0] > 0, "high", "middle"))


def test_arguments_reach_the_function_and_fit():
    x, labels, _ = data()
    estimator = classifier(epochs=2).fit(x, labels)
    assert estimator.epoch_ == len(estimator.history_.history["loss"]) == 2
    assert [layer.units for layer in estimator.model_.layers[1:]] == [20, 20, 2]
    assert estimator.fit(x, labels, epochs=3).epoch_ == 3
    assert estimator.fit_kwargs == {"verbose": 0, "epochs": 2}
    estimator.fit(x, labels, sample_weight=np.ones(len(x)))


def test_parameters():
    estimator = classifier(epochs=4)
    assert estimator.get_params() == {
        "model": dynamic_model, "warm_start": False, "model_kwargs": estimator.model_kwargs,
        "fit_kwargs": {"verbose": 0, "epochs": 4},
    }  # fmt: skip
    estimator.set_params(fit_kwargs={"epochs": 2}, warm_start=True)
    assert (estimator.fit_kwargs, estimator.warm_start) == ({"epochs": 2}, True)
    copied = clone(estimator)
    assert copied.get_params() == estimator.get_params()
    assert copied.fit_kwargs is not estimator.fit_kwargs  # callbacks in it keep state


def test_silent_if_asked_to_be(capsys):
    x, labels, y = data()
    classifier().fit(x, labels).predict(x)
    transformer().fit(x, y).transform(x)
    assert capsys.readouterr().out == ""


WRONG = {
    "not compiled": (lambda: cnn_ext.Sequential([cnn_ext.layers.Dense(1)]), RuntimeError,
                     "Given model needs to be compiled, and have a loss and an optimizer"),
    "no loss": (lambda: compiled(loss=None), RuntimeError, "needs to be compiled, and have a loss"),
    "a class": (lambda: "mlp", TypeError, "or a function .*Received: model='mlp'"),
    "a function without a model": (lambda: lambda X, y: None, TypeError, "which returned None"),
}  # fmt: skip


@pytest.mark.parametrize(("model", "error", "says"), WRONG.values(), ids=WRONG)
def test_what_is_no_compiled_model(model, error, says):
    x, _, y = data()
    with pytest.raises(error, match=says):
        SKLearnRegressor(model()).fit(x, y)


WRONG_TARGETS = {
    "one class": (np.ones(60, int), "Classifier can't train when only one class is present"),
    "numbers": (np.linspace(0, 1, 60), "Only binary and multiclass .* Target type: continuous"),
}


@pytest.mark.parametrize(("y", "says"), WRONG_TARGETS.values(), ids=WRONG_TARGETS)
def test_targets_that_are_no_classes(y, says, keras):
    for module in (cnn_ext, keras):
        kwargs = {"loss": "mse", "keras": module}
        estimator = module.wrappers.SKLearnClassifier(dynamic_model, model_kwargs=kwargs)
        with pytest.raises(ValueError, match=says):
            estimator.fit(data()[0], y)


def test_a_misspelt_argument():
    with pytest.raises(TypeError, match="did you mean 'fit_kwargs'"):
        SKLearnClassifier(dynamic_model, fit_kwarg={})


def test_metadata_routing():
    x, labels, _ = data()
    with pytest.raises(RuntimeError, match="only available when metadata routing is enabled"):
        classifier().set_fit_request(sample_weight=True)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = classifier().set_fit_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), estimator)
        weights = np.where(labels == "high", 1.0, 0.0)
        pipeline.set_params(sklearnclassifier__fit_kwargs={"verbose": 0, "epochs": 60})
        pipeline.fit(x, labels, sample_weight=weights)
        assert set(pipeline.predict(x)) == {"high"}


# --- scikit-learn's tools -------------------------------------------------------------------------


def test_in_a_pipeline():
    x, labels, y = data()
    pipeline = make_pipeline(StandardScaler(), classifier(epochs=60, batch_size=10))
    assert pipeline.fit(x, labels).score(x, labels) > 0.9
    first = make_pipeline(transformer(epochs=2), regressor(epochs=2))
    assert first.fit(x, y).predict(x).shape == (60,)


def test_cross_validation():
    x, labels, y = data()
    scores = cross_val_score(classifier(epochs=60, batch_size=10), x, labels, cv=3)
    assert scores.min() > 0.7
    model = compiled(optimizer=cnn_ext.optimizers.Adam(0.05))
    estimator = SKLearnRegressor(model, fit_kwargs={"verbose": 0, "epochs": 100, "batch_size": 10})
    assert cross_val_score(estimator, x, y, cv=3).min() > 0.7


def test_grid_search():
    x, labels, _ = data()
    grid = {
        "fit_kwargs": [{"verbose": 0, "epochs": 1, "batch_size": 60}, {"verbose": 0, "epochs": 80}],
        "model_kwargs": [{"loss": "categorical_crossentropy", "activation": "softmax"}],
    }
    search = GridSearchCV(classifier(), grid, cv=2).fit(x, labels)
    assert search.best_params_["fit_kwargs"]["epochs"] == 80
    assert search.best_score_ > 0.8


def test_images():
    """Beyond Keras, whose estimators take tables only."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 6, 6, 1))
    y = (x.mean(axis=(1, 2, 3)) > 0).astype(int)
    estimator = classifier(epochs=60, batch_size=10).fit(x, y)
    assert estimator.score(x, y) > 0.9


@pytest.mark.parametrize("make", MAKERS)
def test_a_fitted_estimator_is_copied_and_pickled(make, tmp_path):
    x, labels, y = data()
    estimator = make().fit(x, labels if make is classifier else y)
    outputs = estimator.transform if make is transformer else estimator.predict
    joblib.dump(estimator, tmp_path / "estimator.joblib")
    for other in (
        copy.deepcopy(estimator),
        pickle.loads(pickle.dumps(estimator)),
        joblib.load(tmp_path / "estimator.joblib"),
    ):
        found = other.transform(x) if make is transformer else other.predict(x)
        np.testing.assert_array_equal(found, outputs(x))


def test_without_scikit_learn():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import cnn_ext\n"
        "try: cnn_ext.wrappers\n"
        "except ImportError as error: print(error)\n"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert "cnn_ext.wrappers requires `scikit-learn`" in said and "pip install" in said
