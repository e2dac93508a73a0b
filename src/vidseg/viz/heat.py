"""Values between 0 and 1 as colours, dark to bright, alike for every eye and in print.

Shape letters: H, W the frame's height and width.
"""

import numpy as np
from numpy.typing import NDArray

from vidseg.errors import InputError
from vidseg.types import RGB

# Nine samples of matplotlib's colour map "inferno" (van der Walt and Smith 2015; CC0).
_INFERNO = np.array(
    [
        (0, 0, 4),
        (31, 12, 72),
        (85, 15, 109),
        (136, 34, 106),
        (186, 54, 85),
        (227, 89, 51),
        (249, 140, 10),
        (249, 201, 50),
        (252, 255, 164),
    ],
    dtype=np.float64,
)
# The luma of ITU-R BT.601, in 1/256.
_LUMA = np.array([77, 150, 29], dtype=np.uint16)


def heat(values_HW: NDArray[np.floating]) -> RGB:
    """Black for 0 over violet and orange to pale yellow for 1; values outside are clipped.

    Args:
        values_HW: any shape, no NaN.

    Returns:
        uint8 RGB of that shape.
    """
    levels = np.linspace(0, 1, len(_INFERNO))
    table = np.stack([np.interp(np.linspace(0, 1, 256), levels, part) for part in _INFERNO.T], axis=-1)
    indices = np.rint(np.clip(values_HW, 0, 1) * 255).astype(np.intp)
    coloured: RGB = table.round().astype(np.uint8)[indices]
    return coloured


def grey(image_HW3: RGB) -> RGB:
    """The frame without its colours, as a background on which colours mean something.

    Raises:
        InputError: if the image is not HxWx3 uint8.
    """
    if image_HW3.ndim != 3 or image_HW3.shape[2] != 3 or image_HW3.dtype != np.uint8:
        raise InputError(
            f"got an image of shape {image_HW3.shape} and dtype {image_HW3.dtype}; expected HxWx3 uint8 RGB"
        )
    luma_HW = ((image_HW3 * _LUMA).sum(axis=-1, dtype=np.uint16) >> 8).astype(np.uint8)
    return np.repeat(luma_HW[..., None], 3, axis=-1)
