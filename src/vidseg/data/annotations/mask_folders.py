"""Exports that hold a mask image a frame: Pascal VOC, CamVid, KITTI and FiftyOne, each with its own folders.

Their masks cover all pixels; which colour or value is which class is read as `vidseg masks` reads it.
"""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from vidseg.data.annotations.json_files import as_expected, load
from vidseg.data.annotations.media import images_under
from vidseg.data.annotations.records import AnnotatedFrame, AnnotatedVideo, Annotations, Label, split_of
from vidseg.data.annotations.shapes import MaskFile
from vidseg.data.mask_keys import Key
from vidseg.data.mask_table_files import read_table
from vidseg.data.mask_tables import MaskTable, build_table
from vidseg.errors import DataError
from vidseg.types import default_ignore
from vidseg.video.fiftyone import DATA, LABELS, MASK_TARGETS

_VOC_LISTS = "ImageSets/Segmentation"
_COLOURS = "label_colors.txt"


def recognises_voc(folder: Path) -> bool:
    """Whether an unpacked export is Pascal VOC's (in CVAT, "Segmentation mask 1.1")."""
    return _voc_root(folder) is not None


def read_voc(folder: Path) -> Annotations:
    """Reads the masks of classes of Pascal VOC; its lists of images are the splits.

    Raises:
        DataError: if there is no mask, or the table of colours is damaged.
    """
    root = _voc_root(folder)
    assert root is not None
    own_table = root / "labelmap.txt"
    table = read_table(own_table if own_table.is_file() else "voc")
    splits: dict[str, str] = {}
    for path in sorted((root / _VOC_LISTS).glob("*.txt")):
        # "trainval" lists what others list already.
        if path.stem != "trainval":
            splits |= dict.fromkeys(path.read_text(encoding="utf-8-sig").split("\n"), path.stem)
    masks, images = _stems(root / "SegmentationClass"), _stems(root / "JPEGImages")
    return _annotations(table, ((splits.get(name), name, mask) for name, mask in masks.items()), images, folder)


def recognises_camvid(folder: Path) -> bool:
    """Whether an unpacked export is CamVid's: lists of pairs of an image and a mask, and a table of colours."""
    return (folder / _COLOURS).is_file() and bool(_camvid_lists(folder))


def read_camvid(folder: Path) -> Annotations:
    """Reads the pairs of all lists; each list is a split.

    Raises:
        DataError: if a list names a file outside of the export.
    """
    masks: list[tuple[str | None, str, Path]] = []
    images: dict[str, Path] = {}
    for path in _camvid_lists(folder):
        for line in filter(None, map(str.strip, path.read_text(encoding="utf-8-sig").splitlines())):
            # Names with blanks stand in quotes.
            image, mask = (part.strip(' "') for part in (line.split('" "') if '"' in line else line.split()))
            name = "/".join(PurePosixPath(image.lstrip("/")).with_suffix("").parts[1:])
            images[name] = _within(folder, image)
            masks.append((path.stem, name, _within(folder, mask)))
    return _annotations(read_table(folder / _COLOURS), masks, images, folder)


def recognises_kitti(folder: Path) -> bool:
    """Whether an unpacked export is KITTI's semantic segmentation."""
    return bool(_kitti_splits(folder))


def read_kitti(folder: Path) -> Annotations:
    """Reads the masks in colours; without a table of colours, those of Cityscapes, which KITTI uses.

    Raises:
        DataError: if the table of colours is damaged.
    """
    own_table = folder / _COLOURS
    table = read_table(own_table if own_table.is_file() else "cityscapes")
    masks: list[tuple[str | None, str, Path]] = []
    images: dict[str, Path] = {}
    for place in _kitti_splits(folder):
        # The splits use the same names, so each is a folder of its own.
        images |= {f"{place.name}/{name}": path for name, path in _stems(place / "image_2").items()}
        found = _stems(place / "semantic_rgb")
        masks += [(place.name, f"{place.name}/{name}", path) for name, path in found.items()]
    return _annotations(table, masks, images, folder)


def recognises_fiftyone(folder: Path) -> bool:
    """Whether it is an ``ImageSegmentationDirectory`` of FiftyOne's with the names of its values."""
    return (folder / LABELS).is_dir() and (folder / MASK_TARGETS).is_file()


def read_fiftyone(folder: Path) -> Annotations:
    """Reads the masks of FiftyOne's ``ImageSegmentationDirectory``; the value 0 is no label, unless it has a name.

    Raises:
        DataError: if the names of the values are damaged.
    """
    targets = load(folder / MASK_TARGETS)
    with as_expected(folder / MASK_TARGETS, "FiftyOne"):
        named = sorted((int(value), str(name)) for value, name in targets.items())
        void = {0, default_ignore(len(named))} - {value for value, _ in named}
        entries: list[tuple[str | None, Key]] = [(name, Key("value", value)) for value, name in named]
        table = build_table([*entries, *((None, Key("value", value)) for value in sorted(void))])
    masks = ((None, name, path) for name, path in _stems(folder / LABELS).items())
    return _annotations(table, masks, _stems(folder / DATA), folder)


def _annotations(
    table: MaskTable, masks: Iterable[tuple[str | None, str, Path]], images: dict[str, Path], folder: Path
) -> Annotations:
    """Joins (split, name, mask) and images by name; a name's folder is its video."""
    found = [(split_of(split), PurePosixPath(name), path) for split, name, path in masks]
    if not found:
        raise DataError(f"got no mask in {folder}; expected an image a frame; get the export again")
    videos: dict[tuple[str | None, PurePosixPath], AnnotatedVideo] = {}
    for split, name, path in found:
        title = folder.name if name.parent == PurePosixPath() else name.parent.as_posix()
        video = videos.setdefault((split, name.parent), AnnotatedVideo(name=title, split=split))
        video.frames.append(AnnotatedFrame(shapes=[MaskFile(path=str(path), table=table)], name=name.name))
        if name.as_posix() in images:
            video.images[name.name] = images[name.as_posix()]
    for (_, place), video in videos.items():
        if sum(other == place for _, other in videos) == 1:
            # Frames without a mask are context for the others.
            inside = {PurePosixPath(name): path for name, path in images.items()}
            video.images |= {name.name: path for name, path in inside.items() if name.parent == place}
    palette = table.class_map().palette if table.names else ()
    labels = tuple(Label(name=name, colour=colour) for name, colour in zip(table.names, palette, strict=True))
    return Annotations(labels=labels, videos=tuple(videos.values()))


def _stems(folder: Path) -> dict[str, Path]:
    return {PurePosixPath(name).with_suffix("").as_posix(): path for name, path in images_under(folder).items()}


def _voc_root(folder: Path) -> Path | None:
    """Where the export is: a data set's archive holds a folder VOCdevkit/VOC2012 with all of it."""
    found = sorted(path.parent for path in folder.rglob("SegmentationClass") if path.is_dir())
    return next((path for path in found if (path / _VOC_LISTS).is_dir()), None)


def _camvid_lists(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.glob("*.txt"))
        if path.name != _COLOURS
        and len(path.read_text(encoding="utf-8-sig", errors="replace").split("\n")[0].split()) > 1
    ]


def _kitti_splits(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if (path / "semantic_rgb").is_dir()]


def _within(folder: Path, path: str) -> Path:
    place = (folder / path.lstrip("/")).resolve()
    if not place.is_relative_to(folder.resolve()):
        raise DataError(f"got {path} in a list of {folder}; expected a file of the export")
    return place
