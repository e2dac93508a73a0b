"""A portion of the doctor's work: reading some frames of one video, and their masks, in full."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vidseg.data.findings import Finding, Severity
from vidseg.data.mask_advice import foreign_kind
from vidseg.data.reading import describe_values, read_frames, read_image, read_values
from vidseg.data.records import NO_CLASS, FrameRecord, VideoDataset, VideoRecord
from vidseg.data.trees import Tree
from vidseg.errors import DataError

# Few enough that progress shows, many enough that handing out work costs nothing.
_FRAMES = 16

Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Portion:
    """Some consecutive frames of a video."""

    dataset: VideoDataset
    video: VideoRecord
    frames: tuple[FrameRecord, ...]


@dataclass(kw_only=True)
class Checkup:
    """What reading a portion brought.

    Attributes:
        portion: what was read.
        findings: what is wrong.
        pixels_K: int64, labelled pixels a class.
        ignored: pixels that hold the ignore value, or another that counts as such.
        foreign: masks that are images but hold no class ids.
        sizes: an image path by (height, width), one for each size that occurs.
    """

    portion: Portion
    pixels_K: NDArray[np.int64]
    ignored: int = 0
    foreign: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    sizes: dict[Size, str] = field(default_factory=dict)


def portions(dataset: VideoDataset) -> Iterator[Portion]:
    """Cuts the work on a split into portions."""
    for video in dataset.videos:
        for start in range(0, len(video.frames), _FRAMES):
            yield Portion(dataset=dataset, video=video, frames=video.frames[start : start + _FRAMES])


def check(portion: Portion) -> Checkup:
    """Reads a portion."""
    pixels_K = np.zeros(portion.dataset.class_map.num_classes, dtype=np.int64)
    checkup = Checkup(portion=portion, pixels_K=pixels_K)
    # Listing has decoded video files already: all that is asked of them here is the size of their frames.
    file_size = None if portion.video.file_times is None else read_frames(portion.video, (0,))[0].shape[:2]
    for frame in portion.frames:
        size = file_size or _image_size(frame, checkup)
        if size is not None:
            checkup.sizes.setdefault(size, frame.image)
        if frame.label is not None:
            _check_label(frame.label, size, checkup)
    return checkup


def _image_size(frame: FrameRecord, checkup: Checkup) -> Size | None:
    try:
        height, width, _ = read_image(checkup.portion.dataset.tree, frame.image).shape
    except DataError as error:
        _note(checkup, frame.image, f"cannot be read ({error.__cause__})", "get the file again")
        return None
    return height, width


def _check_label(path: str, size: Size | None, checkup: Checkup) -> None:
    spec, tree = checkup.portion.dataset.spec, checkup.portion.dataset.tree
    try:
        values_HW = read_values(tree, path, spec)
    except DataError as error:
        if spec.channel is None and _is_foreign(tree, path):
            checkup.foreign.append(path)
        else:
            _note(checkup, path, f"cannot be read ({error.__cause__})", "get the mask again")
        return
    height, width = values_HW.shape
    if size is not None and (height, width) != size:
        _note(
            checkup,
            path,
            f"is {height}x{width} where its image is {size[0]}x{size[1]} (height x width)",
            "make the mask anew from its source, in the image's size",
        )
    labels_HW = spec.lookup[values_HW]
    undefined = np.unique(values_HW[labels_HW == NO_CLASS])
    if undefined.size:
        _note(
            checkup,
            path,
            f"holds {_shortened(undefined)}; expected {describe_values(spec)}",
            "correct the mask or the class list; vidseg masks gives other values their classes",
        )
    labels = labels_HW[(labels_HW != NO_CLASS) & (labels_HW != spec.class_map.ignore)]
    if not labels.size:
        _note(checkup, path, "labels no pixel", "check that this is meant", severity="remark")
    checkup.ignored += int((labels_HW == spec.class_map.ignore).sum())
    checkup.pixels_K += np.bincount(labels, minlength=len(checkup.pixels_K))


def _is_foreign(tree: Tree, path: str) -> bool:
    try:
        return foreign_kind(tree.source(path)) is not None
    except OSError:  # it cannot even be read
        return False


def _note(checkup: Checkup, path: str, what: str, remedy: str, *, severity: Severity = "finding") -> None:
    split = checkup.portion.dataset.split
    checkup.findings.append(Finding(severity=severity, split=split, path=path, what=what, remedy=remedy))


def _shortened(values: NDArray[np.integer], limit: int = 5) -> str:
    shown = ", ".join(str(value) for value in values[:limit])
    return f"the values {shown} and {len(values) - limit} more" if len(values) > limit else f"the values {shown}"
