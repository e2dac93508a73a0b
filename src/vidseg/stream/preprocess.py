"""From a decoded frame to the network's input: resizing on uint8 as `Preprocessing` says."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.types import RGB, Preprocessing


def network_input(image_HW3: RGB, preprocessing: Preprocessing) -> Tensor:
    """Resizes a frame for the network.

    Two steps, as the published figures were made: to the largest size that fits, then to the multiple. Each rounds to
    whole levels, and each is skipped where the size is right already.

    Args:
        image_HW3: uint8 RGB.
        preprocessing: the sizes.

    Returns:
        float32 [1,3,h,w] RGB, 0–255, on the CPU, stored channels-last.
    """
    height, width = image_HW3.shape[:2]
    # A copy only of what torch takes with a warning (read-only) or not at all (a view turned round, as BGR to RGB).
    is_usable = image_HW3.flags.writeable and min(image_HW3.strides) > 0
    image = torch.from_numpy(image_HW3 if is_usable else image_HW3.copy())
    image_13HW = image.permute(2, 0, 1).unsqueeze(0)
    for size in (preprocessing.fitted_size(height, width), preprocessing.network_size(height, width)):
        if tuple(image_13HW.shape[-2:]) != size:
            image_13HW = _resize(image_13HW, size, preprocessing)
    return image_13HW.float()


def _resize(image_13HW: Tensor, size: tuple[int, int], preprocessing: Preprocessing) -> Tensor:
    if preprocessing.interpolation == "nearest":
        return F.interpolate(image_13HW, size=size, mode="nearest-exact")
    return F.interpolate(
        image_13HW,
        size=size,
        mode=preprocessing.interpolation,
        align_corners=False,
        antialias=preprocessing.antialias,
    )
