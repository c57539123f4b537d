"""The kernels' results against the definition of a convolution, summed in float64."""

from __future__ import annotations

import numpy as np

from geometries import Problem

ELEMENTS = 64


def tolerance(problem: Problem, operation: str) -> float:
    """How far two float32 results may differ, relative to the largest element."""
    terms = problem.layer.terms(operation, problem.n)
    return min(2e-4, 1e-5 + 1e-6 * terms**0.5)


def reads(out: int, size: int, window: int, stride: int, pad: int, dilation: int) -> np.ndarray:
    """All rows (i, r, k): along one axis, output i reads input r by the window's tap k."""
    reading = [(i, i * stride - pad + k * dilation, k) for i in range(out) for k in range(window)]
    return np.array([(i, r, k) for i, r, k in reading if 0 <= r < size])


class Definition:
    """Single elements of the three operations, written from the definition."""

    def __init__(self, problem: Problem) -> None:
        self.problem, layer = problem, problem.layer
        self.rows = reads(layer.oh, layer.h, layer.kh, layer.stride, layer.pad_h, layer.dilation)
        self.columns = reads(layer.ow, layer.w, layer.kw, layer.stride, layer.pad_w, layer.dilation)
        self.inputs = layer.c_in // layer.groups
        self.outputs = layer.c_out // layer.groups

    def select(self, field: int, row: int, column: int) -> list[np.ndarray]:
        """i, r, k along the rows and along the columns, where `field` of them is as given."""
        rows = self.rows[self.rows[:, field] == row]
        columns = self.columns[self.columns[:, field] == column]
        return [*(rows.T[:, :, None]), *columns.T]

    def forward(self, n: int, i: int, j: int, o: int) -> float:
        _, r, k, _, q, m = self.select(0, i, j)
        first = o // self.outputs * self.inputs
        x = self.problem.x[n, r, q, first : first + self.inputs]
        return dot(x, self.problem.weight[k, m, :, o])

    def backward_input(self, n: int, r: int, q: int, c: int) -> float:
        i, _, k, j, _, m = self.select(1, r, q)
        first = c // self.inputs * self.outputs
        group = slice(first, first + self.outputs)
        weight = self.problem.weight[k, m, c % self.inputs, group]
        return dot(self.problem.grad_y[n, i, j, group], weight)

    def backward_weight(self, k: int, m: int, c: int, o: int) -> float:
        i, r, _, j, q, _ = self.select(2, k, m)
        channel = o // self.outputs * self.inputs + c
        return dot(self.problem.x[:, r, q, channel], self.problem.grad_y[:, i, j, o])


def dot(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sum(a.astype(np.float64) * b.astype(np.float64)))


def error_by_definition(problem: Problem, operation: str, result: np.ndarray) -> float:
    """The largest error of the first, the last and random elements, relative to the largest."""
    elements = np.random.default_rng(1).integers(0, result.size, ELEMENTS)
    elements[:2] = 0, result.size - 1
    indices = np.unravel_index(elements, result.shape)
    element = getattr(Definition(problem), operation)
    expected = np.array([element(*index) for index in zip(*indices, strict=True)])
    return relative_error(result[indices], expected)


def relative_error(result: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference, by the largest expected value; infinite if anything is not finite."""
    largest = np.abs(expected).max(initial=0.0)
    error = np.abs(result - expected).max(initial=0.0) / (largest or 1.0)
    return float(error) if np.isfinite(error) else np.inf
