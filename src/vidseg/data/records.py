"""What a data set on disk is: a description of its label files, and records of its videos and frames.

Records hold names and paths only; pixels are read when asked for (`vidseg.data.reading`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vidseg.data.clips import OffsetUnit, Timeline, reference_positions
from vidseg.data.trees import Tree
from vidseg.types import ClassMap

NO_CLASS = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class DatasetSpec:
    """How one data set's labels are written down.

    Attributes:
        class_map: what the class ids mean that reading gives.
        file_values: the class id, or the ignore value, of every value that may stand in a mask file.
        reference_unit: the unit of reference offsets that suits the layout.
        frame_rate: frame numbers a second; None where it is not known.
        every_frame_labelled: a frame without a mask is damage, not sparse labelling.
        channel: which channel of a colour PNG holds the value; None for grey and palette PNGs.
        own_classes: the class list is the user's own, so every class in it is expected to occur.
    """

    class_map: ClassMap
    file_values: Mapping[int, int]
    reference_unit: OffsetUnit = "list"
    frame_rate: float | None = None
    every_frame_labelled: bool = False
    channel: int | None = None
    own_classes: bool = False

    @cached_property
    def lookup(self) -> NDArray[np.int32]:
        """65536 class ids by file value, `NO_CLASS` where the value must not occur."""
        table = np.full(1 << 16, NO_CLASS, dtype=np.int32)
        table[list(self.file_values)] = list(self.file_values.values())
        return table


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameRecord:
    """One frame of a data set.

    Attributes:
        name: the image's file name without suffix (and without what the layout adds to all names).
        number: its frame number, ascending within a video.
        image: address of the image file, or of the video file that it is frame `number` of. A str, because a data set
            has hundreds of thousands and a Path takes five times the memory.
        label: address of its mask file; None for a frame without label.
    """

    name: str
    number: int
    image: str
    label: str | None = None


@dataclass(frozen=True, kw_only=True)
class VideoRecord:
    """One video of a data set.

    Attributes:
        name: unique within the data set; may contain "/".
        tree: where its files are read from.
        frames: in order of time.
        rate: frame numbers a second; None where it is not known.
        image_of_number: pattern of the image path with "{number}", in layouts that promise the frames around
            every labelled one; there an absent reference is an error that names the file.
        file_times: of the frames in the video file that they are decoded from, seconds; None where every frame
            is an image file.
    """

    name: str
    tree: Tree
    frames: tuple[FrameRecord, ...]
    rate: float | None = None
    image_of_number: str | None = None
    file_times: tuple[float, ...] | None = None

    @cached_property
    def timeline(self) -> Timeline:
        """The same for clip arithmetic."""
        return Timeline(
            numbers=tuple(frame.number for frame in self.frames),
            labelled=tuple(frame.label is not None for frame in self.frames),
            rate=self.rate,
        )


@dataclass(frozen=True, kw_only=True)
class Damage:
    """Something that listing a data set found to be wrong and left out.

    Attributes:
        path: address of the file or folder.
        what: what is wrong with it, e.g. "is empty (0 bytes)".
        remedy: what to do about it.
        harmless: training and evaluation give the same result with and without it.
    """

    path: str
    what: str
    remedy: str
    harmless: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class VideoDataset:
    """One split of a data set.

    Attributes:
        tree, layout, split: where it was read from.
        spec: how its labels are written down.
        videos: what it holds, without what is damaged.
        damage: what had to be left out.
    """

    tree: Tree
    layout: str
    split: str
    spec: DatasetSpec
    videos: tuple[VideoRecord, ...]
    damage: tuple[Damage, ...] = ()

    @property
    def root(self) -> str:
        """The address of its root."""
        return self.tree.root

    @property
    def class_map(self) -> ClassMap:
        """What the class ids of its labels mean."""
        return self.spec.class_map

    def labelled_frames(self) -> Iterator[tuple[VideoRecord, FrameRecord]]:
        """Every frame that has a label, video by video."""
        for video in self.videos:
            for frame in video.frames:
                if frame.label is not None:
                    yield video, frame


def absent_reference(video: VideoRecord, offsets: tuple[float, ...], unit: OffsetUnit) -> str | None:
    """The path of a reference frame that the layout promises but that is not there; None if all is well."""
    if video.image_of_number is None or unit != "frame":
        return None
    for target, frame in enumerate(video.frames):
        if frame.label is None:
            continue
        positions = reference_positions(video.timeline, target, offsets, unit)
        for position, offset in zip(positions, offsets, strict=True):
            if position is None:
                return video.image_of_number.format(number=frame.number - int(offset))
    return None
