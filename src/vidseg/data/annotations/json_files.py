"""Reading the JSON that annotation tools write: what is not as expected is an error of one line that names the file."""

import base64
import binascii
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidseg.errors import DataError, InputError, MediaError
from vidseg.files import read_json
from vidseg.video.limits import DEFAULT_LIMITS
from vidseg.video.pillow import UNREADABLE

# A packed picture of this many bytes is none; an 8K mask is smaller.
_MOST_BYTES = 1 << 28


def load(path: Path) -> Any:
    """What a file holds.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        return read_json(path)
    except (OSError, ValueError) as error:
        raise DataError(f"got no readable JSON {path} ({error}); get the export again") from error


@contextmanager
def as_expected(path: Path, tool: str) -> Iterator[None]:
    """Turns what goes wrong with the fields of a file in the body into an error that names the file.

    Raises:
        DataError: in place of it.
    """
    try:
        yield
    except InputError as error:
        raise DataError(f"{error}; in {path}") from error
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise DataError(f"got {path} with something that {tool} does not write ({error!r}); get it again") from error


def packed_mask(text: str, *, deflated: bool = False) -> NDArray[np.bool_]:
    """A mask that is stored as the base64 text of a PNG, HxW bool: opaque pixels where it has transparency, else not 0.

    Args:
        text: the field.
        deflated: the PNG is compressed once more with zlib.

    Raises:
        DataError: if it is something else.
    """
    try:
        data = base64.b64decode(text, validate=True)
        if deflated:
            data = zlib.decompressobj().decompress(data, _MOST_BYTES)
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            DEFAULT_LIMITS.check_frame("a packed mask", *image.size)
            if image.has_transparency_data:
                return np.asarray(image.convert("RGBA"))[..., 3] > 0
            values = np.asarray(image)
            return np.any(values, axis=2) if values.ndim == 3 else values != 0
    except (binascii.Error, *UNREADABLE) as error:
        if isinstance(error, MediaError):
            raise DataError(str(error)) from error
        raise DataError(f"got a packed mask that cannot be read ({error}); expected a PNG as base64") from error
