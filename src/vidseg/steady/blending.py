"""Class scores steadied by those of the frame before, brought to where things are now. Pure torch.

    trust    = exp(-(brightness difference / photometric)²) · exp(-(round trip error / round_trip)²)
    carried  = trust · warp(evidence)
    shown    = (present + carried · warp(memory)) / (1 + carried)
    evidence = min(1 + carried, strength / (1 - strength))

with trust 0 where the flow comes from outside the picture; what is shown is the memory of the next frame. Evidence
counts the frames that a pixel's memory is the mean of: its first frames weigh alike, later the memory is an exponential
average along the motion in which it has the share `strength`, and what cannot be followed is forgotten at once. Scores
are blended as they are. Of logits that is the weighted geometric mean of probabilities (what softmax leaves out of each
pixel's logits is the same for all classes), steadier than the mean of probabilities at the same accuracy; masses are
averaged.

Shape letters: B batch, K classes, h, w size of the scores.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vidseg.flow import forward_backward_error, inside, photometric_difference, warp

UNIT_SIDE = 240


class Steadied(NamedTuple):
    """What a frame shows and leaves.

    Attributes:
        scores: float [B,K,h,w], of the model's kind.
        evidence: float [B,1,h,w], in how many frames each pixel of them was seen.
    """

    scores: Tensor
    evidence: Tensor


class SteadyBlend(nn.Module):
    """One step of the average, everything at the size of the scores.

    Args:
        photometric: difference in brightness, levels of 255, at which the memory's weight has fallen to 1/e.
        round_trip: error of the way there and back at which it has fallen to 1/e, pixels of a picture whose short side
            has `UNIT_SIDE` of them.
        follow: brings the memory along a flow; as `vidseg.flow.warp` does.
    """

    def __init__(
        self,
        *,
        photometric: float,
        round_trip: float,
        follow: Callable[[Tensor, Tensor], Tensor] = warp,
    ) -> None:
        super().__init__()
        self.photometric = photometric
        self.round_trip = round_trip
        self.follow = follow

    def forward(
        self,
        scores_BKhw: Tensor,
        memory_BKhw: Tensor,
        evidence_B1hw: Tensor,
        present_B3hw: Tensor,
        previous_B3hw: Tensor,
        forward_B2hw: Tensor,
        backward_B2hw: Tensor,
        strength: Tensor,
    ) -> Steadied:
        """A frame with the one before. The first of a stream shows its own scores, and its evidence is 1.

        Args:
            scores_BKhw: the model's, of the present frame.
            memory_BKhw: the scores that the frame before left.
            evidence_B1hw: and its evidence.
            present_B3hw: the frame, RGB 0–255.
            previous_B3hw: the frame before.
            forward_B2hw: flow from the present to the previous frame, pixels of this size, x then y.
            backward_B2hw: from the previous to the present frame.
            strength: largest share of the memory, 0 to less than 1; one number.
        """
        trust_B1hw = self.trust(present_B3hw, previous_B3hw, forward_B2hw, backward_B2hw)
        # The limit may be another one than the frame before had: frames need not be equally far apart.
        carried_B1hw = torch.minimum(trust_B1hw * warp(evidence_B1hw, forward_B2hw), strength / (1 - strength))
        memory_BKhw = self.follow(memory_BKhw, forward_B2hw)
        scores_BKhw = torch.lerp(scores_BKhw, memory_BKhw, carried_B1hw / (1 + carried_B1hw))
        return Steadied(scores=scores_BKhw, evidence=1 + carried_B1hw)

    def trust(self, present_B3hw: Tensor, previous_B3hw: Tensor, forward_B2hw: Tensor, backward_B2hw: Tensor) -> Tensor:
        """How far the flow can be believed, 0–1: float [B,1,h,w]."""
        difference_B1hw = photometric_difference(present_B3hw, previous_B3hw, forward_B2hw) / self.photometric
        h, w = forward_B2hw.shape[-2:]
        gap_B1hw = forward_backward_error(forward_B2hw, backward_B2hw) * (UNIT_SIDE / self.round_trip)
        # By the shorter side; in this way because OpenVINO has no operation for the smaller of two sizes.
        error_B1hw = torch.maximum(gap_B1hw / h, gap_B1hw / w)
        return torch.exp(-difference_B1hw.square() - error_B1hw.square()) * inside(forward_B2hw)
