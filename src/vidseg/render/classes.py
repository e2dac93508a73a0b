"""The classes of rendered video, and how the engine's buffers become class ids.

The engine labels every pixel with 0 (walls and drawn sky), 1 (floors and ceilings) or a number of its own
for each visible thing, of which it tells name and category. Two questions stay open there:

- floor or ceiling: the camera never pitches, so the horizon is the middle row; what lies below it and
  is horizontal can only be seen from above: a floor.
- wall or sky: see `sky_mask`.

Shape letters: H, W the frame's height and width.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vidseg.types import IGNORE_8BIT, ClassMap

WALL, FLOOR, CEILING, SKY, SOLDIER, CREATURE, CORPSE = range(7)
HEALTH, ARMOR, AMMO, WEAPON, DECORATION, BARREL, EFFECT, HAND = range(7, 15)

CLASS_MAP = ClassMap(
    names=(
        *("wall", "floor", "ceiling", "sky", "soldier", "creature", "corpse"),
        *("health", "armor", "ammo", "weapon", "decoration", "barrel", "effect", "hand"),
    ),
    palette=(
        *((120, 120, 120), (140, 90, 50), (80, 60, 100), (90, 180, 250)),
        *((230, 25, 75), (245, 130, 48), (128, 0, 0)),
        *((60, 220, 80), (0, 128, 128), (255, 225, 25), (240, 50, 230)),
        *((30, 110, 30), (170, 255, 195), (255, 255, 255), (250, 190, 160)),
    ),
    ignore=IGNORE_8BIT,
)

LABEL_WALL = 0
LABEL_FLAT = 1
FARTHEST = 127
"""Value of the depth buffer for everything beyond its reach, the sky included."""

_SOLDIERS = {"Zombieman", "ShotgunGuy", "ChaingunGuy", "WolfensteinSS"}
_CATEGORIES = {
    "Monster": CREATURE,
    "Gore": CORPSE,
    "Gibs": CORPSE,
    "Health": HEALTH,
    "Armor": ARMOR,
    "Ammo": AMMO,
    "Weapon": WEAPON,
    "Decoration": DECORATION,
    "Vegetation": DECORATION,
    "LightSource": DECORATION,
    "Hazard": BARREL,
    "Explosive": EFFECT,
    "SFX": EFFECT,
    "Self": HAND,
}


class Thing(NamedTuple):
    """What the engine tells of an object: its class name, category and place on the map in map units."""

    name: str
    category: str
    x: float
    y: float


def class_of(name: str, category: str) -> int:
    """Class id of an engine object.

    Keys, power-ups and what else has no class become the ignore value: too rare to be learned.
    """
    if name in _SOLDIERS:
        return SOLDIER
    if name.startswith("Blood"):
        return EFFECT  # flying drops share the category of lying remains
    if name == "ExplosiveBarrel":
        return BARREL  # also while it explodes and the engine files it under another category
    return _CATEGORIES.get(category, IGNORE_8BIT)


def class_ids(labels_HW: NDArray[np.uint8], things: Mapping[int, Thing]) -> NDArray[np.uint8]:
    """Turns a labels buffer into class ids, among which sky is still wall.

    Args:
        labels_HW: the engine's labels.
        things: what the label values above 1 stand for; values without an entry become the ignore value.

    Returns:
        HxW uint8 class ids of `CLASS_MAP`.
    """
    table = np.full(256, IGNORE_8BIT, np.uint8)
    table[LABEL_WALL], table[LABEL_FLAT] = WALL, FLOOR
    for value, thing in things.items():
        table[value] = class_of(thing.name, thing.category)
    ids_HW = table[labels_HW]
    above_HW = ids_HW[: labels_HW.shape[0] // 2]
    above_HW[above_HW == FLOOR] = CEILING
    return ids_HW


def sky_candidates(labels_HW: NDArray[np.uint8], depth_HW: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where there may be sky: labelled like a wall and out of the depth buffer's reach."""
    return (labels_HW == LABEL_WALL) & (depth_HW == FARTHEST)


def sky_mask(
    candidates_HW: NDArray[np.bool_], image_HW3: NDArray[np.uint8], twin_HW3: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Tells sky from distant walls.

    Depth alone cannot: a wall beyond some 2,000 map units has the depth of the sky. So the scene is
    rendered once more by a second engine, whose sky has another texture: where the two pictures differ
    there is sky. Where both textures happen to have the same colour, the neighbours decide: a candidate is
    sky if more than half of the candidates in its 5x5 window differ.

    Args:
        candidates_HW: from `sky_candidates`.
        image_HW3: the picture.
        twin_HW3: the same with another sky.
    """
    differs_HW = candidates_HW & (image_HW3 != twin_HW3).any(axis=2)
    return differs_HW | (candidates_HW & (2 * _window_sum(differs_HW) > _window_sum(candidates_HW)))


def _window_sum(mask_HW: NDArray[np.bool_], radius: int = 2) -> NDArray[np.int32]:
    """Number of set pixels in the square window around each pixel."""
    size = 2 * radius + 1
    padded = np.pad(mask_HW.astype(np.int32), radius)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
    return windows.sum(axis=(2, 3), dtype=np.int32)
