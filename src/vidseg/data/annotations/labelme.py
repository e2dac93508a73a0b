"""LabelMe's JSON: a file beside each image, in one folder a video."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from vidseg.data.annotations.json_files import as_expected, load, packed_mask
from vidseg.data.annotations.media import images_under
from vidseg.data.annotations.records import AnnotatedFrame, AnnotatedVideo, Annotations, Label, is_split, split_of
from vidseg.data.annotations.shapes import Bitmap, Outline, Shape, points_of

# What LabelMe's own converters take for no label.
_IGNORED = "__ignore__"


def recognises(folder: Path) -> bool:
    """Whether an unpacked export is LabelMe's."""
    return next(_files(folder), None) is not None


def read(folder: Path) -> Annotations:
    """Reads all files of a folder; each subfolder with some is a video.

    Raises:
        DataError: if one is damaged, naming what.
    """
    left_out: Counter[str] = Counter()
    videos: dict[Path, AnnotatedVideo] = {}
    images = images_under(folder)
    for path in _files(folder):
        place = path.parent.relative_to(folder)
        if place not in videos:
            split = split_of(place.parts[0]) if place.parts and is_split(place.parts[0]) else None
            videos[place] = AnnotatedVideo(name=place.as_posix() if place.parts else folder.name, split=split)
            beside = (image for key, image in images.items() if Path(key).parent == place)
            videos[place].images = {image.stem: image for image in beside}
        content = load(path)
        with as_expected(path, "LabelMe"):
            if shapes := _shapes(content, left_out):
                stem = PurePosixPath(str(content["imagePath"]).replace("\\", "/")).stem
                size = int(content["imageHeight"]), int(content["imageWidth"])
                videos[place].frames.append(AnnotatedFrame(shapes=shapes, name=stem, size=size))
    found = [video for video in videos.values() if video.frames]
    names = {name for video in found for frame in video.frames for shape in frame.shapes for name in shape.labels}
    return Annotations(
        labels=tuple(Label(name=name) for name in sorted(names - {_IGNORED})),
        videos=tuple(found),
        left_out=left_out,
        ignored=frozenset((_IGNORED,)),
    )


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.json")):
        content = path.read_bytes()
        if b'"shapes"' in content and b'"imagePath"' in content:
            yield path


def _shapes(content: dict[str, Any], left_out: Counter[str]) -> list[Shape]:
    shapes: list[Shape] = []
    for shape in content["shapes"]:
        label, kind = str(shape["label"]), shape.get("shape_type") or "polygon"
        points = points_of(shape["points"], f"a {kind} of {label!r}")
        match kind:
            case "polygon" | "rectangle" | "circle":
                shapes.append(Outline(label=label, kind=kind, points=points))
            case "mask":
                left, top = points.min(axis=0).round().astype(int).tolist()
                shapes.append(Bitmap(label=label, mask=packed_mask(shape["mask"]), left=left, top=top))
            case _:
                left_out[kind] += 1
    return shapes
