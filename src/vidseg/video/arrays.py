"""Label maps as one ``.npz``."""

import contextlib
import gzip
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from typing import IO

import numpy as np
from numpy.typing import NDArray

from vidseg.errors import MediaError
from vidseg.files import atomic_file
from vidseg.types import ClassMap, Segmentation
from vidseg.video.writer import Pending, Writer


class NpzWriter(Writer):
    """Writes the segmentations of a video as arrays that plain ``numpy.load`` reads.

    - ``labels``: [T, H, W] uint8 (uint16 for more than 255 classes)
    - ``confidence``: [T, H, W] float16, if the segmentations have it
    - ``times``: [T] float64 seconds, NaN where a frame has none; ``indices``: [T] int64; ``names``: [T] strings
    - ``classes``: [K] strings; ``palette``: [K, 3] uint8; ``ignore``: integer

    Frames go to a compressed scratch file first, because the header of an array wants T: memory does not
    grow with the video but for a few bytes a frame.

    Args:
        path: of the ``.npz``.

    Raises:
        MediaError: if it cannot be created.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._name = os.fspath(path)
        self._pending = Pending(path, atomic_file(path))
        self._stacks: dict[str, _Stack] = {}
        self._class_map: ClassMap | None = None
        self._times: list[float] = []
        self._indices: list[int] = []
        self._names: list[str] = []

    def write(self, segmentation: Segmentation) -> None:
        """Adds one frame.

        Raises:
            MediaError: if its size, dtype or classes are not those of the first, only some frames have
                confidence, or it cannot be written.
        """
        self._pending.count()
        arrays: dict[str, NDArray[np.generic]] = {"labels": segmentation.labels}
        if segmentation.confidence is not None:
            arrays["confidence"] = segmentation.confidence.astype(np.float16)
        if self._class_map is None:
            self._class_map = segmentation.class_map
            self._stacks = {name: _Stack(array, self._pending.path.parent) for name, array in arrays.items()}
        if segmentation.class_map != self._class_map or arrays.keys() != self._stacks.keys():
            raise MediaError(
                f"got frame {segmentation.frame.index} with other classes or arrays than the first for {self._name}; "
                "expected the same for all"
            )
        for name, array in arrays.items():
            self._stacks[name].append(array, self._name)
        frame = segmentation.frame
        self._times.append(np.nan if frame.time is None else frame.time)
        self._indices.append(frame.index)
        self._names.append(frame.name)

    def close(self) -> None:
        """Completes the file; see `Writer.close`."""
        if not self._pending.is_open:
            return
        if self._class_map is None:
            self._pending.commit()  # which says that there is no frame
            return
        small = {
            "times": np.array(self._times, np.float64),
            "indices": np.array(self._indices, np.int64),
            "names": np.array(self._names),
            "classes": np.array(self._class_map.names),
            "palette": np.array(self._class_map.palette, np.uint8),
            "ignore": np.array(self._class_map.ignore),
        }
        try:
            _write_npz(self._pending.path, self._stacks, small)
        except OSError as error:
            self.abort()
            raise MediaError(f"got output {self._name}, which cannot be written ({error.strerror})") from error
        except BaseException:
            self.abort()
            raise
        self._drop_stacks()
        self._pending.commit()

    def abort(self) -> None:
        """Gives up without a trace; see `Writer.abort`."""
        self._drop_stacks()
        self._pending.discard()

    def _drop_stacks(self) -> None:
        for stack in self._stacks.values():
            stack.close()


class _Stack:
    """Equal arrays one behind the other in a compressed scratch file, which has no name to be left behind."""

    def __init__(self, first: NDArray[np.generic], folder: os.PathLike[str]) -> None:
        self._shape, self._dtype = first.shape, first.dtype
        self._length = 0
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - it lives as long as the stack
        self._compressed = gzip.GzipFile(fileobj=self._file, mode="wb", compresslevel=1)

    def append(self, array: NDArray[np.generic], name: str) -> None:
        if array.shape != self._shape or array.dtype != self._dtype:
            raise MediaError(
                f"got labels of {array.shape} {array.dtype} after ones of {self._shape} {self._dtype} for {name}; "
                "expected one size; do: write masks into a folder"
            )
        try:
            self._compressed.write(np.ascontiguousarray(array).data)
        except OSError as error:
            raise MediaError(f"got output {name}, which cannot be written ({error.strerror})") from error
        self._length += 1

    def copy_to(self, target: IO[bytes]) -> None:
        """Writes all as one ``.npy``."""
        self._compressed.close()
        self._file.seek(0)
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self._length, *self._shape),
        }
        np.lib.format.write_array_header_1_0(target, header)
        with gzip.GzipFile(fileobj=self._file) as stored:
            shutil.copyfileobj(stored, target, 1 << 20)

    def close(self) -> None:
        # Closing writes what is buffered, which fails again where writing failed: the file goes anyway.
        with contextlib.suppress(OSError):
            self._file.close()


def _write_npz(path: os.PathLike[str], stacks: Mapping[str, _Stack], small: Mapping[str, NDArray[np.generic]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, stack in stacks.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                stack.copy_to(member)
        for name, array in small.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
