"""The index of tar shards: what a ``shards.json`` says.

``{"format": "vidseg-shards", "version": 1, "name": …, "texts": {path: text}, "shards": [{"name", "bytes", "sha256"}],
"folders": {folder: {file: [shard, offset, bytes]}}}``: paths are those of the data set that was packed, so every layout
reads the shards as it reads a folder. The small texts (lists of splits, class list) are in the index itself.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vidseg.errors import DataError
from vidseg.files import parse_json

INDEX_FILE = "shards.json"

_FORMAT, _VERSION = "vidseg-shards", 1


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One tar file.

    Attributes:
        name: of the file, beside the index.
        bytes: how many it has.
        sha256: of them.
    """

    name: str
    bytes: int
    sha256: str


# Which shard, where in it the file's first byte lies, and how many bytes it has.
Location = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class ShardIndex:
    """What lies where.

    Attributes:
        name: of the data set.
        texts: small text files by path.
        shards: the tar files.
        folders: where the other files are, by folder and name.
    """

    name: str
    texts: Mapping[str, str]
    shards: tuple[Shard, ...]
    folders: Mapping[str, Mapping[str, Location]]

    def to_json(self) -> bytes:
        """As the file's bytes: a line a folder, so that it can be looked into."""
        head = {"format": _FORMAT, "version": _VERSION, "name": self.name, "texts": dict(self.texts)}
        shards = [json.dumps(asdict(shard)) for shard in self.shards]
        folders = [f"{json.dumps(folder)}: {json.dumps(files)}" for folder, files in self.folders.items()]
        text = json.dumps(head, indent=1, allow_nan=False).removesuffix("\n}")
        listed = ",\n  ".join(shards), ",\n  ".join(folders)
        return f'{text},\n "shards": [\n  {listed[0]}\n ],\n "folders": {{\n  {listed[1]}\n }}\n}}\n'.encode()


def parse_index(content: bytes, address: str) -> ShardIndex:
    """Reads the file's bytes.

    Args:
        content: the bytes.
        address: for messages.

    Raises:
        DataError: if they are something else, or contradict themselves.
    """
    remedy = "pack the data set anew: vidseg pack"
    try:
        value = parse_json(content.decode())
        if value["format"] != _FORMAT or value["version"] != _VERSION:
            raise ValueError(f"format {value['format']!r}, version {value['version']!r}")
        index = ShardIndex(
            name=str(value["name"]),
            texts={str(path): str(text) for path, text in value["texts"].items()},
            shards=tuple(Shard(**shard) for shard in value["shards"]),
            folders={
                folder: {name: _location(location) for name, location in files.items()}
                for folder, files in value["folders"].items()
            },
        )
        for folder, files in index.folders.items():
            for name, (shard, offset, size) in files.items():
                if not 0 <= shard < len(index.shards):
                    raise ValueError(f"{folder}/{name} in shard {shard} of {len(index.shards)}")
                if offset < 0 or size < 0 or offset + size > index.shards[shard].bytes:
                    raise ValueError(f"{folder}/{name} beyond the end of {index.shards[shard].name}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(
            f"got {address}, which is no index of shards ({reason}); expected {_FORMAT} of version {_VERSION}; "
            f"do: copy it again, or {remedy}"
        ) from error
    return index


def _location(value: Any) -> Location:
    shard, offset, size = value
    if not all(type(number) is int for number in (shard, offset, size)):
        raise ValueError(f"{value} where three whole numbers belong")
    return shard, offset, size
