"""The files of a data set as members of tar shards: their names, and how they are written.

Files of a frame have one key, `video/frame`, and stand side by side: the image is ``key.jpg`` (or .png, …), its mask
``key.seg.png``. WebDataset, and all that reads its form, takes everything up to the first dot of a name's last part for
the key.
"""

import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from vidseg.data.records import FrameRecord, VideoRecord
from vidseg.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file of a shard.

    Attributes:
        name: in the shard.
        address: of the file that it is, see `vidseg.data.trees.Tree`.
        size: bytes of the file.
    """

    name: str
    address: str
    size: int

    @property
    def header(self) -> tarfile.TarInfo:
        """Name and size, without time and owner, so that equal data make equal shards."""
        info = tarfile.TarInfo(self.name)
        info.size = self.size
        return info

    @cached_property
    def tar_bytes(self) -> int:
        """What it adds to the length of a shard."""
        return len(self.header.tobuf(tarfile.PAX_FORMAT)) + whole_blocks(self.size)


def whole_blocks(size: int) -> int:
    """Bytes that so many take in a tar file."""
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def tar_length(members_bytes: int) -> int:
    """Bytes of a tar file whose members take so many: two blocks end it, and it is filled up to a whole record."""
    return -(-(members_bytes + 2 * tarfile.BLOCKSIZE) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE


@dataclass
class Naming:
    """Gives every file of a data set one name; files that were named already are left out.

    Attributes:
        addresses: of the files that have a name.
        keys: that are taken.
    """

    addresses: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)

    def frames(self, video: VideoRecord) -> Iterator[list[Member]]:
        """The new files of a video, those of a frame together. A video file comes first, for itself.

        Raises:
            DataError: if the video's name leads out of the data set.
            OSError: if a file is gone.
        """
        if not {"", ".", ".."}.isdisjoint(video.name.split("/")):
            raise DataError(f"got video {video.name!r}; expected the name of a folder in the data set; do: rename it")
        if video.file_times is not None:
            yield self._members(video, PurePosixPath(video.name), {"": video.frames[0].image})
        for frame in video.frames:
            if members := self._members(video, PurePosixPath(video.name) / frame.name, _files(video, frame)):
                yield members

    def _members(self, video: VideoRecord, place: PurePosixPath, files: dict[str, str]) -> list[Member]:
        new = {kind: address for kind, address in files.items() if address not in self.addresses}
        if not new:
            return []
        self.addresses.update(new.values())
        key = place.with_name(place.name.replace(".", "_")).as_posix()
        while key in self.keys:
            key += "-"
        self.keys.add(key)
        return [
            Member(
                name=f"{key}{kind}{posixpath.splitext(address)[1].lower()}",
                address=address,
                size=video.tree.size(address),
            )
            for kind, address in new.items()
        ]


def _files(video: VideoRecord, frame: FrameRecord) -> dict[str, str]:
    """A frame's files by what comes between key and suffix."""
    image = {"": frame.image} if video.file_times is None else {}
    return image if frame.label is None else {**image, ".seg": frame.label}
