"""Pixels of mask files of any tool, as codes (see `vidseg.data.mask_keys`): nothing is scaled, blended or guessed.

Shape letters: H, W the mask's own height and width; R runs of equal codes.
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidseg.errors import DataError, MediaError
from vidseg.types import IGNORE_16BIT
from vidseg.video import read_labels
from vidseg.video.masks import GREY_MODES
from vidseg.video.pillow import UNREADABLE

Codes = NDArray[np.uint32]

CHANNELS = ("R", "G", "B", "A", "L")

_PNG_START = b"\x89PNG\r\n\x1a\n"
_BIT_DEPTH, _COLOUR_TYPE = 24, 25


def read_colours(path: str) -> tuple[Codes, int]:
    """Reads a mask as colours; fully transparent pixels are black, else transparency does not count.

    Returns:
        HxW codes of colours, and how many of the pixels are fully transparent.

    Raises:
        DataError: if it cannot be read, holds several pictures, or values that are no colours.
    """
    image = _opened(path)
    if image.mode == "F" or image.mode.startswith("I"):
        raise DataError(
            f"got mask {path} of type {image.format} {image.mode}, which holds values; expected colours; do: --ids"
        )
    if not image.has_transparency_data:
        return _as_codes(np.asarray(image.convert("RGB"))), 0
    rgba_HW4 = np.asarray(image.convert("RGBA"))
    codes_HW = _as_codes(rgba_HW4)
    transparent_HW = rgba_HW4[..., 3] == 0
    codes_HW[transparent_HW] = 0
    return codes_HW, int(transparent_HW.sum())


def read_values(path: str, channel: str | None = None) -> Codes:
    """Reads a mask as values.

    Args:
        path: of the file.
        channel: one of `CHANNELS` of a colour image; None for the stored values of a grey or palette image.

    Returns:
        HxW codes, which are the values, 0–65535.

    Raises:
        DataError: if it cannot be read, holds several pictures, colours (without `channel`), or other numbers.
    """
    image = _opened(path)
    if channel is not None:
        return _channel(image, path, channel)
    if image.mode == "F" or image.mode in GREY_MODES:
        return _stored_values(image, path)
    raise DataError(
        f"got mask {path} of type {image.format} {image.mode}, which holds colours; expected one value a pixel; "
        "do: --channel R if one channel holds them, or --table for colours"
    )


def count_codes(codes_HW: Codes) -> Counter[int]:
    """Pixels of every code."""
    codes_R, lengths_R = _runs(codes_HW)
    found, places = np.unique(codes_R, return_inverse=True)
    pixels = np.bincount(places.ravel(), weights=lengths_R, minlength=len(found))
    return Counter(dict(zip(found.tolist(), pixels.astype(np.int64).tolist(), strict=True)))


def map_codes(codes_HW: Codes, labels_of: dict[int, int]) -> NDArray[np.int64]:
    """The label of every pixel, HxW int64.

    Raises:
        KeyError: if a code has none.
    """
    codes_R, lengths_R = _runs(codes_HW)
    found, places = np.unique(codes_R, return_inverse=True)
    labels = np.array([labels_of[code] for code in found.tolist()], dtype=np.int64)
    return np.repeat(labels[places.ravel()], lengths_R).reshape(codes_HW.shape)


def filling_codes(codes_HW: Codes) -> set[int]:
    """The codes that fill 3x3 pixels somewhere, which the colours of anti-aliased edges never do."""
    across_HW = (codes_HW[:, 2:] == codes_HW[:, 1:-1]) & (codes_HW[:, 1:-1] == codes_HW[:, :-2])
    centre = codes_HW[:, 1:-1]
    down_HW = (centre[2:] == centre[1:-1]) & (centre[1:-1] == centre[:-2])
    full_HW = down_HW & across_HW[2:] & across_HW[1:-1] & across_HW[:-2]
    return set(np.unique(centre[1:-1][full_HW]).tolist())


def _opened(path: str) -> Image.Image:
    """The one picture of a file, loaded."""
    try:
        size = os.stat(path).st_size
        with open(path, "rb") as file:
            header = file.read(26)
        with Image.open(path) as image:
            pictures = getattr(image, "n_frames", 1)
            image.load()
    except UNREADABLE as error:
        reason = "is empty" if isinstance(error, OSError) and _is_empty(path) else f"cannot be read ({error})"
        raise DataError(f"got mask {path}, which {reason}; expected an image; get the file again") from error
    if pictures > 1:
        raise DataError(f"got mask {path} of {pictures} pictures ({size} bytes); expected one a file; split it")
    if header.startswith(_PNG_START) and header[_BIT_DEPTH] == 16 and header[_COLOUR_TYPE] != 0:
        raise DataError(
            f"got mask {path}, a colour PNG of 16 bits a channel; expected 8 bits, or grey; convert it without loss"
        )
    return image


def _is_empty(path: str) -> bool:
    return Path(path).is_file() and Path(path).stat().st_size == 0


def _channel(image: Image.Image, path: str, channel: str) -> Codes:
    if image.mode == "F" or image.mode.startswith("I"):
        return _stored_values(image, path)
    # L of a colour image would be a mixture.
    if channel == "L" and image.mode not in ("L", "LA", "1"):
        raise DataError(f"got channel L of mask {path} of type {image.mode}; expected R, G, B or A for colours")
    if channel == "A" and not image.has_transparency_data:
        raise DataError(f"got channel A of mask {path} of type {image.mode}, which has none; expected R, G or B")
    place = "RGBA".index("R" if channel == "L" else channel)
    return np.asarray(image.convert("RGBA"))[..., place].astype(np.uint32)


def _stored_values(image: Image.Image, path: str) -> Codes:
    if image.format == "PNG":
        try:
            return read_labels(path).astype(np.uint32)
        except MediaError as error:
            raise DataError(str(error)) from error
    values_HW: NDArray[Any] = np.asarray(image)
    if values_HW.dtype.kind == "f" and not (np.isfinite(values_HW).all() and (values_HW == values_HW.round()).all()):
        raise DataError(f"got mask {path} of fractional values; expected class ids, whole numbers; round it")
    if values_HW.min() < 0 or values_HW.max() > IGNORE_16BIT:
        raise DataError(
            f"got mask {path} of values {values_HW.min()} to {values_HW.max()}; expected 0 to {IGNORE_16BIT}"
        )
    return values_HW.astype(np.uint32)


def _as_codes(colours_HWC: NDArray[np.uint8]) -> Codes:
    wide_HWC = colours_HWC.astype(np.uint32)
    return wide_HWC[..., 0] << np.uint32(16) | wide_HWC[..., 1] << np.uint32(8) | wide_HWC[..., 2]


def _runs(codes_HW: Codes) -> tuple[Codes, NDArray[np.int64]]:
    """Codes and lengths of the runs of equal codes, row by row: masks have far fewer than pixels."""
    flat = codes_HW.ravel()
    starts_R = np.flatnonzero(np.concatenate(([True], flat[1:] != flat[:-1])))
    lengths_R = np.diff(starts_R, append=flat.size)
    return flat[starts_R], lengths_R
