"""Files and folders in any store that fsspec knows: this machine's disk, S3, Google Cloud, Hugging Face, memory.

A `Place` travels to other processes and machines with the options that its store was opened with. Whatever a store's
package raises comes out as the `OSError` that a disk would raise.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidseg.errors import InputError, MissingExtraError
from vidseg.files import atomic_file
from vidseg.video.redact import redacted

# How the packages of stores are installed whose names cannot be guessed from an error.
_NEEDS = {
    **dict.fromkeys(("s3", "s3a"), "'vidseg[store]'"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), "adlfs"),
    **dict.fromkeys(("http", "https"), "aiohttp"),
}


@dataclass(frozen=True, eq=False)
class Place:
    """A file or folder, which need not exist.

    Attributes:
        fs: the store, an fsspec file system.
        path: in that store.
    """

    fs: Any
    path: str

    @property
    def local(self) -> Path | None:
        """Its path if it lies on this machine's file system."""
        return Path(self.path) if "file" in _protocols(self.fs) else None

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rstrip("/").rpartition("/")[2]

    def child(self, *names: str) -> "Place":
        """A place below it."""
        return Place(self.fs, "/".join([self.path.rstrip("/"), *names]))

    def exists(self) -> bool:
        """Whether something is there."""
        with _as_on_disk():
            return bool(self.fs.exists(self.path))

    def size(self) -> int:
        """Bytes of a file.

        Raises:
            FileNotFoundError: if it is gone.
        """
        with _as_on_disk():
            return int(self.fs.size(self.path) or 0)

    def files(self) -> dict[str, int]:
        """Bytes of every file below it, by its path relative to it, in order; of a file itself under an empty name."""
        with _as_on_disk():
            found = self.fs.find(self.path, detail=True)
        return {path[len(self.path) :].lstrip("/"): int(info["size"] or 0) for path, info in sorted(found.items())}

    def read(self, start: int | None = None, end: int | None = None) -> bytes:
        """All of a file, or the bytes from `start` up to `end`."""
        with _as_on_disk():
            return bytes(self.fs.cat_file(self.path, start=start, end=end))

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Yields the file, to be read from its start on."""
        with _as_on_disk(), self.fs.open(self.path, "rb") as file:
            yield file

    @contextmanager
    def written(self) -> Iterator[Path]:
        """Yields a path of this machine whose file becomes it at the end of the block; a reader sees all or nothing."""
        if self.local is not None:
            with atomic_file(self.local) as temporary:
                yield temporary
            return
        with tempfile.TemporaryDirectory(prefix="vidseg-") as folder:
            temporary = Path(folder) / self.name
            yield temporary
            with _as_on_disk():
                self.fs.put_file(str(temporary), self.path)

    def write(self, content: bytes) -> None:
        """Makes it a file; a reader sees all of it or nothing."""
        with self.written() as temporary:
            temporary.write_bytes(content)

    def remove_file(self) -> None:
        """Removes the file that is there."""
        with _as_on_disk():
            self.fs.rm_file(self.path)

    def in_this_process(self) -> "Place":
        """The same for a process that was forked, in which the connections of its parent are of no use."""
        return Place(type(self.fs)(*self.fs.storage_args, **self.fs.storage_options), self.path)


def place_of(address: str | os.PathLike[str]) -> Place:
    """The place that a path or an address names.

    Raises:
        InputError: for an unknown store or an address without a bucket.
        MissingExtraError: for a store whose package is not installed.
    """
    from fsspec.core import url_to_fs  # late: who only segments files needs none of it

    text = os.fspath(address)
    protocol = text.partition("://")[0]
    try:
        with _as_on_disk():
            fs, path = url_to_fs(text)
    except ImportError as error:
        raise MissingExtraError(
            f"got {redacted(text)}, whose store needs a package that is not installed ({error}); "
            f"do: pip install {_NEEDS.get(protocol, error.name or protocol)}"
        ) from error
    except (ValueError, TypeError, OSError) as error:
        raise InputError(
            f"got {redacted(text)}, which is no address of a store ({error}); expected a path or "
            "s3://, gs://, hf://datasets/, file://, …"
        ) from error
    place = Place(fs, path)
    if place.local is None and protocol in _BUCKETED and not path.strip("/"):
        raise InputError(f"got {redacted(text)} without a bucket; expected {protocol}://BUCKET/PATH")
    return place


# Stores whose addresses begin with the name of a bucket.
_BUCKETED = frozenset(("s3", "s3a", "gs", "gcs", "az", "abfs"))


@contextmanager
def _as_on_disk() -> Iterator[None]:
    """Turns what a store's package raises, each its own kinds, into the `OSError` that a disk would raise."""
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) or type(error).__module__ == "builtins":
            raise
        raise OSError(f"{type(error).__name__}: {' '.join(str(error).split())}") from error


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
