"""Reading the frames and labels of clips, by way of a cache where there is one.

Shape letters: H, W the frame's own height and width.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version

from vidseg.data.frame_cache import FrameCache
from vidseg.data.reading import read_frames, read_labels, read_labels_of, require_size
from vidseg.data.records import DatasetSpec, FrameRecord, VideoRecord
from vidseg.data.trees import Tree
from vidseg.types import RGB, Labels


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipReader:
    """Gives what `read_frames` and `read_labels_of` give, to the bit.

    A cached frame is recognised by its file and that file's version (see `Tree.version`), its place in it and what
    decoded it, a label also by what its values mean; so a file that was changed is decoded anew.

    Attributes:
        spec: how labels are written down.
        cache: None decodes everything anew.
    """

    spec: DatasetSpec
    cache: FrameCache | None = None

    def images(self, video: VideoRecord, positions: Sequence[int]) -> list[RGB]:
        """Some frames of a video, see `read_frames`."""
        if self.cache is None:
            return read_frames(video, positions)
        in_file = video.file_times is not None
        keys = {
            position: _key(video.tree, video.frames[position].image, f"frame {position}" if in_file else "image")
            for position in positions
        }
        found: dict[int, RGB] = {}
        for position, key in keys.items():
            if key is not None and (image := self.cache.get(key)) is not None:
                found[position] = image
        if missing := sorted(keys.keys() - found.keys()):
            for position, image in zip(missing, read_frames(video, missing), strict=True):
                found[position] = image
                if (key := keys[position]) is not None:
                    self.cache.put(key, image)
        return [found[position] for position in positions]

    def labels(self, video: VideoRecord, record: FrameRecord, size: tuple[int, int]) -> Labels | None:
        """A frame's labels, see `read_labels_of`."""
        if self.cache is None or record.label is None or (key := _key(video.tree, record.label, self._meaning)) is None:
            return read_labels_of(video, record, size, self.spec)
        labels = self.cache.get(key)
        if labels is None:
            labels = read_labels(video.tree, record.label, self.spec)
            self.cache.put(key, labels)
        require_size(labels, record.label, size)
        return labels

    @cached_property
    def _meaning(self) -> str:
        """Of a label file's values."""
        lookup = hashlib.sha256(self.spec.lookup.tobytes()).hexdigest()
        return f"labels {lookup} {self.spec.channel} {self.spec.class_map.dtype}"


def _key(tree: Tree, address: str, what: str) -> str | None:
    """A name for what is decoded from a file as it is now; None where it is not there or nothing tells its version."""
    try:
        version = tree.version(address)
    except OSError:  # who reads it says it in full
        return None
    place = os.path.abspath(address) if tree.is_local else address
    return None if version is None else f"{_decoders()} {place} {version} {what}"


@cache
def _decoders() -> str:
    return " ".join(f"{name} {version(name)}" for name in ("vidseg", "pillow", "av"))
