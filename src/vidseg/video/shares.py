"""How much of each frame belongs to each class, as ``.csv``."""

import contextlib
import csv
import os

import numpy as np
from numpy.typing import NDArray

from vidseg.errors import MediaError
from vidseg.files import atomic_file
from vidseg.types import ClassMap, Segmentation
from vidseg.video.writer import Pending, Writer


def class_shares(segmentation: Segmentation) -> NDArray[np.float64]:
    """How much of a frame belongs to each class: K shares of all its pixels, 0–1; the rest is the ignore value's."""
    labels, classes = segmentation.labels, segmentation.class_map.num_classes
    return np.bincount(labels.ravel(), minlength=classes)[:classes] / labels.size


class SharesWriter(Writer):
    """Writes one row a frame: its index, its time in seconds, and each class's share of all its pixels, 0–1.

    Shares have six decimals; what is missing to 1 is pixels of the ignore value. A frame without time has an
    empty field there.

    Args:
        path: of the ``.csv``.
        class_map: one column a class, headed by its name.

    Raises:
        MediaError: if it cannot be created.
    """

    def __init__(self, path: str | os.PathLike[str], class_map: ClassMap) -> None:
        self._name = os.fspath(path)
        self._pending = Pending(path, atomic_file(path))
        self._file = self._pending.path.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._write_row(["frame", "time", *class_map.names])

    def write(self, segmentation: Segmentation) -> None:
        """Adds the row of one frame.

        Raises:
            MediaError: if it cannot be written.
        """
        self._pending.count()
        frame = segmentation.frame
        time = "" if frame.time is None else f"{frame.time:.6f}"
        self._write_row([frame.index, time, *(f"{share:.6f}" for share in class_shares(segmentation))])

    def close(self) -> None:
        """Completes the file; see `Writer.close`."""
        if self._pending.is_open:
            try:
                self._file.close()
            except OSError as error:
                self.abort()
                raise self._unwritable(error) from error
            self._pending.commit()

    def abort(self) -> None:
        """Gives up without a trace; see `Writer.abort`."""
        if self._pending.is_open:
            # Closing writes what is buffered, which fails again where writing failed: the file goes anyway.
            with contextlib.suppress(OSError):
                self._file.close()
            self._pending.discard()

    def _write_row(self, fields: list[object]) -> None:
        try:
            self._rows.writerow(fields)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> MediaError:
        return MediaError(f"got output {self._name}, which cannot be written ({error.strerror})")
