"""From logits to the class of every pixel of a frame, resize by resize: the slow, obvious way.

Evaluation (Sun et al., CVPR 2022, released code) resizes logits to the network's input size, then to the frame's own
size, and takes the arg max there.

Shape letters: B batch, K classes, h, w size of the logits, H, W size of the frame.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from vidseg.models.layers import resize_bilinear

Size = tuple[int, int]

ScoreKind = Literal["logits", "mass"]
"""What a model's scores are: logits, whose softmax is the probability; or masses, never negative, whose share of their
sum over all classes is. (Mask classification adds up masses: every query's class probability times its mask's.)"""


class LabelMap(NamedTuple):
    """The class of every pixel.

    Attributes:
        labels: integers [B,H,W], 0 to K-1. Where several classes have the same largest logit, any of them.
        confidence: float [B,H,W], probability of the winning class, 0–1; None unless asked for.
    """

    labels: Tensor
    confidence: Tensor | None


def label_map(
    logits_BKhw: Tensor,
    network_size: Size,
    frame_size: Size,
    *,
    logits_size: Size | None = None,
    confidence: bool = False,
    score_kind: ScoreKind = "logits",
) -> LabelMap:
    """Labels at the size of the frame.

    Args:
        logits_BKhw: float, of any size.
        network_size: (height, width) of the network's input.
        frame_size: (height, width) H, W of the frame.
        logits_size: size that the logits are resized to first; None leaves them as they are. CFFM computes at
            stride 8 and resizes to stride 4: give stride 8 here with the size of stride 4, or stride 4 and None.
        confidence: whether to give the winner's probability, too.
        score_kind: what the logits are.

    Returns:
        Labels as int64, and the confidence if asked for.
    """
    for size in (logits_size, network_size, frame_size):
        if size is not None:
            logits_BKhw = resize_bilinear(logits_BKhw, size)
    labels_BHW = logits_BKhw.argmax(dim=1)
    if not confidence:
        return LabelMap(labels_BHW, None)
    return LabelMap(labels_BHW, probabilities(logits_BKhw, score_kind).amax(dim=1))


def probabilities(scores_BKhw: Tensor, score_kind: ScoreKind) -> Tensor:
    """Probabilities [B,K,h,w] of the classes, of sum 1 (0 where no class has any mass)."""
    if score_kind == "logits":
        return scores_BKhw.softmax(dim=1)
    return scores_BKhw / scores_BKhw.sum(dim=1, keepdim=True).clamp(min=torch.finfo(scores_BKhw.dtype).tiny)
