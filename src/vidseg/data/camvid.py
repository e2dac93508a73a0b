"""Our own simplest layout, in which CamVid is: the tree of VSPW and a ``classes.json`` beside the lists.

Mask files hold the class ids as they are, and the ignore value. Any frame may lack a mask.
"""

from vidseg.data.class_files import CLASSES_FILE, find_class_file, read_class_file
from vidseg.data.records import DatasetSpec, VideoDataset
from vidseg.data.trees import Tree
from vidseg.data.vspw_tree import list_split


def open_split(tree: Tree, split: str) -> VideoDataset:
    """Lists one split.

    Raises:
        DataError: if the root has no ``data`` folder, no ``classes.json`` or no readable list of the split.
    """
    return list_split(tree, split, own_spec(tree), layout="camvid")


def own_spec(tree: Tree) -> DatasetSpec:
    """What the class list of a root says of masks that hold class ids as they are."""
    classes = read_class_file(tree, find_class_file(tree) or CLASSES_FILE)
    values = (*range(classes.class_map.num_classes), classes.class_map.ignore)
    return DatasetSpec(
        class_map=classes.class_map,
        file_values={value: value for value in values},
        frame_rate=classes.frame_rate,
        own_classes=True,
    )
