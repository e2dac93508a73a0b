"""Decoded frames and labels on a local disk: of bounded size, shared by all processes of a machine.

```
FOLDER/lock                how many bytes there may be; its lock is held by whoever writes
FOLDER/ab/ab12….frame      an array: checksum, then NumPy's own format; its time of change is that of its last use
FOLDER/incoming            what is being written
```

Only whole entries are ever seen, whatever is killed and when: entries come into their place by renaming. Bytes are
counted before they are written and after they are removed, so a killed process leaves a count that is too high, never
one that is too low; it is put right when room is made. (A power cut can lose the count itself; then, too.)
"""

import hashlib
import io
import math
import os
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidseg.errors import InputError, VidsegWarning

if sys.platform != "win32":
    import fcntl

_BLOCK = 4096  # bytes in which disks give space away
_KEPT = 0.9  # of the limit stays when room is made, so that the folder is not listed for every entry
_SUFFIX = ".frame"


@dataclass(frozen=True, kw_only=True)
class CacheConfig:
    """Where decoded frames and labels are kept.

    Attributes:
        folder: on a disk of the machine itself, faster than the data set's; each machine has its own.
        limit_gb: most that it may hold, in 10⁹ bytes of the disk; what was not used for longest goes first.
    """

    folder: str
    limit_gb: float = 50.0

    def __post_init__(self) -> None:
        if not self.folder or not 0 < self.limit_gb < math.inf:
            raise InputError(
                f"got a cache in the folder {self.folder!r} of {self.limit_gb} GB; expected a folder and more than 0"
            )


class FrameCache:
    """A folder of arrays.

    Args:
        folder: is made.
        limit: most bytes of the disk that its files take, at any moment.

    Raises:
        InputError: if the folder cannot be written, or its file system has no locks.
    """

    def __init__(self, folder: str | os.PathLike[str], limit: int) -> None:
        self.folder, self.limit = Path(folder), limit
        if sys.platform == "win32":
            raise InputError("got a cache on Windows; expected a system with POSIX locks; leave --data.cache out")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._count() as count:
                count.set(count.get())
        except OSError as error:
            raise InputError(
                f"got no cache in {folder} ({error}); expected a folder to write to, on a disk of this machine; "
                "choose another --data.cache"
            ) from error

    @classmethod
    def of(cls, config: CacheConfig) -> "FrameCache":
        """The cache that a configuration describes."""
        return cls(config.folder, int(config.limit_gb * 1e9))

    def get(self, key: str) -> NDArray[Any] | None:
        """What was stored under a key; None if nothing was, if it had to go, or if it is damaged.

        A disk that cannot be read costs a warning, and what was stored counts as gone.
        """
        path = self._path(key)
        try:
            packed = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            warnings.warn(
                f"got an error reading from the cache {self.folder} ({error}); expected a readable disk; going on "
                "without the stored frame; look after the disk, or choose another folder",
                VidsegWarning,
                stacklevel=2,
            )
            return None
        array = _unpacked(packed)
        with suppress(OSError):  # it has just made room for others, or can only be read
            if array is None:
                path.unlink()
            else:
                os.utime(path)
        return array

    def put(self, key: str, array: NDArray[Any]) -> None:
        """Stores an array; what is too large, or is there already, is not.

        A disk that cannot be written costs a warning: what is read stays the same.
        """
        packed = _packed(array)
        size = _on_disk(len(packed))
        if size > _KEPT * self.limit - _BLOCK:
            return
        try:
            with self._count() as count:
                path = self._path(key)
                if path.exists():
                    return  # another process was faster
                used = count.get()
                if used + size > self.limit:
                    used = self._make_room(size)
                count.set(used + size)
                path.parent.mkdir(exist_ok=True)
                incoming = self.folder / "incoming"
                incoming.write_bytes(packed)
                incoming.replace(path)
        except OSError as error:
            warnings.warn(
                f"got an error writing into the cache {self.folder} ({error}); expected a disk with some space; going "
                "on without storing this frame; free some space, or give a lower limit_gb",
                VidsegWarning,
                stacklevel=2,
            )

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self.folder / name[:2] / f"{name}{_SUFFIX}"

    def _make_room(self, size: int) -> int:
        """Removes what was not used for longest; returns the bytes of what is left. The caller holds the lock."""
        (self.folder / "incoming").unlink(missing_ok=True)  # of a process that was killed
        entries = []
        for path in self.folder.glob(f"??/*{_SUFFIX}"):
            with suppress(FileNotFoundError):  # damaged, and removed by who read it
                entries.append(((found := path.stat()).st_mtime_ns, _on_disk(found.st_size), path))
        used, most = _BLOCK, _KEPT * self.limit - size
        for _, bytes_, path in sorted(entries, reverse=True):
            if used + bytes_ > most:
                most = used  # nor anything that is older
                path.unlink(missing_ok=True)
            else:
                used += bytes_
        return used

    @contextmanager
    def _count(self) -> Iterator["_Count"]:
        """The count of bytes, locked; a process that ends, however it does, gives the lock back."""
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if sys.platform != "win32":
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield _Count(self, handle)
        finally:
            os.close(handle)


class _Count:
    """The number in the file "lock"."""

    def __init__(self, cache: FrameCache, handle: int) -> None:
        self._cache, self._handle = cache, handle

    def get(self) -> int:
        text = os.pread(self._handle, 20, 0)
        # Where it says nothing, nobody has counted yet, or a power cut took it.
        return int(text) if text.isdigit() else self._cache._make_room(0)

    def set(self, number: int) -> None:
        os.pwrite(self._handle, f"{number:020d}".encode(), 0)


def _on_disk(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _packed(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    content = buffer.getbuffer()
    return zlib.crc32(content).to_bytes(4, "little") + content


def _unpacked(packed: bytes) -> NDArray[Any] | None:
    content = memoryview(packed)[4:]
    if zlib.crc32(content) != int.from_bytes(packed[:4], "little") or not content:
        return None
    array: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    return array
