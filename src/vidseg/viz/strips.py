"""Pictures beside each other, to compare what two or more models make of a frame.

Shape letters: H, W the height and width of each picture.
"""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from vidseg.errors import InputError
from vidseg.types import RGB
from vidseg.viz.text import font, font_size, shorten

_BACKGROUND = (16, 16, 20)
_TEXT = (255, 255, 255)


def side_by_side(images_HW3: Sequence[RGB], *, captions: Sequence[str] = (), columns: int | None = None) -> RGB:
    """Pictures of one size on a grid, row by row, each under its caption.

    Args:
        images_HW3: uint8 RGB, at least one.
        captions: one a picture, or none at all; too long ones are shortened.
        columns: pictures a row; all of them when None.

    Returns:
        uint8 RGB; free places of the last row are dark.

    Raises:
        InputError: if sizes differ or the numbers do not fit.
    """
    height, width = _common_size(images_HW3)
    if captions and len(captions) != len(images_HW3):
        raise InputError(f"got {len(captions)} captions for {len(images_HW3)} pictures; expected one each or none")
    columns = len(images_HW3) if columns is None else columns
    if columns < 1:
        raise InputError(f"got columns={columns}; expected 1 or more")
    columns = min(columns, len(images_HW3))
    size = font_size(height, width)
    heading = math.ceil(size * 1.5) if captions else 0
    gap = max(1, size // 4)
    grid = Image.new(
        "RGB",
        (
            columns * (width + gap) - gap,
            math.ceil(len(images_HW3) / columns) * (heading + height + gap) - gap,
        ),
        _BACKGROUND,
    )
    draw = ImageDraw.Draw(grid)
    for index, image_HW3 in enumerate(images_HW3):
        left, top = (index % columns) * (width + gap), (index // columns) * (heading + height + gap)
        if captions:
            text = shorten(captions[index], size, width - size)
            draw.text((left + width / 2, top + heading / 2), text, font=font(size), fill=_TEXT, anchor="mm")
        grid.paste(Image.fromarray(image_HW3), (left, top + heading))
    return np.array(grid)


def swipe(left_HW3: RGB, right_HW3: RGB, *, position: float = 0.5) -> RGB:
    """One picture to the left of a line, the other to its right.

    Args:
        left_HW3: uint8 RGB.
        right_HW3: of the same size.
        position: of the line: 0 shows only the right picture, 1 only the left one.

    Returns:
        HxWx3 uint8, a new array.

    Raises:
        InputError: if sizes differ or the position is outside 0–1.
    """
    _, width = _common_size((left_HW3, right_HW3))
    if not 0 <= position <= 1:
        raise InputError(f"got position={position}; expected 0 to 1")
    border = round(position * width)
    result_HW3 = np.concatenate((left_HW3[:, :border], right_HW3[:, border:]), axis=1)
    if 0 < border < width:
        reach = max(1, round(width / 800))
        result_HW3[:, max(0, border - reach) : border + reach] = 255
    return result_HW3


def _common_size(images_HW3: Sequence[RGB]) -> tuple[int, int]:
    shapes = {image.shape for image in images_HW3}
    if len(shapes) != 1:
        raise InputError(f"got pictures of shapes {sorted(shapes)}; expected one or more of one size; resize them")
    (shape,) = shapes
    if len(shape) != 3 or shape[2] != 3:
        raise InputError(f"got pictures of shape {shape}; expected HxWx3")
    return shape[0], shape[1]
