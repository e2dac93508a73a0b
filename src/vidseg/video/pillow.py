"""Opening images with Pillow, which decodes nothing before its size is known to be within limits."""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from PIL import Image, ImageFile, UnidentifiedImageError

from vidseg.errors import MediaError
from vidseg.video.limits import DEFAULT_LIMITS, Limits

# Pillow's ways to say that a file is no image, damaged, or too large to be meant.
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning)


@contextmanager
def open_image(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> Iterator[ImageFile.ImageFile]:
    """Opens an image file for the block, its pixels not decoded yet.

    Not by `PIL.Image.open`, whose own limit belongs to the whole process and is half a warning.

    Raises:
        MediaError: if it is larger than allowed.
        One of `UNREADABLE`: if it is no image.
    """
    name = os.fspath(path)
    with open(path, "rb") as file:
        try:
            image = _identified(file, name)
        except Image.DecompressionBombError as error:  # some formats look by themselves
            raise MediaError(f"got {name}, which is refused ({error}); do: make it smaller") from error
        with image:
            limits.check_frame(name, *image.size)
            yield image


def _identified(file: IO[bytes], name: str) -> ImageFile.ImageFile:
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
