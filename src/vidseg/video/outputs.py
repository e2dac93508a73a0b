"""Which writer an output's name asks for."""

import os
from pathlib import Path
from typing import Literal

from vidseg.errors import InputError
from vidseg.types import ClassMap
from vidseg.video.arrays import NpzWriter
from vidseg.video.cvat import CvatWriter
from vidseg.video.fiftyone import FiftyOneWriter
from vidseg.video.folder import MaskFolderWriter
from vidseg.video.info import VideoInfo
from vidseg.video.mp4 import OverlayWriter
from vidseg.video.shares import SharesWriter

OutputKind = Literal["overlay", "arrays", "shares", "masks", "cvat", "fiftyone"]
AnyWriter = OverlayWriter | NpzWriter | SharesWriter | MaskFolderWriter | CvatWriter | FiftyOneWriter

_BY_SUFFIX: dict[str, OutputKind] = {
    ".mp4": "overlay",
    ".npz": "arrays",
    ".csv": "shares",
    ".zip": "cvat",
    "": "masks",
}
# Of two kinds of archives the more usual one has the plain name.
_FIFTYONE_SUFFIX = ".fiftyone.zip"


def output_kind(path: str | os.PathLike[str]) -> OutputKind:
    """What `path` asks for by its suffix; an existing folder and a name without suffix ask for masks.

    Raises:
        InputError: if the suffix is unknown.
    """
    path = Path(path)
    if path.name.lower().endswith(_FIFTYONE_SUFFIX):
        return "fiftyone"
    kind = "masks" if path.is_dir() else _BY_SUFFIX.get(path.suffix.lower())
    if kind is None:
        raise InputError(
            f"got output {path}; expected .mp4 (overlay), .npz (label arrays), .csv (class shares), .zip (for "
            f"CVAT), {_FIFTYONE_SUFFIX} or a folder without suffix (masks)"
        )
    return kind


def open_writer(
    path: str | os.PathLike[str], info: VideoInfo, class_map: ClassMap, kind: OutputKind | None = None
) -> AnyWriter:
    """The writer for `path`.

    Only `OverlayWriter` wants finished pictures: ``write(rgb, frame)``; the others take ``write(segmentation)``.

    Args:
        path: the output.
        info: of the video.
        class_map: of the labels.
        kind: of the output, whatever its suffix; None for what that asks for.

    Raises:
        InputError: if the suffix is unknown.
        MediaError: if the output cannot be created.
    """
    match kind or output_kind(path):
        case "overlay":
            return OverlayWriter(path, info)
        case "arrays":
            return NpzWriter(path)
        case "shares":
            return SharesWriter(path, class_map)
        case "cvat":
            return CvatWriter(path, info, class_map)
        case "fiftyone":
            return FiftyOneWriter(path, class_map)
        case "masks":
            return MaskFolderWriter(path, class_map)
