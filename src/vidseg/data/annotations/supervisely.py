"""Supervisely's projects of images and of videos: ``meta.json``, and data sets of ``ann`` beside ``img`` or ``video``.

A data set of a usual name ("train", "val", …) is a split.
"""

from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

from vidseg.data.annotations.json_files import as_expected, load, packed_mask
from vidseg.data.annotations.media import images_under
from vidseg.data.annotations.records import AnnotatedFrame, AnnotatedVideo, Annotations, Label, is_split, split_of
from vidseg.data.annotations.shapes import Bitmap, Outline, Shape, points_of
from vidseg.data.mask_keys import parse_key, rgb

_META, _ANNOTATIONS, _IMAGES, _VIDEOS = "meta.json", "ann", "img", "video"


def recognises(folder: Path) -> bool:
    """Whether an unpacked export is Supervisely's."""
    return _root(folder) is not None


def read(folder: Path) -> Annotations:
    """Reads all data sets of a project: one of images is a video, one of videos has many.

    Raises:
        DataError: if a file is damaged, naming what.
    """
    root = _root(folder)
    assert root is not None
    meta = load(root / _META)
    with as_expected(root / _META, "Supervisely"):
        labels = tuple(
            Label(name=str(entry["title"]), colour=rgb(parse_key(entry["color"]).code)) for entry in meta["classes"]
        )
    left_out: Counter[str] = Counter()
    videos: list[AnnotatedVideo] = []
    for place in sorted(path for path in root.rglob(_ANNOTATIONS) if path.is_dir()):
        name = place.parent.relative_to(root).as_posix()
        split = split_of(place.parent.name) if is_split(place.parent.name) else None
        images = AnnotatedVideo(name=root.name if name == "." else name, split=split)
        images.images = {path.stem: path for path in images_under(place.parent / _IMAGES).values()}
        for path in sorted(place.rglob("*.json")):
            content = load(path)
            with as_expected(path, "Supervisely"):
                # A file is named after its image or video, with that one's suffix.
                of = PurePosixPath(path.stem)
                if "frames" in content:
                    file = place.parent / _VIDEOS / of.name
                    video = AnnotatedVideo(name=of.stem, split=split, source=of.name)
                    video.file = file if file.is_file() else None
                    video.frames = _video_frames(content, left_out)
                    videos.append(video)
                elif shapes := _shapes(content["objects"], left_out):
                    images.frames.append(AnnotatedFrame(shapes=shapes, name=of.stem, size=_size(content)))
        videos.append(images)
    return Annotations(labels=labels, videos=tuple(video for video in videos if video.frames), left_out=left_out)


def _root(folder: Path) -> Path | None:
    """Where the project is: its archive may hold one folder with all of it."""
    for path in (folder, *sorted(one for one in folder.iterdir() if one.is_dir())):
        if (path / _META).is_file() and any(one.is_dir() for one in path.rglob(_ANNOTATIONS)):
            return path
    return None


def _size(content: dict[str, Any]) -> tuple[int, int]:
    return int(content["size"]["height"]), int(content["size"]["width"])


def _video_frames(content: dict[str, Any], left_out: Counter[str]) -> list[AnnotatedFrame]:
    titles = {thing["key"]: thing["classTitle"] for thing in content["objects"]}
    frames = []
    for frame in content["frames"]:
        figures = [
            {"classTitle": titles[one["objectKey"]], "geometryType": one["geometryType"], **one["geometry"]}
            for one in frame["figures"]
        ]
        if shapes := _shapes(figures, left_out):
            frames.append(AnnotatedFrame(shapes=shapes, number=int(frame["index"]), size=_size(content)))
    return frames


def _shapes(things: list[dict[str, Any]], left_out: Counter[str]) -> list[Shape]:
    shapes: list[Shape] = []
    for thing in things:
        label, kind = str(thing["classTitle"]), thing["geometryType"]
        match kind:
            case "bitmap":
                left, top = (int(part) for part in thing["bitmap"]["origin"])
                mask = packed_mask(thing["bitmap"]["data"], deflated=True)
                shapes.append(Bitmap(label=label, mask=mask, left=left, top=top))
            case "polygon":
                what = f"a polygon of {label!r}"
                holes = tuple(points_of(hole, what) for hole in thing["points"]["interior"])
                outer = points_of(thing["points"]["exterior"], what)
                shapes.append(Outline(label=label, kind="polygon", points=outer, holes=holes))
            case _:
                left_out[kind] += 1
    return shapes
