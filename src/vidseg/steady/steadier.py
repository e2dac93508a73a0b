"""Steadying as a step over a value, beside a model's own.

Shape letters: K classes, H, W network input size, h, w size of the scores, U, V size of the frames that flow sees.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.flow import FlowEstimator, flow_estimator, resize_flow
from vidseg.steady.blending import Steadied, SteadyBlend
from vidseg.steady.config import Steady
from vidseg.steady.following import follow

Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class SteadyMemory:
    """What a steadied stream carries besides the model's memory. Its size is fixed.

    Attributes:
        scores_1Khw: what was shown last.
        evidence_11hw: in how many frames each pixel of it was seen.
        frame_13UV: the last frame, RGB 0–255, as flow sees it.
    """

    scores_1Khw: Tensor
    evidence_11hw: Tensor
    frame_13UV: Tensor

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return self.scores_1Khw.nbytes + self.evidence_11hw.nbytes + self.frame_13UV.nbytes


class Steadier:
    """Steadies the scores of streams; holds no stream's state. Not for several threads at once.

    Args:
        steady: how.
        flow: an estimator in place of the one that `steady` names.

    Raises:
        InputError: for an unknown estimator.
        MissingExtraError: if the estimator's package is not installed.
        CheckpointError: if it has no weights.
    """

    def __init__(self, steady: Steady, flow: FlowEstimator | None = None) -> None:
        self.steady = steady
        self.flow = flow_estimator(steady.flow) if flow is None else flow
        self._blend = SteadyBlend(photometric=steady.photometric, round_trip=steady.round_trip, follow=follow)

    def strength(self, before: float | None, now: float | None) -> float:
        """Of the memory between frames of these times, seconds; None for frames without a clock."""
        return self.steady.after(None if before is None or now is None else now - before)

    @torch.inference_mode()
    def step(
        self, memory: SteadyMemory | None, frame_13HW: Tensor, scores_1Khw: Tensor, strength: float
    ) -> tuple[SteadyMemory, Tensor]:
        """Steadies one frame's scores.

        Args:
            memory: what the step before returned; None for the first frame, whose scores stay as they are.
            frame_13HW: the network's input, float RGB 0–255.
            scores_1Khw: the model's.
            strength: largest share of the memory, 0 to less than 1.

        Returns:
            (the new memory, steadied scores float [1,K,h,w] of the same kind).
        """
        sight_13UV = seen_by_flow(frame_13HW, self.steady.flow_side)
        if memory is None:
            shown = Steadied(scores=scores_1Khw, evidence=torch.ones_like(scores_1Khw[:, :1]))
        else:
            size = (scores_1Khw.shape[-2], scores_1Khw.shape[-1])
            pair_23UV = torch.cat([sight_13UV, memory.frame_13UV])
            there_12hw, back_12hw = resize_flow(self.flow(pair_23UV, pair_23UV.flip(0)), size).split(1)
            present_13hw, previous_13hw = F.interpolate(pair_23UV, size=size, mode="area").split(1)
            shown = self._blend(
                scores_1Khw,
                memory.scores_1Khw,
                memory.evidence_11hw,
                present_13hw,
                previous_13hw,
                there_12hw,
                back_12hw,
                scores_1Khw.new_tensor(strength),
            )
        return (
            SteadyMemory(scores_1Khw=shown.scores, evidence_11hw=shown.evidence, frame_13UV=sight_13UV),
            shown.scores,
        )


def seen_by_flow(frame_13HW: Tensor, side: int) -> Tensor:
    """A frame at the size that flow is estimated on: its short side at most `side`, the ratio kept."""
    H, W = frame_13HW.shape[-2:]
    scale = min(1.0, side / min(H, W))
    size = (round(H * scale), round(W * scale))
    return frame_13HW if size == (H, W) else F.interpolate(frame_13HW, size=size, mode="area")
