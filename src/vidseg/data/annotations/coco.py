"""COCO's JSON with areas ("instances"): one file a split, polygons and run lengths.

What comes later in a file is painted over what comes earlier, for COCO knows no depth.
"""

from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath
from typing import Any

from vidseg.data.annotations.json_files import as_expected, load
from vidseg.data.annotations.media import images_under
from vidseg.data.annotations.records import AnnotatedFrame, AnnotatedVideo, Annotations, Label, is_split, split_of
from vidseg.data.annotations.shapes import ColumnRuns, Polygons, Shape, points_of
from vidseg.data.annotations.sizes import Size

_START = "instances_"
# Roboflow's name for the file beside the images of a split.
_BESIDE = "_annotations.coco"


def recognises(folder: Path) -> bool:
    """Whether an unpacked export is COCO's."""
    return bool(_files(folder))


def read(folder: Path) -> Annotations:
    """Reads all files of an export, each a split of its own by its name.

    Raises:
        DataError: if one is damaged, naming what.
    """
    labels: dict[str, Label] = {}
    left_out: Counter[str] = Counter()
    videos: list[AnnotatedVideo] = []
    images = images_under(folder)
    for path in _files(folder):
        content = load(path)
        with as_expected(path, "COCO"):
            names = {category["id"]: str(category["name"]) for category in content["categories"]}
            labels |= {name: Label(name=name) for name in names.values()}
            drawn = _drawn(content, names, left_out)
            videos += _videos(content, drawn, _split(path), folder, images)
    return Annotations(labels=tuple(labels.values()), videos=tuple(videos), left_out=left_out)


def _files(folder: Path) -> list[Path]:
    """The files with areas; key points, captions and stuff of the same data set have names of their own."""
    paths = [path for path in sorted(folder.rglob("*.json")) if not path.name.startswith(".")]
    usual = [path for path in paths if path.stem.startswith(_START) or path.stem == _BESIDE]
    return usual or [path for path in paths if _looks_like_coco(path)]


def _looks_like_coco(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(1 << 16)
    if not (b'"images"' in start or b'"categories"' in start or b'"annotations"' in start):
        return False
    content = load(path)
    return isinstance(content, dict) and {"images", "annotations", "categories"} <= content.keys()


def _split(path: Path) -> str | None:
    if path.stem == _BESIDE:
        return split_of(path.parent.name) if is_split(path.parent.name) else None
    word = path.stem.removeprefix(_START)
    for part in (word, path.parent.name):
        if is_split(part.rstrip("0123456789")):
            return split_of(part.rstrip("0123456789"))
    return split_of(word) if path.stem.startswith(_START) else None


def _drawn(content: dict[str, Any], names: dict[int, str], left_out: Counter[str]) -> dict[int, list[Shape]]:
    sizes: dict[int, Size] = {image["id"]: (image["height"], image["width"]) for image in content["images"]}
    drawn: dict[int, list[Shape]] = defaultdict(list)
    for annotation in content["annotations"]:
        label, area = names[annotation["category_id"]], annotation.get("segmentation")
        image_id = annotation["image_id"]
        if not area:
            left_out["box"] += 1
        elif isinstance(area, dict):
            size = int(area["size"][0]), int(area["size"][1])
            counts = area["counts"] if isinstance(area["counts"], str) else [int(count) for count in area["counts"]]
            if size != sizes[image_id]:
                raise ValueError(f"a mask of {size} for an image of {sizes[image_id]} (height, width)")
            drawn[image_id].append(ColumnRuns(label=label, counts=counts, frame=size))
        else:
            rings = tuple(points_of(ring, f"a polygon of {label!r}") for ring in area)
            drawn[image_id].append(Polygons(label=label, rings=rings))
    return drawn


def _videos(
    content: dict[str, Any], drawn: dict[int, list[Shape]], split: str | None, root: Path, images: dict[str, Path]
) -> list[AnnotatedVideo]:
    by_name: dict[str, list[Path]] = defaultdict(list)
    for image_path in images.values():
        by_name[image_path.name].append(image_path)
    videos: dict[str, AnnotatedVideo] = {}
    for image in content["images"]:
        place = PurePosixPath(str(image["file_name"]).replace("\\", "/"))
        folder = "" if place.parent.as_posix() == "." else place.parent.as_posix()
        name = folder or root.name
        video = videos.setdefault(name, AnnotatedVideo(name=name, split=split))
        # Of equal names the one whose folders agree best: file names are relative to a folder that nobody names.
        found = max(by_name[place.name], key=lambda path: _agreement(path, place, split), default=None)
        if found is not None:
            video.images[place.stem] = found
        if image["id"] in drawn:
            size = int(image["height"]), int(image["width"])
            video.frames.append(AnnotatedFrame(shapes=drawn[image["id"]], name=place.stem, size=size))
    return [video for video in videos.values() if video.frames]


def _agreement(path: Path, place: PurePosixPath, split: str | None) -> tuple[bool, bool]:
    return path.as_posix().endswith(f"/{place.as_posix()}"), split is not None and split in path.parts
