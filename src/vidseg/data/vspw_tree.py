"""The tree of files that VSPW and our own simplest layout share.

``data/<video>/origin/<frame>.jpg``, ``data/<video>/mask/<frame>.png``, ``<split>.txt`` with one video name a
line.
"""

from vidseg.data.listing import IMAGE_SUFFIXES, Finder, require_folder
from vidseg.data.records import DatasetSpec, VideoDataset, VideoRecord
from vidseg.data.trees import Tree


def list_split(tree: Tree, split: str, spec: DatasetSpec, *, layout: str, images: str = "origin") -> VideoDataset:
    """Lists one split of such a tree, whose frames lie in the folder `images` of every video.

    Raises:
        DataError: if the root has no ``data`` folder or no readable list of the split.
    """
    require_folder(tree, "data", layout, f"one folder a video, with {images}/ and mask/ in it")
    finder = Finder(tree)
    videos = []
    for name in finder.listed(f"{split}.txt"):
        folder = f"data/{name}"
        pictures = finder.files(f"{folder}/{images}", IMAGE_SUFFIXES)
        labels = finder.masks(f"{folder}/mask")
        if not pictures:
            finder.note(
                tree.address(folder),
                f"has no images in {images}/, but {split}.txt lists it",
                "get the video or drop it from the list",
            )
            continue
        frames = finder.frames(pictures, labels, complete=spec.every_frame_labelled)
        videos.append(VideoRecord(name=name, tree=tree, frames=frames, rate=spec.frame_rate))
    return VideoDataset(
        tree=tree, layout=layout, split=split, spec=spec, videos=tuple(videos), damage=tuple(finder.damage)
    )


def splits(tree: Tree) -> tuple[str, ...]:
    """The splits that such a tree has lists of."""
    return tuple(split for split in ("test", "train", "val") if tree.has_file(f"{split}.txt"))
