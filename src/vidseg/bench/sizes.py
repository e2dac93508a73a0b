"""Frame sizes as people write them, and preprocessing that keeps them."""

import re
from dataclasses import replace

from vidseg.errors import InputError
from vidseg.types import Preprocessing

Size = tuple[int, int]


def parse_size(text: str) -> Size:
    """(height, width) of "480x853".

    Raises:
        InputError: for anything else.
    """
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if match is None:
        raise InputError(f"got size {text!r}; expected HEIGHTxWIDTH in pixels, e.g. 480x853")
    return int(match[1]), int(match[2])


def for_frames_of(size: Size, preprocessing: Preprocessing) -> Preprocessing:
    """The same preprocessing, bounded such that frames of this size are only rounded up to the multiple.

    A processor's geometry stays as it is.
    """
    if preprocessing.geometry is not None:
        return preprocessing
    return replace(preprocessing, short=min(size), long=max(size))
