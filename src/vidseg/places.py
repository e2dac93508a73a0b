"""Files and folders in any store that fsspec knows: this machine's disk, S3, Google Cloud, Hugging Face, memory.

A `Place` travels to other processes and machines with the options that its store was opened with. Whatever a store's
package raises comes out as the `OSError` that a disk would raise, which names the place.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from vidseg.errors import InputError, MissingExtraError
from vidseg.files import atomic_file, scratch_folder
from vidseg.video.redact import redacted

# Stores that can be seen from one process only.
_PRIVATE = frozenset({"memory"})
# What stores tell of a file's version, the surest first, whether it was listed or asked for by itself. (fsspec's own
# `ukey` takes all that is told, which differs between the two.)
_VERSIONS = ("ETag", "etag", "md5Hash", "blob_id", "LastModified", "mtime", "created")
# How the packages of stores are installed whose names cannot be guessed from an error.
_NEEDS = {
    **dict.fromkeys(("s3", "s3a"), "'vidseg[store]'"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), "adlfs"),
    **dict.fromkeys(("http", "https"), "aiohttp"),
}


class Listed(NamedTuple):
    """What a store tells of a file when it lists it.

    Attributes:
        size: bytes of it; 0 where that is not told.
        version: another when its content is; empty where that is not told.
    """

    size: int
    version: str


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
    def is_web(self) -> bool:
        """Whether it is a page of the web, where nothing is a folder; its path is the whole address, with any query."""
        return "://" in self.path

    @property
    def bare_path(self) -> str:
        """Its path without a query."""
        return urlsplit(self.path)._replace(query="", fragment="").geturl() if self.is_web else self.path

    @property
    def name(self) -> str:
        """The last part of its path, without a query."""
        return PurePosixPath(self.bare_path).name

    @property
    def suffix(self) -> str:
        """Of its name, in lower case, with the dot."""
        return PurePosixPath(self.name).suffix.lower()

    def child(self, *names: str) -> "Place":
        """A place below it."""
        return Place(self.fs, "/".join([self.path.rstrip("/"), *names]))

    def holds(self, other: "Place") -> bool:
        """Whether another place is this one or below it."""
        mine, its = self.path.rstrip("/"), other.path.rstrip("/")
        return _protocols(self.fs) == _protocols(other.fs) and (its == mine or its.startswith(f"{mine}/"))

    def exists(self) -> bool:
        """Whether something is there."""
        with _as_on_disk(self.uri):
            return bool(self.fs.exists(self.path))

    def is_folder(self) -> bool:
        """Whether it is a folder."""
        with _as_on_disk(self.uri):
            return not self.is_web and bool(self.fs.isdir(self.path))

    def matches(self) -> "list[Place]":
        """What its path matches as a pattern, in order."""
        with _as_on_disk(self.uri):
            return [Place(self.fs, path) for path in sorted(self.fs.glob(self.path))]

    def version(self) -> str:
        """Of a file: is another when its content is, as far as the store tells.

        Raises:
            FileNotFoundError: if it is gone.
        """
        with _as_on_disk(self.uri):
            info = self.fs.info(self.path)
        return f"{info.get('size')} {_version_told(info)}"

    def size(self) -> int:
        """Bytes of a file; 0 where the store does not tell.

        Raises:
            FileNotFoundError: if it is gone.
        """
        with _as_on_disk(self.uri):
            return int(self.fs.size(self.path) or 0)

    def files(self) -> dict[str, int]:
        """Bytes of every file below it now; see `listing`."""
        return {path: listed.size for path, listed in self.listing().items()}

    def listing(self) -> dict[str, Listed]:
        """Every file below it now, by its path relative to it, in order; a file itself under an empty name."""
        with _as_on_disk(self.uri):
            self.fs.invalidate_cache()
            found = self.fs.find(self.path, detail=True)
        return {
            path[len(self.path) :].lstrip("/"): Listed(int(info["size"] or 0), _version_told(info))
            for path, info in sorted(found.items())
        }

    def read(self, start: int | None = None, end: int | None = None) -> bytes:
        """All of a file, or the bytes from `start` up to `end`."""
        with _as_on_disk(self.uri):
            return bytes(self.fs.cat_file(self.path, start=start, end=end))

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Yields the file, to be read from its start on."""
        with _as_on_disk(self.uri), self.fs.open(self.path, "rb") as file:
            yield file

    @contextmanager
    def written(self) -> Iterator[Path]:
        """Yields a path of this machine whose file becomes it at the end of the block; a reader sees all or nothing."""
        if self.local is not None:
            with atomic_file(self.local) as temporary:
                yield temporary
            return
        with scratch_folder() as folder:
            temporary = folder / self.name
            yield temporary
            with _as_on_disk(self.uri):
                self.fs.put_file(str(temporary), self.path)

    def write(self, content: bytes) -> None:
        """Makes it a file; a reader sees all of it or nothing."""
        with self.written() as temporary:
            temporary.write_bytes(content)

    def remove_file(self) -> None:
        """Removes the file that is there."""
        with _as_on_disk(self.uri):
            self.fs.rm_file(self.path)

    def remove(self) -> None:
        """Removes what is there, file or folder, if anything is."""
        if self.local is None:
            with _as_on_disk(self.uri):
                if self.fs.exists(self.path):
                    self.fs.rm(self.path, recursive=True)
        elif self.local.is_dir():
            shutil.rmtree(self.local)
        else:
            self.local.unlink(missing_ok=True)

    def replace_by(self, made: Path) -> None:
        """Puts a file or folder of this machine there, in place of whatever is there.

        Stores have no renaming of folders: until this returns a reader may see a part.
        """
        self.remove()
        files = [made] if made.is_file() else sorted(path for path in made.rglob("*") if path.is_file())
        targets = [self.path if file == made else f"{self.path}/{file.relative_to(made).as_posix()}" for file in files]
        with _as_on_disk(self.uri):
            self.fs.put([str(file) for file in files], targets)

    @contextmanager
    def fetched(self, names: Sequence[str] | None = None) -> Iterator[Path]:
        """Yields where it lies on this machine: in its place, or a copy for the time of the block.

        Args:
            names: of a folder, the files directly in it that are wanted; None for a file.
        """
        if self.local is not None:
            yield self.local
            return
        with scratch_folder() as scratch:
            copy = scratch / self.name
            with _as_on_disk(self.uri):
                if names is None:
                    self.fs.get_file(self.path, str(copy))
                else:
                    copy.mkdir()
                    self.fs.get([self.child(name).path for name in names], [str(copy / name) for name in names])
            yield copy

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
        with _as_on_disk(redacted(text)):
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
def _as_on_disk(uri: str) -> Iterator[None]:
    """Turns what a store's package raises, each its own kinds, into the `OSError` that a disk would raise."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:  # which its words name
            raise
        kind = next((kind for kind in (FileNotFoundError, PermissionError) if isinstance(error, kind)), OSError)
        raise kind(f"{uri}: {' '.join(str(error).split())}") from error
    except Exception as error:
        if type(error).__module__ == "builtins":
            raise
        raise OSError(f"{uri}: {type(error).__name__}: {' '.join(str(error).split())}") from error


def _version_told(info: Mapping[str, Any]) -> str:
    return next((str(info[key]) for key in _VERSIONS if info.get(key)), "")


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
