"""From a decoded frame to the network's input: resizing on uint8 as `Preprocessing` says."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.geometry import ProcessorGeometry
from vidseg.types import RGB, Preprocessing


def network_input(image_HW3: RGB, preprocessing: Preprocessing) -> Tensor:
    """Resizes a frame for the network.

    Two steps, as the published figures were made: to the largest size that fits, then to the multiple. Each rounds to
    whole levels, and each is skipped where the size is right already. With a processor's geometry it is one step, and
    then the crop or border that it asks for.

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
    network_size = preprocessing.network_size(height, width)
    for size in (preprocessing.fitted_size(height, width), *([] if preprocessing.geometry else [network_size])):
        if tuple(image_13HW.shape[-2:]) != size:
            image_13HW = _resize(image_13HW, size, preprocessing)
    if preprocessing.geometry is not None:
        image_13HW = _framed(image_13HW, preprocessing.geometry)
    return image_13HW.float()


def _framed(image_13HW: Tensor, geometry: ProcessorGeometry) -> Tensor:
    """The centre, and black borders, as `geometry` says."""
    if geometry.crop is not None:
        # A negative border cuts off. Theirs puts the odd pixel of a cut on the far side, and that of a border, too.
        border = [
            part
            for wanted, side in zip(reversed(geometry.crop), reversed(image_13HW.shape[-2:]), strict=True)
            for part in _border(wanted - side)
        ]
        image_13HW = F.pad(image_13HW, border)
    if geometry.pad is not None:
        below, right = (max(0, wanted - side) for wanted, side in zip(geometry.pad, image_13HW.shape[-2:], strict=True))
        image_13HW = F.pad(image_13HW, (0, right, 0, below))
    return image_13HW


def _border(missing: int) -> tuple[int, int]:
    """Before and behind; negative where there is too much."""
    before = missing // 2 if missing >= 0 else -(-missing // 2)
    return before, missing - before


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
