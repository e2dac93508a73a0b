"""Segmentations as annotations that CVAT imports: "CVAT for video 1.1", masks as run lengths.

A mask is a track of its own, of one class on one frame and ended on the next if there is one, which is the form that
CVAT itself gives masks that belong to single frames. Pixels of the ignore value are in no mask.
"""

import contextlib
import json
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from vidseg.errors import MediaError
from vidseg.files import atomic_file
from vidseg.types import ClassMap, Segmentation
from vidseg.video.info import VideoInfo
from vidseg.video.mask_runs import MaskRuns, encode_mask
from vidseg.video.writer import Pending, Writer

ANNOTATIONS = "annotations.xml"
LABELS = "labels.json"


class CvatWriter(Writer):
    """Writes a ``.zip`` of ``annotations.xml`` and ``labels.json``, the task's labels as CVAT's raw editor takes them.

    Frames are known by their number in the source. Memory does not grow with the video.

    Args:
        path: of the ``.zip``.
        info: of the video.
        class_map: names and colours of the labels.

    Raises:
        MediaError: if it cannot be created.
    """

    def __init__(self, path: str | os.PathLike[str], info: VideoInfo, class_map: ClassMap) -> None:
        self._name = os.fspath(path)
        self._info, self._class_map = info, class_map
        self._pending = Pending(path, atomic_file(path))
        # What stands before the tracks is known after the last.
        self._tracks = tempfile.TemporaryFile(dir=self._pending.path.parent)  # noqa: SIM115 - it lives as long as self
        self._count = 0
        self._size: tuple[int, int] | None = None
        self._frames: tuple[int, int] = (0, 0)
        self._waiting: list[tuple[int, str, MaskRuns]] = []

    def write(self, segmentation: Segmentation) -> None:
        """Adds the masks of one frame.

        Raises:
            MediaError: if its size is not that of the first, or it cannot be written.
        """
        self._pending.count()
        labels_HW, index = segmentation.labels, segmentation.frame.index
        if self._size is None:
            self._size, self._frames = labels_HW.shape, (index, index)
        if labels_HW.shape != self._size:
            raise MediaError(
                f"got labels of {labels_HW.shape} after ones of {self._size} for {self._name}; expected one size; "
                "do: write masks into a folder"
            )
        self._frames = self._frames[0], index
        self._flush(ended=True)
        found = [label for label in np.unique(labels_HW).tolist() if label < self._class_map.num_classes]
        self._waiting = [(index, self._class_map.names[label], encode_mask(labels_HW == label)) for label in found]

    def close(self) -> None:
        """Completes the file; see `Writer.close`."""
        if not self._pending.is_open:
            return
        if self._size is None:
            self._drop()
            self._pending.commit()  # which says that there is no frame
            return
        try:
            self._flush(ended=False)
            with zipfile.ZipFile(self._pending.path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(LABELS, json.dumps(_label_list(self._class_map), indent=2))
                with archive.open(ANNOTATIONS, "w", force_zip64=True) as member:
                    member.write(self._head())
                    self._tracks.seek(0)
                    shutil.copyfileobj(self._tracks, member, 1 << 20)
                    member.write(b"</annotations>\n")
        except OSError as error:
            self.abort()
            raise self._unwritable(error) from error
        except BaseException:
            self.abort()
            raise
        self._drop()
        self._pending.commit()

    def abort(self) -> None:
        """Gives up without a trace; see `Writer.abort`."""
        self._drop()
        self._pending.discard()

    def _flush(self, *, ended: bool) -> None:
        """Writes the masks of the frame before: whether there is a frame on which they end is known one later."""
        try:
            for index, label, mask in self._waiting:
                track = _track(self._count, label, mask, index, ended=ended)
                self._tracks.write(b"  " + ElementTree.tostring(track, encoding="utf-8") + b"\n")
                self._count += 1
        except OSError as error:
            raise self._unwritable(error) from error
        self._waiting = []

    def _head(self) -> bytes:
        assert self._size is not None
        (height, width), (first, last) = self._size, self._frames
        fields = {
            "name": Path(self._info.name).stem,
            "size": str(last - first + 1),
            "mode": "interpolation",
            "start_frame": str(first),
            "stop_frame": str(last),
        }
        meta = ElementTree.Element("meta")
        task = ElementTree.SubElement(meta, "task")
        for name, value in fields.items():
            ElementTree.SubElement(task, name).text = value
        labels = ElementTree.SubElement(task, "labels")
        for entry in _label_list(self._class_map):
            label = ElementTree.SubElement(labels, "label")
            for name in ("name", "color", "type"):
                ElementTree.SubElement(label, name).text = entry[name]
            ElementTree.SubElement(label, "attributes")
        size = ElementTree.SubElement(task, "original_size")
        ElementTree.SubElement(size, "width").text = str(width)
        ElementTree.SubElement(size, "height").text = str(height)
        ElementTree.SubElement(task, "source").text = Path(self._info.name).name
        ElementTree.indent(meta, level=1)
        start = b'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  '
        return start + ElementTree.tostring(meta, encoding="utf-8") + b"\n"

    def _drop(self) -> None:
        # Closing writes what is buffered, which fails again where writing failed: the file goes anyway.
        with contextlib.suppress(OSError):
            self._tracks.close()

    def _unwritable(self, error: OSError) -> MediaError:
        return MediaError(f"got output {self._name}, which cannot be written ({error.strerror})")


def _track(number: int, label: str, mask: MaskRuns, frame: int, *, ended: bool) -> ElementTree.Element:
    track = ElementTree.Element("track", {"id": str(number), "label": label, "source": "auto"})
    for at, outside in ((frame, "0"), (frame + 1, "1"))[: 1 + ended]:
        place = {"frame": str(at), "keyframe": "1", "outside": outside, "occluded": "0"}
        box = {name: str(getattr(mask, name)) for name in ("left", "top", "width", "height")}
        runs = ", ".join(map(str, mask.runs))
        ElementTree.SubElement(track, "mask", {**place, "rle": runs, **box, "z_order": "0"})
    return track


def _label_list(class_map: ClassMap) -> list[dict[str, Any]]:
    return [
        {"name": name, "color": "#{:02x}{:02x}{:02x}".format(*colour), "type": "mask", "attributes": []}
        for name, colour in zip(class_map.names, class_map.palette, strict=True)
    ]
