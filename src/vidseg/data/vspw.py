"""VSPW (Miao et al., CVPR 2021), as published at 480p.

Mask files hold 1–124 for the classes; 0 and 255 are void. Frame numbers have gaps, so references are places
in the list. The masks of the test split are not public. A root with a ``classes.json`` is of our own layout.
"""

from vidseg.data import camvid
from vidseg.data.class_files import find_class_file, vspw_classes
from vidseg.data.records import DatasetSpec, VideoDataset
from vidseg.data.trees import Tree
from vidseg.data.vspw_tree import list_split


def open_split(tree: Tree, split: str) -> VideoDataset:
    """Lists one split.

    Raises:
        DataError: if the root has no ``data`` folder or no readable list of the split.
    """
    if find_class_file(tree) is not None:
        return camvid.open_split(tree, split)
    class_map = vspw_classes()
    classes = {index + 1: index for index in range(class_map.num_classes)}
    spec = DatasetSpec(
        class_map=class_map,
        file_values={0: class_map.ignore, 255: class_map.ignore, **classes},
        frame_rate=15,
        every_frame_labelled=True,
    )
    return list_split(tree, split, spec, layout="vspw")
