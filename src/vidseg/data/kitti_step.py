"""KITTI-STEP (Weber et al., NeurIPS Datasets 2021), 10 Hz, all frames labelled with Cityscapes' 19 classes.

``images/<split>/<video>/<frame>.png`` and ``panoptic_maps/<split>/<video>/<frame>.png``: colour PNGs whose red
channel is the class id, 255 ignored; green and blue number the instance.
"""

from vidseg.data.listing import IMAGE_SUFFIXES, MASK_SUFFIXES, Finder, require_folder
from vidseg.data.records import DatasetSpec, VideoDataset, VideoRecord
from vidseg.data.street_classes import street_class_map, train_id_values
from vidseg.data.trees import Tree


def open_split(tree: Tree, split: str) -> VideoDataset:
    """Lists one split.

    Raises:
        DataError: if the root has no images of the split.
    """
    require_folder(tree, f"images/{split}", "kitti-step", "one folder a video")
    spec = DatasetSpec(
        class_map=street_class_map(),
        file_values=train_id_values(),
        frame_rate=10,
        every_frame_labelled=True,
        channel=0,
    )
    finder = Finder(tree)
    videos = []
    for name in tree.folders(f"images/{split}"):
        images = finder.files(f"images/{split}/{name}", IMAGE_SUFFIXES)
        labels = finder.files(f"panoptic_maps/{split}/{name}", MASK_SUFFIXES)
        frames = finder.frames(images, labels, complete=spec.every_frame_labelled)
        if frames:
            videos.append(VideoRecord(name=name, tree=tree, frames=frames, rate=spec.frame_rate))
        else:
            finder.note(tree.address(f"images/{split}/{name}"), "has no images", "get the video or drop its folder")
    return VideoDataset(
        tree=tree, layout="kitti-step", split=split, spec=spec, videos=tuple(videos), damage=tuple(finder.damage)
    )


def splits(tree: Tree) -> tuple[str, ...]:
    """The splits that the root has images of."""
    return tree.folders("images")
