"""What goes into which shard when a data set is packed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from vidseg.data.packing.members import Member, Naming, tar_length
from vidseg.data.records import VideoDataset
from vidseg.errors import InputError


@dataclass(kw_only=True)
class PlannedShard:
    """One tar file.

    Attributes:
        name: of the file.
        members: in their order.
        members_bytes: what they take in it.
    """

    name: str
    members: list[Member] = field(default_factory=list)
    members_bytes: int = 0

    @property
    def length(self) -> int:
        """Bytes of the file."""
        return tar_length(self.members_bytes)

    def add(self, members: Sequence[Member]) -> None:
        """Appends files."""
        self.members += members
        self.members_bytes += _bytes(members)


def plan_shards(datasets: Sequence[VideoDataset], shard_size: int) -> list[PlannedShard]:
    """The shards of some splits; equal for equal data sets.

    A split has shards of its own, so that each can be read alone. Videos are kept whole where a shard can hold them,
    frames always. What two splits share is in the shards of the first.

    Args:
        datasets: the splits.
        shard_size: the most bytes that a shard may have.

    Raises:
        InputError: if a shard cannot hold one frame.
        DataError: if a video's name leads out of the data set.
        OSError: if a file is gone.
    """
    naming = Naming()
    shards: list[PlannedShard] = []
    for dataset in datasets:
        own: list[PlannedShard] = []
        for video in dataset.videos:
            frames = list(naming.frames(video))
            rest = sum(map(_bytes, frames))
            for position, frame in enumerate(frames):
                needed = _bytes(frame)
                if tar_length(needed) > shard_size:
                    raise InputError(
                        f"got a shard size of {shard_size} bytes, but {frame[0].address} and what belongs to it need "
                        f"{tar_length(needed)}; expected a shard size of at least that"
                    )
                wanted = rest if position == 0 and tar_length(rest) <= shard_size else needed
                if not own or tar_length(own[-1].members_bytes + wanted) > shard_size:
                    own.append(PlannedShard(name=f"{dataset.split}-{len(own):06d}.tar"))
                own[-1].add(frame)
        shards += own
    return shards


def _bytes(members: Sequence[Member]) -> int:
    return sum(member.tar_bytes for member in members)
