"""A data set in a store that fsspec knows, each file an object."""

import os
import posixpath
from collections import defaultdict
from collections.abc import Iterator

from vidseg.data.trees.listed import ListedTree
from vidseg.places import Place


class StoreTree(ListedTree[int]):
    """See `vidseg.data.trees.Tree`. What is known of each file is its size.

    All of it is listed once, which takes a request for some thousand files; one a folder would take minutes.

    Args:
        place: of the root.
        root: see `Tree`.

    Raises:
        OSError: if it cannot be listed.
    """

    def __init__(self, place: Place, root: str) -> None:
        folders: dict[str, dict[str, int]] = defaultdict(dict)
        for path, size in place.files().items():
            folder, name = posixpath.split(path)
            if name:  # without one it is the root, which is a file then
                folders[folder][name] = size
        super().__init__(root, place.name, folders)
        self._place, self._process = place, os.getpid()

    def read(self, address: str) -> bytes:
        """All of a file, by one request."""
        self._entry(address)
        return self._reconnected().child(self.path(address)).read()

    def problems(self) -> Iterator[tuple[str, str, str]]:
        """None: what is wrong with single files shows when they are read."""
        yield from ()

    def _size(self, entry: int) -> int:
        return entry

    def _reconnected(self) -> Place:
        if self._process != os.getpid():
            self._place, self._process = self._place.in_this_process(), os.getpid()
        return self._place
