"""Text at a size that can be read in a frame of any size, in Pillow's built-in scalable font."""

from functools import lru_cache

from PIL import ImageFont

from vidseg.errors import VidsegError

# Below this many pixels the font's letters run together.
SMALLEST = 9


def font_size(height: int, width: int) -> int:
    """Pixels of text for a picture of this size: about 1/28 of the shorter side, never too small to read."""
    return max(SMALLEST, round(min(height, width) / 28))


@lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont:
    """The built-in font.

    Args:
        size: pixels.

    Raises:
        VidsegError: if Pillow was built without FreeType, whose only font has one small size.
    """
    loaded = ImageFont.load_default(size)
    if not isinstance(loaded, ImageFont.FreeTypeFont):
        raise VidsegError(
            "got a Pillow without FreeType, which cannot scale text; expected one with it; "
            "do: pip install --force-reinstall pillow"
        )
    return loaded


def text_width(text: str, size: int) -> int:
    """Pixels that one line of text needs."""
    return round(font(size).getlength(text) + 0.5)


def shorten(text: str, size: int, width: int) -> str:
    """The text, or as much of its beginning as fits `width` pixels, ended by an ellipsis."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…"
