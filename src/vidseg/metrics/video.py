"""What one video contributes to a split's metrics, gathered frame by frame, and the scores of each frame alone."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vidseg.metrics.confusion import class_scores, confusion_matrix, defined
from vidseg.metrics.consistency import ConsistencyWindows
from vidseg.metrics.labels import LabelMap, label_pair
from vidseg.metrics.temporal import TemporalTally


class VideoTally:
    """One video's confusion matrix and consistency windows; all that grows with its length is two numbers a frame.

    Made by `VideoSegmentationMetrics.video`; several can be under way at once.

    Args:
        name: of the video, unique in its split.
        num_classes: K.
        windows: the values of n of VC_n.
        device: where to compute.

    Attributes:
        confusion: KxK int64, rows = ground truth.
        consistency: the sums over its windows.
        frame_ious: of every frame, the mean IoU over the classes in its ground truth; None without ground truth.
        frame_consistencies: of every frame, VC_2 of the window that ends with it, by the definition: the share of
            pixels with the same class in the frame before that kept their label; None where there is no such pixel.
        temporal: its temporal consistency, which needs more than labels (see `TemporalConsistency`); None without.
    """

    def __init__(self, name: str, num_classes: int, windows: Sequence[int], device: torch.device | None = None) -> None:
        self.name = name
        self.num_classes = num_classes
        self.device = torch.device("cpu") if device is None else device
        self.confusion: Tensor = torch.zeros(num_classes, num_classes, dtype=torch.int64, device=self.device)
        self.consistency = ConsistencyWindows(windows)
        self.frame_ious: list[float | None] = []
        self.frame_consistencies: list[float | None] = []
        self.temporal: TemporalTally | None = None

    @property
    def frames(self) -> int:
        """Number of frames so far, those without ground truth included."""
        return self.consistency.frames

    def update(self, prediction_HW: LabelMap, target_HW: LabelMap) -> None:
        """Takes the next frame.

        Args:
            prediction_HW: integer class ids.
            target_HW: integers; values outside 0…K-1 are no ground truth.

        Raises:
            InputError: if sizes differ or change, or a prediction is no class where there is ground truth.
        """
        prediction_HW, target_HW = label_pair(prediction_HW, target_HW, self.num_classes, self.device)
        self.consistency.update(prediction_HW, target_HW)
        confusion_KK = confusion_matrix(prediction_HW, target_HW, self.num_classes)
        self.confusion += confusion_KK
        self.frame_ious.append(defined(class_scores(confusion_KK)[0].nanmean().item()))
        self.frame_consistencies.append(self.consistency.since_previous())

    def skip(self) -> None:
        """Passes over the next frame, which has no ground truth.

        It counts as a frame of the video and in nothing else: windows of VC_n are those of n consecutive frames that
        all have ground truth, so a video whose labels lie apart has none and its VC_n is None.
        """
        self.consistency.skip()
        self.frame_ious.append(None)
        self.frame_consistencies.append(None)
