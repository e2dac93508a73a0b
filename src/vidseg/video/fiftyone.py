"""Segmentations as FiftyOne's ``ImageSegmentationDirectory``: frames, and grey masks of their names.

FiftyOne shows the value 0 as nothing, so a mask holds class ids plus 1, and 0 where there is no label.
``mask_targets.json`` names the values.
"""

import contextlib
import io
import json
import os
import zipfile

import numpy as np
from PIL import Image

from vidseg.errors import MediaError
from vidseg.files import atomic_file
from vidseg.types import IGNORE_8BIT, ClassMap, Segmentation
from vidseg.video.writer import Pending, Writer

MASK_TARGETS = "mask_targets.json"
DATA, LABELS = "data", "labels"


class FiftyOneWriter(Writer):
    """Writes a ``.zip`` of ``data/<name>.jpg``, ``labels/<name>.png`` and ``mask_targets.json``.

    Args:
        path: of the ``.zip``.
        class_map: names of the classes.

    Raises:
        MediaError: if it cannot be created.
    """

    def __init__(self, path: str | os.PathLike[str], class_map: ClassMap) -> None:
        self._name = os.fspath(path)
        self._class_map = class_map
        self._pending = Pending(path, atomic_file(path))
        # What is in it is compressed already.
        self._archive = zipfile.ZipFile(self._pending.path, "w", zipfile.ZIP_STORED)

    def write(self, segmentation: Segmentation) -> None:
        """Adds one frame and its mask.

        Raises:
            MediaError: if it cannot be written.
        """
        self._pending.count()
        picture, mask = io.BytesIO(), io.BytesIO()
        Image.fromarray(segmentation.frame.image).save(picture, "JPEG", quality=95, subsampling=0)
        Image.fromarray(self._values(segmentation)).save(mask, "PNG")
        name = segmentation.frame.name
        self._add(f"{DATA}/{name}.jpg", picture.getvalue())
        self._add(f"{LABELS}/{name}.png", mask.getvalue())

    def close(self) -> None:
        """Completes the file; see `Writer.close`."""
        if not self._pending.is_open:
            return
        try:
            targets = {str(index + 1): name for index, name in enumerate(self._class_map.names)}
            self._add(MASK_TARGETS, json.dumps(targets, indent=2).encode())
            self._archive.close()
        except OSError as error:
            self.abort()
            raise self._unwritable(error) from error
        except BaseException:
            self.abort()
            raise
        self._pending.commit()

    def abort(self) -> None:
        """Gives up without a trace; see `Writer.abort`."""
        if self._pending.is_open:
            # Closing writes the table of contents, which fails where writing failed: the file goes anyway.
            with contextlib.suppress(OSError):
                self._archive.close()
            self._pending.discard()

    def _values(self, segmentation: Segmentation) -> np.ndarray[tuple[int, ...], np.dtype[np.unsignedinteger]]:
        labels_HW = segmentation.labels
        dtype = np.uint8 if self._class_map.num_classes <= IGNORE_8BIT else np.uint16
        return np.where(labels_HW < self._class_map.num_classes, labels_HW + 1, 0).astype(dtype)

    def _add(self, name: str, content: bytes) -> None:
        try:
            self._archive.writestr(name, content)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> MediaError:
        return MediaError(f"got output {self._name}, which cannot be written ({error.strerror})")
