"""What the augmentation of a training clip may be told."""

from dataclasses import dataclass
from typing import Literal

from vidseg.errors import InputError

MEAN_COLOUR = (123.675, 116.28, 103.53)


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """How clips are augmented; the defaults are the paper's for VSPW (cffm.md §6).

    Attributes:
        crop_size: (height, width) of every clip that comes out, pixels.
        base_size: (long side, short side) that the scale factor multiplies: a frame is resized, keeping its
            ratio, to the largest size with long side ≤ long·s and short side ≤ short·s.
        scale_range: bounds of the factor s, drawn uniformly, one per clip.
        max_class_share: a crop is drawn anew while one class has more than this share of the target's
            labelled pixels, or is the only one; 1 accepts every crop.
        crop_redraws: at most so many further draws; the last one stands.
        flip_probability: of mirroring the clip left to right.
        photometric: the photometric distortion, drawn anew for every frame, once per clip, or never.
        pad_colour: RGB 0–255 where the resized frame is smaller than the crop. The models' mean colour, which
            their normalisation turns into 0.
    """

    crop_size: tuple[int, int] = (480, 480)
    base_size: tuple[int, int] = (853, 480)
    scale_range: tuple[float, float] = (0.5, 2.0)
    max_class_share: float = 0.75
    crop_redraws: int = 10
    flip_probability: float = 0.5
    photometric: Literal["frame", "clip", "off"] = "frame"
    pad_colour: tuple[float, float, float] = MEAN_COLOUR

    def __post_init__(self) -> None:
        if min(self.crop_size) < 1:
            raise InputError(f"got crop_size={self.crop_size}; expected (height, width) of at least 1 pixel")
        long, short = self.base_size
        if not 0 < short <= long:
            raise InputError(f"got base_size={self.base_size}; expected (long side, short side), 0 < short <= long")
        low, high = self.scale_range
        if not 0 < low <= high:
            raise InputError(f"got scale_range={self.scale_range}; expected (low, high), 0 < low <= high")
        if not 0 < self.max_class_share <= 1:
            raise InputError(f"got max_class_share={self.max_class_share}; expected a share in (0, 1]")
        if self.crop_redraws < 0:
            raise InputError(f"got crop_redraws={self.crop_redraws}; expected 0 or more")
        if not 0 <= self.flip_probability <= 1:
            raise InputError(f"got flip_probability={self.flip_probability}; expected a probability, 0 to 1")
        if self.photometric not in ("frame", "clip", "off"):
            raise InputError(f"got photometric={self.photometric!r}; expected 'frame', 'clip' or 'off'")
        if len(self.pad_colour) != 3 or not all(0 <= part <= 255 for part in self.pad_colour):
            raise InputError(f"got pad_colour={self.pad_colour}; expected (red, green, blue), 0–255 each")
