"""The layouts that vidseg reads, by name, and the one door to all of them."""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vidseg.data import camvid, cityscapes, folder, freedoom, kitti_step, vspw, vspw_tree
from vidseg.data.records import VideoDataset
from vidseg.errors import DataError, InputError, VidsegWarning


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How data sets of one layout are read; a new layout is one small file with these two functions.

    Attributes:
        open_split: lists one split of a root.
        splits: the names of the splits that a root has.
    """

    open_split: Callable[[Path, str], VideoDataset]
    splits: Callable[[Path], tuple[str, ...]]


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
        root: folder of the data set.
        layout: a name in `LAYOUTS`.
        split: e.g. "train" or "val".

    Raises:
        InputError: if there is no such layout.
        DataError: if the root is not of that layout, or nothing of the split can be used.
    """
    root = Path(root)
    opener = find_layout(layout).open_split
    if not root.is_dir():
        raise DataError(f"got no folder {root}; expected the root of a data set of layout {layout}")
    dataset = opener(root, split)
    harmful = [damage for damage in dataset.damage if not damage.harmless]
    if not dataset.videos:
        first = f"; {harmful[0].path} {harmful[0].what}" if harmful else ""
        raise DataError(f"got no video in split {split!r} of {root}{first}; do: vidseg doctor {root} --layout {layout}")
    if harmful:
        warnings.warn(
            f"{len(harmful)} damaged file(s) in split {split!r} of {root}, e.g. {harmful[0].path} {harmful[0].what}; "
            f"do: vidseg doctor {root} --layout {layout}",
            VidsegWarning,
            stacklevel=2,
        )
    return dataset
