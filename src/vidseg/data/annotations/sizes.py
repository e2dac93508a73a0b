"""The size of an image as it is shown."""

from pathlib import Path

from PIL import ExifTags

from vidseg.errors import DataError, MediaError
from vidseg.video.pillow import UNREADABLE, open_image

Size = tuple[int, int]

_TURNED = (5, 6, 7, 8)  # EXIF's orientations that swap height and width


def image_size(path: Path) -> Size:
    """(height, width) in pixels, upright; the pixels are not read.

    Raises:
        DataError: if it is no image.
    """
    try:
        with open_image(path) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation) in _TURNED
            return (image.width, image.height) if turned else (image.height, image.width)
    except UNREADABLE as error:
        if isinstance(error, MediaError):
            raise DataError(str(error)) from error
        raise DataError(f"got image {path}, which cannot be read ({error}); get it again") from error
