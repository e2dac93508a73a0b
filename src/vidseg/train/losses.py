"""The loss of clips: cross-entropy of the final logits, of every frame's own and of auxiliary ones (cffm.md §6).

Further terms, of logits that ought to agree from frame to frame, have files of their own.

Shape letters: B clips, T frames of a clip, N images, K classes, H, W label size, h, w logit size.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.errors import InputError
from vidseg.models.contract import ClipLogits
from vidseg.models.layers import resize_bilinear
from vidseg.train.temporal_loss import Motion, TemporalConfig, temporal_inconsistency


@dataclass(frozen=True, kw_only=True)
class HardPixels:
    """Online hard example mining: only the pixels that the model finds hard count.

    Attributes:
        max_probability: pixels whose true class has at least this probability are easy and left out, 0–1.
        min_kept: at least so many of the hardest pixels of an image are kept on average.
    """

    max_probability: float = 0.7
    min_kept: int = 10_000

    def __post_init__(self) -> None:
        if not 0 < self.max_probability <= 1 or self.min_kept < 1:
            raise InputError(
                f"got max_probability={self.max_probability}, min_kept={self.min_kept}; "
                "expected a probability in (0, 1] and at least 1 pixel"
            )


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """What is minimised; the defaults are the paper's for models with references.

    A model without references has one kind of logits. On single frames give `frame_weight` 0, on whole clips
    `final_weight` 0 and `frame_weight` 1, and the loss is the cross-entropy of all frames.
    Where only the target of a clip has a label, the other frames count as zero in the mean over all T; a
    `frame_weight` T times as large makes up for it.

    Attributes:
        final_weight: of the cross-entropy of the target's final logits.
        frame_weight: of the cross-entropy of all frames' own logits.
        class_weights: factor of each class's pixels; None for 1 everywhere.
        hard_pixels: hard example mining; None to count all pixels.
        auxiliary_weight: of the cross-entropy of each of the auxiliary logits, for models that have some.
        auxiliary_frames: whose auxiliary logits count: of "all" frames that have some, or of the "target".
        log_softmax_first: whether the logarithm of the softmax is taken before logits are brought to the labels' size,
            as in VSPW's code, and not after.
        average: over "all" pixels, so that ignored ones count as zero, or over the "labelled" ones, as in VSPW's code.
        temporal: that neighbouring frames' logits agree along the motion; None for no such term.
        decision_weight: of the squared error of what a decision net expects, for models that have one.
    """

    final_weight: float = 1.0
    frame_weight: float = 0.5
    class_weights: tuple[float, ...] | None = None
    hard_pixels: HardPixels | None = None
    auxiliary_weight: float = 0.4
    log_softmax_first: bool = False
    average: Literal["all", "labelled"] = "all"
    auxiliary_frames: Literal["all", "target"] = "all"
    temporal: TemporalConfig | None = None
    decision_weight: float = 1.0

    def __post_init__(self) -> None:
        weights = (self.final_weight, self.frame_weight, self.auxiliary_weight)
        if min(weights) < 0 or not any(weights):
            raise InputError(
                f"got final_weight={self.final_weight}, frame_weight={self.frame_weight}, "
                f"auxiliary_weight={self.auxiliary_weight}; expected weights of 0 or more, at least one of them above 0"
            )
        if self.decision_weight < 0:
            raise InputError(f"got decision_weight={self.decision_weight}; expected 0 or more")
        if self.average not in ("all", "labelled"):
            raise InputError(f"got average={self.average!r}; expected 'all' or 'labelled'")
        if self.auxiliary_frames not in ("all", "target"):
            raise InputError(f"got auxiliary_frames={self.auxiliary_frames!r}; expected 'all' or 'target'")
        if self.class_weights is not None and min(self.class_weights, default=-1) < 0:
            raise InputError(f"got class_weights={self.class_weights}; expected one factor of 0 or more a class")


def clip_loss(
    logits: ClipLogits, labels_BTHW: Tensor, config: LossConfig, *, ignore: int, motion: Motion | None = None
) -> Tensor:
    """The loss of a batch of clips, a scalar.

    Args:
        logits: what the model made of the clips.
        labels_BTHW: int64 class ids of every frame, `ignore` where there is none.
        config: weights of the parts.
        ignore: the label of pixels that cost nothing.
        motion: of the clips; what `temporal` needs.

    Raises:
        InputError: if only auxiliary logits count and there are none, or without the motion that `temporal` needs.
    """
    if not (config.final_weight or config.frame_weight or logits.auxiliary):
        raise InputError(
            "got a loss of auxiliary logits alone for a model that has none; expected loss.final_weight or "
            "loss.frame_weight above 0"
        )
    total = logits.final.new_zeros(())
    if config.final_weight:
        loss = pixel_cross_entropy(logits.final, labels_BTHW[:, -1], config, ignore=ignore)
        total = total + config.final_weight * loss
    if config.frame_weight:
        loss = pixel_cross_entropy(logits.frames.flatten(0, 1), labels_BTHW.flatten(0, 1), config, ignore=ignore)
        total = total + config.frame_weight * loss
    if config.auxiliary_weight:
        first = -1 if config.auxiliary_frames == "target" else 0
        for each in logits.auxiliary:
            auxiliary = each[:, first:]
            seen_BTHW = labels_BTHW[:, -auxiliary.shape[1] :]
            loss = pixel_cross_entropy(auxiliary.flatten(0, 1), seen_BTHW.flatten(0, 1), config, ignore=ignore)
            total = total + config.auxiliary_weight * loss
    if config.decision_weight and logits.decisions is not None:
        total = total + config.decision_weight * F.mse_loss(*logits.decisions)
    if config.temporal is not None:
        if motion is None:
            raise InputError("got no motion for a loss with a temporal term; expected the clips and their flow")
        total = total + config.temporal.weight * temporal_inconsistency(logits.frames, motion, config.temporal)
    return total


def pixel_cross_entropy(logits_NKhw: Tensor, labels_NHW: Tensor, config: LossConfig, *, ignore: int) -> Tensor:
    """Mean cross-entropy over *all* pixels at label size; ignored ones count as zero in the mean.

    So the mean over several processes' equal batches is that over one large batch, exactly. With hard example mining
    the mean is over the pixels kept, with `average` "labelled" over those with a label.
    """
    scores_NKhw = logits_NKhw.float()
    if config.log_softmax_first:
        scores_NKhw = scores_NKhw.log_softmax(dim=1)
    logits_NKHW = resize_bilinear(scores_NKhw, (labels_NHW.shape[-2], labels_NHW.shape[-1]))
    weight = None if config.class_weights is None else logits_NKHW.new_tensor(config.class_weights)
    cross_entropy = F.nll_loss if config.log_softmax_first else F.cross_entropy
    loss_NHW = cross_entropy(logits_NKHW, labels_NHW, weight=weight, ignore_index=ignore, reduction="none")
    if config.hard_pixels is None:
        labelled = config.average == "labelled"
        return loss_NHW.sum() / (labels_NHW != ignore).sum().clamp(min=1) if labelled else loss_NHW.mean()
    hard_NHW = _hard_pixels(logits_NKHW.detach(), labels_NHW, config.hard_pixels, ignore)
    return (loss_NHW * hard_NHW).sum() / hard_NHW.sum().clamp(min=1)


def _hard_pixels(logits_NKHW: Tensor, labels_NHW: Tensor, config: HardPixels, ignore: int) -> Tensor:
    """Bool [N,H,W]: the pixels that count."""
    labelled_NHW = labels_NHW != ignore
    true_class = torch.where(labelled_NHW, labels_NHW, 0).unsqueeze(1)
    probability_NHW = logits_NKHW.softmax(dim=1).gather(1, true_class).squeeze(1)
    kept = min(config.min_kept * len(labels_NHW), int(labelled_NHW.sum()))
    if kept == 0:
        return labelled_NHW
    hardest = probability_NHW[labelled_NHW].kthvalue(kept).values
    return labelled_NHW & (probability_NHW <= hardest.clamp(min=config.max_probability))
