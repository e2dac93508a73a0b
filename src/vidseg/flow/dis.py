"""Dense inverse search (Kroeger et al., ECCV 2016) by OpenCV: fast on a CPU, without weights."""

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.errors import InputError, extra
from vidseg.flow.contract import require_same_shape

Preset = Literal["ultrafast", "fast", "medium"]

# With a shorter side OpenCV (5.0 at least) chooses its pyramid by the width alone, and reads beyond the levels' ends.
_MIN_SIDE = 32


class DISFlow:
    """See `FlowEstimator`. Not for several threads at once.

    Args:
        preset: OpenCV's, from fast to exact.

    Raises:
        MissingExtraError: if OpenCV is not installed.
        InputError: for an unknown preset.
    """

    name = "dis"

    def __init__(self, preset: Preset = "fast") -> None:
        with extra("flow"):
            import cv2
        presets = {
            "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
            "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
            "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
        }
        if preset not in presets:
            raise InputError(f"got DIS preset {preset!r}; expected one of {', '.join(presets)}")
        self._estimator: Any = cv2.DISOpticalFlow.create(presets[preset])

    def __call__(self, present_B3HW: Tensor, previous_B3HW: Tensor) -> Tensor:
        """See `FlowEstimator.__call__`.

        Raises:
            InputError: for frames of different sizes.
        """
        require_same_shape(present_B3HW, previous_B3HW)
        H, W = present_B3HW.shape[-2:]
        pairs = zip(_grey(present_B3HW), _grey(previous_B3HW), strict=True)
        flows = [self._estimator.calc(present, previous, None) for present, previous in pairs]
        flow_B2HW = torch.from_numpy(np.stack(flows)).permute(0, 3, 1, 2)
        return flow_B2HW[..., :H, :W].to(present_B3HW.device)


def _grey(frames_B3HW: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Luma (BT.601) of frames, uint8 [B,H,W]; short sides are made longer by repeating the border."""
    weights = frames_B3HW.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    luma_B1HW = (frames_B3HW * weights).sum(dim=1, keepdim=True)
    bottom, right = (max(0, _MIN_SIDE - side) for side in luma_B1HW.shape[-2:])
    padded_B1HW = F.pad(luma_B1HW, (0, right, 0, bottom), mode="replicate") if bottom or right else luma_B1HW
    return padded_B1HW[:, 0].round().clamp(0, 255).to("cpu", torch.uint8).contiguous().numpy()
