"""What all writers share: nothing appears under its name before it is complete."""

import os
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from vidseg.errors import MediaError


class Writer(ABC):
    """A file or folder in the making.

    Used as a context manager, it is closed at the end of the block and aborted by an exception (also
    KeyboardInterrupt). Subclasses add a method ``write``.
    """

    @abstractmethod
    def close(self) -> None:
        """Completes the output and gives it its name; does nothing the second time.

        Raises:
            MediaError: if nothing was written, or it cannot be completed; then nothing appears.
        """

    @abstractmethod
    def abort(self) -> None:
        """Gives up without a trace; does nothing after `close`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


class _AbortedError(Exception):
    """Tells `atomic_file` and `atomic_folder` to clean up."""


class Pending:
    """An output of `vidseg.files` that several calls fill: `path` is its temporary name.

    Args:
        destination: for messages.
        manager: ``atomic_file(destination)`` or ``atomic_folder(destination)``.

    Raises:
        MediaError: if nothing can be created there.
    """

    def __init__(self, destination: str | os.PathLike[str], manager: AbstractContextManager[Path]) -> None:
        self._destination = os.fspath(destination)
        self._manager = manager
        self._count = 0
        self.is_open = True
        try:
            self.path = manager.__enter__()
        except OSError as error:
            raise MediaError(f"got output {self._destination}, which cannot be created ({error.strerror})") from error

    def count(self) -> None:
        """Notes that a frame was written.

        Raises:
            MediaError: if the output is complete or given up.
        """
        if not self.is_open:
            raise MediaError(f"got a frame for {self._destination}, which is closed; do: open a new writer")
        self._count += 1

    def commit(self) -> None:
        """Renames the output into place.

        Raises:
            MediaError: if no frame was written, or the system refuses.
        """
        if not self._count:
            self.discard()
            raise MediaError(f"got no frame to write to {self._destination}; expected at least one")
        self.is_open = False
        try:
            self._manager.__exit__(None, None, None)
        except OSError as error:
            raise MediaError(f"got output {self._destination}, which cannot be written ({error.strerror})") from error

    def discard(self) -> None:
        """Removes the output."""
        if self.is_open:
            self.is_open = False
            self._manager.__exit__(_AbortedError, _AbortedError(), None)
