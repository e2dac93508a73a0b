"""Label maps of any origin as tensors that the metrics can compute with."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidseg.errors import InputError

LabelMap = Tensor | NDArray[np.integer]


def label_pair(
    prediction_HW: LabelMap, target_HW: LabelMap, num_classes: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """A prediction and its ground truth, copied: the caller may reuse its buffers.

    Args:
        prediction_HW: class ids 0…K-1; anything where there is no ground truth.
        target_HW: class ids; every value outside 0…K-1 means no ground truth.
        num_classes: K.
        device: where the result lies.

    Returns:
        Two int32 tensors; the second has -1 wherever there is no ground truth.

    Raises:
        InputError: if shapes differ, values are not integers, or a prediction is no class.
    """
    prediction_HW, target_HW = as_int32(prediction_HW, device), as_int32(target_HW, device)
    if prediction_HW.shape != target_HW.shape or not target_HW.numel():
        raise InputError(
            f"got a prediction of {tuple(prediction_HW.shape)} for a ground truth of {tuple(target_HW.shape)}; "
            "expected one shape with pixels; resize the prediction to the ground truth"
        )
    known_HW = (target_HW >= 0) & (target_HW < num_classes)
    lowest, highest = prediction_HW.aminmax()
    if lowest < 0 or highest >= num_classes:
        wrong_HW = known_HW & ((prediction_HW < 0) | (prediction_HW >= num_classes))
        if wrong_HW.any():
            raise InputError(
                f"got a prediction of {int(prediction_HW[wrong_HW][0])}; expected class ids 0 to "
                f"{num_classes - 1} wherever there is ground truth; check which ids were saved"
            )
    return prediction_HW, target_HW.where(known_HW, -1)


def as_int32(labels: LabelMap, device: torch.device) -> Tensor:
    """A copy of labels as int32.

    Raises:
        InputError: if they are no integers.
    """
    if isinstance(labels, Tensor):
        if labels.dtype.is_floating_point or labels.dtype.is_complex:
            raise InputError(f"got labels of {labels.dtype}; expected integer class ids; take the argmax first")
        return labels.to(device=device, dtype=torch.int32, copy=True)
    labels = np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"got labels of {labels.dtype}; expected integer class ids; take the argmax first")
    return torch.from_numpy(np.array(labels, dtype=np.int32, order="C")).to(device)
