"""The legend: which colour is which class.

The classes present are listed in the order of their ids, so that the legend of a video stands still while
their areas change. Where the frame has no room for all of them, the largest are named and the others
counted.
"""

import math
from collections.abc import Collection
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from vidseg.types import RGB, ClassMap, Labels
from vidseg.viz.text import font, font_size, shorten, text_width

# Text stays readable over anything and motion still shows through.
_BACKGROUND = (16, 16, 20, 190)
_TEXT = (255, 255, 255, 255)

# One line: the colour of the swatch (None for a line without) and the text.
_Line = tuple[tuple[int, int, int] | None, str]


def draw_legend(
    image_HW3: RGB, labels_HW: Labels, class_map: ClassMap, *, classes: Collection[int] | None = None
) -> RGB:
    """The image with the names of the classes present in its upper left corner.

    Args:
        image_HW3: uint8 RGB.
        labels_HW: uint8 or uint16 class ids or the ignore value.
        class_map: names and colours.
        classes: name these ids only; all when None.

    Returns:
        HxWx3 uint8, a new array (an equal copy where there is nothing to name).
    """
    height, width = labels_HW.shape
    areas = np.bincount(labels_HW.ravel(), minlength=class_map.num_classes)[: class_map.num_classes]
    largest_first = [
        int(c) for c in np.argsort(-areas, kind="stable") if areas[c] and (classes is None or c in classes)
    ]
    if not largest_first:
        return image_HW3.copy()

    size = font_size(height, width)
    line_height = _line_height(size)
    # Something of even the smallest frame stays free below the legend.
    rows = max(1, height * 4 // 5 // line_height)
    text_room = width - 2 * line_height
    column_width = line_height + min(text_room, max(text_width(class_map.names[c], size) for c in largest_first))
    # The first column may need the whole width of a small frame; more of them leave half the frame free.
    places = rows * max(1, (width // 2) // column_width)

    named = largest_first if len(largest_first) <= places else largest_first[: max(1, places - 1)]
    lines: list[_Line] = [(class_map.palette[c], class_map.names[c]) for c in sorted(named)]
    if len(named) < min(places, len(largest_first)):
        lines.append((None, f"+{len(largest_first) - len(named)} more"))

    panel = _panel(tuple(lines), size, rows, column_width)
    picture = Image.fromarray(image_HW3)
    picture.paste(panel, (0, 0), panel)
    return np.array(picture)


def _line_height(size: int) -> int:
    return math.ceil(size * 1.3)


@lru_cache(maxsize=16)
def _panel(lines: tuple[_Line, ...], size: int, rows: int, column_width: int) -> Image.Image:
    """The lines, column by column, as RGBA. Cached: from frame to frame the classes seldom change."""
    line_height = _line_height(size)
    columns = math.ceil(len(lines) / rows)
    margin = line_height // 4
    width = columns * column_width + line_height
    panel = Image.new("RGBA", (width, min(len(lines), rows) * line_height), _BACKGROUND)
    draw = ImageDraw.Draw(panel)
    for index, (colour, text) in enumerate(lines):
        left, top = (index // rows) * column_width + margin, (index % rows) * line_height
        if colour is not None:
            side = line_height - 2 * margin
            draw.rectangle((left, top + margin, left + side - 1, top + margin + side - 1), fill=(*colour, 255))
        label = shorten(text, size, column_width - line_height)
        middle = top + line_height / 2
        draw.text((left + line_height - margin, middle), label, font=font(size), fill=_TEXT, anchor="lm")
    return panel
