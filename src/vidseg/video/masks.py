"""Label maps as PNG files of class ids."""

import os
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from vidseg.errors import MediaError
from vidseg.types import IGNORE_8BIT, ClassMap, Labels
from vidseg.video.content import Source, name_of, open_source
from vidseg.video.limits import DEFAULT_LIMITS, Limits
from vidseg.video.pillow import UNREADABLE, open_image, require_checksums

# The colour of pixels without a label in viewers; the one that Pascal VOC made customary.
_IGNORE_COLOUR = (224, 224, 192)
# Those that hold one value a pixel, as class ids do.
GREY_MODES = ("P", "L", "1", "I", "I;16", "I;16B")


def write_labels(
    path: str | os.PathLike[str],
    labels: NDArray[np.integer],
    class_map: ClassMap,
    text: Mapping[str, str] | None = None,
) -> None:
    """Writes class ids as a palette PNG; as a 16-bit grey PNG where `class_map` needs 16 bits.

    Args:
        path: of the PNG.
        labels: HxW integers: class ids and the ignore value.
        class_map: gives the palette and the number of bits.
        text: notes for the file's text fields.

    Raises:
        MediaError: if the labels are no such array, or the file cannot be written.
    """
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
        raise MediaError(f"got labels of shape {labels.shape} and dtype {labels.dtype}; expected HxW integers")
    if labels.dtype != class_map.dtype:
        limit = np.iinfo(class_map.dtype).max
        if labels.size and (labels.min() < 0 or labels.max() > limit):
            raise MediaError(
                f"got labels from {labels.min()} to {labels.max()}; expected 0–{limit} for "
                f"{class_map.num_classes} classes"
            )
        labels = labels.astype(class_map.dtype)
    image = Image.fromarray(np.ascontiguousarray(labels))
    if labels.dtype == np.uint8:
        image.putpalette(_palette(class_map))
    notes = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        notes.add_text(key, value)
    try:
        image.save(path, format="PNG", pnginfo=notes)
    except OSError as error:
        raise MediaError(f"got mask {os.fspath(path)}, which cannot be written ({error.strerror})") from error


def read_labels(source: Source, limits: Limits = DEFAULT_LIMITS) -> Labels:
    """Reads the class ids of a palette or grey PNG of 1 to 16 bits.

    Returns:
        HxW uint8, or uint16 for a 16-bit PNG. Colours are ignored: the ids are what the file stores.

    Raises:
        MediaError: if it is no such file, is damaged or larger than allowed.
    """
    try:
        with open_source(source) as file:
            header = file.read(26)
        require_checksums(source, limits)
        with open_image(source, limits) as image:
            if image.format != "PNG" or image.mode not in GREY_MODES:
                raise MediaError(
                    f"got mask {name_of(source)} of type {image.format} {image.mode}; expected a PNG of class ids, "
                    "with a palette or grey; do: convert it with `vidseg masks`"
                )
            values = np.array(image)
            mode = image.mode
    except UNREADABLE as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(f"got mask {name_of(source)}, which cannot be read ({error}); expected a PNG") from error
    if mode.startswith("I"):
        return values.astype(np.uint16)
    values = values.astype(np.uint8)
    bits = header[24]
    if mode == "L" and bits < 8:
        # Pillow stretches grey of 2 and 4 bits to 0–255; the ids are the stored values.
        values //= np.uint8(255 // (2**bits - 1))
    return values


def _palette(class_map: ClassMap) -> list[int]:
    colours = [(0, 0, 0)] * 256
    colours[: class_map.num_classes] = class_map.palette
    colours[min(class_map.ignore, IGNORE_8BIT)] = _IGNORE_COLOUR
    return [part for colour in colours for part in colour]
