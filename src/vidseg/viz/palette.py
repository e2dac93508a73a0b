"""Class colours that the eye tells apart, for data sets that bring none.

Farthest-point sampling in OKLab (Ottosson 2020, "A perceptual color space for image processing"): every
next colour is the one whose nearest colour so far is farthest away. The choice depends on the colours
before it only, so class c keeps its colour when more classes follow.

The colour-blind-safe palette starts with the one of Okabe and Ito (2008, "Color universal design") and goes
on by the smallest distance that any of four observers sees: normal vision and the three dichromats of
Machado, Oliveira and Fernandes (2009, "A physiologically-based model for simulation of color vision
deficiency", severity 1).

Shape letters: N candidate colours, V observers.
"""

from functools import cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from vidseg.errors import InputError

Colour = tuple[int, int, int]

# Beyond this many no eye tells a further colour from the ones before: the palette starts again.
MAX_DISTINCT = 1024

_FIRST: tuple[Colour, ...] = (
    (226, 62, 62),
    (56, 118, 220),
    (70, 176, 78),
    (246, 154, 36),
    (140, 76, 196),
    (72, 206, 220),
    (248, 220, 62),
    (238, 108, 188),
    (148, 96, 52),
)
_FIRST_COLOUR_BLIND_SAFE: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)

# Black is what unlabelled pixels get, so no class comes near it.
_UNLABELLED: Colour = (0, 0, 0)

# Too dark colours vanish in an overlay and too light ones are not told from glare.
_LIGHTNESS = (0.35, 0.95)
_GRID_STEPS = 26

_LINEAR_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
# Observers, as matrices on linear RGB.
NORMAL_VISION = np.eye(3)
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
TRITANOPIA = np.array(
    [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
)


@cache
def generate_palette(num_classes: int, *, colour_blind_safe: bool = False) -> tuple[Colour, ...]:
    """Distinguishable colours for a number of classes.

    Deterministic, and a prefix of the palette of any larger number. Colours repeat after `MAX_DISTINCT`.

    Args:
        num_classes: how many, at least 1.
        colour_blind_safe: keep colours apart also for protanopes, deuteranopes and tritanopes (as far as
            their number allows).

    Returns:
        One (red, green, blue), 0–255 each, a class.

    Raises:
        InputError: if `num_classes` is below 1.
    """
    if num_classes < 1:
        raise InputError(f"got num_classes={num_classes}; expected 1 or more")
    first = _FIRST_COLOUR_BLIND_SAFE if colour_blind_safe else _FIRST
    observers = (NORMAL_VISION, PROTANOPIA, DEUTERANOPIA, TRITANOPIA) if colour_blind_safe else (NORMAL_VISION,)
    distinct = _farthest_points(first, min(num_classes, MAX_DISTINCT), np.stack(observers))
    return tuple(distinct[index % MAX_DISTINCT] for index in range(num_classes))


def oklab(rgb_N3: NDArray[np.integer], observers_V33: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """What each observer sees of sRGB colours, in OKLab.

    Args:
        rgb_N3: 0–255.
        observers_V33: matrices on linear RGB; normal vision alone when None.

    Returns:
        VxNx3 float64: lightness 0–1, green–red, blue–yellow.
    """
    observers_V33 = NORMAL_VISION[None] if observers_V33 is None else observers_V33
    encoded = np.asarray(rgb_N3, dtype=np.float64) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen_VN3 = np.clip(np.einsum("nc,vdc->vnd", linear, observers_V33), 0, 1)
    lab_VN3: NDArray[np.float64] = np.cbrt(seen_VN3 @ _LINEAR_TO_LMS.T) @ _LMS_TO_OKLAB.T
    return lab_VN3


def _farthest_points(first: tuple[Colour, ...], count: int, observers_V33: NDArray[np.float64]) -> list[Colour]:
    steps = np.linspace(0, 255, _GRID_STEPS).round().astype(np.int64)
    candidates_N3 = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    lightness_N = oklab(candidates_N3)[0, :, 0]
    candidates_N3 = candidates_N3[(lightness_N >= _LIGHTNESS[0]) & (lightness_N <= _LIGHTNESS[1])]
    candidates_VN3 = oklab(candidates_N3, observers_V33)

    def squared_distances(colour: Colour) -> NDArray[np.float64]:
        point_V13 = oklab(np.array([colour]), observers_V33)
        distances_N: NDArray[np.float64] = ((candidates_VN3 - point_V13) ** 2).sum(axis=-1).min(axis=0)
        return distances_N

    chosen = list(islice(first, count))
    nearest_N = squared_distances(_UNLABELLED)
    for colour in chosen:
        np.minimum(nearest_N, squared_distances(colour), out=nearest_N)
    while len(chosen) < count:
        red, green, blue = (int(part) for part in candidates_N3[nearest_N.argmax()])
        chosen.append((red, green, blue))
        np.minimum(nearest_N, squared_distances(chosen[-1]), out=nearest_N)
    return chosen
