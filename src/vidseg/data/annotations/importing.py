"""Annotations into the plain folder layout: masks of class ids, frames, class list and splits.

Whether everything fits is known before anything is written. A video's masks appear together or not at all; those of
frames that the export does not tell of stay as they are.

Shape letters: H, W the frame's height and width.
"""

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from vidseg.data.annotations.media import Media, find_media
from vidseg.data.annotations.records import AnnotatedFrame, AnnotatedVideo, Annotations
from vidseg.data.annotations.shapes import Canvas
from vidseg.data.annotations.sizes import Size
from vidseg.data.class_files import CLASSES_FILE, find_class_file, read_class_file
from vidseg.data.trees import LocalTree
from vidseg.data.vspw_tree import splits as listed_splits
from vidseg.errors import DataError, InputError, MediaError
from vidseg.files import atomic_file, atomic_folder, write_json
from vidseg.types import ClassMap, default_ignore
from vidseg.video import write_labels
from vidseg.viz.palette import generate_palette

_MASKS = "masks"

Progress = Callable[[float, float], None]


@dataclass(kw_only=True)
class VideoReport:
    """What became of one video.

    Attributes:
        name: in the data set.
        split: that it is listed in; None for none.
        masks: how many were written.
        replaced: how many of them took the place of older ones.
        failures: frames that could not be brought in, and why.
    """

    name: str
    split: str | None
    masks: int = 0
    replaced: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class ImportReport:
    """What an import did.

    Attributes:
        root: of the data set.
        classes: by id.
        videos: one by one.
        pixels: of each class, by its name.
        unlabelled: pixels without a label in frames with one.
        left_out: how many things there were that are no areas, by what they are.
    """

    root: str
    classes: tuple[str, ...]
    videos: list[VideoReport] = field(default_factory=list)
    pixels: dict[str, int] = field(default_factory=dict)
    unlabelled: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def failures(self) -> list[str]:
        """Of all videos."""
        return [failure for video in self.videos for failure in video.failures]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able copy."""
        return asdict(self)


def import_annotations(
    annotations: Annotations,
    root: Path,
    *,
    media: Path | None = None,
    background: str | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Writes annotations into a data set, a new one or one that is there.

    Args:
        annotations: see `vidseg.data.annotations.read_annotations`.
        root: of the data set. A ``classes.json`` that is there decides on ids.
        media: where frames are that neither the data set nor the export holds.
        background: the class of pixels on which nothing was drawn; None for no label.
        progress: called with (frames done, frames in all).

    Raises:
        InputError: if the classes are not those of the data set, or `root` is a file.
        DataError: if a video's frames are not there.
    """
    if root.exists() and not root.is_dir():
        raise InputError(f"got {root}, which is a file; expected the folder of a data set, or a new one")
    class_map = _class_map(annotations, root, background)
    videos = _merged(annotations.videos)
    found = [(video, find_media(video, root, media, only=len(videos) == 1)) for video in videos]
    for video, place in found:
        _require_same_size(video, place)
    report = ImportReport(root=str(root), classes=class_map.names, left_out=dict(annotations.left_out))
    total, done = sum(len(video.frames) for video in videos), 0
    ids = {name: index for index, name in enumerate(class_map.names)}
    painter = _Painter(class_map, ids | dict.fromkeys(annotations.ignored, class_map.ignore), background)
    if find_class_file(LocalTree(str(root))) is None:
        write_json(root / CLASSES_FILE, class_map.to_dict())
    for video, place in found:
        place.copy_into(root, video.name)
        row = VideoReport(name=video.name, split=video.split)
        report.videos.append(row)
        folder = root / _MASKS / video.name
        with atomic_folder(folder) as temporary:
            if folder.is_dir():
                shutil.copytree(folder, temporary, dirs_exist_ok=True, copy_function=_link)
            for frame in video.frames:
                _write_frame(frame, place, temporary, painter, row, report)
                done += 1
                if progress is not None:
                    progress(done, total)
    _list_splits(root, report.videos)
    return report


@dataclass(frozen=True, kw_only=True)
class _Settled:
    """A frame's labels, and the name of its mask."""

    name: str
    labels_HW: Canvas


class _Painter:
    def __init__(self, class_map: ClassMap, ids: Mapping[str, int], background: str | None) -> None:
        self.class_map, self._ids = class_map, ids
        self._rest = class_map.ignore if background is None else ids[background]

    def paint(self, frame: AnnotatedFrame, media: Media) -> _Settled:
        """Paints a frame.

        Raises:
            DataError: if it is not there, of another size, or a shape is damaged.
        """
        name = media.mask_name(frame)
        if name is None:
            raise DataError("is not among the frames; get the media that was annotated")
        size = media.frame_size(name)
        drawn_size = _size(frame)
        if drawn_size not in (None, size):
            raise DataError(_other_size(drawn_size, size))
        canvas_HW = np.full(size, self._rest, dtype=np.int32)
        for shape in frame.shapes:
            shape.paint(canvas_HW, self._ids)
        return _Settled(name=name, labels_HW=canvas_HW)


def _write_frame(
    frame: AnnotatedFrame, media: Media, folder: Path, painter: _Painter, row: VideoReport, report: ImportReport
) -> None:
    try:
        settled = painter.paint(frame, media)
    except (DataError, MediaError) as error:
        row.failures.append(f"frame {frame.name or frame.number} of {row.name}: {error}")
        return
    path = folder / f"{settled.name}.png"
    row.masks += 1
    if path.exists():
        row.replaced += 1
        path.unlink()  # it may be a second name of the older file, which must stay as it is
    write_labels(path, settled.labels_HW, painter.class_map)
    counts = np.bincount(settled.labels_HW.ravel(), minlength=painter.class_map.ignore + 1)
    for index, name in enumerate(report.classes):
        report.pixels[name] = report.pixels.get(name, 0) + int(counts[index])
    report.unlabelled += int(counts[painter.class_map.ignore])


def _class_map(annotations: Annotations, root: Path, background: str | None) -> ClassMap:
    """The class list of the data set, or a new one in the order of the tool.

    Raises:
        InputError: if the data set's lacks a class.
    """
    used = {
        label for video in annotations.videos for frame in video.frames for one in frame.shapes for label in one.labels
    }
    colours = {label.name: label.colour for label in annotations.labels}
    wanted = [*colours, *sorted(used - colours.keys() - annotations.ignored)]
    if background is not None and background not in wanted:
        wanted.insert(0, background)
    tree = LocalTree(str(root))
    if (place := find_class_file(tree)) is not None:
        known = read_class_file(tree, place).class_map
        needed = [name for name in wanted if name in used or name == background]
        if absent := [name for name in needed if name not in known.names]:
            nearest = get_close_matches(absent[0], known.names, n=1)
            hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
            more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
            raise InputError(
                f"got class '{absent[0]}'{more}, which {tree.address(place)} lacks{hint}; expected its "
                f"classes: {', '.join(known.names)}; do: rename it in the tool, or add it to the end of the list"
            )
        return known
    if not wanted:
        raise InputError("got annotations without a class; expected at least one")
    generated = generate_palette(len(wanted))
    palette = tuple(colours.get(name) or spare for name, spare in zip(wanted, generated, strict=True))
    return ClassMap(names=tuple(wanted), palette=palette, ignore=default_ignore(len(wanted)))


def _merged(videos: Iterable[AnnotatedVideo]) -> list[AnnotatedVideo]:
    """Videos by names that are safe as paths; tasks over parts of one video become one again.

    What has one name in several splits becomes a video in each.
    """
    videos = list(videos)
    splits = defaultdict(set)
    for video in videos:
        splits[_as_path(video.name)].add(video.split)
    merged: dict[str, AnnotatedVideo] = {}
    for video in videos:
        name = _as_path(video.name)
        if len(splits[name]) > 1:
            name = _as_path(f"{video.split or 'rest'}/{name}")
        whole = merged.setdefault(name, AnnotatedVideo(name=name, split=video.split, source=video.source))
        whole.frames += video.frames
        whole.images |= video.images
        whole.file = whole.file or video.file
    return list(merged.values())


def _as_path(name: str) -> str:
    """A video's name as a relative path that leads nowhere else; exports come from anywhere."""
    parts = (part.strip().lstrip(".") for part in PurePosixPath(name.replace("\\", "/").replace("\0", "")).parts)
    return "/".join(part for part in parts if part.strip("/")) or "video"


def _require_same_size(video: AnnotatedVideo, media: Media) -> None:
    """Refuses media that cannot be what was annotated; images may differ among themselves, so one that fits is enough.

    Raises:
        DataError: if no frame is there, or all have other sizes.
    """
    names = [(frame, name) for frame in video.frames if (name := media.mask_name(frame)) is not None]
    if not names:
        first = video.frames[0]
        raise DataError(
            f"got {len(video.frames)} annotated frame(s) of {video.name}, e.g. {first.name or first.number}, none of "
            f"which is in {media.file or 'the images found for it'}; expected the media that was annotated; do: --media"
        )
    misfit = ""
    for frame, name in names:
        try:
            drawn, there = _size(frame), media.frame_size(name)
        except DataError:
            continue  # it is told when its turn comes
        if drawn in (None, there):
            return
        misfit = misfit or f"{name} {_other_size(drawn, there)}"
    if misfit:
        raise DataError(f"got frames of {video.name} that do not fit: {misfit}")


def _size(frame: AnnotatedFrame) -> Size | None:
    return frame.size or next((shape.size for shape in frame.shapes if shape.size is not None), None)


def _other_size(drawn: Size | None, there: Size) -> str:
    assert drawn is not None
    return (
        f"was annotated as {drawn[0]}x{drawn[1]} and is {there[0]}x{there[1]} (height x width); expected the media "
        "that was annotated"
    )


def _list_splits(root: Path, videos: list[VideoReport]) -> None:
    """Adds videos to the lists of their splits; what is listed already stays where it is."""
    lists = {path.stem: _names(path) for path in root.glob("*.txt")} if listed_splits(LocalTree(str(root))) else {}
    listed = {name for names in lists.values() for name in names}
    for video in videos:
        if video.name in listed:
            video.split = next(split for split, names in lists.items() if video.name in names)
        elif video.split is not None:
            names = lists.setdefault(video.split, [])
            names.append(video.name)
            with atomic_file(root / f"{video.split}.txt") as temporary:
                temporary.write_text("\n".join(names) + "\n", encoding="utf-8")


def _names(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]


def _link(source: str, target: str) -> None:
    """A second name for a file where the file system has such, else a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
