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


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """How well frames are kept.

    Attributes:
        quality: on WebP's scale of 0-100.
        scale: of the stored picture; the page enlarges it again.
    """

    quality: int
    scale: float

    def __str__(self) -> str:
        size = "" if self.scale == 1 else f", at {self.scale:.0%} of their size"
        return f"WebP of quality {self.quality}{size}"


# The best first. At 75 and full size they are hard to tell from the original, at 20 blocks are seen; a softer picture
# is the lesser evil then. Label maps always stay exact.
FIDELITIES = (
    *(Fidelity(quality=quality, scale=1) for quality in (75, 60, 45, 30, 20)),
    Fidelity(quality=30, scale=0.5),
    Fidelity(quality=20, scale=0.4),
)
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


def pack(clips: Sequence[Clip], budget: int) -> tuple[list[PackedClip], Fidelity]:
    """Packs clips into at most `budget` characters.

    Frames get the best fidelity that fits. Where even the lowest does not, all clips are shortened, down to a
    single frame.

    Args:
        clips: what is to be shown.
        budget: characters for all of them.

    Returns:
        The packed clips, and how well their frames are kept.
    """
    room = budget * 3 // 4  # base64 makes four characters of three bytes
    layers = [_pack_layers(clip) for clip in clips]
    while True:
        taken = sum(len(part) for parts in layers for part in parts)
        for fidelity in FIDELITIES:
            expected = taken + sum(_expected_size(clip, fidelity) for clip in clips)
            if expected <= room:
                packed = [_assemble(clip, parts, fidelity) for clip, parts in zip(clips, layers, strict=True)]
                if sum(len(one.data) for one in packed) <= budget:
                    return packed, fidelity
        # `expected` is that of the lowest fidelity.
        keep = 0.95 * min(1.0, room / expected)
        clips = [clip.shortened(max(1, int(len(clip.frame_names) * keep))) for clip in clips]
        if all(len(clip.frame_names) == 1 for clip in clips):
            return [_assemble(clip, _pack_layers(clip), fidelity) for clip in clips], fidelity
        layers = [_pack_layers(clip) for clip in clips]


def encode_image(image_hw3: RGB, fidelity: Fidelity) -> bytes:
    """One frame as WebP."""
    picture = Image.fromarray(image_hw3)
    if fidelity.scale != 1:
        picture = picture.resize([max(1, round(side * fidelity.scale)) for side in picture.size])
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=fidelity.quality, method=4)
    return buffer.getvalue()


def _pack_layers(clip: Clip) -> list[bytes]:
    return [_compress(labels_Thw) for labels_Thw in (clip.target_Thw, *clip.labels_MThw)]


def _compress(labels_Thw: NDArray[np.integer]) -> bytes:
    return zlib.compress(np.ascontiguousarray(labels_Thw, dtype=labels_Thw.dtype.newbyteorder("<")).tobytes(), 9)


def _expected_size(clip: Clip, fidelity: Fidelity) -> int:
    tried = clip.images_Thw3[::_TRIED]
    return sum(len(encode_image(image, fidelity)) for image in tried) * len(clip.frame_names) // len(tried)


def _assemble(clip: Clip, layers: Sequence[bytes], fidelity: Fidelity) -> PackedClip:
    blob = bytearray()

    def append(part: bytes) -> list[int]:
        blob.extend(part)
        return [len(blob) - len(part), len(part)]

    target, *labels = layers
    parts = {
        "images": [append(encode_image(image, fidelity)) for image in clip.images_Thw3],
        "target": append(target),
        "labels": [append(layer) for layer in labels],
    }
    return PackedClip(clip=clip, data=base64.b64encode(blob).decode("ascii"), parts=parts)
