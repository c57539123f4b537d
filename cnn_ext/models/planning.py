"""Calls of a static model outside of training: by a plan, if there is one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_ext import _kernels
from cnn_ext.autograd import Tensor, is_recording
from cnn_ext.layers.base import Layer, called_for_training
from cnn_ext.models.graph import Graph
from cnn_ext.models.recomputed import recorded
from cnn_ext.plan import NotPlanned, Plans
from cnn_ext.symbolic import KerasTensor, any_symbolic
from cnn_ext.tree import flatten, pack_sequence_as

_FLOAT32 = np.dtype(np.float32)


class PlanOwner:
    """What a model has that can run by a plan; the model is a Layer and a GraphOwner."""

    name: str
    _graph: Graph | None
    _static_graph: Callable[[], Graph | None]
    _flat: Callable[[Any], list[Any]]
    _fitted: Callable[[Any, Any], Any]
    _plans: Plans | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and self._graph is not None and _is_in_use(kwargs):
            graph = self._static_graph()
            if graph is not None:
                run = self._recorded_by_plan if is_recording() else self._by_plan
                outputs = run(graph, args[0])
                if outputs is not None:
                    return outputs
        return Layer.__call__(self, *args, **kwargs)  # type: ignore[arg-type]

    def _recorded_by_plan(self, graph: Graph, inputs: Any) -> Any:
        """The outputs, so that they can be differentiated where that matters; None if no plan.

        Of several outputs one may be differentiated by another: they are left to the layers.
        """
        several = len(graph.inputs) > 1 or not isinstance(graph.output_structure, KerasTensor)
        if several or not isinstance(inputs, np.ndarray | Tensor):
            weights = self.weights  # type: ignore[attr-defined]
            wanted = self._wants_gradient(inputs) or any(v.requires_grad for v in weights)
            return None if wanted else self._by_plan(graph, inputs)
        output = self._by_plan(graph, inputs)
        if output is None or self._plans is None:
            return None
        weights = [v for v in self._plans.variables if v.requires_grad]
        if not weights and not self._wants_gradient(inputs):
            return output
        return recorded(output, inputs, weights, self._in_use_again)

    def _in_use_again(self, inputs: Any) -> Any:
        return Layer.__call__(self, inputs, training=False)  # type: ignore[arg-type]

    def _wants_gradient(self, inputs: Any) -> bool:
        return any(isinstance(x, Tensor) and x.requires_grad for x in flatten(inputs))

    def _by_plan(self, graph: Graph, inputs: Any) -> Any:
        """The outputs, or None if there is no plan for these inputs."""
        x = inputs.data if isinstance(inputs, Tensor) else inputs
        if type(x) is np.ndarray and x.dtype is _FLOAT32 and len(graph.inputs) == 1:
            arrays = [x]
            if len(x.shape) != len(graph.inputs[0].shape):
                arrays = self._arrays(graph, inputs)
        else:
            arrays = self._arrays(graph, inputs)
        if self._plans is None:
            self._plans = Plans()
        outputs = self._plans.outputs(self, graph, arrays) if arrays else None
        if outputs is None:
            return None
        if len(outputs) == 1 and not isinstance(graph.output_structure, list | tuple | dict):
            return outputs[0]
        return pack_sequence_as(graph.output_structure, outputs)

    def _arrays(self, graph: Graph, inputs: Any) -> list[np.ndarray]:
        """The inputs as flat arrays, as the graph is given them; empty if they are not float32."""
        if any_symbolic(inputs) or any(np.dtype(x.dtype) != _FLOAT32 for x in graph.inputs):
            return []
        try:
            flat = [self._fitted(x, ref) for x, ref in zip(self._flat(inputs), graph.inputs,
                                                           strict=True)]  # fmt: skip
        except (TypeError, ValueError):  # which the eager call will raise
            return []
        found = [x.data for x in flat if isinstance(x, Tensor) and x.dtype == _FLOAT32]
        return found if len(found) == len(flat) else []

    def explain_plan(
        self,
        input_shape: Any = None,
        measure: bool = False,
        print_fn: Callable[[str], Any] | None = None,
        training: bool = False,
    ) -> None:
        """Print the steps that a call runs, or a step of training; or why the layers run instead.

        Args:
            input_shape: the inputs' shape with the batch size, or a list of shapes in the order
                of `inputs`; one image where sizes of the model's inputs are not known.
            measure: run the plan on zeros a few times, and add a column with the time that each
                step took.
            print_fn: called with the text in place of `print`.
            training: explain a step of training, as `fit` makes it, and not a call in use; the
                model must be compiled. The weights that a measured step moves are put back.

        A row is a step: the layers that it computes, its kernel, the shape of its result, FLOPs
        (by the textbook), and the bytes that it reads and writes, weights included.

        >>> import cnn_ext as keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="one")
        >>> model.explain_plan((2, 4), print_fn=lambda text: print(text.splitlines()[0]))
        Plan of model "one" for (2, 4): 1 step
        """
        from cnn_ext.plan.table import print_plan, print_refusal

        try:
            shapes, found, seconds = self._explained(input_shape, measure, training)
        except NotPlanned as refused:
            print_refusal(self.name, str(refused), print_fn)
            return
        print_plan(self.name, shapes, found, seconds, print_fn)

    def _explained(self, input_shape: Any, measure: bool, training: bool) -> tuple[Any, Any, Any]:
        """Shapes, a plan for them, and the seconds of its steps if they are to be measured."""
        graph = self._graph_to_train() if training else self._static_graph()  # type: ignore[attr-defined]
        if graph is None:
            raise NotPlanned(
                "it has a call() of its own, or no inputs whose shape is known: a plan is made "
                "for a functional model, or a Sequential that is built"
                + (", and trained with a loss that compile() was given" if training else "")
            )
        if _kernels.chosen_kernels() is not None:
            raise NotPlanned("use_kernels() has chosen the kernels")
        shapes = self._shapes_for(graph, input_shape)
        if training:
            found: Any = self._training_plan(graph, shapes)  # type: ignore[attr-defined]
            run = found.measured
        else:
            if self._plans is None:
                self._plans = Plans()
            found = self._plans.found(self, graph, shapes)
            arrays = [np.zeros(shape, np.float32) for shape in shapes]
            found.run(arrays)
            run = functools.partial(self._plans.measured, found, arrays)
        if not measure:
            return shapes, found, None
        return shapes, found, [min(times) for times in zip(*(run() for _ in range(5)), strict=True)]

    def _shapes_for(self, graph: Graph, given: Any) -> tuple[tuple[int, ...], ...]:
        if given is None:
            return tuple(tuple(1 if n is None else n for n in x.shape) for x in graph.inputs)
        several = any(isinstance(part, list | tuple) for part in given)
        shapes = tuple(tuple(shape) for shape in (given if several else [given]))
        if len(shapes) != len(graph.inputs) or any(
            not isinstance(n, int) or n < 1 for shape in shapes for n in shape
        ):
            raise ValueError(
                f"input_shape must be a shape of sizes for each of the model's {len(graph.inputs)} "
                f"inputs, the batch size first. Received: input_shape={given}"
            )
        return shapes


def _is_in_use(kwargs: dict[str, Any]) -> bool:
    """Whether a call with these keywords is outside of training."""
    if kwargs and (len(kwargs) > 1 or "training" not in kwargs or kwargs["training"]):
        return False
    return kwargs.get("training") is False or not called_for_training()
