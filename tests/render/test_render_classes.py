"""Labels buffers become class ids."""

import numpy as np
import pytest

from vidseg.render import classes
from vidseg.render.classes import CLASS_MAP, Thing, class_ids, class_of, sky_candidates, sky_mask


@pytest.mark.parametrize(
    ("name", "category", "expected"),
    [
        ("Zombieman", "Monster", "soldier"),
        ("DoomImp", "Monster", "creature"),
        ("DeadZombieman", "Gore", "corpse"),
        ("Gibs", "Gibs", "corpse"),
        ("Blood", "Gibs", "effect"),
        ("Rocket", "Explosive", "effect"),
        ("TeleportFog", "SFX", "effect"),
        ("ExplosiveBarrel", "Hazard", "barrel"),
        ("ExplosiveBarrel", "Explosive", "barrel"),
        ("TorchTree", "Vegetation", "decoration"),
        ("Column", "LightSource", "decoration"),
        ("Medikit", "Health", "health"),
        ("BlueArmor", "Armor", "armor"),
        ("Clip", "Ammo", "ammo"),
        ("Shotgun", "Weapon", "weapon"),
        ("DoomPlayer", "Self", "hand"),
    ],
)
def test_objects_have_the_class_of_their_kind(name, category, expected):
    assert CLASS_MAP.names[class_of(name, category)] == expected


def test_keys_powerups_and_unknown_things_are_ignored():
    assert {class_of("BlueCard", "Key"), class_of("Berserk", "Powerup"), class_of("X", "New")} == {255}


def test_flat_surfaces_part_at_the_horizon():
    ids = class_ids(np.ones((4, 2), np.uint8), {})
    np.testing.assert_array_equal(ids[:, 0], [classes.CEILING, classes.CEILING, classes.FLOOR, classes.FLOOR])


def test_walls_things_and_unnamed_values():
    labels = np.array([[0, 0], [7, 9]], np.uint8)
    ids = class_ids(labels, {7: Thing("Medikit", "Health", 0, 0)})
    np.testing.assert_array_equal(ids, [[classes.WALL, classes.WALL], [classes.HEALTH, 255]])


def test_only_far_pixels_labelled_as_wall_can_be_sky():
    labels, depth = np.array([[0, 0, 1, 5]], np.uint8), np.array([[127, 126, 127, 127]], np.uint8)
    np.testing.assert_array_equal(sky_candidates(labels, depth), [[True, False, False, False]])


def test_sky_is_where_the_twin_differs_and_coincidences_are_filled():
    candidates = np.zeros((10, 20), bool)
    candidates[:5] = True
    picture = np.full((10, 20, 3), 50, np.uint8)
    twin = picture.copy()
    twin[:5, :10] = 90  # the right half of the candidates is a far wall
    twin[2, 4] = 50  # both skies happen to have one colour here
    expected = np.zeros((10, 20), bool)
    expected[:5, :10] = True
    np.testing.assert_array_equal(sky_mask(candidates, picture, twin), expected)
