"""Metrics: each is Keras's, by name, by number and by configuration."""

import inspect

import numpy as np
import pytest

import cnn_ext
from cnn_ext import losses, metrics
from cnn_ext.autograd import Tensor, Variable
from targets import CLASSES, Case, N, draw, same_parameters

ACCURACY, SPARSE = "CategoricalAccuracy", "SparseCategoricalAccuracy"
TOP, SPARSE_TOP = "TopKCategoricalAccuracy", "SparseTopKCategoricalAccuracy"
LOGITS = {"from_logits": True}
NUMBERS = ("numbers", N, 4), ("numbers", N, 4)
CUBES = ("numbers", N, 3, 2), ("numbers", N, 3, 2)
SIZES = ("sizes", N, 4), ("sizes", N, 4)
ONE_HOT = ("one-hot", N, CLASSES), ("probabilities", N, CLASSES)
LABELS = ("labels", N), ("probabilities", N, CLASSES)
MASKS = ("labels", N, 3, 2), ("labels", N, 3, 2)
YES_NO = ("yes-no", N), ("chances", N)
YES_NOS = ("yes-no", N, 4), ("chances", N, 4)
TENTHS = ("yes-no", N, 4), ("tenths", N, 4)
COUNTS = ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")
AT = {
    "SensitivityAtSpecificity": "specificity",
    "SpecificityAtSensitivity": "sensitivity",
    "PrecisionAtRecall": "recall",
    "RecallAtPrecision": "precision",
}
METRICS = (
    Case("Accuracy", ("labels", N), ("labels", N)),
    Case("Accuracy", ("labels", N, 1), ("labels", N)),
    Case("BinaryAccuracy", *YES_NO),
    Case("BinaryAccuracy", ("yes-no", N), ("chances", N, 1)),
    Case("BinaryAccuracy", ("yes-no", N, 1), ("chances", N)),
    Case("BinaryAccuracy", *YES_NOS, {"threshold": 0.3}),
    Case(ACCURACY, *ONE_HOT),
    Case(ACCURACY, ("one-hot", N, 3, CLASSES), ("logits", N, 3, CLASSES)),
    Case(SPARSE, *LABELS),
    Case(SPARSE, ("labels", N, 1), ("logits", N, CLASSES)),
    Case(SPARSE, ("labels", N, 3), ("logits", N, 3, CLASSES)),
    Case(TOP, *ONE_HOT, {"k": 2}),
    Case(TOP, ("one-hot", N, 3, CLASSES), ("tenths", N, 3, CLASSES), {"k": 3}),
    Case(SPARSE_TOP, *LABELS, {"k": 2}),
    Case(SPARSE_TOP, ("labels", N, 3), ("tenths", N, 3, CLASSES), {"k": 1}),
    Case(SPARSE_TOP, ("labels", N), ("labels", N, 4), {"k": 2, "from_sorted_ids": True}),
    Case("MeanSquaredError", *NUMBERS),
    Case("MeanSquaredError", ("numbers", N), ("numbers", N, 1)),
    Case("MeanSquaredError", *CUBES),
    Case("RootMeanSquaredError", *NUMBERS),
    Case("RootMeanSquaredError", ("numbers", N), ("numbers", N, 1)),
    Case("MeanAbsoluteError", *NUMBERS),
    Case("MeanAbsolutePercentageError", *SIZES),
    Case("MeanSquaredLogarithmicError", *SIZES),
    Case("LogCoshError", *NUMBERS),
    Case("CosineSimilarity", *NUMBERS),
    Case("CosineSimilarity", *CUBES, {"axis": 1}),
    Case("R2Score", *NUMBERS),
    Case("R2Score", ("numbers", N), ("numbers", N, 1)),
    Case("R2Score", *NUMBERS, {"class_aggregation": None}),
    Case("R2Score", *NUMBERS, {"class_aggregation": "variance_weighted_average"}),
    Case("R2Score", *NUMBERS, {"num_regressors": 2}),
    Case("PearsonCorrelation", *NUMBERS),
    Case("PearsonCorrelation", *CUBES, {"axis": 1}),
    Case("ConcordanceCorrelation", *NUMBERS),
    Case("ConcordanceCorrelation", *CUBES, {"axis": 1}),
    Case("Hinge", ("signs", N, 4), ("numbers", N, 4)),
    Case("Hinge", ("yes-no", N, 4), ("numbers", N, 4)),
    Case("SquaredHinge", ("signs", N, 4), ("numbers", N, 4)),
    Case("CategoricalHinge", ("one-hot", N, CLASSES), ("numbers", N, CLASSES)),
    Case("KLDivergence", ("probabilities", N, CLASSES), ("probabilities", N, CLASSES)),
    Case("Poisson", ("counts", N, 4), ("sizes", N, 4)),
    Case("BinaryCrossentropy", *YES_NOS),
    Case("BinaryCrossentropy", ("yes-no", N, 4), ("logits", N, 4),
         LOGITS | {"label_smoothing": 0.2}),
    Case("CategoricalCrossentropy", *ONE_HOT),
    Case("CategoricalCrossentropy", ("one-hot first", N, CLASSES, 3), ("logits", N, CLASSES, 3),
         LOGITS | {"axis": 1}),
    Case("SparseCategoricalCrossentropy", *LABELS),
    Case("SparseCategoricalCrossentropy", ("labels", N), ("logits", N, CLASSES),
         LOGITS | {"ignore_class": 3}),
    *(Case(name, *YES_NOS) for name in COUNTS),
    *(Case(name, *TENTHS, {"thresholds": [0.8, 0.1, 0.3]}) for name in COUNTS),
    *(Case(name, *TENTHS, {"thresholds": [0.0, 0.5, 1.0]}) for name in COUNTS),
    Case("Precision", *YES_NO),
    Case("Precision", ("yes-no", N, 1), ("chances", N)),
    Case("Precision", *TENTHS, {"thresholds": [0.3, 0.7]}),
    Case("Precision", *TENTHS, {"thresholds": 0.4, "class_id": 2}),
    Case("Precision", *TENTHS, {"top_k": 2}),
    Case("Precision", *YES_NOS, {"top_k": 3, "class_id": 1}),
    Case("Precision", *YES_NOS, {"top_k": 3, "thresholds": [0.2, 0.6]}),
    Case("Recall", *YES_NO),
    Case("Recall", ("yes-no", N), ("chances", N, 1)),
    Case("Recall", *TENTHS, {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}),
    Case("Recall", *TENTHS, {"class_id": 0}),
    Case("Recall", *TENTHS, {"top_k": 2}),
    *(Case(name, *TENTHS, {at: 0.5}) for name, at in AT.items()),
    *(Case(name, *YES_NOS, {at: 0.6, "num_thresholds": 9}) for name, at in AT.items()),
    *(Case(name, *YES_NOS, {at: 0.1, "num_thresholds": 1}) for name, at in AT.items()),
    *(Case(name, *YES_NOS, {at: 0.7, "class_id": 1}) for name, at in AT.items()),
    Case("AUC", *YES_NO),
    Case("AUC", *TENTHS),
    Case("AUC", ("yes-no", N, 1), ("chances", N)),
    Case("AUC", ("yes-no", N, 4), ("logits", N, 4), LOGITS),
    *(Case("AUC", *TENTHS, {"curve": curve, "summation_method": method, "num_thresholds": 11})
      for curve in ("ROC", "PR", "PRGAIN") for method in ("interpolation", "minoring", "majoring")),
    Case("AUC", *TENTHS, {"thresholds": [0.7, 0.2, 0.5]}),
    Case("AUC", *TENTHS, {"thresholds": [0.25, 0.5, 0.75], "curve": "pr"}),
    Case("AUC", *YES_NOS, {"multi_label": True}),
    Case("AUC", *TENTHS, {"multi_label": True, "num_labels": 4, "curve": "PR"}),
    Case("AUC", *YES_NOS, {"multi_label": True, "label_weights": [0.1, 0.4, 0.3, 2.0]}),
    Case("AUC", *YES_NOS, {"label_weights": [0.1, 0.4, 0.3, 2.0]}),
    Case("AUC", *YES_NOS, {"multi_label": True, "thresholds": [0.2, 0.5]}),
    Case("F1Score", *ONE_HOT),
    Case("F1Score", *YES_NOS, {"threshold": 0.4, "average": "macro"}),
    Case("FBetaScore", *ONE_HOT, {"beta": 2.0, "average": "weighted"}),
    Case("FBetaScore", *YES_NOS, {"beta": 0.5, "threshold": 0.6, "average": "micro"}),
    Case("IoU", *MASKS, {"num_classes": 5, "target_class_ids": [0, 3]}),
    Case("IoU", *MASKS, {"num_classes": 4, "target_class_ids": [1], "ignore_class": 2}),
    Case("IoU", ("one-hot", N, 4, CLASSES), ("labels", N, 4),
         {"num_classes": 5, "target_class_ids": [0, 1, 2, 3, 4], "sparse_y_true": False,
          "dtype": "float32"}),
    Case("BinaryIoU", *YES_NOS),
    Case("BinaryIoU", *TENTHS, {"target_class_ids": [1], "threshold": 0.3}),
    Case("MeanIoU", *MASKS, {"num_classes": 5}),
    Case("MeanIoU", *MASKS, {"num_classes": 5, "ignore_class": 0}),
    Case("OneHotIoU", *ONE_HOT, {"num_classes": 5, "target_class_ids": [0, 2, 4]}),
    Case("OneHotMeanIoU", *ONE_HOT, {"num_classes": 5}),
)  # fmt: skip
WEIGHTS = {
    "no weights": None,
    "weights": np.array([0.5, 2, 0, 1, 1, 3], np.float32),
    "integer weights": [1, 2, 0, 1, 1, 3],
    "column of weights": np.array([[0.5], [2], [0], [1], [1], [3]], np.float32),
}
all_metrics = pytest.mark.parametrize("case", METRICS, ids=lambda case: case.id)
FORGOTTEN = {"CosineSimilarity": "axis"}  # Keras's configs lack it
OVER_SAMPLES = ("IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU", "BinaryIoU")


def make(keras, case, **arguments):
    return getattr(keras.metrics, case.name)(**case.arguments, **arguments)


def weights_for(case, weights, y_true):
    """Weights of a shape that Keras's metric takes."""
    weight = WEIGHTS[weights]
    if weight is None:
        return None
    if case.name in OVER_SAMPLES:  # one an element
        weight = np.ravel(np.asarray(weight)).astype("int64")
        true = np.asarray(y_true)
        if case.name.startswith("OneHot") or not case.arguments.get("sparse_y_true", True):
            true = true.argmax(axis=case.arguments.get("axis", -1))
        return np.broadcast_to(weight.reshape(N, *[1] * (true.ndim - 1)), true.shape).copy()
    if case.name in ("FBetaScore", "F1Score") or np.ndim(y_true) == 1:
        return np.ravel(np.asarray(weight))
    return weight


FIRST = {case.name: case for case in reversed(METRICS)}
HOW = [
    (case, weights)
    for case in METRICS
    for weights in WEIGHTS
    if FIRST[case.name] is case or weights in ("no weights", "weights")
]


@pytest.mark.parametrize(("case", "weights"), HOW, ids=lambda v: getattr(v, "id", v))
def test_metric_equals_keras(case, weights, keras):
    """After every one of several batches of unlike sizes, and again after a reset."""
    ours, theirs = (make(k, case) for k in (cnn_ext, keras))
    found = []
    for seed, size in enumerate((N, 3, 4, N)):
        whole = case.draw(seed=seed)
        y_true, y_pred = (a[:size] for a in whole)
        weight = weights_for(case, weights, whole[0])
        some = None if weight is None else weight[:size]
        if seed == 3:
            ours.reset_state()
            theirs.reset_state()
        ours.update_state(y_true, y_pred, sample_weight=some)
        theirs.update_state(y_true, y_pred, sample_weight=some)
        value, expected = ours.result(), np.asarray(theirs.result())
        assert isinstance(value, np.ndarray if expected.ndim else float)
        # Keras counts in float32.
        np.testing.assert_allclose(value, expected, rtol=2e-5, atol=1e-6)
        found.append(np.asarray(value).tolist())
    assert found[0] != found[1] or found[1] != found[2], "constant: says nothing"


@all_metrics
def test_metric_configuration_equals_keras(case, keras):
    """What is written is what Keras writes; what either writes, both read."""
    ours, theirs = (make(k, case, name="mine") for k in (cnn_ext, keras))
    node, expected = metrics.serialize(ours), keras.metrics.serialize(theirs)
    forgotten = FORGOTTEN.get(case.name)
    if forgotten in case.arguments:
        assert node["config"][forgotten] == case.arguments[forgotten]
        expected["config"][forgotten] = case.arguments[forgotten]
    assert node == expected
    assert metrics.serialize(metrics.deserialize(expected)) == node
    y_true, y_pred = case.draw()
    value = ours(y_true, y_pred)
    np.testing.assert_array_equal(metrics.get(node)(y_true, y_pred), value)
    if "label_weights" not in case.arguments:  # which Keras cannot read
        read = keras.metrics.deserialize(node)(y_true, y_pred)
        np.testing.assert_allclose(value, read, rtol=2e-5, atol=1e-6)


@all_metrics
def test_metric_state_equals_keras(case, keras):
    """Names, shapes, order and number of the variables; none is trained; zeros after a reset."""
    ours, theirs = (make(k, case, name="mine") for k in (cnn_ext, keras))
    for metric in (ours, theirs):
        metric.update_state(*case.draw())
    assert [(v.path, v.shape) for v in ours.variables] == [
        (v.path, tuple(v.shape)) for v in theirs.variables
    ]
    assert all(isinstance(v, Variable) and not v.trainable for v in ours.variables)
    assert any(v.numpy().any() for v in ours.variables)
    ours.reset_state()
    assert not any(v.numpy().any() for v in ours.variables)
    assert getattr(ours, "_direction", None) == getattr(theirs, "_direction", None)
    assert repr(ours) == repr(theirs)
    assert ours.dtype == theirs.dtype


def test_every_metric_is_there_and_has_a_row(keras):
    names = {name for name in dir(keras.metrics) if not name.startswith("_")}
    assert set(metrics.__all__) == names
    classes = {name for name in names if inspect.isclass(getattr(metrics, name))}
    assert {case.name for case in METRICS} == classes - {
        "Metric", "Mean", "Sum", "MeanMetricWrapper",
    }  # fmt: skip


def test_metrics_by_every_name_that_keras_knows(keras):
    from keras.src.metrics import ALL_OBJECTS_DICT

    assert set(metrics._KNOWN) == set(ALL_OBJECTS_DICT)
    for name, theirs in ALL_OBJECTS_DICT.items():
        assert metrics._KNOWN[name].__name__ == theirs.__name__
        needs = [
            p for p in inspect.signature(theirs).parameters.values()
            if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
        ]  # fmt: skip
        if not needs:
            ours = metrics.get(name)
            assert type(ours).__name__ == theirs.__name__
            assert metrics.get(ours) is ours
    assert metrics.get(None) is None


NAMED = sorted(set(metrics.__all__) - {"get", "serialize", "deserialize"})


@pytest.mark.parametrize("name", NAMED)
def test_metric_signature(name, keras):
    same_parameters(getattr(metrics, name), getattr(keras.metrics, name))


FUNCTIONS = (
    ("binary_accuracy", *YES_NOS, {"threshold": 0.3}),
    ("categorical_accuracy", *ONE_HOT, {}),
    ("sparse_categorical_accuracy", *LABELS, {}),
    ("sparse_categorical_accuracy", ("labels", N, 3), ("logits", N, 3, CLASSES), {}),
    ("top_k_categorical_accuracy", *ONE_HOT, {"k": 2}),
    ("top_k_categorical_accuracy", ("one-hot", N, 3, CLASSES), ("tenths", N, 3, CLASSES), {"k": 2}),
    ("sparse_top_k_categorical_accuracy", *LABELS, {"k": 3}),
    ("pearson_correlation", *NUMBERS, {}),
    ("concordance_correlation", *CUBES, {"axis": 1}),
)


@pytest.mark.parametrize(("name", "y_true", "y_pred", "arguments"), FUNCTIONS)
def test_metric_function_equals_keras(name, y_true, y_pred, arguments, keras):
    y_true, y_pred = draw(*y_true), draw(*y_pred, seed=1)
    ours, theirs = (getattr(k.metrics, name)(y_true, y_pred, **arguments) for k in (cnn_ext, keras))
    assert (ours.dtype, ours.shape) == (np.float32, tuple(theirs.shape))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    function = getattr(metrics, name)
    assert metrics.serialize(function) == keras.metrics.serialize(getattr(keras.metrics, name))
    wrapped, expected = (
        k.metrics.MeanMetricWrapper(getattr(k.metrics, name), name="mine", **arguments)
        for k in (cnn_ext, keras)
    )
    node = metrics.serialize(wrapped)
    assert node == keras.metrics.serialize(expected)
    value = metrics.deserialize(node)(y_true, y_pred)
    assert value == wrapped(y_true, y_pred) == pytest.approx(float(expected(y_true, y_pred)))
    assert metrics.get(function) is function


def test_functions_of_losses_are_metrics_too():
    shared = set(metrics.__all__) & set(losses.FUNCTIONS)
    assert len(shared) == 16
    for name in shared:
        assert getattr(metrics, name) is getattr(losses, name)
        assert metrics.MeanMetricWrapper(getattr(metrics, name))._direction == "down"


MEANS = (
    ([1.0, 3.0], None),
    ([1.0, 3.0], [1, 0]),
    ([[1.0, 3.0], [5.0, 8.0]], None),
    ([[1.0, 3.0], [5.0, 8.0]], [1, 3]),
    ([[1.0, 3.0], [5.0, 8.0]], [[1, 0], [2, 1]]),
    ([[1.0, 3.0], [5.0, 8.0]], 3),
    ([1.0, 3.0], [[1], [3]]),
    ([1.0, 3.0], 2),
    (2.5, None),
    (2.5, 4),
    ([1.0, 2.0], [0, 0]),
)


@pytest.mark.parametrize("name", ["Mean", "Sum"])
@pytest.mark.parametrize(("values", "weight"), MEANS)
def test_mean_and_sum_equal_keras(values, weight, name, keras):
    ours, theirs = (getattr(k.metrics, name)() for k in (cnn_ext, keras))
    for metric in (ours, theirs):
        metric.update_state(values, sample_weight=weight)
        metric.update_state(7.0)
    assert ours.result() == pytest.approx(float(theirs.result()), rel=1e-6)
    assert ours.name == theirs.name == name.lower()
    assert [v.path for v in ours.variables] == [v.path for v in theirs.variables]
    assert metrics.serialize(ours) == keras.metrics.serialize(theirs)


def test_nothing_seen():
    """Means and shares of nothing are 0."""
    for case in METRICS:
        if case.name != "R2Score":  # NaN in Keras, once something was seen
            metric = make(cnn_ext, case)
            assert not np.any(metric.result()), case.id
            assert metric(*case.draw()) is not None


def test_state_is_exact_over_many_batches():
    """float32 cannot count beyond 2**24."""
    mean, hits = metrics.Mean(), metrics.TruePositives()
    for _ in range(2):
        mean.update_state(1.0, sample_weight=2**24 + 1)
        hits.update_state([1], [1], sample_weight=[2**24 + 1])
    assert mean.count.item() == hits.result() == 2 * (2**24 + 1)


# Targets, predictions, and what "accuracy" then means.
BY_SHAPE = (
    (("yes-no", N), ("chances", N, 1)),
    (("yes-no", N, 1), ("chances", N, 1)),
    (("labels", N), ("probabilities", N, CLASSES)),
    (("labels", N, 1), ("probabilities", N, CLASSES)),
    (("one-hot", N, CLASSES), ("probabilities", N, CLASSES)),
    (("yes-no", N, 2), ("chances", N, 2)),
    (("labels", N, 3), ("probabilities", N, 3, CLASSES)),
    (("one-hot", N, 3, CLASSES), ("probabilities", N, 3, CLASSES)),
)


@pytest.mark.parametrize("name", ["accuracy", "acc"])
@pytest.mark.parametrize(("y_true", "y_pred"), BY_SHAPE)
def test_name_is_what_keras_takes_it_for(name, y_true, y_pred, keras):
    y, x = draw(*y_true), draw(*y_pred)

    def logs(keras):
        def mean(y_true, y_pred):
            return keras.ops.mean(y_pred, axis=-1)

        model = keras.Sequential(
            [keras.layers.Input(x.shape[1:]), keras.layers.Activation("linear")]
        )
        model.compile("sgd", mean, metrics=[name], run_eagerly=True)
        return model.evaluate(x, y, verbose=0, return_dict=True)

    ours, theirs = logs(cnn_ext), logs(keras)
    assert list(ours) == list(theirs) == sorted([name, "loss"])
    assert ours == pytest.approx(theirs, rel=1e-5)
    assert ours[name] > 0


def test_metric_of_ones_own():
    """A function, and a class that keeps the largest value."""

    def shareOf(y_true, y_pred):
        return np.asarray(y_true) * np.asarray(y_pred)

    class Largest(metrics.Metric):
        def __init__(self, name="largest", **kwargs):
            super().__init__(name=name, **kwargs)
            self.reset_state()

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.value = max(self.value, float(np.max(y_pred)))

        def result(self):
            return self.value

        def reset_state(self):
            self.value = 0.0

    model = cnn_ext.Sequential([cnn_ext.layers.Input((1,)), cnn_ext.layers.Activation("linear")])
    model.compile("sgd", "mse", metrics=[shareOf, Largest(), Largest(name="again")])
    x = np.array([[1.0], [4.0], [2.0]])
    logs = model.evaluate(x, np.ones((3, 1)), batch_size=2, verbose=0, return_dict=True)
    assert logs == {"again": 4.0, "largest": 4.0, "loss": 10 / 3, "share_of": 7 / 3}


def own_metric(keras):
    """As Keras's guide has it: weights, operations, a metric within a metric."""

    class CategoricalTruePositives(keras.metrics.Metric):
        def __init__(self, name="hits", **kwargs):
            super().__init__(name=name, **kwargs)
            self.true_positives = self.add_weight(shape=(), name="ctp", initializer="zeros")
            self.bias = self.add_variable((2,), "ones", name="bias")
            self.mean = keras.metrics.Mean(name="inner")

        def update_state(self, y_true, y_pred, sample_weight=None):
            hits = keras.ops.argmax(y_pred, axis=1) == keras.ops.cast(y_true, "int32")
            hits = keras.ops.cast(hits, self.dtype)
            self.true_positives.assign_add(keras.ops.sum(hits))
            self.mean.update_state(hits, sample_weight)

        def result(self):
            return self.true_positives + self.mean.result() + keras.ops.sum(self.bias)

    return CategoricalTruePositives


def test_metric_with_weights_of_its_own(keras):
    y_true, y_pred = draw(*LABELS[0]), draw(*LABELS[1])
    ours, theirs = (own_metric(k)() for k in (cnn_ext, keras))
    for metric in (ours, theirs):
        metric.update_state(y_true, y_pred)
        assert float(metric(y_true, y_pred, sample_weight=np.arange(N))) > 0
    assert float(ours.result()) == pytest.approx(float(theirs.result()), rel=1e-6)
    assert [v.path for v in ours.variables] == [v.path for v in theirs.variables]
    assert ours.bias.dtype == "float32"
    for metric in (ours, theirs):
        metric.reset_state()
        assert float(metric.result()) == 0
        assert metric.get_config() == {"name": "hits", "dtype": "float32"}
    assert type(ours).from_config(ours.get_config()).name == "hits"


def test_metric_that_forgets_its_base(keras):
    for module in (cnn_ext, keras):

        class Hasty(module.metrics.Metric):
            def __init__(self):
                self.total = self.add_weight(name="total", initializer="zeros")

        with pytest.raises(RuntimeError, match="You forgot to call `super"):
            Hasty()


def test_metrics_take_tensors_and_lists():
    metric = metrics.BinaryAccuracy()
    assert metric(Tensor([1.0, 0.0]), Tensor([0.7, 0.7])) == metric([1, 0], [0.7, 0.7]) == 0.5


def test_predictions_that_are_not_numbers_are_no_positives():
    y_pred = np.array([np.nan, 0.9], np.float32)
    for thresholds in (None, [0.0, 0.5, 1.0]):
        found = metrics.TruePositives(thresholds)([1, 1], y_pred)
        np.testing.assert_array_equal(found, [1.0, 1.0, 0.0] if thresholds else 1.0)


def test_one_hot_classes_on_another_axis():
    """Where Keras's result fails."""
    truth, scores = draw("one-hot", N, 3, CLASSES), draw("logits", N, 3, CLASSES)
    last = metrics.OneHotMeanIoU(CLASSES)(truth, scores)
    first = metrics.OneHotMeanIoU(CLASSES, axis=1)
    assert first(np.moveaxis(truth, -1, 1), np.moveaxis(scores, -1, 1)) == last


def test_a_column_of_weights_for_a_row_of_samples():
    """Where Keras's counts fail."""
    y_true, y_pred, weight = draw(*YES_NO[0]), draw(*YES_NO[1]), WEIGHTS["column of weights"]
    for cls in (metrics.TruePositives, metrics.AUC):
        column = cls()(y_true, y_pred, sample_weight=weight)
        assert column == cls()(y_true, y_pred, sample_weight=weight[:, 0]) > 0


ERRORS = (
    (lambda k: k.metrics.Precision(thresholds=[0.5, 2]), "Threshold values must be in [0, 1]"),
    (lambda k: k.metrics.AUC(num_thresholds=1), "`num_thresholds` must be an integer > 1"),
    (lambda k: k.metrics.AUC(curve="RPC"), 'Invalid AUC curve value: "RPC". Expected values are'),
    (lambda k: k.metrics.AUC(summation_method="x"), 'Invalid AUC summation method value: "x"'),
    (lambda k: k.metrics.AUC(num_labels=2), "`num_labels` is needed only when `multi_label`"),
    (lambda k: k.metrics.AUC(multi_label=True)(np.ones(3), np.ones(3)),
     "`y_pred` must have rank 2 when `multi_label=True`. Found rank 1"),
    (lambda k: k.metrics.Recall(class_id=1)(np.ones(3), np.ones(3)), "When class_id is provided"),
    (lambda k: k.metrics.RecallAtPrecision(2), "`precision` must be in the range [0, 1]"),
    (lambda k: k.metrics.PrecisionAtRecall(0.5, 0), "`num_thresholds` must be an integer > 0"),
    (lambda k: k.metrics.FBetaScore(average="x"), "Invalid `average` argument value"),
    (lambda k: k.metrics.FBetaScore(beta=1), "Invalid `beta` argument value. It should be a Pyth"),
    (lambda k: k.metrics.FBetaScore(beta=-1.0), "Invalid `beta` argument value. It should be > 0"),
    (lambda k: k.metrics.F1Score(threshold=1), "Invalid `threshold` argument value. It should be"),
    (lambda k: k.metrics.F1Score(threshold=2.0), "It should verify 0 < threshold <= 1. Received"),
    (lambda k: k.metrics.F1Score()(np.ones(3), np.ones(3)), "FBetaScore expects 2D inputs"),
    (lambda k: k.metrics.IoU(2, [2]), "Target class id 2 is out of range, which is [0, 2)"),
    (lambda k: k.metrics.R2Score("x"), "Invalid value for argument `class_aggregation`"),
    (lambda k: k.metrics.R2Score(num_regressors=-1), "Invalid value for argument `num_regressors`"),
    (lambda k: k.metrics.R2Score()(np.ones(3), np.ones(3)), "R2Score expects 2D inputs"),
)  # fmt: skip


@pytest.mark.parametrize(("call", "says"), ERRORS, ids=lambda value: str(value)[:50])
def test_metric_errors(call, says, keras):
    """Keras's words."""
    for module in (cnn_ext, keras):
        with pytest.raises(ValueError) as raised:
            call(module)
        assert says in str(raised.value)


WARNINGS = (
    (lambda k: k.metrics.R2Score(num_regressors=9), "More independent predictors than datapoints"),
    (lambda k: k.metrics.R2Score(num_regressors=5), "Division by zero in Adjusted R2 score."),
)


@pytest.mark.parametrize(("make", "says"), WARNINGS, ids=lambda value: str(value)[:20])
def test_metric_warnings(make, says, keras):
    y_true, y_pred = draw("numbers", N, 1), draw("numbers", N, 1, seed=1)
    values = []
    for module in (cnn_ext, keras):
        with pytest.warns(UserWarning, match=says):
            values.append(float(make(module)(y_true, y_pred)))
    assert values[0] == pytest.approx(values[1], rel=1e-5)


def test_fractions_of_weights_are_warned_of(keras):
    for module in (cnn_ext, keras):
        with pytest.warns(UserWarning, match="You are passing weight as `float`, but dtype is"):
            module.metrics.MeanIoU(2)([0, 1], [0, 1], sample_weight=np.array([0.5, 1.0]))
