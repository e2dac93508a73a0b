"""`freedoom-video`, as `vidseg render` makes it, seen through a bad camera.

The data set is of our own layout, so "camvid" reads its clean frames; this layout reads the damaged ones of
``data/<video>/degraded`` with the same masks.
"""

from vidseg.data.camvid import own_spec
from vidseg.data.records import VideoDataset
from vidseg.data.trees import Tree
from vidseg.data.vspw_tree import list_split


def open_split(tree: Tree, split: str) -> VideoDataset:
    """Lists one split.

    Raises:
        DataError: if the root has no ``data`` folder, no ``classes.json`` or no readable list of the split.
    """
    return list_split(tree, split, own_spec(tree), layout="freedoom", images="degraded")
