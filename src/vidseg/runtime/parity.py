"""How far exported graphs are from the model they were made from, on moving noise.

Shape letters: see `vidseg.runtime.graph`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.models import Context, FrameInputs, FrameOutputs, VideoModel
from vidseg.models.advance import RunStep, advance
from vidseg.runtime.compiling import Compiled
from vidseg.runtime.eager import EagerRuntime
from vidseg.runtime.graph import Graph, StepGraph

# The bound on logits for every runtime that computes in float32.
TOLERANCE = 1e-3

# So many that a recurrent model has something to remember and a cycle of key frames comes round.
MIN_FRAMES = 4


@dataclass(frozen=True, kw_only=True)
class Parity:
    """The comparison for one graph and size.

    Attributes:
        graph: name of the step, e.g. "start".
        size: (height, width) of the frames.
        max_difference: largest absolute difference of a logit, or of a probe's decision.
        label_agreement: share of positions, 0–1, where the largest logit is of the same class; 1 for a probe.
    """

    graph: str
    size: tuple[int, int]
    max_difference: float
    label_agreement: float


@torch.inference_mode()
def compare(
    model: VideoModel, graphs: Mapping[str, StepGraph], ready: Mapping[str, Compiled], sizes: Sequence[tuple[int, int]]
) -> list[Parity]:
    """Runs a short video of each size through the graphs and through the unaccelerated model in torch.

    Each goes on from what its own frames left, as a stream does. Steps that the schedule did not choose for that video
    are run on its last frame.

    Args:
        model: on the CPU, in eval mode.
        graphs: of every step of the model.
        ready: the same, translated, ready to run.
        sizes: (height, width) each.
    """

    def run_graph(step: str, inputs: FrameInputs) -> FrameOutputs:
        return graphs[step].outputs(ready[step](graphs[step].flatten(inputs)))

    reference = EagerRuntime(model, torch.device("cpu"))
    results = []
    for size in sizes:
        ours, theirs = _Side(model, run_graph, size), _Side(model, reference.run, size)
        for frame in _moving_noise(size, max(len(model.reference_offsets) + 1, MIN_FRAMES)):
            ours.step(frame)
            theirs.step(frame)
        for step in graphs:
            if step not in theirs.outputs or step not in ours.outputs:
                ours.force(step)
                theirs.force(step)
        results += [_parity(step, size, ours.outputs[step], theirs.outputs[step]) for step in graphs]
    return results


@torch.inference_mode()
def compare_graph(graph: Graph, ready: Compiled, sizes: Sequence[tuple[int, int]]) -> list[Parity]:
    """One call of a graph that is no step, translated and in torch, for a first input of each (height, width)."""
    results = []
    for size in sizes:
        example = graph.example(1, size)
        got, expected = (FrameOutputs(logits=call[0]) for call in (ready(example), graph(*example)))
        results.append(_parity(graph.name, size, got, expected))
    return results


class _Side:
    """One of two streams that are compared; keeps what each step gave when it last ran."""

    def __init__(self, model: VideoModel, run_step: RunStep, size: tuple[int, int]) -> None:
        self._model = model
        self._run_step = run_step
        self._state = model.blank_state(1, size)
        self._contexts: list[Context] = []
        self._last = FrameInputs(torch.zeros(1, 3, *size))
        self.outputs: dict[str, FrameOutputs] = {}

    def step(self, frame: Tensor) -> None:
        # The noise moves 3 pixels to the right and 2 down from frame to frame.
        flow = frame.new_tensor([-3.0, -2.0]).view(1, 2, 1, 1).expand(-1, -1, *frame.shape[-2:])
        count = len(self._model.reference_offsets)
        references = self._contexts[-count:] if count and len(self._contexts) >= count else []
        self._last = FrameInputs(frame, flow, references, self._state)
        outputs, self._state = advance(self._model, self._run, self._last, len(self._contexts))
        self._contexts.append(outputs.context)

    def force(self, step: str) -> None:
        chosen = self._model.steps()[step]
        self._run(
            step,
            FrameInputs(
                self._last.frame,
                self._last.flow if chosen.flow else None,
                self._last.references if chosen.references else (),
                {name: self._state[name] for name in chosen.reads},
            ),
        )

    def _run(self, step: str, inputs: FrameInputs) -> FrameOutputs:
        self.outputs[step] = self._run_step(step, inputs)
        return self.outputs[step]


def _parity(graph: str, size: tuple[int, int], got: FrameOutputs, expected: FrameOutputs) -> Parity:
    one, two = (outputs.decision if outputs.logits is None else outputs.logits for outputs in (got, expected))
    assert one is not None
    assert two is not None
    same = one.argmax(dim=1) == two.argmax(dim=1) if one.ndim == 4 else torch.ones(1)
    return Parity(
        graph=graph,
        size=size,
        max_difference=float((one - two).abs().max()),
        label_agreement=float(same.float().mean()),
    )


def _moving_noise(size: tuple[int, int], frames: int) -> Iterator[Tensor]:
    """Frames [1,3,H,W] of soft blots that drift: unlike white noise, they leave the network something to see."""
    generator = torch.Generator().manual_seed(0)
    blots = torch.rand(1, 3, *(side // 16 + 2 for side in size), generator=generator) * 255
    picture = F.interpolate(blots, size=size, mode="bicubic").clamp(0, 255)
    for t in range(frames):
        yield picture.roll((2 * t, 3 * t), dims=(2, 3))
