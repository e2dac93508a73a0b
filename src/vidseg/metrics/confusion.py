"""Scores of one confusion matrix: mIoU, weighted IoU, pixel and mean accuracy.

The matrix is summed over everything that is scored and divided once. A mean of per-picture scores (as
`torchmetrics.segmentation.MeanIoU` gives) is another metric.

Shape letters: K classes. Rows are ground truth, columns predictions.
"""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from vidseg.errors import InputError
from vidseg.metrics.labels import LabelMap, label_pair


def confusion_matrix(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Counts of (true class, predicted class).

    Args:
        prediction: int32 or int64, 0…K-1 wherever the target is.
        target: of the same shape and dtype; others than 0…K-1 are not counted.
        num_classes: K.

    Returns:
        KxK int64.
    """
    known = (target >= 0) & (target < num_classes)
    # One more cell takes what is not counted: several times faster than to pick the known pixels out.
    cells = (target * num_classes).add_(prediction).where(known, num_classes**2)
    counts = torch.bincount(cells.flatten(), minlength=num_classes**2 + 1)
    return counts[:-1].reshape(num_classes, num_classes)


def class_scores(confusion_KK: Tensor) -> tuple[Tensor, Tensor]:
    """IoU = diag / (row + column - diag) and accuracy = diag / row of every class.

    Returns:
        Two float64 tensors of K values, 0–1; NaN for classes that do not occur in the ground truth.
    """
    right_K = confusion_KK.diagonal().double()
    row_K, column_K = confusion_KK.sum(dim=1).double(), confusion_KK.sum(dim=0).double()
    iou_K, accuracy_K = right_K / (row_K + column_K - right_K), right_K / row_K
    return iou_K.where(row_K > 0, torch.nan), accuracy_K


def mean_scores(confusion_KK: Tensor) -> dict[str, float]:
    """The four scores, 0–1, of a confusion matrix; NaN where nothing was counted.

    mIoU and mean_accuracy are means over the classes that occur in the ground truth, wIoU weights them by
    their share of its pixels, pixel_accuracy is the share of pixels that are right.
    """
    iou_K, accuracy_K = class_scores(confusion_KK)
    occurs_K = ~iou_K.isnan()
    row_K = confusion_KK.sum(dim=1).double()
    return {
        "mIoU": iou_K[occurs_K].mean().item(),
        "wIoU": (row_K[occurs_K] * iou_K[occurs_K]).sum().div(row_K.sum()).item(),
        "pixel_accuracy": confusion_KK.diagonal().sum().double().div(row_K.sum()).item(),
        "mean_accuracy": accuracy_K[occurs_K].mean().item(),
    }


def defined(value: float) -> float | None:
    """The value, or None for NaN: an undefined score in a form that JSON has."""
    return None if value != value else value


class SegmentationScores(Metric):
    """mIoU, wIoU, pixel accuracy and mean accuracy over any number of pictures; no notion of video.

    Args:
        num_classes: K.
        kwargs: those of `torchmetrics.Metric`.

    Raises:
        InputError: if `num_classes` is below 1.
    """

    full_state_update = False
    higher_is_better = True
    is_differentiable = False

    confusion: Tensor

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if num_classes < 1:
            raise InputError(f"got num_classes={num_classes}; expected 1 or more")
        self.num_classes = num_classes
        empty = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        self.add_state("confusion", empty, dist_reduce_fx="sum")

    def update(self, prediction: LabelMap, target: LabelMap) -> None:
        """Counts a picture or a batch of them.

        Args:
            prediction: integer class ids.
            target: the same shape; values outside 0…K-1 are not counted.

        Raises:
            InputError: if shapes differ, or a prediction is no class where there is ground truth.
        """
        pair = label_pair(prediction, target, self.num_classes, self.device)
        self.confusion += confusion_matrix(*pair, self.num_classes)

    def compute(self) -> dict[str, Any]:
        """The scores.

        Returns:
            mIoU, wIoU, pixel_accuracy and mean_accuracy (0–1, None if nothing was counted), and `IoU`, a list
            of every class's (None for those that do not occur in the ground truth).
        """
        scores: dict[str, Any] = {name: defined(value) for name, value in mean_scores(self.confusion).items()}
        return scores | {"IoU": [defined(value) for value in class_scores(self.confusion)[0].tolist()]}
