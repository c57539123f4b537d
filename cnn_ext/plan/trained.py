"""A plan for one step of training: forth, losses, back and the weights' step in one call."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnn_ext import _kernels
from cnn_ext.plan.arena import arranged
from cnn_ext.plan.calls import Call, Kept, Of
from cnn_ext.plan.gradients import Scaled, Tape
from cnn_ext.plan.lowering import Lowering, NotPlanned
from cnn_ext.plan.rules import IN_TRAINING, fused
from cnn_ext.plan.steps import Finish, Step, Value

_ALIGNED = 16  # elements: each gradient starts on a cache line


@dataclass(frozen=True)
class Head:
    """A loss of one output.

    output: which, in flat order.
    kind: a loss of the compiled part: `"sparse_softmax"`.
    activation: what the output must be the result of, for the loss to take what it was applied
        to; None if the loss takes the output itself.
    weighted: whether samples have weights.
    scale: called with the number of samples' losses; what their sum is multiplied by.
    """

    output: int
    kind: str
    activation: str | None
    weighted: bool
    scale: Callable[[int], float]


@dataclass(frozen=True)
class Source:
    """Inputs: the shape of a batch of them, and whether they come as bytes."""

    shape: tuple[int, ...]
    in_bytes: bool


@dataclass(frozen=True)
class Rule:
    """How an optimizer moves the weights in the compiled part.

    kind: its pass.
    slots: called with a weight, the Variables that it keeps for it, None for what it does not.
    decays: called with a weight, whether a share of it is taken off.
    """

    kind: str
    slots: Callable[[Any], Sequence[Any]]
    decays: Callable[[Any], bool]


class TrainedPlan:
    """One step of training for one batch size.

    `gradients` are arrays, one a weight, that each run fills; `steps` are its calls of kernels.

    Args:
        model, graph: what is trained.
        sources: its inputs, in the order of the graph's.
        heads: its losses.
        shown: outputs that a run shall give, by their place in flat order.
        weights: the Variables that shall move.
        rule: how, or None: a run then leaves the gradients for someone else.
        memory: where it computes; other plans may do so too, one at a time.
    """

    def __init__(
        self, model: Any, graph: Any, sources: list[Source], heads: list[Head],
        shown: list[int], weights: list[Any], rule: Rule | None, memory: Any,
    ) -> None:  # fmt: skip
        self._place_gradients(weights)
        low = Lowering(training=True)
        inputs = [Value(source.shape) for source in sources]
        outputs = low.graph(model, graph, inputs)
        steps = list(low.steps)
        logits = [_logits(head, outputs[head.output], low, steps) for head in heads]
        steps = [step for step in steps if not _is_of_a_loss(step, heads, outputs)]
        tape = Tape(self._gradient_of, ("batch",))
        self._given = sources
        self._sources = [Value((0,)) for _ in sources]  # what the rows are taken from
        self._rows = Value((sources[0].shape[0],), itemsize=8)
        steps = self._gather(tape, sources, inputs, steps)
        read = [*logits, *(outputs[i] for i in shown)]
        steps = fused(steps, read, IN_TRAINING)
        for step in steps:
            tape.forth(step)
        self._targets: list[Value] = []
        self._weights: list[Value | None] = []
        self.sizes = [_pixels(z)[0] for z in logits]  # samples' losses of each head
        for head, z in zip(heads, logits, strict=True):
            self._compare(tape, head, z, outputs[head.output])
        for step in reversed(steps):
            tape.back(step)
        for total, part in self._repeated:
            tape.finish(total, total, other=part)
        self.changed = [*tape.changed, *(weights if rule is not None else ())]
        self.steps = tape.calls
        if rule is not None:
            self.steps.append(self._update(rule, weights, tape))
        self._check_all_found(weights)
        self._place(outputs, shown, memory)
        if os.environ.get("CNN_EXT_VERBOSE", "0") not in ("", "0"):
            print(self.brief(model.name), file=sys.stderr)

    # --- What a run is made of -----------------------------------------------------------------

    def _place_gradients(self, weights: list[Any]) -> None:
        """One array for all gradients."""
        starts = [0]
        for variable in weights:
            starts.append(starts[-1] + -(-variable.data.size // _ALIGNED) * _ALIGNED)
        flat = np.zeros(starts[-1], np.float32)
        self.gradients = [
            flat[start : start + v.data.size].reshape(v.shape)
            for start, v in zip(starts, weights, strict=False)
        ]
        self._gradients = {
            id(v): Kept(lambda array=array: array)  # type: ignore[misc]
            for v, array in zip(weights, self.gradients, strict=True)
        }
        self._found: set[int] = set()
        self._repeated: list[tuple[Kept, Value]] = []

    def _gradient_of(self, variable: Any, writing: bool = False) -> Value | None:
        """Where the gradient by a weight goes; by one that is used twice, a part of it."""
        kept = self._gradients.get(id(variable))
        if kept is None or not writing:
            return kept
        if id(variable) not in self._found:
            self._found.add(id(variable))
            return kept
        part = Value(kept.shape)
        self._repeated.append((kept, part))
        return part

    def _check_all_found(self, weights: list[Any]) -> None:
        missing = [v.path for v in weights if id(v) not in self._found]
        if missing or not weights:
            raise NotPlanned(f"no loss depends on the weights {missing}")

    def _gather(
        self, tape: Tape, sources: list[Source], inputs: list[Value], steps: list[Step]
    ) -> list[Step]:
        """Calls that take the rows of a batch; a scaling of all of an input is done with it."""
        for source, x, data in zip(sources, inputs, self._sources, strict=True):
            readers = [step for step in steps if x.storage in step.reads]
            y, factor, offset = x, 1.0, 0.0
            if len(readers) == 1 and (found := _plain_scaling(readers[0])) is not None:
                factor, offset = found
                y = readers[0].y
                steps = [step for step in steps if step is not readers[0]]
            tape.call(
                "gather", [data, self._rows], [y], x.size, pixels=x.shape[0],
                channels=x.size // x.shape[0], size=1 if source.in_bytes else 4,
                settings=(factor, offset),
            )  # fmt: skip
        return steps

    def _compare(self, tape: Tape, head: Head, z: Value, y: Value) -> None:
        """The call of a loss, and the gradient that it starts."""
        pixels, channels = _pixels(z)
        labels = head.kind == "sparse_softmax"
        target = Value((pixels,) if labels else (pixels, channels))
        weights = Value((pixels,)) if head.weighted else None
        gradient = Value(z.shape)
        predicted: Value | None = y
        if head.activation is None:
            predicted = None if head.kind.endswith("error") else Value(z.shape)
        tape.call(
            head.kind, [z, target, weights], [gradient, predicted], 10 * z.size, pixels=pixels,
            channels=channels, settings=(head.scale(pixels),),
        )  # fmt: skip
        tape.start(z, gradient)
        self._targets.append(target)
        self._weights.append(weights)

    def _update(self, rule: Rule, weights: list[Any], tape: Tape) -> Call:
        """The call that moves the weights."""
        rows = []
        for variable in weights:
            slots = [None if slot is None else tape.keep(slot) for slot in rule.slots(variable)]
            rows.append((
                tape.keep(variable), self._gradients[id(variable)], slots, variable.data.size,
                rule.decays(variable),
            ))  # fmt: skip
        values = [row[0] for row in rows]
        reads = [row[1] for row in rows] + [slot for row in rows for slot in row[2]]
        return Call(
            "update", (*reads, *values), len(reads), (rule.kind,),
            10 * sum(v.data.size for v in weights), {"optimizer": rule.kind, "weights": rows},
        )  # fmt: skip

    def _place(self, outputs: list[Value], shown: list[int], memory: Any) -> None:
        kept = list(dict.fromkeys(v for c in self.steps for v in c.touches if isinstance(v, Kept)))
        results = list(dict.fromkeys(outputs[i].storage for i in shown))
        used = [weight for weight in self._weights if weight is not None]
        given = [*self._sources, self._rows, *self._targets, *used]
        offsets, self.arena = arranged(self.steps, {*kept, *results, *given})
        values = list(dict.fromkeys([*given, *results, *kept, *offsets]))
        numbers = {value: number for number, value in enumerate(values)}
        self._owners = [value.variable for value in kept if isinstance(value, Of)]
        self._owned = [variable.data for variable in self._owners]
        self.plan = _kernels.TrainingPlan(
            memory, [offsets.get(value, 0) for value in values], self.arena,
            [(numbers[v], None if v in self._sources else v.nbytes) for v in given],
            [(numbers[v], v.shape) for v in results],
            [(numbers[v], v.array()) for v in kept],
        )  # fmt: skip
        self._outputs = {
            i: (results.index(outputs[i].storage), outputs[i].shape) for i in shown
        }  # fmt: skip

        def number(value: Value | None) -> int:
            return -1 if value is None else numbers[value.storage]

        for call in self.steps:
            call.add_to(self.plan, number)
        self._scaled = [v.array for v in kept if isinstance(v.array, Scaled)]

    # --- Runs ----------------------------------------------------------------------------------

    kind = "Training plan"

    @property
    def beside(self) -> str:
        """What memory it takes beside the arena."""
        return f"gradients {sum(g.nbytes for g in self.gradients) / 1024:,.1f} KB"

    @property
    def is_current(self) -> bool:
        """Whether arrays, threads and instruction set are those that it was made for."""
        return self.plan.is_current and _kernels.same(self._owners, "data", self._owned)

    def run(
        self, sources: list[np.ndarray], rows: np.ndarray, targets: list[np.ndarray],
        weights: list[np.ndarray], settings: tuple[float, ...], kept: float, any_loss: bool,
    ) -> list[tuple[float, float, float]]:  # fmt: skip
        """One step; for each loss its value, the samples that it finds matched, their weight.

        Args:
            sources: data, of which a batch is some rows.
            rows: their numbers, int64.
            targets: of the batch, int32 labels or float32.
            weights: of the samples of heads that are weighted, float32.
            settings: of the optimizer's pass.
            kept: share of the weights that decay which is left.
            any_loss: whether a loss that is not finite is no reason to stop before the way back.
        """
        for scaled in self._scaled:
            scaled.refresh()
        arrays = (*sources, rows, *targets, *weights)
        self._results = self.plan.train(arrays, settings, kept, any_loss)
        return self.plan.results

    def measured(self) -> list[float]:
        """The seconds that each step takes on a batch of zeros; what it moves is put back."""
        sources = [np.zeros(s.shape, np.uint8 if s.in_bytes else np.float32) for s in self._given]
        targets = [np.zeros(t.shape, np.float32) for t in self._targets]  # labels of class 0, too
        weights = [np.ones(w.shape, np.float32) for w in self._weights if w is not None]
        before = [array.copy() for array in self._owned]
        rows = np.arange(self._rows.size)
        try:
            return self.plan.measure(*sources, rows, *targets, *weights)
        finally:
            for array, values in zip(self._owned, before, strict=True):
                array[...] = values

    def output(self, number: int) -> np.ndarray:
        """An output that a run was asked to show."""
        at, shape = self._outputs[number]
        return self._results[at].reshape(shape)

    def brief(self, name: str) -> str:
        """One line: how many steps, and what memory they take."""
        inside = {v for call in self.steps for v in call.touches if not isinstance(v, Kept)}
        return (
            f"cnn_ext: training plan of '{name}': {self.plan.n_steps} steps, arena {self.arena} "
            f"bytes for {sum(v.nbytes for v in inside)} bytes of values"
        )


def _pixels(z: Value) -> tuple[int, int]:
    """Samples' losses, and elements of each."""
    return z.size // z.shape[-1], z.shape[-1]


def _logits(head: Head, y: Value, low: Lowering, steps: list[Step]) -> Value:
    """What a loss is of."""
    if len(y.shape) < 2:
        raise NotPlanned("a loss is of outputs without an axis of channels")
    if head.activation is None:
        if y in low.logits:
            raise NotPlanned("a loss takes probabilities for logits")
        return y
    maker = [step for step in steps if step.y is y]
    made = isinstance(maker[0], Finish) and maker[0].activation.name if maker else None
    read = any(y.storage in step.reads for step in steps)
    if made != head.activation or y not in low.logits or read:
        raise NotPlanned(f"a loss is of what is not the last step's {head.activation}")
    return low.logits[y]


def _is_of_a_loss(step: Step, heads: list[Head], outputs: list[Value]) -> bool:
    """Whether the loss computes it: the predictions."""
    return any(head.activation and step.y is outputs[head.output] for head in heads)


def _plain_scaling(step: Step) -> tuple[float, float] | None:
    """One factor and one summand for all, if that is all that a step does."""
    if type(step) is not Finish or step.scaling is None or not step.activation.is_linear:
        return None
    if step.other is not None or len(step.scaling.after) != 1:
        return None
    scaling = step.scaling.after[0]
    factor, offset = map(np.asarray, scaling.values())
    if scaling.variables or factor.size != 1 or offset.size != 1:
        return None
    return float(factor), float(offset)
