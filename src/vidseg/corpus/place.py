"""Files and folders in any store that fsspec knows: this machine's disk, S3, Google Cloud, Hugging Face, memory.

A `Place` travels to other machines with the options that its store was opened with.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidseg.errors import InputError, extra
from vidseg.files import atomic_file, scratch_folder
from vidseg.stream.ledger import Identity, output_identity
from vidseg.video.redact import redacted

# Packages of fsspec's stores whose names cannot be guessed from an error.
_NEEDS = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "http": "aiohttp"}
# What can be seen from one process only.
_PRIVATE = frozenset({"memory"})


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
    def uri(self) -> str:
        """Its address without secrets; of files of this machine the plain path."""
        return self.path if self.local is not None else redacted(self.fs.unstrip_protocol(self.path))

    @property
    def local(self) -> Path | None:
        """Its path if it lies on this machine's file system."""
        return Path(self.path) if "file" in _protocols(self.fs) else None

    @property
    def is_private(self) -> bool:
        """Whether other processes cannot see it."""
        return not _PRIVATE.isdisjoint(_protocols(self.fs))

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rstrip("/").rpartition("/")[2]

    def child(self, *names: str) -> "Place":
        """A place below it."""
        return Place(self.fs, "/".join([self.path.rstrip("/"), *names]))

    def holds(self, other: "Place") -> bool:
        """Whether another place is this one or below it."""
        mine, its = self.path.rstrip("/"), other.path.rstrip("/")
        return _protocols(self.fs) == _protocols(other.fs) and (its == mine or its.startswith(f"{mine}/"))

    def exists(self) -> bool:
        """Whether something is there."""
        return bool(self.fs.exists(self.path))

    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return bool(self.fs.isdir(self.path))

    def files(self) -> dict[str, int]:
        """Bytes of every file below it, by its path relative to it, in order; of a file itself under an empty name."""
        found = self.fs.find(self.path, detail=True)
        return {path[len(self.path) :].lstrip("/"): int(info["size"] or 0) for path, info in sorted(found.items())}

    def read(self) -> bytes:
        """All of a file."""
        return bytes(self.fs.cat_file(self.path))

    def write(self, content: bytes) -> None:
        """Makes it a file; a reader sees all of it or nothing."""
        if self.local is None:
            self.fs.pipe_file(self.path, content)
            return
        with atomic_file(self.local) as temporary:
            temporary.write_bytes(content)

    def remove(self) -> None:
        """Removes what is there, if anything is."""
        if self.local is not None:
            if self.local.is_dir():
                shutil.rmtree(self.local)
            else:
                self.local.unlink(missing_ok=True)
        elif self.exists():
            self.fs.rm(self.path, recursive=True)

    def replace_by(self, made: Path) -> None:
        """Puts a file or folder of this machine there, in place of whatever is there.

        Stores have no renaming of folders: until this returns a reader may see a part.
        """
        self.remove()
        files = [made] if made.is_file() else sorted(path for path in made.rglob("*") if path.is_file())
        targets = [self.path if file == made else f"{self.path}/{file.relative_to(made).as_posix()}" for file in files]
        self.fs.put([str(file) for file in files], targets)

    def identity(self) -> Identity:
        """By what an output is recognised as the one that was written.

        Raises:
            FileNotFoundError: if it is gone.
        """
        if self.local is not None:
            return output_identity(self.local)
        self.fs.invalidate_cache()
        files = self.files()
        if not files:
            raise FileNotFoundError(f"{self.uri} is gone")
        listing = hashlib.sha256(json.dumps(list(files.items())).encode()).hexdigest()
        return {"files": len(files), "bytes": sum(files.values()), "listing": listing}


def place_of(address: str | os.PathLike[str]) -> Place:
    """The place that a path or an address names.

    Raises:
        InputError: for an unknown store, or one whose package is not installed.
        MissingExtraError: if fsspec is not installed.
    """
    with extra("corpus"):
        from fsspec.core import url_to_fs
    text = os.fspath(address)
    protocol = text.partition("://")[0]
    try:
        fs, path = url_to_fs(text)
    except ImportError as error:
        package = _NEEDS.get(protocol, error.name or protocol)
        raise InputError(
            f"got {redacted(text)}, whose store needs a package that is not installed ({error}); expected it here and "
            f"on every worker; do: pip install {package}"
        ) from error
    except (ValueError, TypeError) as error:
        raise InputError(
            f"got {redacted(text)}, which is no address of a store ({error}); expected a path or "
            "s3://, gs://, hf://datasets/, file://, …"
        ) from error
    return Place(fs, path)


@contextmanager
def fetched(place: Place, names: Sequence[str] | None = None) -> Iterator[Path]:
    """Yields where a file or folder lies on this machine: in its place, or a copy for the time of the block.

    Args:
        place: of the original.
        names: of a folder, the files directly in it that are wanted; None for a file.

    Raises:
        OSError: if it cannot be read.
    """
    if place.local is not None:
        yield place.local
        return
    with scratch_folder() as scratch:
        copy = scratch / place.name
        if names is None:
            place.fs.get_file(place.path, str(copy))
        else:
            copy.mkdir()
            place.fs.get([place.child(name).path for name in names], [str(copy / name) for name in names])
        yield copy


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
