"""Plain folders of one's own: ``images/`` and ``masks/`` with the same relative names, and ``classes.json``.

A video is a subfolder of ``images`` (at any depth; images lying in ``images`` itself are one video of the
root's name), or a video file in ``images`` or in the root. The masks of a video file are named by frame index,
counted from 0, and lie in ``masks/<file name without suffix>/`` or, of an only video, in ``masks``. Masks hold
class ids and may be sparse. The class list may also lie in ``masks``, where `vidseg masks` writes it.
``train.txt`` and ``val.txt`` name the videos of the splits; without lists every split is all videos.
"""

from pathlib import Path

from vidseg.data.camvid import own_spec
from vidseg.data.class_files import CLASSES_FILE, find_class_file, read_class_file
from vidseg.data.listing import IMAGE_SUFFIXES, VIDEO_SUFFIXES, Finder, number_at_end
from vidseg.data.records import DatasetSpec, FrameRecord, VideoDataset, VideoRecord
from vidseg.data.vspw_tree import splits as listed_splits
from vidseg.errors import DataError, MediaError
from vidseg.video import read_video

_IMAGES, _MASKS = "images", "masks"


def open_split(root: Path, split: str) -> VideoDataset:
    """Lists one split; video files are decoded once, to know their frames.

    Raises:
        DataError: if there is no ``classes.json``, no video, or no list of the split although there are others.
    """
    spec = own_spec(root)
    finder = Finder()
    _compare_class_lists(root, spec, finder)
    folders = _image_folders(root)
    files = {**finder.files(root, VIDEO_SUFFIXES), **finder.files(root / _IMAGES, VIDEO_SUFFIXES)}
    if not folders and not files:
        raise DataError(f"got no images and no video in {root}; expected images/<video>/… or a video file")
    names = finder.listed(root / f"{split}.txt") if listed_splits(root) else (*folders, *files)
    videos = []
    for name in names:
        if name in folders:
            videos.append(_folder_video(name, folders[name], root, spec, finder))
        elif name in files:
            masks = root / _MASKS / name
            only = len(files) == 1 and not folders
            video = _file_video(name, files[name], root / _MASKS if only and not masks.is_dir() else masks, finder)
            videos += [video] if video else []
        else:
            finder.note(
                root / _IMAGES / name, f"is no video, but {split}.txt lists it", "get it or drop it from the list"
            )
    return VideoDataset(
        root=root, layout="folder", split=split, spec=spec, videos=tuple(videos), damage=tuple(finder.damage)
    )


def splits(root: Path) -> tuple[str, ...]:
    """The splits that the root has lists of; without lists one, of all videos."""
    return listed_splits(root) or ("all",)


def _compare_class_lists(root: Path, spec: DatasetSpec, finder: Finder) -> None:
    """Notes a list that came with the masks (see `vidseg masks`) and says something else than the root's."""
    theirs = root / _MASKS / CLASSES_FILE
    if theirs.is_file() and theirs != find_class_file(root):
        names = read_class_file(theirs).class_map.names
        if names != spec.class_map.names:
            finder.note(
                theirs,
                f"names the classes {', '.join(names[:5])}{', …' if len(names) > 5 else ''} of these masks, but "
                f"{CLASSES_FILE} of the root others, which count",
                "make both equal, or remove the wrong one",
            )


def _image_folders(root: Path) -> dict[str, Path]:
    """Folders with images in them, relative to ``images`` (and to ``masks``), by the name of their video."""
    top = root / _IMAGES
    images = (path.relative_to(top) for path in top.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    found = {path.parent for path in images if not any(part.startswith(".") for part in path.parts)}
    return {path.as_posix() if path.parts else root.resolve().name: path for path in sorted(found)}


def _folder_video(name: str, place: Path, root: Path, spec: DatasetSpec, finder: Finder) -> VideoRecord:
    images = finder.files(root / _IMAGES / place, IMAGE_SUFFIXES)
    labels = finder.masks(root / _MASKS / place)
    return VideoRecord(name=name, frames=finder.frames(images, labels, complete=False), rate=spec.frame_rate)


def _file_video(name: str, path: str, masks: Path, finder: Finder) -> VideoRecord | None:
    try:
        with read_video(path) as reader:
            decoded = [(frame.index, frame.time) for frame in reader]
            rate = reader.info.fps
    except MediaError as error:
        finder.note(path, f"cannot be decoded ({error})", "get the file again")
        return None
    labels = {}
    for mask, mask_path in finder.masks(masks).items():
        number = number_at_end(mask)
        if number is None or number >= len(decoded):
            finder.note(
                mask_path, f"names none of the {len(decoded)} frames of {path}", "name it by frame index, from 0"
            )
        else:
            labels[number] = mask_path
    return VideoRecord(
        name=name,
        frames=tuple(
            FrameRecord(name=f"{index:08d}", number=index, image=path, label=labels.get(index)) for index, _ in decoded
        ),
        rate=None if rate is None else float(rate),
        file_times=tuple(time or 0.0 for _, time in decoded),
    )
