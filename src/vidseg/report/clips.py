"""The part of a video that a report shows: frames, ground truth and every model's labels, scaled down together.

Shape letters: H, W the video's own height and width; h, w the shown ones; T frames; M models.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidseg.data import VideoDataset, VideoRecord, frames_with_labels
from vidseg.errors import DataError
from vidseg.metrics import VideoTally
from vidseg.report.results import Entry
from vidseg.types import RGB, ClassMap, Labels, default_ignore

# Scores in JSON went through text and back; mask files that changed differ by far more.
_TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """What is shown of one video.

    Attributes:
        name: of the video.
        start: its first frame that is shown, counted from 0.
        total: how many frames the video has.
        frame_names: one a frame.
        images_Thw3: uint8 RGB.
        target_Thw: uint8 or uint16 class ids, and the value that means none (`no_class`).
        labels_MThw: the same of every model.
    """

    name: str
    start: int
    total: int
    frame_names: tuple[str, ...]
    images_Thw3: RGB
    target_Thw: NDArray[np.integer]
    labels_MThw: tuple[NDArray[np.integer], ...]

    def shortened(self, length: int) -> "Clip":
        """The same with its first `length` frames only."""
        return Clip(
            name=self.name,
            start=self.start,
            total=self.total,
            frame_names=self.frame_names[:length],
            images_Thw3=self.images_Thw3[:length],
            target_Thw=self.target_Thw[:length],
            labels_MThw=tuple(labels_Thw[:length] for labels_Thw in self.labels_MThw),
        )


def no_class(num_classes: int) -> int:
    """What stands in a report's label maps where there is no class, whatever the data set's own value is."""
    return default_ignore(num_classes)


def read_clip(
    video: VideoRecord,
    entries: Sequence[Entry],
    dataset: VideoDataset,
    span: tuple[int, int],
    lines: int,
    advance: Callable[[int], None],
) -> Clip:
    """Reads a video up to the end of the part that is shown, because models look back.

    Args:
        video: one of the data set.
        entries: the models.
        dataset: the data set.
        span: (start, stop) of the part.
        lines: height of what is shown; smaller videos keep theirs.
        advance: told of every so many frames read.

    Raises:
        DataError: if a file is missing or damaged, labels do not fit their frame, or mask files are not those that
            were scored.
    """
    start, stop = span
    classes = dataset.class_map
    names: list[str] = []
    images: list[RGB] = []
    layers: list[list[NDArray[np.integer]]] = [[] for _ in range(1 + len(entries))]
    with ExitStack() as stack:
        sources = [stack.enter_context(closing(entry.maps.labels(video, stop))) for entry in entries]
        frames = islice(frames_with_labels(video, dataset.spec), stop)
        for index, ((frame, target_HW), *maps) in enumerate(zip(frames, *sources, strict=True)):
            advance(1)
            if index < start:
                continue
            for entry, labels_HW in zip(entries, maps, strict=True):
                _check(entry, video, index, labels_HW, target_HW, frame.size, classes)
            size = _shown_size(frame.size, lines)
            names.append(frame.name)
            images.append(_scaled_image(frame.image, size))
            for layer, labels_HW in zip(layers, (target_HW, *maps), strict=True):
                layer.append(_scaled_labels(labels_HW, frame.size, size, classes))
    if len({image.shape for image in images}) != 1:
        raise DataError(f"got frames of different sizes in video {video.name}; expected one size a video")
    target_Thw, *labels_MThw = (np.stack(layer) for layer in layers)
    return Clip(
        name=video.name,
        start=start,
        total=len(video.frames),
        frame_names=tuple(names),
        images_Thw3=np.stack(images),
        target_Thw=target_Thw,
        labels_MThw=tuple(labels_MThw),
    )


def _check(
    entry: Entry,
    video: VideoRecord,
    index: int,
    labels_HW: Labels | None,
    target_HW: Labels | None,
    size: tuple[int, int],
    classes: ClassMap,
) -> None:
    if labels_HW is None:
        return
    if labels_HW.shape != size:
        raise DataError(
            f"got labels of {labels_HW.shape} by {entry.name} for a frame of {size} in video {video.name}; expected "
            "one size"
        )
    if target_HW is None or "predictions" not in entry.result:
        return
    tally = VideoTally(video.name, classes.num_classes, ())
    tally.update(labels_HW, target_HW)
    now, then = tally.frame_ious[0], entry.result["per_frame"][video.name]["mIoU"][index]
    if (now is None) != (then is None) or abs((now or 0) - (then or 0)) > _TOLERANCE:
        raise DataError(
            f"got a mask by {entry.name} for frame {video.frames[index].name} of video {video.name} that is not the "
            f"one that was scored (mIoU {now} now, {then} then); evaluate the masks again"
        )


def _shown_size(size: tuple[int, int], lines: int) -> tuple[int, int]:
    height, width = size
    shown = min(height, lines)
    return shown, max(1, round(width * shown / height))


def _scaled_image(image_HW3: RGB, size: tuple[int, int]) -> RGB:
    if image_HW3.shape[:2] == size:
        return image_HW3.copy()
    return np.array(Image.fromarray(image_HW3).resize(size[::-1], Image.Resampling.BILINEAR))


def _scaled_labels(
    labels_HW: Labels | None, own: tuple[int, int], size: tuple[int, int], classes: ClassMap
) -> NDArray[np.integer]:
    """Nearest pixel, so that no class appears between two others."""
    nothing = no_class(classes.num_classes)
    if labels_HW is None:
        return np.full(size, nothing, _dtype(classes))
    rows, columns = (
        ((np.arange(shown) + 0.5) * full / shown).astype(np.intp) for shown, full in zip(size, own, strict=True)
    )
    picked_hw = labels_HW[rows[:, None], columns]
    return np.where(picked_hw < classes.num_classes, picked_hw, nothing).astype(_dtype(classes))


def _dtype(classes: ClassMap) -> type[np.uint8] | type[np.uint16]:
    return np.uint8 if no_class(classes.num_classes) < 256 else np.uint16
