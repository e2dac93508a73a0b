"""A data set in a folder of this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class LocalTree:
    """See `vidseg.data.trees.Tree`.

    Attributes:
        root: path of the folder.
    """

    root: str
    is_local = True

    @property
    def name(self) -> str:
        """The folder's own name."""
        return Path(self.root).resolve().name

    def address(self, path: str) -> str:
        """See `Tree.address`."""
        return os.path.join(self.root, *path.split("/")) if path else self.root

    def path(self, address: str) -> str:
        """See `Tree.path`."""
        return Path(os.path.relpath(address, self.root)).as_posix()

    def has_folder(self, path: str) -> bool:
        """See `Tree.has_folder`."""
        return os.path.isdir(self.address(path))

    def has_file(self, path: str) -> bool:
        """See `Tree.has_file`."""
        return os.path.isfile(self.address(path))

    def folders(self, path: str) -> tuple[str, ...]:
        """See `Tree.folders`."""
        return tuple(entry.name for entry in self._entries(path) if entry.is_dir())

    def files(self, path: str, suffixes: tuple[str, ...]) -> dict[str, int]:
        """See `Tree.files`."""
        matching = (entry for entry in self._entries(path) if entry.name.lower().endswith(suffixes))
        return {entry.name: entry.stat().st_size for entry in matching if entry.is_file()}

    def folders_with(self, path: str, suffixes: tuple[str, ...]) -> tuple[str, ...]:
        """See `Tree.folders_with`."""
        top = Path(self.address(path))
        files = (file.relative_to(top) for file in top.rglob("*") if file.name.lower().endswith(suffixes))
        found = {file.parent for file in files if not any(part.startswith(".") for part in file.parts)}
        return tuple("" if not folder.parts else folder.as_posix() for folder in sorted(found))

    def size(self, address: str) -> int:
        """See `Tree.size`."""
        return os.stat(address).st_size

    def read(self, address: str) -> bytes:
        """See `Tree.read`."""
        return Path(address).read_bytes()

    def source(self, address: str) -> str:
        """The address, which is a path."""
        return address

    @contextmanager
    def fetched(self, address: str) -> Iterator[str]:
        """The address, which is a path."""
        yield address

    def problems(self) -> Iterator[tuple[str, str, str]]:
        """None: what is wrong with single files shows when they are read."""
        yield from ()

    def _entries(self, path: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.address(path)) as entries:
                shown = (entry for entry in entries if not entry.name.startswith("."))
                return sorted(shown, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return []
