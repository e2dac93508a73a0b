"""The layouts that vidseg reads, by name, and the one door to all of them."""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from vidseg.data import camvid, cityscapes, folder, freedoom, kitti_step, vspw, vspw_tree
from vidseg.data.records import VideoDataset
from vidseg.data.trees import Tree, open_tree
from vidseg.errors import DataError, InputError, VidsegWarning


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How data sets of one layout are read; a new layout is one small file with these two functions.

    Attributes:
        open_split: lists one split of a root.
        splits: the names of the splits that a root has.
    """

    open_split: Callable[[Tree, str], VideoDataset]
    splits: Callable[[Tree], tuple[str, ...]]


LAYOUTS: dict[str, Layout] = {
    "vspw": Layout(open_split=vspw.open_split, splits=vspw_tree.splits),
    "cityscapes": Layout(open_split=cityscapes.open_split, splits=cityscapes.splits),
    "camvid": Layout(open_split=camvid.open_split, splits=vspw_tree.splits),
    "kitti-step": Layout(open_split=kitti_step.open_split, splits=kitti_step.splits),
    "freedoom": Layout(open_split=freedoom.open_split, splits=vspw_tree.splits),
    "folder": Layout(open_split=folder.open_split, splits=folder.splits),
}


def find_layout(name: str) -> Layout:
    """The layout of that name.

    Raises:
        InputError: if there is none.
    """
    try:
        return LAYOUTS[name]
    except KeyError:
        raise InputError(f"got layout {name!r}; expected one of {', '.join(LAYOUTS)}") from None


def open_dataset(root: str | os.PathLike[str], layout: str, split: str) -> VideoDataset:
    """Lists one split of a data set; no pixel is read yet.

    What is damaged (empty files, listed videos without images, …) is left out with one warning for all of it.

    Args:
        root: folder of the data set, or address of a store; see `vidseg.data.trees.open_tree`.
        layout: a name in `LAYOUTS`.
        split: e.g. "train" or "val".

    Raises:
        InputError: if there is no such layout or store.
        MissingExtraError: for a store whose package is not installed.
        DataError: if the root is not of that layout, or nothing of the split can be used.
    """
    find_layout(layout)  # first, because a store takes its time
    return read_split(open_tree(root), layout, split)


def read_split(tree: Tree, layout: str, split: str) -> VideoDataset:
    """The same of a tree that is open already."""
    opener, root = find_layout(layout).open_split, tree.root
    if not tree.has_folder(""):
        raise DataError(f"got no folder {root}; expected the root of a data set of layout {layout}")
    dataset = opener(tree, split)
    harmful = [damage for damage in dataset.damage if not damage.harmless]
    if not dataset.videos:
        first = f"; {harmful[0].path} {harmful[0].what}" if harmful else ""
        raise DataError(f"got no video in split {split!r} of {root}{first}; do: vidseg doctor {root} --layout {layout}")
    if harmful:
        warnings.warn(
            f"{len(harmful)} damaged file(s) in split {split!r} of {root}, e.g. {harmful[0].path} {harmful[0].what}; "
            f"do: vidseg doctor {root} --layout {layout}",
            VidsegWarning,
            stacklevel=3,
        )
    return dataset
