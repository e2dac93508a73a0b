"""The map as the walker meets it: which lines stop the player at this moment.

Shape letters: S lines, N sectors.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

STEP = 24.0
"""The player climbs steps up to this height, and the walker goes down no higher ones."""
HEADROOM = 56.0
"""The player needs this much between floor and ceiling."""


class Line(Protocol):
    """A map line, as vizdoom gives it."""

    x1: float
    y1: float
    x2: float
    y2: float
    is_blocking: bool


class Sector(Protocol):
    """An area of one floor and ceiling height, as vizdoom gives it."""

    floor_height: float
    ceiling_height: float
    lines: Sequence[Line]


@dataclass(frozen=True, kw_only=True, eq=False)
class MapLines:
    """The lines of a map and the sectors on their two sides; neither changes while one plays.

    Attributes:
        ends_S4: (x1, y1, x2, y2).
        sides_S2: indices of the sectors on both sides; twice the same for the outer walls.
        solid_S: whether the line always stops the player.
    """

    ends_S4: NDArray[np.float64]
    sides_S2: NDArray[np.intp]
    solid_S: NDArray[np.bool_]

    @classmethod
    def of(cls, sectors: Iterable[Sector]) -> "MapLines":
        """Collects the lines of all sectors; a line with two sides is listed by both."""
        sides: dict[tuple[float, float, float, float], list[int]] = {}
        solid: dict[tuple[float, float, float, float], bool] = {}
        for index, sector in enumerate(sectors):
            for line in sector.lines:
                key = (line.x1, line.y1, line.x2, line.y2)
                sides.setdefault(key, []).append(index)
                solid[key] = bool(line.is_blocking)
        return cls(
            ends_S4=np.array(list(sides), np.float64).reshape(-1, 4),
            sides_S2=np.array([(s[0], s[-1]) for s in sides.values()], np.intp).reshape(-1, 2),
            solid_S=np.array(list(solid.values()), bool),
        )

    def barriers(
        self, floor_N: NDArray[np.float64], ceiling_N: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(walls_S4, doors_S4) at the given heights of the sectors.

        A door is a passage whose sector is shut. It is no wall: the walker should head for it.
        """
        floors_S2, ceilings_S2 = floor_N[self.sides_S2], ceiling_N[self.sides_S2]
        level_S = np.abs(floors_S2[:, 0] - floors_S2[:, 1]) <= STEP
        open_S = ceilings_S2.min(axis=1) - floors_S2.max(axis=1) >= HEADROOM
        shut_S = (ceilings_S2 <= floors_S2).any(axis=1)
        door_S = ~self.solid_S & level_S & ~open_S & shut_S
        wall_S = self.solid_S | ~level_S | (~open_S & ~door_S)
        return self.ends_S4[wall_S], self.ends_S4[door_S]
