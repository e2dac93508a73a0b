"""Plain folders of one's own: ``images/`` and ``masks/`` with the same relative names, and ``classes.json``.

A video is a subfolder of ``images`` (at any depth; images lying in ``images`` itself are one video of the
root's name), or a video file in ``images`` or in the root. The masks of a video file are named by frame index,
counted from 0, and lie in ``masks/<file name without suffix>/`` or, of an only video, in ``masks``. Masks hold
class ids and may be sparse. The class list may also lie in ``masks``, where `vidseg masks` writes it.
``train.txt`` and ``val.txt`` name the videos of the splits; without lists every split is all videos.
"""

from vidseg.data.camvid import own_spec
from vidseg.data.class_files import CLASSES_FILE, find_class_file, read_class_file
from vidseg.data.listing import IMAGE_SUFFIXES, Finder, number_at_end
from vidseg.data.records import DatasetSpec, FrameRecord, VideoDataset, VideoRecord
from vidseg.data.trees import Tree
from vidseg.data.vspw_tree import splits as listed_splits
from vidseg.errors import DataError, MediaError
from vidseg.video import read_video
from vidseg.video.sources import VIDEO_SUFFIXES

_IMAGES, _MASKS = "images", "masks"


def open_split(tree: Tree, split: str) -> VideoDataset:
    """Lists one split; video files are decoded once, to know their frames.

    Raises:
        DataError: if there is no ``classes.json``, no video, or no list of the split although there are others.
    """
    spec = own_spec(tree)
    finder = Finder(tree)
    _compare_class_lists(tree, spec, finder)
    folders = _image_folders(tree)
    files = {**finder.files("", VIDEO_SUFFIXES), **finder.files(_IMAGES, VIDEO_SUFFIXES)}
    if not folders and not files:
        raise DataError(f"got no images and no video in {tree.root}; expected images/<video>/… or a video file")
    names = finder.listed(f"{split}.txt") if listed_splits(tree) else (*folders, *files)
    videos = []
    for name in names:
        if name in folders:
            videos.append(_folder_video(name, folders[name], spec, finder))
        elif name in files:
            masks = f"{_MASKS}/{name}"
            only = len(files) == 1 and not folders
            video = _file_video(name, files[name], _MASKS if only and not tree.has_folder(masks) else masks, finder)
            videos += [video] if video else []
        else:
            finder.note(
                tree.address(f"{_IMAGES}/{name}"),
                f"is no video, but {split}.txt lists it",
                "get it or drop it from the list",
            )
    return VideoDataset(
        tree=tree, layout="folder", split=split, spec=spec, videos=tuple(videos), damage=tuple(finder.damage)
    )


def splits(tree: Tree) -> tuple[str, ...]:
    """The splits that the root has lists of; without lists one, of all videos."""
    return listed_splits(tree) or ("all",)


def _compare_class_lists(tree: Tree, spec: DatasetSpec, finder: Finder) -> None:
    """Notes a list that came with the masks (see `vidseg masks`) and says something else than the root's."""
    theirs = f"{_MASKS}/{CLASSES_FILE}"
    if tree.has_file(theirs) and theirs != find_class_file(tree):
        names = read_class_file(tree, theirs).class_map.names
        if names != spec.class_map.names:
            finder.note(
                tree.address(theirs),
                f"names the classes {', '.join(names[:5])}{', …' if len(names) > 5 else ''} of these masks, but "
                f"{CLASSES_FILE} of the root others, which count",
                "make both equal, or remove the wrong one",
            )


def _image_folders(tree: Tree) -> dict[str, str]:
    """What follows ``images`` (and ``masks``) in the path of a folder with images, by the name of its video."""
    found = tree.folders_with(_IMAGES, IMAGE_SUFFIXES)
    return {path or tree.name: f"/{path}" if path else "" for path in found}


def _folder_video(name: str, place: str, spec: DatasetSpec, finder: Finder) -> VideoRecord:
    images = finder.files(f"{_IMAGES}{place}", IMAGE_SUFFIXES)
    labels = finder.masks(f"{_MASKS}{place}")
    frames = finder.frames(images, labels, complete=False)
    return VideoRecord(name=name, tree=finder.tree, frames=frames, rate=spec.frame_rate)


def _file_video(name: str, path: str, masks: str, finder: Finder) -> VideoRecord | None:
    try:
        with finder.tree.fetched(path) as file, read_video(file) as reader:
            decoded = [(frame.index, frame.time) for frame in reader]
            rate = reader.info.fps
    except (MediaError, OSError) as error:
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
        tree=finder.tree,
        frames=tuple(
            FrameRecord(name=f"{index:08d}", number=index, image=path, label=labels.get(index)) for index, _ in decoded
        ),
        rate=None if rate is None else float(rate),
        file_times=tuple(time or 0.0 for _, time in decoded),
    )
