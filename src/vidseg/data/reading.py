"""Reading the pixels of a data set's frames and labels.

Shape letters: H, W the frame's own height and width.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from vidseg.data.records import NO_CLASS, DatasetSpec, FrameRecord, VideoRecord
from vidseg.errors import DataError
from vidseg.types import RGB, Frame, Labels

_ADVICE = "get the file again, or run `vidseg doctor` for all such files"
# What Pillow raises for damaged files, over all its decoders.
_DAMAGED = (OSError, UnidentifiedImageError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)


def read_image(path: str) -> RGB:
    """Decodes an image file.

    Returns:
        HxWx3 uint8 RGB.

    Raises:
        DataError: if the file is missing or damaged.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except _DAMAGED as error:
        raise DataError(f"got an image that cannot be read: {path} ({error}); {_ADVICE}") from error


def read_values(path: str, channel: int | None = None) -> NDArray[np.uint16]:
    """The values that stand in a mask file, before any mapping.

    Args:
        path: a grey (8 or 16 bit) or palette PNG, or a colour one.
        channel: which channel of a colour PNG to take; None for the others.

    Returns:
        HxW uint16.

    Raises:
        DataError: if the file is missing, damaged, or of the other kind.
    """
    try:
        with Image.open(path) as image:
            # A palette PNG's indices are the class ids: it must not be converted to colours.
            values = np.asarray(image)
    except _DAMAGED as error:
        raise DataError(f"got a mask that cannot be read: {path} ({error}); {_ADVICE}") from error
    if channel is not None and values.ndim == 3:
        values = values[..., channel]
    if values.ndim != 2 or (channel is not None and image.mode not in ("RGB", "RGBA")):
        kind = "a colour PNG" if channel is not None else "a grey or palette PNG of class ids"
        raise DataError(f"got a mask of mode {image.mode}: {path}; expected {kind}; convert it first")
    return values.astype(np.uint16)


def to_classes(values_HW: NDArray[np.uint16], spec: DatasetSpec, path: str) -> Labels:
    """Maps the values of a mask file to class ids.

    Returns:
        HxW uint8 (uint16 for more than 255 classes), the ignore value where there is no label.

    Raises:
        DataError: if a value occurs that the data set does not define.
    """
    labels_HW = spec.lookup[values_HW]
    undefined = labels_HW == NO_CLASS
    if undefined.any():
        raise DataError(
            f"got value {values_HW[undefined][0]} in the mask {path}; expected {describe_values(spec)}; "
            "correct the mask or the class list"
        )
    return labels_HW.astype(np.uint8) if spec.class_map.dtype is np.uint8 else labels_HW.astype(np.uint16)


def read_labels(path: str, spec: DatasetSpec) -> Labels:
    """Reads one mask file as class ids, see `read_values` and `to_classes`."""
    return to_classes(read_values(path, spec.channel), spec, path)


def describe_values(spec: DatasetSpec) -> str:
    """The values that mask files may hold, in words."""
    values = sorted(spec.file_values)
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return " or ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def read_frames(video: VideoRecord, positions: Sequence[int]) -> list[RGB]:
    """Decodes some frames of a video.

    Args:
        video: the video.
        positions: which of its frames, in any order.

    Returns:
        One HxWx3 uint8 RGB image a position.

    Raises:
        DataError: if a file is missing or damaged.
    """
    return [read_image(video.frames[position].image) for position in positions]


def frames_with_labels(video: VideoRecord, spec: DatasetSpec) -> Iterator[tuple[Frame, Labels | None]]:
    """Decodes a whole video in order, one frame at a time.

    Yields:
        Each frame (`index` its position in the video, `name` its record's, `time` by the frame rate if there
        is one) and its HxW label map, None for a frame without label.

    Raises:
        DataError: if a file is missing or damaged, or a label is of another size than its frame.
    """
    for index, record in enumerate(video.frames):
        image = read_image(record.image)
        labels = read_labels_of(record, image.shape[:2], spec)
        time = None if video.rate is None else (record.number - video.frames[0].number) / video.rate
        yield Frame(image=image, index=index, time=time, name=record.name), labels


def read_labels_of(record: FrameRecord, size: tuple[int, int], spec: DatasetSpec) -> Labels | None:
    """Reads a frame's labels and checks that they fit its image.

    Args:
        record: the frame.
        size: (height, width) of its image.
        spec: how its labels are written down.

    Returns:
        HxW labels, or None for a frame without label.

    Raises:
        DataError: if the file is missing, damaged, or of another size.
    """
    if record.label is None:
        return None
    labels = read_labels(record.label, spec)
    if labels.shape != size:
        raise DataError(
            f"got a mask of {labels.shape[0]}x{labels.shape[1]} for an image of {size[0]}x{size[1]} (height x width): "
            f"{record.label}; expected equal sizes; make the mask anew from its source"
        )
    return labels
