"""The tree of files that VSPW and our own simplest layout share.

``data/<video>/origin/<frame>.jpg``, ``data/<video>/mask/<frame>.png``, ``<split>.txt`` with one video name a
line.
"""

from pathlib import Path

from vidseg.data.listing import IMAGE_SUFFIXES, Finder, require_folder
from vidseg.data.records import DatasetSpec, VideoDataset, VideoRecord


def list_split(root: Path, split: str, spec: DatasetSpec, *, layout: str, images: str = "origin") -> VideoDataset:
    """Lists one split of such a tree, whose frames lie in the folder `images` of every video.

    Raises:
        DataError: if the root has no ``data`` folder or no readable list of the split.
    """
    require_folder(root / "data", layout, f"one folder a video, with {images}/ and mask/ in it")
    finder = Finder()
    videos = []
    for name in finder.listed(root / f"{split}.txt"):
        folder = root / "data" / name
        pictures = finder.files(folder / images, IMAGE_SUFFIXES)
        labels = finder.masks(folder / "mask")
        if not pictures:
            finder.note(
                folder,
                f"has no images in {images}/, but {split}.txt lists it",
                "get the video or drop it from the list",
            )
            continue
        frames = finder.frames(pictures, labels, complete=spec.every_frame_labelled)
        videos.append(VideoRecord(name=name, frames=frames, rate=spec.frame_rate))
    return VideoDataset(
        root=root, layout=layout, split=split, spec=spec, videos=tuple(videos), damage=tuple(finder.damage)
    )


def splits(root: Path) -> tuple[str, ...]:
    """The splits that such a tree has lists of."""
    return tuple(sorted(path.stem for path in root.glob("*.txt") if path.stem in ("train", "val", "test")))
