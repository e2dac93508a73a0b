"""Scene cuts: where a video jumps to another place and the memory of the frames before is of no use.

The score is the mean change of hue, saturation and value between two frames, as content-aware detectors
(PySceneDetect's among them) use it, on thumbnails.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidseg.errors import InputError
from vidseg.types import RGB

Thumbnail = NDArray[np.int16]

_THUMBNAIL = (64, 36)


@dataclass(frozen=True, kw_only=True)
class CutDetector:
    """Compares each frame with the one before.

    Attributes:
        threshold: mean change over the three channels, in levels of 255, from which on it is a cut. Hard cuts of real
            videos score 24 and more, fast pans up to 19; dissolves are not seen.
    """

    threshold: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 255:
            raise InputError(f"got cut threshold {self.threshold}; expected a number of levels in (0, 255]")

    def thumbnail(self, image_HW3: RGB) -> Thumbnail:
        """What is kept of a frame: 36x64x3 int16 hue, saturation, value, 0–255 each."""
        small = Image.fromarray(image_HW3).resize(_THUMBNAIL, Image.Resampling.BILINEAR, reducing_gap=2.0)
        return np.asarray(small.convert("HSV"), dtype=np.int16)

    def score(self, before: Thumbnail, after: Thumbnail) -> float:
        """Mean change, in levels of 255. Hue is a circle, and of grey pixels it is noise, so saturation weighs it."""
        change = np.abs(after - before)
        hue = np.minimum(change[..., 0], 256 - change[..., 0]) * 2
        saturation = np.minimum(after[..., 1], before[..., 1]) / 255
        return float((hue * saturation + change[..., 1] + change[..., 2]).mean() / 3)

    def is_cut(self, before: Thumbnail, after: Thumbnail) -> bool:
        """Whether `after` shows another scene than `before`."""
        return self.score(before, after) >= self.threshold
