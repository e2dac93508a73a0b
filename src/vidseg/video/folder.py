"""A folder of masks: one palette PNG a frame."""

import os
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from vidseg.errors import MediaError
from vidseg.files import atomic_folder
from vidseg.types import ClassMap, Segmentation
from vidseg.video.masks import write_labels
from vidseg.video.pillow import UNREADABLE, open_image
from vidseg.video.writer import Pending, Writer

CONFIDENCE = "confidence"
# By this note in a PNG an earlier result is told from files that nobody may replace.
_NOTE = {"Software": "vidseg mask"}


class MaskFolderWriter(Writer):
    """Writes ``folder/<frame name>.png`` for every frame, and nothing else into the folder itself.

    Where a segmentation comes with confidence, it goes into ``folder/confidence/<frame name>.png`` as 8-bit
    grey: round(255 p).

    The folder appears when it is complete. A folder that is there already is replaced as a whole if it is
    empty or holds nothing but masks that this class wrote; else it is refused, untouched.

    Args:
        folder: to be made.
        class_map: gives palette and bits of the masks.

    Raises:
        MediaError: if something else is at `folder`, or it cannot be created.
    """

    def __init__(self, folder: str | os.PathLike[str], class_map: ClassMap) -> None:
        self._folder = Path(folder).resolve()  # a link stays one: what it points to is replaced
        self._class_map = class_map
        _require_replaceable(self._folder)
        self._pending = Pending(folder, atomic_folder(self._folder))

    def write(self, segmentation: Segmentation) -> None:
        """Adds the masks of one frame.

        Raises:
            MediaError: if the folder already has one of that name, or it cannot be written.
        """
        self._pending.count()
        path = self._pending.path / f"{segmentation.frame.name}.png"
        if path.parent != self._pending.path:
            raise MediaError(f"got frame name {segmentation.frame.name!r}; expected a plain file name")
        if path.exists():
            raise MediaError(f"got two frames named {segmentation.frame.name!r}; expected one mask a frame")
        write_labels(path, segmentation.labels, self._class_map, _NOTE)
        if segmentation.confidence is not None:
            (path.parent / CONFIDENCE).mkdir(exist_ok=True)
            _write_confidence(path.parent / CONFIDENCE / path.name, segmentation.confidence)

    def close(self) -> None:
        """Completes the folder; see `Writer.close`."""
        if self._pending.is_open:
            try:
                _require_replaceable(self._folder)  # something may have been put there meanwhile
            except MediaError:
                self.abort()
                raise
            self._pending.commit()

    def abort(self) -> None:
        """Gives up without a trace; see `Writer.abort`."""
        self._pending.discard()


def _write_confidence(path: Path, confidence: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    notes = PngImagePlugin.PngInfo()
    for key, value in _NOTE.items():
        notes.add_text(key, value)
    try:
        Image.fromarray(np.rint(confidence * 255).astype(np.uint8)).save(path, pnginfo=notes)
    except OSError as error:
        raise MediaError(f"got mask {path}, which cannot be written ({error.strerror})") from error


def _require_replaceable(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise MediaError(f"got output {folder}, which is a file; expected a folder; do: name another")
    if not folder.exists():
        return
    for path in sorted(folder.rglob("*")):
        is_ours = path == folder / CONFIDENCE if path.is_dir() else _is_our_mask(path)
        if not is_ours:
            raise MediaError(
                f"got output folder {folder}, which holds {path.relative_to(folder)}; expected a new or empty folder "
                "or earlier masks; do: name another"
            )


def _is_our_mask(path: Path) -> bool:
    try:
        with open_image(path) as image:
            return image.format == "PNG" and image.info.items() >= _NOTE.items()
    except UNREADABLE:
        return False
