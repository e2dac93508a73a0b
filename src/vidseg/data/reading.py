"""Reading the pixels of a data set's frames and labels.

Shape letters: H, W the frame's own height and width.
"""

import shlex
from collections.abc import Iterator, Sequence

import numpy as np

import vidseg.video
from vidseg.data.mask_advice import foreign_kind
from vidseg.data.records import NO_CLASS, DatasetSpec, FrameRecord, VideoRecord
from vidseg.data.trees import Tree
from vidseg.errors import DataError, MediaError
from vidseg.types import RGB, Frame, Labels
from vidseg.video.content import Source

_ADVICE = "get the file again, or run `vidseg doctor` for all such files"


def read_image(tree: Tree, path: str) -> RGB:
    """Decodes an image file of a data set.

    Returns:
        HxWx3 uint8 RGB.

    Raises:
        DataError: if the file is missing or damaged.
    """
    try:
        return vidseg.video.read_image(_source(tree, path))
    except MediaError as error:
        raise DataError(f"{error}; {_ADVICE}") from error


def read_values(tree: Tree, path: str, spec: DatasetSpec) -> Labels:
    """The values that stand in a mask file, before any mapping to classes.

    Returns:
        HxW uint8 or uint16.

    Raises:
        DataError: if the file is missing, damaged, or not of the kind that `spec` says.
    """
    if spec.channel is not None:
        return read_image(tree, path)[..., spec.channel]
    source = _source(tree, path)
    try:
        return vidseg.video.read_labels(source)
    except MediaError as error:
        advice = _ADVICE if foreign_kind(source) is None else f"vidseg masks {shlex.quote(path)} shows how"
        raise DataError(f"{error}; {advice}") from error


def to_classes(values_HW: Labels, spec: DatasetSpec, path: str) -> Labels:
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
            "correct the mask or the class list, or convert it with `vidseg masks`"
        )
    return labels_HW.astype(np.uint8) if spec.class_map.dtype is np.uint8 else labels_HW.astype(np.uint16)


def read_labels(tree: Tree, path: str, spec: DatasetSpec) -> Labels:
    """Reads one mask file as class ids, see `read_values` and `to_classes`."""
    return to_classes(read_values(tree, path, spec), spec, path)


def _source(tree: Tree, path: str) -> Source:
    try:
        return tree.source(path)
    except OSError as error:
        raise DataError(f"got {path}, which cannot be read ({error}); {_ADVICE}") from error


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
    if video.file_times is None:
        return [read_image(video.tree, video.frames[position].image) for position in positions]
    # From the frame before the first wanted one, lest rounding of its time makes it too late.
    start = video.file_times[max(min(positions) - 1, 0)]
    found: dict[int, RGB] = {}
    for frame in _file_frames(video, start):
        if frame.index in positions:
            found[frame.index] = frame.image
        if frame.index >= max(positions):
            break
    if missing := sorted(set(positions) - found.keys()):
        raise DataError(f"got no frame {missing[0]} from {video.frames[0].image}; {_ADVICE}")
    return [found[position] for position in positions]


def frames_with_labels(video: VideoRecord, spec: DatasetSpec) -> Iterator[tuple[Frame, Labels | None]]:
    """Decodes a whole video in order, one frame at a time.

    Yields:
        Each frame (`index` its position in the video, `name` its record's, `time` by the frame rate if there
        is one) and its HxW label map, None for a frame without label.

    Raises:
        DataError: if a file is missing or damaged, or a label is of another size than its frame.
    """
    if video.file_times is not None:
        for frame in _file_frames(video, None):
            yield frame, read_labels_of(video, video.frames[frame.index], frame.size, spec)
        return
    for index, record in enumerate(video.frames):
        time = None if video.rate is None else (record.number - video.frames[0].number) / video.rate
        frame = Frame(image=read_image(video.tree, record.image), index=index, time=time, name=record.name)
        yield frame, read_labels_of(video, record, frame.size, spec)


def _file_frames(video: VideoRecord, start: float | None) -> Iterator[Frame]:
    """The frames of a video file from some time on; `index` is their position in the record."""
    try:
        with (
            video.tree.fetched(video.frames[0].image) as file,
            vidseg.video.read_video(file, start=start) as reader,
        ):
            yield from reader
    except MediaError as error:
        raise DataError(f"{error}; {_ADVICE}") from error
    except OSError as error:
        raise DataError(f"got {video.frames[0].image}, which cannot be read ({error}); {_ADVICE}") from error


def read_labels_of(video: VideoRecord, record: FrameRecord, size: tuple[int, int], spec: DatasetSpec) -> Labels | None:
    """Reads a frame's labels and checks that they fit its image.

    Args:
        video: the frame's.
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
    labels = read_labels(video.tree, record.label, spec)
    if labels.shape != size:
        raise DataError(
            f"got a mask of {labels.shape[0]}x{labels.shape[1]} for an image of {size[0]}x{size[1]} (height x width): "
            f"{record.label}; expected equal sizes; make the mask anew from its source"
        )
    return labels
