"""A picture of one size in a frame of another."""

import numpy as np
from PIL import Image

from vidseg.types import RGB


def fitted(rgb: RGB, size: tuple[int, int]) -> RGB:
    """Scales a picture as large as it fits, its shape kept, with black beside or above and below it.

    Args:
        rgb: HxWx3 uint8.
        size: (height, width) of the result.
    """
    if rgb.shape[:2] == size:
        return rgb
    scale = min(size[0] / rgb.shape[0], size[1] / rgb.shape[1])
    height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    result = np.zeros((*size, 3), np.uint8)
    scaled = Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    result[top : top + height, left : left + width] = np.asarray(scaled)
    return result
