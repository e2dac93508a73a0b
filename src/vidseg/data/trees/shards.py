"""A data set in tar shards beside their index, as `vidseg pack` makes them: each file a range of bytes of a shard."""

import hashlib
import os
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from vidseg.data.trees.index import INDEX_FILE, Location, Shard, parse_index
from vidseg.data.trees.listed import ListedTree
from vidseg.places import Place

_AGAIN = "copy it again, or pack the data set anew"


class ShardTree(ListedTree[Location | str]):
    """See `vidseg.data.trees.Tree`. What is known of each file is where it lies, or its text.

    Args:
        place: of the folder of the index and the shards; nothing else in it is looked at.
        root: see `Tree`.

    Raises:
        OSError: if the index cannot be read.
        DataError: if it is damaged.
    """

    def __init__(self, place: Place, root: str) -> None:
        index = parse_index(place.child(INDEX_FILE).read(), f"{root}/{INDEX_FILE}")
        entries: dict[str, dict[str, Location | str]] = {folder: dict(files) for folder, files in index.folders.items()}
        for path, text in index.texts.items():
            folder, _, name = path.rpartition("/")
            entries.setdefault(folder, {})[name] = text
        super().__init__(root, index.name, entries)
        self.shards = index.shards
        self._place, self._process = place, os.getpid()

    def read(self, address: str) -> bytes:
        """All of a file, by one request for a range of bytes."""
        entry = self._entry(address)
        if isinstance(entry, str):
            return entry.encode()
        number, offset, size = entry
        shard = self._shard(self.shards[number])
        content = shard.read(offset, offset + size) if size else b""
        if len(content) != size:
            raise OSError(f"{self.address(shard.name)} ends too early for it")
        return content

    def problems(self) -> Iterator[tuple[str, str, str]]:
        """Shards that are missing, of another length, altered, or other than the index says."""
        members: dict[int, dict[int, tuple[int, str]]] = defaultdict(dict)
        for folder, files in self._files.items():
            for name, entry in files.items():
                if not isinstance(entry, str):
                    members[entry[0]][entry[1]] = entry[2], f"{folder}/{name}".lstrip("/")
        for number, shard in enumerate(self.shards):
            try:
                problem = _problem(self._shard(shard), shard, members[number])
            except FileNotFoundError:
                problem = f"is missing, and with it {len(members[number])} files", _AGAIN
            except OSError as error:
                problem = f"cannot be read ({error})", _AGAIN
            if problem is not None:
                yield self.address(shard.name), *problem

    def _size(self, entry: Location | str) -> int:
        return len(entry.encode()) if isinstance(entry, str) else entry[2]

    def _shard(self, shard: Shard) -> Place:
        if self._process != os.getpid():
            self._place, self._process = self._place.in_this_process(), os.getpid()
        return self._place.child(shard.name)


def _problem(place: Place, shard: Shard, members: dict[int, tuple[int, str]]) -> tuple[str, str] | None:
    """What is wrong with a shard, and the remedy; `members` are bytes and path of its files by their offset."""
    if (found := place.size()) != shard.bytes:
        how = "is truncated: it has" if found < shard.bytes else "is too long: it has"
        return f"{how} {found} of {shard.bytes} bytes", _AGAIN
    with place.opened() as file:
        reader = _Hashing(file)
        wrong = _mismatch(reader, members)
        reader.drain()
    if reader.digest.hexdigest() != shard.sha256:
        return f"is altered: its sha256 is not the one in {INDEX_FILE}", _AGAIN
    if wrong is not None:
        return f"does not match {INDEX_FILE}: {wrong}", f"bring the {INDEX_FILE} that was made with it, or pack anew"
    return None


def _mismatch(file: "_Hashing", members: dict[int, tuple[int, str]]) -> str | None:
    found: dict[int, int] = {}
    try:
        with tarfile.open(fileobj=file, mode="r|") as tar:  # type: ignore[call-overload]  # it only reads
            found.update((member.offset_data, member.size) for member in tar)
    except tarfile.TarError as error:
        return f"it is no tar file ({error})"
    for offset, (size, path) in sorted(members.items()):
        if found.get(offset) != size:
            return f"at byte {offset} there is no member of {size} bytes, where {path} should be"
    extra = len(found) - len(members)
    return f"it has {extra} more members" if extra else None


class _Hashing:
    """A file that is read from start to end and hashed on the way."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(size)
        self.digest.update(data)
        return data

    def drain(self) -> None:
        while self.read(1 << 20):
            pass
