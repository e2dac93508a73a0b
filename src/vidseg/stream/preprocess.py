"""From a decoded frame to the network's input: resizing on uint8 as `Preprocessing` says."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.geometry import ProcessorGeometry
from vidseg.types import RGB, Preprocessing


def network_input(image_HW3: RGB, preprocessing: Preprocessing) -> Tensor:
    """A frame as the network takes it; see `prepare_frames`.

    Args:
        image_HW3: uint8 RGB.
        preprocessing: the sizes.

    Returns:
        float32 [1,3,h,w] RGB, 0–255, on the CPU, stored channels-last.
    """
    # A copy only of what torch takes with a warning (read-only) or not at all (a view turned round, as BGR to RGB).
    is_usable = image_HW3.flags.writeable and min(image_HW3.strides) > 0
    image = torch.from_numpy(image_HW3 if is_usable else image_HW3.copy())
    return prepare_frames(image.permute(2, 0, 1).unsqueeze(0), preprocessing)


def prepare_frames(frames_B3HW: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Resizes frames for the network, where they lie.

    Two steps, as the published figures were made: to the largest size that fits, then to the multiple. Each rounds to
    whole levels, and each is skipped where the size is right already. With a processor's geometry it is one step, and
    then the crop or border that it asks for.

    Args:
        frames_B3HW: uint8 RGB, on any device. On another than the CPU one value in a hundred may be a level off: torch
            resizes no whole numbers there, and weights them on the CPU in fixed point.
        preprocessing: the sizes.

    Returns:
        float32 [B,3,h,w] RGB, 0–255, on the same device, in the frames' own memory format.
    """
    height, width = frames_B3HW.shape[-2:]
    network_size = preprocessing.network_size(height, width)
    for size in (preprocessing.fitted_size(height, width), *([] if preprocessing.geometry else [network_size])):
        if tuple(frames_B3HW.shape[-2:]) != size:
            frames_B3HW = _resize(frames_B3HW, size, preprocessing)
    if preprocessing.geometry is not None:
        frames_B3HW = _framed(frames_B3HW, preprocessing.geometry)
    return frames_B3HW.float()


def _framed(image_B3HW: Tensor, geometry: ProcessorGeometry) -> Tensor:
    """The centre, and black borders, as `geometry` says."""
    if geometry.crop is not None:
        # A negative border cuts off. Theirs puts the odd pixel of a cut on the far side, and that of a border, too.
        border = [
            part
            for wanted, side in zip(reversed(geometry.crop), reversed(image_B3HW.shape[-2:]), strict=True)
            for part in _border(wanted - side)
        ]
        image_B3HW = F.pad(image_B3HW, border)
    if geometry.pad is not None:
        below, right = (max(0, wanted - side) for wanted, side in zip(geometry.pad, image_B3HW.shape[-2:], strict=True))
        image_B3HW = F.pad(image_B3HW, (0, right, 0, below))
    return image_B3HW


def _border(missing: int) -> tuple[int, int]:
    """Before and behind; negative where there is too much."""
    before = missing // 2 if missing >= 0 else -(-missing // 2)
    return before, missing - before


def _resize(image_B3HW: Tensor, size: tuple[int, int], preprocessing: Preprocessing) -> Tensor:
    if preprocessing.interpolation == "nearest":
        return F.interpolate(image_B3HW, size=size, mode="nearest-exact")
    if resizes_whole_numbers(image_B3HW):
        return _interpolate(image_B3HW, size, preprocessing)
    # On the CPU torch resizes widths and then heights, and keeps whole levels in between.
    for step in ((image_B3HW.shape[-2], size[1]), size):
        if tuple(image_B3HW.shape[-2:]) != step:
            image_B3HW = _round_levels(_interpolate(image_B3HW.float(), step, preprocessing))
    return image_B3HW


def resizes_whole_numbers(image: Tensor) -> bool:
    """Whether torch resizes uint8 where an image lies; a compiler makes kernels for floats only, too."""
    return image.device.type == "cpu" and not torch.compiler.is_compiling()


def _round_levels(image: Tensor) -> Tensor:
    """Floats to whole levels, 0–255, still as floats; bicubic ones may lie outside."""
    return image.add(0.5).floor().clamp(0, 255)


def _interpolate(image_B3HW: Tensor, size: tuple[int, int], preprocessing: Preprocessing) -> Tensor:
    return F.interpolate(
        image_B3HW,
        size=size,
        mode=preprocessing.interpolation,
        align_corners=False,
        antialias=preprocessing.antialias,
    )
