"""Files that are in memory already, for readers that otherwise take a path."""

import io
import os
from dataclasses import dataclass, field
from typing import BinaryIO


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes:
        name: what messages call it.
        data: all of its bytes.
    """

    name: str
    data: bytes = field(repr=False)

    def __str__(self) -> str:
        return self.name


Source = str | os.PathLike[str] | Content


def name_of(source: Source) -> str:
    """What messages call a file."""
    return source.name if isinstance(source, Content) else os.fspath(source)


def open_source(source: Source) -> BinaryIO:
    """Opens a file for reading.

    Raises:
        OSError: if it cannot be opened.
    """
    return io.BytesIO(source.data) if isinstance(source, Content) else open(source, "rb")
