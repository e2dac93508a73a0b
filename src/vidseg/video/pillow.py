"""Opening images with Pillow, which decodes nothing before its size is known to be within limits."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import Image, ImageFile, UnidentifiedImageError

from vidseg.errors import MediaError
from vidseg.video.content import Source, name_of, open_source
from vidseg.video.limits import DEFAULT_LIMITS, Limits

# Pillow's ways to say that a file is no image, damaged, or too large to be meant; the last six are what its readers
# stumble over where a header contradicts itself.
UNREADABLE = (
    *(OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning),
    *(TypeError, LookupError, ArithmeticError, EOFError, struct.error, zlib.error),
)


@contextmanager
def open_image(source: Source, limits: Limits = DEFAULT_LIMITS) -> Iterator[ImageFile.ImageFile]:
    """Opens an image file for the block, its pixels not decoded yet.

    Not by `PIL.Image.open`, whose own limit belongs to the whole process and is half a warning.

    Raises:
        MediaError: if it is larger than allowed.
        One of `UNREADABLE`: if it is no image.
    """
    name = name_of(source)
    with open_source(source) as file:
        try:
            image = _identified(file, name)
        except Image.DecompressionBombError as error:  # some formats look by themselves
            raise MediaError(f"got {name}, which is refused ({error}); do: make it smaller") from error
        with image:
            limits.check_frame(name, *image.size)
            yield image


def require_checksums(source: Source, limits: Limits = DEFAULT_LIMITS) -> None:
    """Checks the pixels of a PNG against its checksums; any other file passes.

    Pillow leaves that out when it decodes, and a mask with flipped bits would be another mask.

    Raises:
        MediaError: if it is larger than allowed.
        One of `UNREADABLE`: if a checksum is wrong or the file cannot be opened.
    """
    with open_image(source, limits) as image:
        if image.format == "PNG":
            image.verify()


def _identified(file: BinaryIO, name: str) -> ImageFile.ImageFile:
    prefix = file.read(16)
    tried: set[str] = set()
    for load_plugins in (Image.preinit, Image.init):  # the common ones, then all
        load_plugins()
        for kind in Image.ID:
            if kind in tried:
                continue
            tried.add(kind)
            factory, accept = Image.OPEN[kind]
            try:
                if accept is None or accept(prefix) is True:
                    file.seek(0)
                    return factory(file, name)
            except (SyntaxError, IndexError, TypeError, struct.error):
                continue  # of another kind after all
    raise UnidentifiedImageError(f"cannot identify image file {name!r}")
