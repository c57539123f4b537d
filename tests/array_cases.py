"""Rows of the operations on arrays of any kind: arithmetic, reductions, order, shapes, indexing.

ARRAY_CASES are rows as in cases.py; CALLS are of functions whose arguments or results are no
float arrays, and are compared with Keras's for equality.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cases import (
    Case,
    binary,
    both,
    distinct,
    just,
    labels,
    normal,
    off_zero,
    reductions,
    statics,
    ties,
    unary,
)

STRANGE = just(np.array([1.5, np.nan, -np.inf, 0.0, np.inf, -2.0]))
HALVES = just(np.array([-2.5, -1.5, -0.4, 0.5, 1.5, 2.5, 3.7]))
TRUTHS = [unary(lambda rng: tuple(rng.integers(0, 2, (2, 3, 4)) > 0), differentiable=False)]
WITH_ZEROS = just(np.array([[2.0, 0.0, 3.0], [0.0, 0.5, 0.0], [1.5, -1.0, 4.0]]))


def off_integers(*shapes):
    return lambda rng: tuple(
        rng.integers(-4, 5, shape) + rng.uniform(0.1, 0.9, shape) for shape in shapes
    )


def each_pick(name, make, static, count, **flags):
    """A row for each of several results."""
    return [Case(f"{name}[{i}]", make, static, pick=i, **flags) for i in range(count)]


EINSUMS = {
    "ij,jk->ik": ((3, 4), (4, 5)),
    "ij,jk": ((3, 4), (4, 5)),
    "bij,bjk->bik": ((2, 3, 4), (2, 4, 5)),
    "ij->ji": ((3, 4),),
    "ij->i": ((3, 4),),
    "i,j->ij": ((3,), (4,)),
    "...ij,jk->...ik": ((2, 3, 4), (4, 5)),
    "...i,...i->...": ((2, 3, 4), (2, 3, 4)),
    "ij,jk,kl->il": ((2, 3), (3, 4), (4, 2)),
    "bhwc,c->bhw": ((2, 3, 2, 4), (4,)),
    "ij,k->ik": ((2, 3), (4,)),
    "ij,ij->": ((2, 3), (2, 3)),
}


def einsum_case(subscripts, shapes):
    def theirs(k, *arrays):
        return k.einsum(subscripts, *arrays)

    return Case(subscripts, lambda rng: (subscripts, *normal(*shapes)(rng)),
                theirs=lambda k, _, *arrays: theirs(k, *arrays), linear="each")  # fmt: skip


def moves(name_and_static, shape=(2, 3, 4), **flags):
    return statics(normal(shape), name_and_static, linear="each", **flags)


def grid_cases(name, shapes, static):
    """A row for each coordinate, which one of the vectors is for: the others are integers."""

    def arrays(which, rng):
        return tuple(
            rng.standard_normal(shape) if i == which else np.arange(shape[0])
            for i, shape in enumerate(shapes)
        )

    def theirs(which, k, *xs):
        return k.meshgrid(*(k.cast(x, xs[which].dtype) for x in xs), **static)[which]

    return [
        Case(f"{name}[{i}]", functools.partial(arrays, i), static, functools.partial(theirs, i),
             pick=i, linear="each")
        for i in range(len(shapes))
    ]  # fmt: skip


ARRAY_CASES: dict[str, list[Case]] = {
    # --- arithmetic
    "abs": [unary(off_zero((3, 4)))],
    "fabs": [unary(off_zero((3, 4)), theirs=lambda k, x: k.abs(x))],
    "divide_no_nan": [
        *binary(off_zero),
        Case("zeros", both(normal((3,)), just(np.array([2.0, 0.0, -1.0]))), smooth=False),
    ],
    "true_divide": binary(off_zero),
    "floor": [unary(off_integers((3, 4)), differentiable=False), Case("halves", HALVES,
                                                                       differentiable=False)],
    "ceil": [unary(off_integers((3, 4)), differentiable=False)],
    "trunc": [unary(off_integers((3, 4)), differentiable=False)],
    "round": [
        Case("halves", HALVES, differentiable=False),
        Case("decimals", normal((3, 4)), {"decimals": 2}, differentiable=False),
    ],
    "floor_divide": [Case("plain", off_zero((3, 4), (4,)), differentiable=False)],
    "mod": [
        Case("plain", both(off_integers((3, 4)), just(np.array([2.0, -3.0, 1.5, 4.0])))),
        Case("number", both(off_integers((3, 4)), just(2.0))),
    ],
    "nan_to_num": [
        Case("plain", STRANGE, {"posinf": 5.0, "neginf": -7.0}, smooth=False),
        Case("nan", just(np.array([1.0, np.nan, 2.0])), {"nan": 3.0}, smooth=False),
    ],
    # --- truth
    "logical_or": TRUTHS,
    "logical_xor": TRUTHS,
    "logical_not": [
        unary(lambda rng: (rng.integers(0, 2, (3, 4)) > 0,), differentiable=False)
    ],
    "isnan": [unary(STRANGE, differentiable=False)],
    "isinf": [unary(STRANGE, differentiable=False)],
    "isfinite": [unary(STRANGE, differentiable=False)],
    "isclose": [
        Case("plain", just(np.array([1.0, 2.0, 3.0]), np.array([1.0 + 1e-6, 2.1, 3.0])),
             differentiable=False),
    ],
    "allclose": [
        Case("plain", just(np.array([1.0, 2.0]), np.array([1.0 + 1e-6, 2.0])),
             differentiable=False),
    ],
    "any": [Case(str(static), just(np.array([[0.0, 0.0, 2.0], [0.0, 0.0, 0.0]])), static,
                 differentiable=False)
            for static in ({"axis": 0}, {"axis": 1, "keepdims": True}, {})],
    "all": [Case(str(static), just(np.array([[1.0, 1.0, 0.0], [2.0, 1.0, 1.0]])), static,
                 differentiable=False)
            for static in ({"axis": 0}, {"axis": 1, "keepdims": True})],
    "count_nonzero": statics(ties((4, 3)), [{}, {"axis": 0}, {"axis": (0, 1)}],
                             differentiable=False),
    # --- reductions
    "amax": reductions(distinct((2, 3, 4))),
    "amin": reductions(distinct((2, 3, 4))),
    "average": [
        *statics(normal((3, 4)), [{}, {"axis": 1}]),
        Case("weights", both(normal((3, 4)), lambda rng: (0, rng.uniform(0.5, 2, (3,))))),
    ],
    "max": statics(distinct((3, 4)), [{"initial": 0.5, "axis": 1}, {"initial": -9.0}],
                   their_gradient=False),
    "min": statics(distinct((3, 4)), [{"initial": 0.5, "axis": 1}], their_gradient=False),
    "prod": [*reductions(off_zero((2, 3, 4))), Case("zeros", WITH_ZEROS, {"axis": 1})],
    "cumsum": [*statics(normal((3, 4)), [{"axis": 0}, {"axis": -1}, {}], linear="each")],
    "cumprod": [*statics(off_zero((3, 4)), [{"axis": 0}, {"axis": -1}, {}])],
    "norm": statics(
        off_zero((3, 4)),
        [{}, {"axis": 1}, {"axis": 0, "ord": 1}, {"axis": 1, "ord": 3, "keepdims": True},
         {"axis": 0, "ord": math.inf}, {"axis": 1, "ord": -math.inf},
         {"ord": "fro", "axis": (0, 1)},
         {"ord": 1, "axis": (0, 1)}, {"ord": math.inf, "axis": (0, 1), "keepdims": True},
         {"ord": -1}],
    ),
    # --- order
    "argsort": [
        *statics(distinct((3, 4)), [{}, {"axis": 0}], differentiable=False),
        Case("ties", ties((4, 6)), differentiable=False),
        Case("in a row", distinct((3, 4)), {"axis": None},
             lambda k, x: k.argsort(k.reshape(x, (-1,))), differentiable=False),
    ],
    "sort": statics(distinct((3, 4)), [{}, {"axis": 0}]),
    "top_k": [
        Case("values", distinct((3, 5)), {"k": 2}, pick=0),
        Case("places", distinct((3, 5)), {"k": 2}, pick=1, differentiable=False),
        Case("places of ties", ties((3, 6)), {"k": 4}, pick=1, differentiable=False),
    ],
    "in_top_k": [
        Case(name, both(labels((6,), 5), make((6, 5))), {"k": 2},
             lambda k, targets, x: k.in_top_k(targets, k.cast(x, "float32"), 2),
             differentiable=False)
        for name, make in {"plain": distinct, "ties": ties}.items()
    ],
    # --- products
    "dot": [
        Case(f"{a} {b}", normal(a, b), linear="each")
        for a, b in (((4,), (4,)), ((3, 4), (4, 2)), ((3, 4), (4,)), ((2, 3, 4), (5, 4, 2)),
                     ((), (3,)))
    ],
    "inner": [
        Case(f"{a} {b}", normal(a, b), linear="each")
        for a, b in (((4,), (4,)), ((3, 4), (2, 4)))
    ],
    "outer": [Case("plain", normal((3,), (2, 2)), linear="each")],
    "tensordot": [
        Case("default", normal((2, 3, 4), (3, 4, 5)), linear="each"),
        Case("one", normal((2, 3), (3, 4)), {"axes": 1}, linear="each"),
        Case("none", normal((2,), (3,)), {"axes": 0}, linear="each"),
        Case("lists", normal((2, 3, 4), (4, 5, 2)), {"axes": [[0, 2], [2, 0]]}, linear="each"),
        Case("numbers", normal((2, 3), (4, 3)), {"axes": [1, -1]}, linear="each"),
    ],
    "einsum": [einsum_case(*row) for row in EINSUMS.items()],
    # --- shapes
    "ravel": moves([{}]),
    "moveaxis": moves(
        [{"source": 0, "destination": -1}, {"source": (0, 1), "destination": (2, 0)}]
    ),
    "flip": moves([{}, {"axis": 0}, {"axis": (0, -1)}]),
    "roll": moves([{"shift": 2}, {"shift": -1, "axis": 1}, {"shift": (1, 2), "axis": (0, 2)}]),
    "rot90": [
        *moves([{}, {"k": 3, "axes": (1, 2)}, {"k": -1}]),
        # where Keras's TensorFlow turns the axes once more than NumPy and its other backends
        Case("half", normal((2, 3, 4)), {"k": 2}, lambda k, x: k.flip(x, (0, 1)), linear="each"),
    ],
    "repeat": moves([{"repeats": 2}, {"repeats": 3, "axis": 1}, {"repeats": [1, 0, 2], "axis": 1}]),
    "tile": [
        Case(str(repeats), normal((2, 3)), {"repeats": repeats}, linear="each")
        for repeats in ((2, 1), (2, 3), (2, 1, 2))
    ],
    "expand_dims": moves([{"axis": (0, -1)}]),
    "append": [
        Case("axis", normal((2, 3), (1, 3)), {"axis": 0}, linear="jointly"),
        Case("in a row", normal((2, 3), (2,)), linear="jointly"),
    ],
    "hstack": [Case("vectors", normal((2,), (3,)), listed=True, linear="jointly"),
               Case("matrices", normal((2, 3), (2, 1)), listed=True, linear="jointly")],
    # Keras's TensorFlow joins vectors in a row; NumPy and its other backends do not.
    "vstack": [Case("vectors", normal((3,), (3,)), {}, lambda k, *xs: k.stack(xs), listed=True,
                    linear="jointly"),
               Case("matrices", normal((2, 3), (1, 3)), listed=True, linear="jointly")],
    "split": [
        *each_pick("equal", normal((4, 3)), {"indices_or_sections": 2}, 2, linear="each"),
        *each_pick("cuts", normal((3, 5)), {"indices_or_sections": [1, 3], "axis": 1}, 3,
                   linear="each"),
    ],
    "unstack": each_pick("columns", normal((3, 2)), {"axis": 1}, 2, linear="each"),
    "meshgrid": [
        *grid_cases("xy", ((3,), (4,)), {}),
        *grid_cases("ij", ((3,), (4,), (2,)), {"indexing": "ij"}),
        *grid_cases("three", ((3,), (4,), (2,)), {}),
    ],
    # --- indexing
    "take": [
        Case("axis", both(normal((3, 4)), just([2, 0, 0])), {"axis": 0}, linear="each"),
        Case("matrix", both(normal((3, 4)), labels((2, 2), 4)), {"axis": -1}, linear="each"),
        Case("in a row", both(normal((3, 4)), just([11, 0, 5])), linear="each"),
        Case("from the end", both(normal((4,)), just(np.array([-1, 1]))), {"axis": 0},
             linear="each"),
    ],
    "take_along_axis": [
        Case("in a row", both(normal((3, 4)), labels((5,), 12)), linear="each"),
    ],
    "slice": [
        Case("plain", normal((4, 5)), {"start_indices": (1, 2), "shape": (2, 3)}, linear="each"),
    ],
    "slice_update": [
        Case("plain", lambda rng: (normal((4, 5))(rng)[0], (1, 2), normal((2, 3))(rng)[0]),
             linear="jointly", their_gradient=False),  # TensorFlow has none
    ],
    "scatter": [
        Case("points", lambda rng: (np.array([[0, 1], [2, 0], [0, 1]]), *normal((3,))(rng)),
             {"shape": (3, 2)}, linear="each"),
        Case("rows", lambda rng: (np.array([[2], [0]]), *normal((2, 4))(rng)),
             {"shape": (3, 4)}, linear="each"),
    ],
    "scatter_update": [
        Case("points", lambda rng: (normal((3, 2))(rng)[0], np.array([[0, 1], [2, 0]]),
                                    normal((2,))(rng)[0]), linear="jointly"),
        Case("add", lambda rng: (normal((3, 2))(rng)[0], np.array([[0, 1], [2, 0], [0, 1]]),
                                 normal((3,))(rng)[0]), {"reduction": "add"}, linear="jointly"),
    ],
    "where": [
        Case("alone", just(np.array([[0, 1], [1, 1]]) > 0), differentiable=False,
             theirs=lambda k, c: k.stack(k.nonzero(c))),
    ],
    # --- matrices
    "tril": moves([{}, {"k": 1}, {"k": -1}]),
    "triu": moves([{}, {"k": 1}, {"k": -1}]),
    "diag": [
        *statics(normal((3,)), [{}, {"k": 1}, {"k": -2}], linear="each"),
        *(Case(f"matrix {k}", normal((3, 4)), {"k": k}, linear="each") for k in (0, 1, -1)),
    ],
    "diagonal": moves([{}, {"offset": 1}, {"axis1": 1, "axis2": 2}]),
    "trace": moves([{}, {"offset": 1, "axis1": 1, "axis2": 2}]),
    "copy": moves([{}]),
}  # fmt: skip


X = np.arange(6, dtype="float32").reshape(2, 3)
WHOLE = np.array([[3, -1], [7, 2]], "int32")
BYTES = np.array([200, 100], "uint8")
HOLDS = np.array([True, False])

CALLS: dict[str, list[Callable[[Any], Any]]] = {
    "arange": [
        lambda k: k.arange(5),
        lambda k: k.arange(2, 8, 2),
        lambda k: k.arange(3.0),
        lambda k: k.arange(0, 1, 0.25),
        lambda k: k.arange(4, dtype="float64"),
        lambda k: k.arange(5, 0, -2),
    ],
    "array": [
        lambda k: k.array([1, 2]),
        lambda k: k.array([1.0, 2]),
        lambda k: k.array(X, "int32"),
        lambda k: k.array(True),
    ],
    "cond": [
        lambda k: k.cond(True, lambda: X, lambda: X + 1),
        lambda k: k.cond(k.convert_to_tensor(False), lambda: X, lambda: X + 1),
    ],
    "convert_to_numpy": [lambda k: k.convert_to_numpy(k.convert_to_tensor(X))],
    "convert_to_tensor": [
        lambda k: k.convert_to_tensor(X),
        lambda k: k.convert_to_tensor([1, 2]),
        lambda k: k.convert_to_tensor([1.0, 2.0]),
        lambda k: k.convert_to_tensor([1, 2], dtype="float64"),
        lambda k: k.convert_to_tensor(X, dtype="int32"),
    ],
    "custom_gradient": [lambda k: k.custom_gradient(lambda x: (k.exp(x), lambda g: g))(X)],
    "dtype": [lambda k: k.dtype(X), lambda k: k.dtype(WHOLE)],
    "empty": [lambda k: k.empty((2, 3)).shape, lambda k: k.empty(2, "int32").dtype],
    "empty_like": [lambda k: k.empty_like(X).shape, lambda k: k.empty_like(X, "int32").dtype],
    "eye": [
        lambda k: k.eye(3),
        lambda k: k.eye(2, 4),
        lambda k: k.eye(3, k=-1, dtype="int32"),
    ],
    "fori_loop": [lambda k: k.fori_loop(0, 4, lambda i, x: x + i, X)],
    "full": [
        lambda k: k.full((2, 3), 7),
        lambda k: k.full((2,), 1.5, "float64"),
        lambda k: k.full((2,), True, "bool"),
    ],
    "full_like": [lambda k: k.full_like(X, 7), lambda k: k.full_like(X, 7, "int32")],
    "identity": [lambda k: k.identity(3), lambda k: k.identity(2, "int32")],
    "is_tensor": [
        lambda k: k.is_tensor(k.convert_to_tensor(X)),
        lambda k: k.is_tensor(X),
        lambda k: k.is_tensor([1]),
    ],
    "linspace": [
        lambda k: k.linspace(0, 1, 5),
        lambda k: k.linspace(0.0, 2.0, 4, endpoint=False),
        lambda k: k.linspace(0, 3, 4, retstep=True)[1],
        lambda k: k.linspace(X[0], X[1], 3, axis=1),
        lambda k: k.linspace(0, 10, 3, dtype="int32"),
    ],
    "map": [lambda k: k.map(lambda x: x * 2, X)],
    "ndim": [lambda k: k.ndim(X)],
    "ones": [lambda k: k.ones((2, 3)), lambda k: k.ones(2, "int32"), lambda k: k.ones([1, 2])],
    "ones_like": [lambda k: k.ones_like(X), lambda k: k.ones_like(X, dtype="bool")],
    "scan": [
        lambda k: k.scan(lambda c, x: (c + x, c * x), X[0], X)[0],
        lambda k: k.scan(lambda c, x: (c + x, c * x), X[0], X)[1],
        lambda k: k.scan(lambda c, x: (c + x, c - x), X[0], X, reverse=True)[1],
        lambda k: k.scan(lambda c, _: (c + 1, c), X[0], length=3)[1],
    ],
    "shape": [lambda k: k.shape(X)],
    "size": [lambda k: k.size(X)],
    "stop_gradient": [lambda k: k.stop_gradient(k.convert_to_tensor(X))],
    "switch": [lambda k: k.switch(1, [lambda x: x, lambda x: x + 1], X)],
    "tri": [lambda k: k.tri(3), lambda k: k.tri(2, 4, 1, "int32")],
    "vectorized_map": [lambda k: k.vectorized_map(lambda x: x * 2, X)],
    "while_loop": [
        lambda k: k.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (0, X))[1],
        lambda k: k.while_loop(lambda i: i < 10, lambda i: (i + 1,), (0,), maximum_iterations=4)[0],
    ],
    "zeros": [lambda k: k.zeros((2, 3)), lambda k: k.zeros(2, "int32")],
    "zeros_like": [lambda k: k.zeros_like(X), lambda k: k.zeros_like(WHOLE)],
    # --- dtypes of operations on integers, truth values, numbers and lists
    "sum": [lambda k: k.sum(WHOLE), lambda k: k.sum(BYTES), lambda k: k.sum(HOLDS)],
    "prod": [lambda k: k.prod(WHOLE), lambda k: k.prod(BYTES)],
    "mean": [lambda k: k.mean(WHOLE, axis=0), lambda k: k.mean([1.0, 2.0])],
    "var": [lambda k: k.var(WHOLE)],
    "max": [lambda k: k.max(WHOLE, axis=0), lambda k: k.max(WHOLE, initial=5)],
    "cumsum": [lambda k: k.cumsum(WHOLE, axis=0), lambda k: k.cumsum(HOLDS)],
    "add": [
        lambda k: k.add(X, WHOLE[0, 0]),
        lambda k: k.add(X[:, :2], WHOLE),
        lambda k: k.add(WHOLE, 1.5),
        lambda k: k.add([1.0, 2.0], [3, 4]),
        lambda k: k.add(1, 2.0),
        lambda k: k.add(WHOLE, True),
    ],
    "multiply": [lambda k: k.multiply(X[:, :2], HOLDS), lambda k: k.multiply(WHOLE, 2)],
    "divide": [lambda k: k.divide(WHOLE, 2), lambda k: k.divide(WHOLE, WHOLE + 9)],
    "floor_divide": [lambda k: k.floor_divide(WHOLE, 2)],
    "mod": [lambda k: k.mod(WHOLE, 2), lambda k: k.mod(WHOLE, -3)],
    "power": [lambda k: k.power(WHOLE, 2), lambda k: k.power(X, 2)],
    "exp": [lambda k: k.exp(HOLDS), lambda k: k.exp([0.0, 1.0])],
    "sqrt": [lambda k: k.sqrt(np.array([4, 9]))],
    "square": [lambda k: k.square(WHOLE)],
    "floor": [lambda k: k.floor(WHOLE)],
    "round": [lambda k: k.round(WHOLE)],
    "sign": [lambda k: k.sign(WHOLE)],
    "abs": [lambda k: k.abs(WHOLE)],
    "maximum": [lambda k: k.maximum(X[:, :2], WHOLE), lambda k: k.maximum(WHOLE, 2)],
    "where": [
        lambda k: k.where(HOLDS, 1.0, 0.0),
        lambda k: k.where(HOLDS, 1, 0),
        lambda k: k.where(HOLDS, X[:, :2], WHOLE),
        lambda k: k.where(WHOLE > 1, WHOLE, 0.5),
    ],
    "equal": [lambda k: k.equal(X[:, :2], WHOLE)],
    "relu": [lambda k: k.relu([-1.0, 2.0]), lambda k: k.relu(WHOLE)],
    "concatenate": [lambda k: k.concatenate([X, X])],
    "argmax": [lambda k: k.argmax(WHOLE, axis=1), lambda k: k.argmax([1.0, 3.0, 3.0])],
    "nonzero": [lambda k: np.stack(k.nonzero(WHOLE > 1))],
    "one_hot": [lambda k: k.one_hot([1, 0], 3), lambda k: k.one_hot(np.array([5, -1, 1]), 3)],
}
"""Calls by the operation that they are of."""
