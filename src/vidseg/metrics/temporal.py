"""Temporal consistency under motion, TC: do labels move with what they name? It needs frames, but no ground truth.

The labels of the previous frame are brought along optical flow to where things are now, and the mean IoU between
them and the present labels is taken (Liu et al., "Efficient Semantic Video Segmentation with Per-frame Inference",
ECCV 2020; Miao et al., VSPW, CVPR 2021). A constant prediction scores 1, so it is shown beside mIoU.

One pair of consecutive frames, by protocol:

- `exact` (ours). The previous labels are brought to the present frame. A pixel counts where it was visible before,
  as the flows of both ways say (`vidseg.flow.visible`), and both labels are classes. A video's TC is the mean IoU of
  the matrix that is summed over its pairs, over the classes that occur in either; mTC is the mean over videos. A pair
  of which less than a fifth was visible before does not count: it is a cut, or faster than the flow can follow.
- `vspw` (as VSPW's released script does it). The present labels are brought back to the previous frame, and every
  pixel counts, occluded or not; one that the flow leads out of the frame is class 0. mTC is the mean IoU of one
  matrix over all pairs of all videos. Different from the script: the flow (it has RAFT, trained on FlyingThings3D,
  20 iterations), our working size, the videos (it takes the first 100 of the list, of any length; here those that
  the protocol counts), and the places (its coordinates are up to half a pixel off towards the borders). Which classes
  its mean takes we do not know; ours takes those that occur in either. A published figure is that script's, so it can
  be compared with this one in its order of magnitude only.

Frames and labels are brought to a working size first, which bounds the cost: a long side of at most 480 pixels, no
side below 16, frames with a low-pass filter and labels by their nearest pixel. Numbers of different flows cannot be
compared.

Shape letters: H, W the frame's own size; h, w the working size; K classes; P protocols.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.errors import InputError
from vidseg.flow import FlowEstimator, inside, visible, warp_labels
from vidseg.metrics.confusion import confusion_matrix, defined
from vidseg.metrics.labels import LabelMap, as_int32
from vidseg.metrics.protocols import EXACT, PROTOCOLS, VSPW
from vidseg.types import RGB

LONG_SIDE = 480
# Of pairs across cuts at most 16 % seem visible, of neighbours in real videos at least 32 % are (docs/log.md).
_LEAST_VISIBLE = 0.2
# What estimators need at least.
_SHORTEST = 16


@dataclass(kw_only=True, eq=False)
class TemporalTally:
    """What is known of one video's temporal consistency so far; travels between processes.

    Attributes:
        flow: the estimator's name.
        confusion: PxKxK int64, summed over pairs of frames; rows = the previous labels. P as in `PROTOCOLS`.
        pairs: how many pairs of frames were compared and count under `exact`.
        cuts: how many do not, because too little was visible before.
        agreements: of every frame the share of its visible pixels, 0–1, whose label is that of the frame before there
            (`exact`); None where there is no frame before it, the pair does not count, or no pixel has labels. To see
            where it breaks: unlike a mean IoU, it does not hang on classes of few pixels.
    """

    flow: str
    confusion: Tensor
    pairs: int = 0
    cuts: int = 0
    agreements: list[float | None] = field(default_factory=list)

    def scores(self) -> dict[str, float | None]:
        """TC under each protocol, 0–1; None if nothing was compared."""
        values = mean_iou_of_either(self.confusion).tolist()
        return {protocol.name: defined(value) for protocol, value in zip(PROTOCOLS, values, strict=True)}

    def agreement(self) -> float | None:
        """The share of all visible pixels of all frames, 0–1, whose label is that of the frame before."""
        confusion_KK = self.confusion[PROTOCOLS.index(EXACT)]
        return defined(confusion_KK.diagonal().sum().double().div(confusion_KK.sum()).item())


class TemporalConsistency:
    """TC of one video, frame by frame; it keeps the last frame and its labels, and one number a frame.

    Args:
        num_classes: K.
        flow: estimates the motion; its name belongs to every number. One estimator may serve several videos in turn.

    Attributes:
        tally: the result so far.

    Raises:
        InputError: if `num_classes` is below 1.

    Example:
        >>> from vidseg.flow import DISFlow
        >>> consistency = TemporalConsistency(num_classes=3, flow=DISFlow())
        >>> image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        >>> labels = np.indices((48, 64))[1] // 32
        >>> [consistency.update(picture, map) for picture, map in [(image, labels), (image, labels)]]
        [None, 1.0]
        >>> consistency.tally.scores()
        {'vspw': 1.0, 'exact': 1.0}
    """

    def __init__(self, num_classes: int, flow: FlowEstimator) -> None:
        if num_classes < 1:
            raise InputError(f"got num_classes={num_classes}; expected 1 or more")
        self.num_classes = num_classes
        self._flow = flow
        self._previous: tuple[tuple[int, int], Tensor, Tensor] | None = None
        empty_PKK = torch.zeros(len(PROTOCOLS), num_classes, num_classes, dtype=torch.int64)
        self.tally = TemporalTally(flow=flow.name, confusion=empty_PKK)

    def update(self, image_HW3: RGB, labels_HW: LabelMap) -> float | None:
        """Takes the next frame. Where the size changes, the video starts anew.

        Args:
            image_HW3: uint8 RGB.
            labels_HW: integer class ids of the frame's size; others than 0…K-1 are no class, and do not count.

        Returns:
            The share of agreeing pixels, as in `TemporalTally.agreements`.

        Raises:
            InputError: if the labels are no integers or of another size than the frame.
        """
        labels_HW = as_int32(labels_HW, torch.device("cpu"))
        if labels_HW.shape != image_HW3.shape[:2]:
            raise InputError(
                f"got labels of {tuple(labels_HW.shape)} for a frame of {image_HW3.shape[:2]}; expected one size; "
                "resize the labels to the frame"
            )
        size = labels_HW.shape[0], labels_HW.shape[1]
        before, self._previous = self._previous, (size, _small_image(image_HW3), _small_labels(labels_HW))
        agreement = None
        if before is not None and before[0] == size:
            agreement = self._compare(before[1], before[2], *self._previous[1:])
        self.tally.agreements.append(agreement)
        return agreement

    def skip(self) -> None:
        """Passes over the next frame, which has no labels: no pair reaches over it."""
        self.restart()
        self.tally.agreements.append(None)

    def restart(self) -> None:
        """Lets the next frame have none before it, as after a cut."""
        self._previous = None

    def _compare(
        self, before_13hw: Tensor, labels_before_1hw: Tensor, present_13hw: Tensor, labels_1hw: Tensor
    ) -> float | None:
        forward_12hw, backward_12hw = self._flow(
            torch.cat([present_13hw, before_13hw]), torch.cat([before_13hw, present_13hw])
        ).split(1)
        followed_1hw = warp_labels(labels_before_1hw, forward_12hw)
        is_visible_1hw = visible(forward_12hw, backward_12hw)[:, 0]
        brought_back_1hw = warp_labels(labels_1hw, backward_12hw).where(inside(backward_12hw)[:, 0], 0)
        self.tally.confusion[PROTOCOLS.index(VSPW)] += self._count(labels_before_1hw, brought_back_1hw)
        if is_visible_1hw.count_nonzero() < _LEAST_VISIBLE * is_visible_1hw.numel():
            self.tally.cuts += 1
            return None
        exact_KK = self._count(followed_1hw.where(is_visible_1hw, -1), labels_1hw)
        self.tally.confusion[PROTOCOLS.index(EXACT)] += exact_KK
        self.tally.pairs += 1
        return defined(exact_KK.diagonal().sum().double().div(exact_KK.sum()).item())

    def _count(self, previous_1hw: Tensor, present_1hw: Tensor) -> Tensor:
        is_class_1hw = (present_1hw >= 0) & (present_1hw < self.num_classes)
        return confusion_matrix(present_1hw, previous_1hw.where(is_class_1hw, -1), self.num_classes)


def mean_iou_of_either(confusion_PKK: Tensor) -> Tensor:
    """Mean IoU over the classes that occur in rows or columns, of each of several matrices.

    Returns:
        P float64 values, 0–1; NaN for an empty matrix.
    """
    right_PK = confusion_PKK.diagonal(dim1=-2, dim2=-1).double()
    either_PK = confusion_PKK.sum(dim=-1) + confusion_PKK.sum(dim=-2) - right_PK
    return (right_PK / either_PK).nanmean(dim=-1)


def _working_size(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, LONG_SIDE / max(height, width))
    return max(_SHORTEST, round(height * scale)), max(_SHORTEST, round(width * scale))


def _small_image(image_HW3: RGB) -> Tensor:
    """The frame at its working size, float32 [1,3,h,w], 0–255; a copy."""
    image_13HW = torch.from_numpy(np.array(image_HW3)).permute(2, 0, 1).unsqueeze(0)
    size = _working_size(*image_HW3.shape[:2])
    if size != image_HW3.shape[:2]:
        image_13HW = F.interpolate(image_13HW, size=size, mode="bilinear", antialias=True)
    return image_13HW.float()


def _small_labels(labels_HW: Tensor) -> Tensor:
    """The labels at their working size, [1,h,w]: of the pixel in which the centre of each new one lies."""
    size = _working_size(*labels_HW.shape)
    rows_h, columns_w = (
        ((torch.arange(small) + 0.5) * (side / small)).long() for small, side in zip(size, labels_HW.shape, strict=True)
    )
    return labels_HW[rows_h[:, None], columns_w].unsqueeze(0)
