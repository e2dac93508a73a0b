"""The temporal loss of ETC (Liu et al., "Efficient Semantic Video Segmentation with Per-frame Inference", ECCV 2020).

A model of single frames learns to say of a thing what it said of it in the frame before; at test time it needs no flow
and no other frame. Any model can train with it.

Shape letters: B clips, T frames of a clip, N pairs of neighbouring frames, K classes, H, W image size, h, w logit size.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from vidseg.errors import InputError
from vidseg.flow import FlowEstimator, inside, warp, warp_as_released
from vidseg.models.layers import Normalization, resize_bilinear


@dataclass(frozen=True, kw_only=True)
class TemporalConfig:
    """How much neighbouring frames are asked to agree.

    Attributes:
        weight: of the term (the paper's and VSPW's λ).
        compat: whether to warp as VSPW's code does (see `vidseg.flow.warp_as_released`), and to count pixels whose flow
            leaves the frame.
    """

    weight: float = 0.1
    compat: bool = False

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise InputError(f"got weight={self.weight} of the temporal loss; expected one above 0, or null for none")


class Motion(NamedTuple):
    """What moved in a batch of clips.

    Attributes:
        clip: float [B,T,3,H,W] RGB, 0–255.
        flow: float [B,T,2,H,W], each frame's to the one before it in the clip, pixels, x then y; the first one's is
            ignored.
    """

    clip: Tensor
    flow: Tensor


@torch.no_grad()
def estimate_motion(clip_BT3HW: Tensor, estimate: FlowEstimator) -> Motion:
    """The flow between neighbouring frames of clips; no gradient reaches the estimator."""
    B, T = clip_BT3HW.shape[:2]
    flow_BT2HW = clip_BT3HW.new_zeros(B, T, 2, *clip_BT3HW.shape[-2:])
    if T > 1:
        flow_N2HW = estimate(clip_BT3HW[:, 1:].flatten(0, 1), clip_BT3HW[:, :-1].flatten(0, 1))
        flow_BT2HW[:, 1:] = flow_N2HW.unflatten(0, (B, T - 1))
    return Motion(clip_BT3HW, flow_BT2HW)


def temporal_inconsistency(frames_BTKhw: Tensor, motion: Motion, config: TemporalConfig) -> Tensor:
    """Mean over all pairs, pixels and classes of ``(M ⊙ (z_t − warp(z_(t−1))))²`` (§3.2, Eq. 1 and 2), a scalar.

    z are logits at the images' size. ``M = exp(−|Σ_c (I_t − warp(I_(t−1)))|)`` of images normalised as ImageNet's,
    summed over their channels before the absolute value: close to 1 where the flow leads to what looks the same.
    Pixels that were outside the previous frame do not count.

    Args:
        frames_BTKhw: logits of every frame.
        motion: of the clips.
        config: how to warp; its weight is not applied.

    Raises:
        InputError: for clips of one frame.
    """
    B, T = frames_BTKhw.shape[:2]
    if T < 2:
        raise InputError("got clips of 1 frame for a temporal loss; expected 2 or more: set data.clips")
    follow = warp_as_released if config.compat else warp
    size = (motion.clip.shape[-2], motion.clip.shape[-1])
    clip_BT3HW = Normalization().to(motion.clip.device)(motion.clip)
    logits_BTKHW = resize_bilinear(frames_BTKhw.float().flatten(0, 1), size).unflatten(0, (B, T))
    flow_N2HW = motion.flow[:, 1:].flatten(0, 1)
    present_N3HW, before_N3HW = clip_BT3HW[:, 1:].flatten(0, 1), clip_BT3HW[:, :-1].flatten(0, 1)
    mask_N1HW = (present_N3HW - follow(before_N3HW, flow_N2HW)).sum(dim=1, keepdim=True).abs().neg().exp()
    if not config.compat:
        mask_N1HW = mask_N1HW * inside(flow_N2HW)
    present_NKHW, before_NKHW = logits_BTKHW[:, 1:].flatten(0, 1), logits_BTKHW[:, :-1].flatten(0, 1)
    return (mask_N1HW * (present_NKHW - follow(before_NKHW, flow_N2HW))).square().mean()
