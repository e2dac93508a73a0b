"""Lines of the map that stop the player."""

from types import SimpleNamespace as Bag

import numpy as np
import pytest

from vidseg.render.geometry import MapLines


def _sector(floor, ceiling, *lines):
    made = [Bag(x1=a, y1=b, x2=c, y2=d, is_blocking=blocking) for a, b, c, d, blocking in lines]
    return Bag(floor_height=floor, ceiling_height=ceiling, lines=made)


PASSAGE = (5, 0, 5, 9, False)
OUTER = (0, 0, 0, 9, True)


def _barriers(left, right):
    sectors = [_sector(*left, OUTER, PASSAGE), _sector(*right, PASSAGE)]
    heights = np.array([left, right], np.float64)
    walls, doors = MapLines.of(sectors).barriers(heights[:, 0], heights[:, 1])
    return [tuple(wall) for wall in walls], [tuple(door) for door in doors]


@pytest.mark.parametrize(
    ("right", "kind"),
    [
        ((0, 128), "open"),
        ((24, 128), "open"),
        ((25, 128), "wall"),  # too high a step
        ((-25, 128), "wall"),  # no way back up
        ((0, 55), "wall"),  # too low
        ((0, 0), "door"),
        ((64, 64), "wall"),  # shut, but no level way behind it
    ],
)
def test_passages_are_open_doors_or_walls_by_their_heights(right, kind):
    walls, doors = _barriers((0, 128), right)
    assert OUTER[:4] in walls
    assert (PASSAGE[:4] in walls) is (kind == "wall")
    assert (PASSAGE[:4] in doors) is (kind == "door")
