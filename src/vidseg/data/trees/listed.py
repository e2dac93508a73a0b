"""A data set whose files are all known by a list: what trees in stores and in shards have in common."""

import posixpath
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, TypeVar

from vidseg.files import scratch_folder
from vidseg.video.content import Content

Entry = TypeVar("Entry")


class ListedTree(ABC, Generic[Entry]):
    """See `vidseg.data.trees.Tree`.

    Args:
        root: see `Tree`.
        name: see `Tree`.
        entries: what is known of each file, by the path of its folder, then by its name.
    """

    is_local = False

    def __init__(self, root: str, name: str, entries: Mapping[str, Mapping[str, Entry]]) -> None:
        self.root, self.name = root, name
        shown = (folder for folder in entries if not any(part.startswith(".") for part in folder.split("/")))
        self._files = {folder: entries[folder] for folder in shown}
        below: dict[str, set[str]] = defaultdict(set)
        for folder in self._files:
            while folder:
                parent, _, own = folder.rpartition("/")
                below[parent].add(own)
                folder = parent
        self._folders = {folder: tuple(sorted(names)) for folder, names in below.items()}

    @abstractmethod
    def read(self, address: str) -> bytes:
        """See `Tree.read`."""

    @abstractmethod
    def version(self, address: str) -> str | None:
        """See `Tree.version`."""

    @abstractmethod
    def problems(self) -> Iterator[tuple[str, str, str]]:
        """See `Tree.problems`."""

    @abstractmethod
    def _size(self, entry: Entry) -> int:
        """Bytes of the file."""

    def address(self, path: str) -> str:
        """See `Tree.address`."""
        return f"{self.root}/{path}" if path else self.root

    def path(self, address: str) -> str:
        """See `Tree.path`."""
        return address.removeprefix(self.root).lstrip("/")

    def has_folder(self, path: str) -> bool:
        """See `Tree.has_folder`."""
        return path in self._files or path in self._folders

    def has_file(self, path: str) -> bool:
        """See `Tree.has_file`."""
        folder, name = posixpath.split(path)
        return name in self._files.get(folder, {})

    def folders(self, path: str) -> tuple[str, ...]:
        """See `Tree.folders`."""
        return self._folders.get(path, ())

    def files(self, path: str, suffixes: tuple[str, ...]) -> dict[str, int]:
        """See `Tree.files`."""
        return {
            name: self._size(entry)
            for name, entry in sorted(self._files.get(path, {}).items())
            if name.lower().endswith(suffixes) and not name.startswith(".")
        }

    def folders_with(self, path: str, suffixes: tuple[str, ...]) -> tuple[str, ...]:
        """See `Tree.folders_with`."""
        inside = [folder for folder in self._files if folder == path or folder.startswith(f"{path}/" if path else "")]
        found = (folder[len(path) :].lstrip("/") for folder in inside if self.files(folder, suffixes))
        return tuple(sorted(found, key=lambda folder: folder.split("/") if folder else []))

    def size(self, address: str) -> int:
        """See `Tree.size`."""
        return self._size(self._entry(address))

    def source(self, address: str) -> Content:
        """What the file holds."""
        return Content(address, self.read(address))

    @contextmanager
    def fetched(self, address: str) -> Iterator[str]:
        """A copy for the time of the block."""
        with scratch_folder() as folder:
            copy = folder / posixpath.basename(address)
            copy.write_bytes(self.read(address))
            yield str(copy)

    def _entry(self, address: str) -> Entry:
        folder, name = posixpath.split(self.path(address))
        try:
            return self._files[folder][name]
        except KeyError:
            raise FileNotFoundError(f"there is no {address}") from None
