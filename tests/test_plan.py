"""Plans equal eager layers: over models, batches, changed weights, threads, forks."""

from __future__ import annotations

import gc
import os
import threading
from typing import Any

import numpy as np
import pytest

import cnn_ext as keras
from cnn_ext import _kernels, layers
from cnn_ext.autograd import Tensor, gradients, no_grad
from cnn_ext.models.planning import PlanOwner
from cnn_ext.plan.planned import Planned
from cnn_ext.tree import flatten
from planned_models import EAGER, PLANNED, Row, resnet, several, textbook

TOLERANCE = 1e-5  # of the largest; a batch normalization that is folded rounds otherwise


@pytest.fixture(params=PLANNED, ids=lambda row: row.name)
def row(request: Any) -> Row:
    return request.param


def images(shape: tuple[int, ...], n: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, *shape)).astype("float32")


def settled(model: Any, seed: int = 1) -> Any:
    """The model with weights that leave no part of a sum out, moving statistics among them."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        values = rng.standard_normal(variable.shape) / max(1, np.prod(variable.shape[:-1])) ** 0.5
        if variable.name in ("gamma", "moving_variance"):
            values = 0.5 + rng.random(variable.shape)
        variable.assign(values.astype("float32"))
    return model


def eagerly(model: Any, x: Any) -> list[np.ndarray]:
    """Layer by layer."""
    with no_grad():
        return [y.data for y in flatten(layers.Layer.__call__(model, x))]


def planned(model: Any, x: Any) -> list[np.ndarray]:
    """By the plan, which there must be."""
    with no_grad():
        y = model(x)
    assert model._plans is not None
    assert all(isinstance(p, Planned) for p in model._plans._by_shape.values())
    return [one.data for one in flatten(y)]


def assert_equal(found: list[np.ndarray], wanted: list[np.ndarray]) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        assert np.isfinite(one).all() and other.std() > 0
        assert abs(one - other).max() <= TOLERANCE * abs(other).max()


@pytest.mark.parametrize("n", [1, 3, 32])
def test_a_plan_equals_the_layers(row: Row, n: int) -> None:
    model = settled(row.make())
    x = images(row.shape, n)
    before = x.copy()
    assert_equal(planned(model, x), eagerly(model, x))
    assert (x == before).all()


def test_what_is_fused(row: Row) -> None:
    model = row.make()
    planned(model, images(row.shape))
    (found,) = model._plans._by_shape.values()
    assert len(found.steps) == row.steps, [step.layers for step in found.steps]


@pytest.mark.parametrize("isa", _kernels.isas())
def test_every_instruction_set(row: Row, isa: str) -> None:
    model, x = settled(row.make()), images(row.shape)
    wanted = eagerly(model, x)
    before = _kernels.isa()
    planned(model, x)
    try:
        _kernels.set_isa(isa)
        assert_equal(planned(model, x), wanted)
    finally:
        _kernels.set_isa(before)


def test_the_number_of_threads_does_not_show(row: Row) -> None:
    model = settled(row.make())
    before, small = _kernels.get_num_threads(), _kernels._set_small(0)
    try:
        for n in (1, 5):
            x, found = images(row.shape, n), []
            for threads in (1, 2, 3):
                _kernels.set_num_threads(threads)
                found.append(planned(model, x))
            for others in found[1:]:
                assert all((a == b).all() for a, b in zip(found[0], others, strict=True))
    finally:
        _kernels.set_num_threads(before)
        _kernels._set_small(small)


def test_predict_with_a_short_last_batch(row: Row) -> None:
    model, x = settled(row.make()), images(row.shape, 7)
    assert_equal(flatten(model.predict(x, batch_size=4, verbose=0)), eagerly(model, x))
    assert len(model._plans._by_shape) == 2


def test_changed_weights_show(row: Row, tmp_path: Any) -> None:
    model, x = settled(row.make()), images(row.shape)
    first = planned(model, x)
    path = tmp_path / "m.weights.h5"
    model.save_weights(path)
    settled(model, 2)
    assert_equal(planned(model, x), eagerly(model, x))
    model.load_weights(path)
    assert all((a == b).all() for a, b in zip(planned(model, x), first, strict=True))
    model.set_weights([0.5 * w for w in model.get_weights()])
    assert_equal(planned(model, x), eagerly(model, x))
    for variable in model.weights:
        variable.assign(variable.data * 1.25)
        assert_equal(planned(model, x), eagerly(model, x))


def test_fit_between_predictions() -> None:
    model, x = resnet(), images((32, 32, 3), 4)
    model.compile("sgd", "sparse_categorical_crossentropy")
    for _ in range(2):
        before = model.predict(x, verbose=0)
        model.fit(x, np.arange(4), verbose=0)
        after = model.predict(x, verbose=0)
        assert_equal([after], eagerly(model, x))
        assert abs(after - before).max() > 1e-4


def test_changed_layers_show() -> None:
    model, x = settled(textbook()), images((28, 28, 1))
    planned(model, x)
    model.layers[-2].activation = keras.activations.tanh
    assert_equal(planned(model, x), eagerly(model, x))
    model.add(layers.Dense(3))
    assert planned(model, x)[0].shape == (3, 3)
    model.pop()
    assert_equal(planned(model, x), eagerly(model, x))


def test_results_are_arrays_of_their_own() -> None:
    model, x = settled(textbook()), images((28, 28, 1))
    first = planned(model, x)[0]
    kept = first.copy()
    second = planned(model, -x)[0]
    assert (first == kept).all() and (first != second).any() and first.flags.writeable
    assert not np.shares_memory(first, second)


def test_inputs_in_other_forms() -> None:
    model, x = settled(textbook()), images((28, 28, 1), 4)
    wanted = planned(model, x)[0]
    wide = np.zeros((4, 28, 56, 1), "float32")
    wide[:, :, ::2] = x
    offset = np.zeros(4 * x.size + 1, np.uint8)[1:].view("float32").reshape(x.shape)
    offset[...] = x
    forms = [
        Tensor(x),
        x.astype("float64"),
        x[..., 0],
        wide[:, :, ::2],
        offset,
        np.asfortranarray(x),
    ]
    for form in forms:
        assert (planned(model, form)[0] == wanted).all()
    frozen = x.copy()
    frozen.flags.writeable = False
    assert (planned(model, frozen)[0] == wanted).all()
    assert_equal(
        planned(model, np.ones((2, 28, 28, 1), np.uint8)), eagerly(model, np.ones((2, 28, 28, 1)))
    )


def test_several_inputs_and_outputs() -> None:
    model = settled(several())
    x = [images((6, 6, 2)), images((5,))]
    with no_grad():
        y = model(x)
        named = model({"a": x[0], "b": x[1]})
    assert list(y) == ["p", "q", "same"] and model._plans is not None
    wanted = layers.Layer.__call__(model, x)
    for key in y:
        assert_equal([y[key].data], [wanted[key].data])
        assert (y[key].data == named[key].data).all()
    assert not np.shares_memory(y["same"].data, x[1])


def test_evaluate_sees_the_logits() -> None:
    model, x, y = textbook(), 1000 * images((28, 28, 1), 8), np.arange(8)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    found = model.evaluate(x, y, verbose=0)
    assert model._plans is not None
    with _kernels.use_kernels("reference"):
        assert found == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-5)
    assert found[0] > 20  # what clipped probabilities cannot come to


def test_calls_for_training_take_no_plan() -> None:
    model, x = textbook(), images((28, 28, 1))
    with no_grad():
        model(x, training=True)
        assert model._plans is None
    assert model(x).requires_grad and model._plans is not None
    model.trainable = False
    assert not model(x).requires_grad
    tensor = Tensor(x, requires_grad=True)
    model(tensor).sum().backward()
    assert tensor.grad is not None


def test_a_model_inside_one_that_is_trained() -> None:
    inner = keras.Sequential([layers.Input((4,)), layers.Dropout(0.5)])

    class Outer(keras.Model):
        def call(self, inputs: Any, training: bool | None = None) -> Any:
            return inner(inputs)

    with no_grad():
        y = Outer()(np.ones((20, 4), "float32"), training=True)
    assert (y.data == 0).any() and inner._plans is None


def test_nan_and_infinity_stay() -> None:
    model = settled(textbook())
    x = images((28, 28, 1), 4)
    x[0, 3, 3], x[1, 5, 5], x[2, 7, 7] = np.nan, np.inf, -np.inf
    with np.errstate(all="ignore"):
        wanted = eagerly(model, x)[0]
    found = planned(model, x)[0]
    assert (np.isnan(found) == np.isnan(wanted)).all() and np.isnan(found[0]).all()
    assert np.isfinite(found[3]).all()


@pytest.mark.parametrize("name, make, shape, why", EAGER, ids=[row[0] for row in EAGER])
def test_models_without_a_plan(name: str, make: Any, shape: Any, why: str) -> None:
    model, x = make(), images(shape)
    assert_equal([model.predict(x, verbose=0)], eagerly(model, x))
    told: list[str] = []
    model.explain_plan((3, *shape), print_fn=told.append)
    assert "has no plan" in told[0] and why in told[0]


def test_empty_and_wrong_inputs_go_to_the_layers() -> None:
    model = textbook()
    with no_grad():
        assert model(np.zeros((0, 28, 28, 1), "float32")).shape == (0, 10)
        for shape in ((2, 28, 28, 3), (2, 5)):
            with pytest.raises(ValueError, match=r"incompatible|Received"):
                model(np.zeros(shape, "float32"))
    with _kernels.use_kernels("reference"):
        model.predict(images((28, 28, 1)), verbose=0)
    assert not any(isinstance(p, Planned) for p in model._plans._by_shape.values())


def test_memory_is_flat() -> None:
    model, x = settled(textbook()), images((28, 28, 1), 2)
    model.predict_on_batch(x)

    def resident() -> int:
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for _ in range(50):
        model.predict_on_batch(x)
    before = resident()
    for _ in range(1000):
        model.predict_on_batch(x)
    for n in range(1, 41):  # shapes whose plans are made and thrown away
        model.predict_on_batch(images((28, 28, 1), n % 20 + 1))
    assert resident() - before < 8e6
    assert len(model._plans._by_shape) <= 8


def test_threads_that_predict_at_once() -> None:
    model = settled(resnet())
    batches = [images((32, 32, 3), n % 3 + 1, n) for n in range(8)]
    wanted = [planned(model, x)[0] for x in batches]
    wrong: list[Any] = []

    def work(x: np.ndarray, y: np.ndarray) -> None:
        wrong.extend(x.shape for _ in range(20) if not (model.predict_on_batch(x) == y).all())

    threads = [
        threading.Thread(target=work, args=pair) for pair in zip(batches, wanted, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_while_the_lock_is_held() -> None:
    model, x = settled(textbook()), images((28, 28, 1))
    wanted = planned(model, x)[0]
    with model._plans._turns.lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if (planned(model, x)[0] == wanted).all() else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_explain_plan() -> None:
    model, told = textbook(), []
    model.explain_plan((3, 28, 28, 1), print_fn=told.append)
    for word in ("5 steps", "max-pool 2x2", "relu", "3x7x7x64", "winograd", "21.676", "gemm"):
        assert word in told[0], told[0]
    model.explain_plan(measure=True, print_fn=told.append)
    assert "GFLOP/s" in told[1] and "(1, 28, 28, 1)" in told[1]
    with pytest.raises(ValueError, match="Received: input_shape"):
        model.explain_plan((None, 28, 28, 1))


def test_verbose_tells_of_the_arena(monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("CNN_EXT_VERBOSE", "1")
    planned(resnet(), images((32, 32, 3)))
    text = capsys.readouterr().err
    assert "cnn_ext: plan of" in text and "11 steps" in text and "arena" in text


def test_lifetimes_share_memory() -> None:
    model = resnet()
    planned(model, images((32, 32, 3)))
    (found,) = model._plans._by_shape.values()
    values = {step.y.storage for step in found.steps}
    assert found.arena < 0.6 * sum(4 * value.size for value in values)
    assert isinstance(model, PlanOwner)


# --- Calls that are recorded -------------------------------------------------------------------


def test_gradients_through_a_plan_are_those_of_the_layers() -> None:
    model, x = settled(textbook()), images((28, 28, 1), 4)
    inputs = Tensor(x, requires_grad=True)
    found = model(inputs)
    wanted = layers.Layer.__call__(model, inputs)
    assert found.node.primitive is not wanted.node.primitive
    assert_equal([found.data], [wanted.data])
    sources = [inputs, *model.trainable_variables]
    by_plan, by_layers = (
        gradients(keras.losses.sparse_categorical_crossentropy([1, 2, 3, 4], y).sum(), sources)
        for y in (found, wanted)
    )
    assert_equal(by_plan, by_layers)


def test_second_gradients_through_a_plan() -> None:
    model = keras.Sequential([layers.Input((3,)), layers.Dense(4, "tanh"), layers.Dense(1)])
    settled(model)
    x = images((3,), 2)

    def slope(run: Any) -> Any:
        return keras.grad(lambda x: (keras.grad(lambda x: run(x).sum())(x) ** 2).sum())(x)

    assert_equal([slope(model)], [slope(lambda x: layers.Layer.__call__(model, x))])


def test_weights_changed_before_backward_are_an_error() -> None:
    model, x = settled(textbook()), images((28, 28, 1), 2)
    total = model(x).sum()
    model.layers[0].kernel.assign_add(np.ones(model.layers[0].kernel.shape, "float32"))
    with pytest.raises(RuntimeError, match="assigned to after"):
        total.backward()


def test_outputs_that_depend_on_one_another_are_recorded() -> None:
    """As one looks at what a class depends on in a feature map."""
    whole = settled(textbook())
    model = keras.Model(whole.inputs, [whole.layers[2].output, whole.outputs[0]])
    maps, classes = model(images((28, 28, 1), 2))
    (by_maps,) = gradients(classes[:, 3].sum(), [maps])
    assert by_maps.shape == maps.shape and by_maps.any()


@pytest.mark.parametrize("how", [{}, {"training": None}])
def test_a_model_within_a_model_is_called_for_what_the_outer_is(how: Any) -> None:
    class Outer(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = keras.Sequential([layers.Input((40,)), layers.Dropout(0.5)])

        def call(self, x: Any) -> Any:
            return self.inner(x, **how)

    model, x = Outer(), np.ones((8, 40), np.float32)
    for _ in range(2):
        assert (model(x, training=True).numpy() == 0).any()
        assert (model(x).numpy() == 1).all()


def test_sizes_that_the_inputs_do_not_have_are_refused_at_every_call() -> None:
    model = keras.Sequential([layers.Input((8, 8, 1)), layers.Conv2D(2, 3)])
    model = keras.Model(model.inputs[0], model.outputs[0])
    for size in (8, 9, 9, 8):
        x = np.ones((2, size, size, 1), np.float32)
        if size == 8:
            assert model(x).shape == (2, 6, 6, 2)
        else:
            with pytest.raises(ValueError, match="shape"):
                model(x)
