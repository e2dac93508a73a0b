"""Damage to single frames, so that the frames around them help.

Each kind befalls each frame on its own, with the same chance, independent of the other kinds and frames; about
a third of all frames stay clean. The kinds follow one another as they would in a camera:

1. occlusion: flat patches on the lens, rectangles and ellipses of one dull colour;
2. blur: the mean over a straight camera motion during the exposure;
3. darkness: little light, by a factor;
4. noise: Gaussian noise of the sensor, per pixel and channel.

The labels stay those of the clean frame, also under patches.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vidseg.types import RGB

Kind = Literal["occlusion", "blur", "darkness", "noise"]
KINDS: tuple[Kind, ...] = get_args(Kind)

CHANCE = 0.25
"""Of each kind, per frame."""

PATCHES = (1, 3)
PATCH_SIDE = (0.15, 0.45)
BLUR_PIXELS_AT_320 = (5.0, 17.0)
LIGHT = (0.2, 0.5)
NOISE_SIGMA = (12.0, 40.0)


@dataclass(frozen=True, kw_only=True)
class Patch:
    """Something in front of the lens; centre and sides are shares of the frame's, colour is RGB 0–255."""

    centre: tuple[float, float]
    sides: tuple[float, float]
    colour: tuple[int, int, int]
    round: bool


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """What befalls one frame; the defaults leave it as it is.

    Attributes:
        patches: on the lens.
        blur: (right, down) the camera's motion during the exposure, as shares of the frame's width.
        light: factor on all values.
        noise: standard deviation, on the 0–255 scale.
    """

    patches: tuple[Patch, ...] = ()
    blur: tuple[float, float] = (0.0, 0.0)
    light: float = 1.0
    noise: float = 0.0

    @property
    def kinds(self) -> list[Kind]:
        """Which kinds befall the frame, in the order of `KINDS`."""
        present = (bool(self.patches), self.blur != (0.0, 0.0), self.light != 1.0, self.noise > 0.0)
        return [kind for kind, here in zip(KINDS, present, strict=True) if here]


def draw(random: np.random.Generator) -> Degradation:
    """Draws what befalls one frame."""
    occlusion, blur, darkness, noise = random.random(len(KINDS)) < CHANCE
    length = random.uniform(*BLUR_PIXELS_AT_320) / 320
    direction = random.uniform(0.0, np.pi)
    patches = tuple(_draw_patch(random) for _ in range(random.integers(PATCHES[0], PATCHES[1] + 1)))
    light, sigma = random.uniform(*LIGHT), random.uniform(*NOISE_SIGMA)
    return Degradation(
        patches=patches if occlusion else (),
        blur=(float(length * np.cos(direction)), float(length * np.sin(direction))) if blur else (0.0, 0.0),
        light=float(light) if darkness else 1.0,
        noise=float(sigma) if noise else 0.0,
    )


def apply(image_HW3: RGB, degradation: Degradation, random: np.random.Generator) -> RGB:
    """Degrades one frame.

    Args:
        image_HW3: HxWx3 uint8.
        degradation: from `draw`.
        random: source of the noise; drawn from only if there is noise.
    """
    values_HW3 = image_HW3.astype(np.float32)
    for patch in degradation.patches:
        values_HW3[_covered(patch, values_HW3.shape[:2])] = patch.colour
    if degradation.blur != (0.0, 0.0):
        values_HW3 = _blurred(values_HW3, degradation.blur)
    values_HW3 *= degradation.light
    if degradation.noise:
        values_HW3 += degradation.noise * random.standard_normal(values_HW3.shape, np.float32)
    return np.clip(np.rint(values_HW3), 0, 255).astype(np.uint8)


def _draw_patch(random: np.random.Generator) -> Patch:
    x, y = random.uniform(0.0, 1.0, 2)
    width, height = random.uniform(*PATCH_SIDE, 2)
    red, green, blue = (int(part) for part in random.integers(20, 150, 3))
    return Patch(
        centre=(float(x), float(y)),
        sides=(float(width), float(height)),
        colour=(red, green, blue),
        round=bool(random.random() < 0.5),
    )


def _covered(patch: Patch, size: tuple[int, int]) -> NDArray[np.bool_]:
    height, width = size
    y_H1 = np.abs((np.arange(height)[:, None] + 0.5) / height - patch.centre[1]) / (patch.sides[1] / 2)
    x_1W = np.abs((np.arange(width)[None] + 0.5) / width - patch.centre[0]) / (patch.sides[0] / 2)
    inside: NDArray[np.bool_] = x_1W**2 + y_H1**2 <= 1 if patch.round else np.maximum(x_1W, y_H1) <= 1
    return inside


def _blurred(values_HW3: NDArray[np.float32], motion: tuple[float, float]) -> NDArray[np.float32]:
    """The mean of the picture moved along a straight line, border repeated."""
    height, width = values_HW3.shape[:2]
    right, down = motion[0] * width, motion[1] * width
    steps = max(2, round(float(np.hypot(right, down))) + 1)
    shares = np.linspace(-0.5, 0.5, steps)
    shifts = [(round(share * down), round(share * right)) for share in shares]
    reach = max(max(abs(y), abs(x)) for y, x in shifts)
    padded = np.pad(values_HW3, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    moved = [padded[reach + y : reach + y + height, reach + x : reach + x + width] for y, x in shifts]
    return np.mean(moved, axis=0, dtype=np.float32)
