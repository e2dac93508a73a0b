"""A clip as bytes that a browser unpacks without any library, and as few of them as allowed.

Label maps are compressed losslessly over the whole clip (zlib, which browsers know as "deflate"): 8 bits a pixel,
or 16 little-endian. That takes less room than one PNG a frame, and the page needs not read back a canvas, which
browsers that protect against fingerprinting falsify. Frames are WebP pictures.
"""

import base64
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidseg.report.clips import Clip
from vidseg.types import RGB

# WebP's scale of 0–100, the best first: 75 is hard to tell from the original, 20 shows blocks.
QUALITIES = (75, 60, 45, 30, 20)
# Every so many frames are enough to know how large all of them will be.
_TRIED = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class PackedClip:
    """A clip ready for the page.

    Attributes:
        clip: what was packed.
        data: all parts one after the other, in base64.
        parts: where they lie in the decoded data: [offset, length] each of `images` (one a frame), `target`, and
            `labels` (one a model).
    """

    clip: Clip
    data: str
    parts: dict[str, Any]


def pack(clips: Sequence[Clip], budget: int) -> list[PackedClip]:
    """Packs clips into at most `budget` characters.

    Frames get the best quality that fits. Where even the lowest does not, all clips are shortened, down to a
    single frame.

    Args:
        clips: what is to be shown.
        budget: characters for all of them.
    """
    room = budget * 3 // 4  # base64 makes four characters of three bytes
    layers = [_pack_layers(clip) for clip in clips]
    while True:
        taken = sum(len(part) for parts in layers for part in parts)
        for quality in QUALITIES:
            expected = taken + sum(_expected_size(clip, quality) for clip in clips)
            if expected <= room:
                packed = [_assemble(clip, parts, quality) for clip, parts in zip(clips, layers, strict=True)]
                if sum(len(one.data) for one in packed) <= budget:
                    return packed
        # `expected` is that of the lowest quality.
        keep = 0.95 * min(1.0, room / expected)
        clips = [clip.shortened(max(1, int(len(clip.frame_names) * keep))) for clip in clips]
        if all(len(clip.frame_names) == 1 for clip in clips):
            return [_assemble(clip, _pack_layers(clip), QUALITIES[-1]) for clip in clips]
        layers = [_pack_layers(clip) for clip in clips]


def encode_image(image_hw3: RGB, quality: int) -> bytes:
    """One frame as WebP."""
    buffer = io.BytesIO()
    Image.fromarray(image_hw3).save(buffer, "WEBP", quality=quality, method=4)
    return buffer.getvalue()


def _pack_layers(clip: Clip) -> list[bytes]:
    return [_compress(labels_Thw) for labels_Thw in (clip.target_Thw, *clip.labels_MThw)]


def _compress(labels_Thw: NDArray[np.integer]) -> bytes:
    return zlib.compress(np.ascontiguousarray(labels_Thw, dtype=labels_Thw.dtype.newbyteorder("<")).tobytes(), 9)


def _expected_size(clip: Clip, quality: int) -> int:
    tried = clip.images_Thw3[::_TRIED]
    return sum(len(encode_image(image, quality)) for image in tried) * len(clip.frame_names) // len(tried)


def _assemble(clip: Clip, layers: Sequence[bytes], quality: int) -> PackedClip:
    blob = bytearray()

    def append(part: bytes) -> list[int]:
        blob.extend(part)
        return [len(blob) - len(part), len(part)]

    target, *labels = layers
    parts = {
        "images": [append(encode_image(image, quality)) for image in clip.images_Thw3],
        "target": append(target),
        "labels": [append(layer) for layer in labels],
    }
    return PackedClip(clip=clip, data=base64.b64encode(blob).decode("ascii"), parts=parts)
