"""Run lengths of binary masks in the form of CVAT's annotation files.

A mask is cut to the box around its pixels and read row by row; lengths of runs off and on take turns, the first of
pixels that are off (0 where the box begins with one that is on). COCO's run lengths are others: column by column, over
the whole image.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidseg.errors import MediaError


@dataclass(frozen=True, kw_only=True)
class MaskRuns:
    """A binary mask.

    Attributes:
        runs: lengths, off and on in turns, in pixels.
        left, top: of the box, pixels from the image's corner.
        width, height: of the box, pixels.
    """

    runs: tuple[int, ...]
    left: int
    top: int
    width: int
    height: int


def encode_mask(mask_HW: NDArray[np.bool_]) -> MaskRuns:
    """The run lengths of a mask with at least one pixel on.

    Raises:
        MediaError: if no pixel is on.
    """
    rows, columns = np.flatnonzero(mask_HW.any(axis=1)), np.flatnonzero(mask_HW.any(axis=0))
    if not rows.size:
        raise MediaError("got a mask without a pixel; expected at least one; leave it out")
    top, left, bottom, right = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    flat = mask_HW[top:bottom, left:right].ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(changes, prepend=0, append=flat.size).tolist()
    return MaskRuns(
        runs=(0, *runs) if flat[0] else tuple(runs),
        left=int(left),
        top=int(top),
        width=int(right - left),
        height=int(bottom - top),
    )


def decode_mask(mask: MaskRuns, height: int, width: int) -> NDArray[np.bool_]:
    """The mask as pixels of an image, HxW bool.

    Raises:
        MediaError: if the box is not within the image, or the lengths do not fill it.
    """
    within = min(mask.left, mask.top) >= 0 and min(mask.width, mask.height) > 0
    if not within or mask.left + mask.width > width or mask.top + mask.height > height:
        raise MediaError(
            f"got a mask of {mask.width}x{mask.height} at {mask.left}, {mask.top} in an image of {width}x{height} "
            "(width x height); expected it within"
        )
    if min(mask.runs) < 0 or sum(mask.runs) != mask.width * mask.height:
        raise MediaError(
            f"got run lengths of {sum(mask.runs)} pixels for a mask of {mask.width}x{mask.height}; expected as many "
            "as it has"
        )
    on = np.arange(len(mask.runs)) % 2 == 1
    decoded_HW = np.zeros((height, width), dtype=bool)
    box = decoded_HW[mask.top : mask.top + mask.height, mask.left : mask.left + mask.width]
    box[...] = np.repeat(on, mask.runs).reshape(mask.height, mask.width)
    return decoded_HW
