"""Which of a model's steps run at which frame: small values that a program without torch can follow, too.

A schedule is told how a step is run and hands it the inputs that the step takes; so one interpreter serves training,
streams of every runtime, and tests.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from vidseg.errors import InputError

Run = Callable[[str], Any]
"""Runs the step of a name on the present frame, with all that steps before it left; returns its `FrameOutputs`."""


class Schedule(Protocol):
    """Chooses steps.

    Attributes:
        kind: its name in exported artefacts, whose other fields are those of the dataclass.
    """

    @property
    def kind(self) -> str:
        """Its name in exported artefacts."""

    def run(self, t: int, has_references: bool, run: Run) -> Any:
        """Runs the steps of frame t, counted from the start of the stream; returns the outputs of the last."""


@dataclass(frozen=True, kw_only=True)
class ByReferences:
    """One step for frames without references, one for frames with them."""

    kind: Literal["references"] = "references"
    start: str = "start"
    step: str = "step"

    def run(self, t: int, has_references: bool, run: Run) -> Any:
        """See `Schedule.run`."""
        return run(self.step if has_references else self.start)


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """Steps in turn, over and over: a recurrent model has one, a key-frame model a key and then the frames between.

    Attributes:
        steps: frame t runs the one at t modulo their number.
        first: what the very first frame runs instead; None for the cycle's own.
    """

    steps: tuple[str, ...]
    first: str | None = None
    kind: Literal["cycle"] = "cycle"

    def __post_init__(self) -> None:
        if not self.steps:
            raise InputError("got a cycle without steps; expected one or more")

    def run(self, t: int, has_references: bool, run: Run) -> Any:
        """See `Schedule.run`."""
        return run(self.first if t == 0 and self.first is not None else self.steps[t % len(self.steps)])


@dataclass(frozen=True, kw_only=True)
class Adaptive:
    """A cheap step that every frame runs decides which of two follows.

    Attributes:
        probe: gives a decision; what else it leaves for the step that follows, it leaves in the state.
        threshold: of the decision. Streams that go in step follow the one with the largest decision.
        above: follows a decision of more than `threshold`, and the probe of the very first frame whatever it decides.
        below: follows the others.
    """

    probe: str
    above: str
    below: str
    threshold: float
    kind: Literal["adaptive"] = "adaptive"

    def run(self, t: int, has_references: bool, run: Run) -> Any:
        """See `Schedule.run`."""
        probed = run(self.probe)
        return run(self.above if t == 0 or float(probed.decision.max()) > self.threshold else self.below)


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """A probe decides, and while there is something to do a step does the most urgent part of it and decides again.

    Attributes:
        first: all that the very first frame runs.
        probe: gives a decision; what else it leaves for the steps that follow, it leaves in the state.
        repeat: follows a decision of more than `threshold`, up to `most` times a frame; a probe, too.
        last: gives the logits.
        threshold: of the decision. Streams that go in step follow the one with the largest decision.
        most: how often `repeat` runs at most.
    """

    first: str
    probe: str
    repeat: str
    last: str
    threshold: float
    most: int
    kind: Literal["repeated"] = "repeated"

    def run(self, t: int, has_references: bool, run: Run) -> Any:
        """See `Schedule.run`."""
        if t == 0:
            return run(self.first)
        decision = run(self.probe).decision
        for _ in range(self.most):
            if float(decision.max()) <= self.threshold:
                break
            decision = run(self.repeat).decision
        return run(self.last)
