"""What a tree of files is to those who read it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from vidseg.video.content import Source


class Tree(Protocol):
    """The files of a data set, read only.

    Folders, and files that a layout looks for, go by their path below the root, with slashes ("" for the root). Files
    that were found go by their address, as `address` makes it: what records hold and messages say.

    Attributes:
        root: the address of the root, as the user knows it, without secrets.
        name: what the data set is called.
        is_local: whether addresses are paths of this machine.
    """

    @property
    def root(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def is_local(self) -> bool: ...  # noqa: D102

    def address(self, path: str) -> str:
        """The address of a path below the root."""

    def path(self, address: str) -> str:
        """The path below the root of an address."""

    def has_folder(self, path: str) -> bool:
        """Whether there is such a folder."""

    def has_file(self, path: str) -> bool:
        """Whether there is such a file."""

    def folders(self, path: str) -> tuple[str, ...]:
        """Names of the folders directly in a folder, sorted, without hidden ones; none where it does not exist."""

    def files(self, path: str, suffixes: tuple[str, ...]) -> dict[str, int]:
        """Bytes of the files directly in a folder by their names, sorted, without hidden ones.

        Args:
            path: of the folder; one that does not exist has no files.
            suffixes: that the names end with, in lower case.
        """

    def folders_with(self, path: str, suffixes: tuple[str, ...]) -> tuple[str, ...]:
        """Paths, relative to a folder and sorted, of it ("") and of folders in it that directly hold such files."""

    def size(self, address: str) -> int:
        """Bytes of a file.

        Raises:
            OSError: if it is not there.
        """

    def read(self, address: str) -> bytes:
        """All of a file.

        Raises:
            OSError: if it cannot be read; says why.
        """

    def source(self, address: str) -> Source:
        """A file for what reads images: its path where it lies on this machine, else what it holds.

        Raises:
            OSError: if it cannot be read; says why.
        """

    def fetched(self, address: str) -> AbstractContextManager[str]:
        """The path of a file on this machine, where need be of a copy for the time of the block: for video files.

        Raises:
            OSError: if it cannot be read; says why.
        """

    def problems(self) -> Iterator[tuple[str, str, str]]:
        """What is wrong with the tree itself, found by reading all of it: address, what, remedy."""
