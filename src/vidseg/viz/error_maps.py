"""Where a segmentation is wrong, and which classes it takes for which.

Shape letters: H, W the frame's height and width; K classes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vidseg.errors import InputError
from vidseg.types import RGB
from vidseg.viz.heat import grey
from vidseg.viz.text import font, shorten, text_width

_WRONG = np.array((235, 40, 40), dtype=np.uint8)
_NO_IMAGE = 150

_PAPER = (255, 255, 255)
_INK = (30, 30, 36)
_GRID = (214, 214, 220)
_ABSENT = (236, 236, 240)
_RIGHT_TAKEN = np.array((16, 84, 168))
_WRONG_TAKEN = np.array((190, 20, 30))
_LONGEST_NAME = 220
# Up to this many classes a cell has room for its percentage.
_MOST_WITH_NUMBERS = 20


def error_map(
    prediction_HW: NDArray[np.integer],
    target_HW: NDArray[np.integer],
    num_classes: int,
    *,
    image_HW3: RGB | None = None,
) -> RGB:
    """Wrong pixels in red over the frame in grey; pixels without ground truth are dark.

    Args:
        prediction_HW: class ids.
        target_HW: the ground truth; values outside 0…`num_classes` - 1 are no ground truth.
        num_classes: K.
        image_HW3: uint8 RGB; an even grey when None.

    Returns:
        HxWx3 uint8.

    Raises:
        InputError: if sizes differ.
    """
    image_HW3 = np.full((*target_HW.shape, 3), _NO_IMAGE, np.uint8) if image_HW3 is None else grey(image_HW3)
    if not prediction_HW.shape == target_HW.shape == image_HW3.shape[:2]:
        raise InputError(
            f"got a prediction of {prediction_HW.shape}, a ground truth of {target_HW.shape} and an image of "
            f"{image_HW3.shape[:2]}; expected one size; resize them to the ground truth's"
        )
    known_HW = (target_HW >= 0) & (target_HW < num_classes)
    wrong_HW = known_HW & (prediction_HW != target_HW)
    # A quarter of the frame stays visible below the red, to see on what it lies.
    image_HW3[wrong_HW] = image_HW3[wrong_HW] // 4 + _WRONG // 4 * 3
    image_HW3[~known_HW] //= 4
    return image_HW3


def confusion_picture(confusion_KK: NDArray[np.integer], names: Sequence[str]) -> RGB:
    """A confusion matrix: how much of each true class was taken for which.

    Every row is a share of its class's pixels. Right is blue, wrong is red, on a square-root scale so that
    confusions of a percent are seen; rows of classes without ground truth are grey. Up to 20 classes the
    cells hold percentages.

    Args:
        confusion_KK: counts, rows = ground truth, columns = prediction.
        names: one a class.

    Returns:
        uint8 RGB whose size grows with the number of classes and the length of their names.

    Raises:
        InputError: if the matrix is not K x K for K names.
    """
    count = len(names)
    if confusion_KK.shape != (count, count) or not count:
        raise InputError(
            f"got a confusion matrix of shape {confusion_KK.shape} for {count} names; expected one row and one "
            "column a name"
        )
    with_numbers = count <= _MOST_WITH_NUMBERS
    size, cell = (14, 40) if with_numbers else (11, 16)
    labels = [shorten(name, size, _LONGEST_NAME) for name in names]
    caption = "rows: ground truth · columns: prediction"
    margin = size // 2
    side = max(text_width(label, size) for label in labels) + 2 * margin
    width = max(side + count * cell, text_width(caption, size)) + margin
    picture = Image.new("RGB", (width, side + count * cell + 2 * size), _PAPER)
    draw = ImageDraw.Draw(picture)

    totals_K = confusion_KK.sum(axis=1)
    shares_KK = confusion_KK / np.maximum(totals_K, 1)[:, None]
    for row, label in enumerate(labels):
        middle = side + row * cell + cell / 2
        draw.text((side - margin, middle), label, font=font(size), fill=_INK, anchor="rm")
        upright = Image.new("RGB", (side - margin, cell), _PAPER)
        ImageDraw.Draw(upright).text((0, cell / 2), label, font=font(size), fill=_INK, anchor="lm")
        picture.paste(upright.transpose(Image.Transpose.ROTATE_90), (side + row * cell, 0))
        for column in range(count):
            left, top = side + column * cell, side + row * cell
            share = float(shares_KK[row, column])
            full = _RIGHT_TAKEN if row == column else _WRONG_TAKEN
            mixed = np.array(_PAPER) + (full - np.array(_PAPER)) * share**0.5
            fill = tuple(int(part) for part in mixed.round()) if totals_K[row] else _ABSENT
            draw.rectangle((left, top, left + cell, top + cell), fill=fill, outline=_GRID)
            if with_numbers and confusion_KK[row, column]:
                text = f"{100 * share:.0f}" if share >= 0.0095 else "<1"
                ink = _PAPER if share > 0.25 else _INK
                draw.text((left + cell / 2, top + cell / 2), text, font=font(size), fill=ink, anchor="mm")
    draw.text((margin, side + count * cell + size), caption, font=font(size), fill=_INK, anchor="lm")
    return np.array(picture)
