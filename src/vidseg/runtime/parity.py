"""How far exported graphs are from the model they were made from, on moving noise.

Shape letters: see `vidseg.runtime.graph`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.models import Model
from vidseg.runtime.compiling import Compiled
from vidseg.runtime.contract import Context
from vidseg.runtime.eager import EagerRuntime
from vidseg.runtime.graph import flatten

# The bound on logits for every runtime that computes in float32.
TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Parity:
    """The comparison for one graph and size.

    Attributes:
        graph: "start" or "step".
        size: (height, width) of the frames.
        max_difference: largest absolute difference of a logit.
        label_agreement: share of positions, 0–1, where the largest logit is of the same class.
    """

    graph: str
    size: tuple[int, int]
    max_difference: float
    label_agreement: float


@torch.inference_mode()
def compare(model: Model, graphs: Mapping[str, Compiled], sizes: Sequence[tuple[int, int]]) -> list[Parity]:
    """Runs a short video of each size through the graphs and through the unaccelerated model in torch.

    Args:
        model: on the CPU, in eval mode.
        graphs: "start" and, for models with references, "step". Each goes on from the contexts of its own frames, as a
            stream does.
        sizes: (height, width) each.
    """
    reference = EagerRuntime(model, torch.device("cpu"))
    results = []
    for size in sizes:
        *before, last = _moving_noise(size, len(model.reference_offsets) + 1)
        ours: list[Context] = []
        theirs: list[Context] = []
        for frame in before:
            _, *context = graphs["start"]([frame])
            ours.append(tuple(context))
            theirs.append(reference.step(frame, ())[1])
        results.append(_parity("start", size, graphs["start"]([last])[0], reference.step(last, ())[0]))
        if "step" in graphs:
            logits = graphs["step"](flatten(last, ours))[0]
            results.append(_parity("step", size, logits, reference.step(last, theirs)[0]))
    return results


def _parity(graph: str, size: tuple[int, int], got: Tensor, expected: Tensor) -> Parity:
    return Parity(
        graph=graph,
        size=size,
        max_difference=float((got - expected).abs().max()),
        label_agreement=float((got.argmax(dim=1) == expected.argmax(dim=1)).float().mean()),
    )


def _moving_noise(size: tuple[int, int], frames: int) -> Iterator[Tensor]:
    """Frames [1,3,H,W] of soft blots that drift: unlike white noise, they leave the network something to see."""
    generator = torch.Generator().manual_seed(0)
    blots = torch.rand(1, 3, *(side // 16 + 2 for side in size), generator=generator) * 255
    picture = F.interpolate(blots, size=size, mode="bicubic").clamp(0, 255)
    for t in range(frames):
        yield picture.roll((2 * t, 3 * t), dims=(2, 3))
