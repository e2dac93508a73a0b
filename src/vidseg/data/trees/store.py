"""A data set in a store that fsspec knows, each file an object."""

import os
import posixpath
from collections import defaultdict
from collections.abc import Iterator

from vidseg.data.trees.listed import ListedTree
from vidseg.places import Listed, Place


class StoreTree(ListedTree[Listed]):
    """See `vidseg.data.trees.Tree`. What is known of each file is its size and version.

    All of it is listed once, which takes a request for some thousand files; one a folder would take minutes.

    Args:
        place: of the root.
        root: see `Tree`.

    Raises:
        OSError: if it cannot be listed.
    """

    def __init__(self, place: Place, root: str) -> None:
        folders: dict[str, dict[str, Listed]] = defaultdict(dict)
        for path, listed in place.listing().items():
            folder, name = posixpath.split(path)
            if name:  # without one it is the root, which is a file then
                folders[folder][name] = listed
        super().__init__(root, place.name, folders)
        self._place, self._process = place, os.getpid()

    def read(self, address: str) -> bytes:
        """All of a file, by one request."""
        self._entry(address)
        return self._reconnected().child(self.path(address)).read()

    def version(self, address: str) -> str | None:
        """Its size and what the store tells, when it was listed."""
        size, told = self._entry(address)
        return f"{size} {told}" if told else None

    def problems(self) -> Iterator[tuple[str, str, str]]:
        """None: what is wrong with single files shows when they are read."""
        yield from ()

    def _size(self, entry: Listed) -> int:
        return entry.size

    def _reconnected(self) -> Place:
        if self._process != os.getpid():
            self._place, self._process = self._place.in_this_process(), os.getpid()
        return self._place
