"""One running game: pictures, labels and map on one side, moves and console commands on the other.

The engine repeats itself exactly on the same seed, commands and moves. So, once a clip is filmed, a twin can
replay it under another sky; that tells where sky is (see `classes.sky_mask`). Engines write scratch files into
the working folder: call this from a process whose working folder is temporary.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from vidseg.render.classes import SKY, Thing, class_ids, sky_candidates, sky_mask
from vidseg.render.geometry import MapLines
from vidseg.render.launch import WEAPONS, pose_variables, prepare
from vidseg.render.walker import REACH, Pose, Surroundings
from vidseg.types import RGB

_BRIGHTENED = np.rint(255 * (np.arange(256) / 255) ** (1 / 1.5)).astype(np.uint8)
"""Gamma 1.5: the game is made for dark rooms; half of its frames have a mean below 45 of 255."""

_THRUST = 3.0  # the friction of ordinary floors takes a third of the thrust
_TWIN_SKY = "GRAY1"  # a plain wall texture of both games: of those tried, nearest to no colour in common
_SIGHT = REACH + 32.0  # what is farther away does not matter to the walker


SOLID = {"Monster", "Hazard", "Decoration", "Vegetation", "LightSource"}
"""Categories of things that may stand in the way."""


class Negative(NamedTuple):
    """One picture as the engine gives it, in which sky is not yet told from far walls.

    Attributes:
        image: HxWx3 uint8 RGB, dark.
        classes: HxW uint8 class ids; sky is wall.
        sky_candidates: HxW bool; where there may be sky.
        visible: the things in the picture.
        moment: how many commands and moves came before it.
    """

    image: RGB
    classes: NDArray[np.uint8]
    sky_candidates: NDArray[np.bool_]
    visible: tuple[Thing, ...]
    moment: int


class Observation(NamedTuple):
    """One labelled picture: HxWx3 uint8 RGB and HxW uint8 class ids."""

    image: RGB
    classes: NDArray[np.uint8]


class EpisodeEnded(Exception):  # noqa: N818  (not an error of the user: the director starts anew)
    """The camera walked through the map's exit."""


class Session:
    """A game on one map. Use as a context manager: leaving it ends the engine's process.

    Args:
        map_name: one of `maps.MAPS`.
        resolution: "WIDTHxHEIGHT", one of the engine's.
        seed: of the engine's random numbers.

    Raises:
        MissingExtraError: without vizdoom.
        InputError: if the engine has no such resolution.
    """

    def __init__(self, *, map_name: str, resolution: str, seed: int) -> None:
        self._launch = partial(prepare, map_name=map_name, resolution=resolution, seed=seed)
        self._game = self._launch()
        self._variables = pose_variables()
        self._log: list[str | tuple[list[float], int]] = []
        self._lines: MapLines | None = None

    def __enter__(self) -> Self:
        self._game.init()
        self.command("cl_showsecretmessage 0")  # the one text that switching off messages leaves
        self._lines = MapLines.of(self._state().sectors)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._game.close()

    def command(self, text: str) -> None:
        """Sends a console command; it takes effect with the next move."""
        self._log.append(text)
        self._game.send_game_command(text)

    def move(
        self,
        *,
        tics: int,
        forward: float = 0.0,
        turn: float = 0.0,
        use: bool = False,
        attack: bool = False,
        weapon: int | None = None,
    ) -> None:
        """Acts the same for some tics (1/35 s).

        Args:
            tics: how many.
            forward: speed to settle at, in map units a tic.
            turn: degrees over all tics, counter-clockwise.
            use: opens doors.
            attack: fires.
            weapon: 1–7, the one to draw.

        Raises:
            EpisodeEnded: if the map's exit was taken.
        """
        slots = [float(weapon == number) for number in WEAPONS]
        action = [_THRUST * forward, -turn / tics, float(use), float(attack), *slots]
        self._log.append((action, tics))
        self._game.make_action(action, tics)
        if self._game.is_episode_finished():
            raise EpisodeEnded

    def pose(self) -> Pose:
        """Where the camera is."""
        x, y, _, angle = (self._game.get_game_variable(variable) for variable in self._variables)
        return Pose(x=x, y=y, angle=angle)

    def on_ground(self) -> bool:
        """False if the camera was sent to where there is no map."""
        return bool(self._game.get_game_variable(self._variables[2]) > -32000.0)

    def things(self) -> list[Thing]:
        """All objects of the map but the player."""
        return _things(self._state())

    def surroundings(self, pose: Pose) -> Surroundings:
        """What the camera could bump into near a place, as things are now."""
        assert self._lines is not None, "the session was not entered"
        state = self._state()
        heights_N2 = np.array([(s.floor_height, s.ceiling_height) for s in state.sectors], np.float64)
        walls_S4, doors_S4 = self._lines.barriers(heights_N2[:, 0], heights_N2[:, 1])
        near = [
            (thing.x, thing.y)
            for thing in _things(state)
            if thing.category in SOLID and abs(thing.x - pose.x) < _SIGHT and abs(thing.y - pose.y) < _SIGHT
        ]
        return Surroundings(
            walls_S4=_near(walls_S4, pose),
            doors_S4=_near(doors_S4, pose),
            obstacles_O2=np.array(near, np.float64).reshape(-1, 2),
        )

    def observe(self) -> Negative:
        """The present picture with its labels."""
        state = self._state()
        things = {
            label.value: Thing(
                label.object_name, label.object_category, label.object_position_x, label.object_position_y
            )
            for label in state.labels
        }
        return Negative(
            image=state.screen_buffer.copy(),
            classes=class_ids(state.labels_buffer, things),
            sky_candidates=sky_candidates(state.labels_buffer, state.depth_buffer),
            visible=tuple(things.values()),
            moment=len(self._log),
        )

    def develop(self, negatives: Sequence[Negative]) -> list[Observation]:
        """Finds the sky in pictures of this session, by replaying it with a twin, and brightens them."""
        classes = [negative.classes.copy() for negative in negatives]
        doubtful = {n.moment: index for index, n in enumerate(negatives) if n.sky_candidates.any()}
        for moment, twin_image in self._replay(set(doubtful)):
            negative = negatives[doubtful[moment]]
            classes[doubtful[moment]][sky_mask(negative.sky_candidates, negative.image, twin_image)] = SKY
        return [
            Observation(image=_BRIGHTENED[negative.image], classes=ids)
            for negative, ids in zip(negatives, classes, strict=True)
        ]

    def _replay(self, moments: set[int]) -> Iterator[tuple[int, RGB]]:
        """Yields (moment, picture under another sky) for the moments asked for."""
        if not moments:
            return
        twin = self._launch()
        try:
            twin.init()
            twin.send_game_command(f"changesky {_TWIN_SKY}")
            for moment, entry in enumerate(self._log[: max(moments)], start=1):
                if isinstance(entry, str):
                    twin.send_game_command(entry)
                else:
                    twin.make_action(*entry)
                if moment in moments:
                    yield moment, twin.get_state().screen_buffer
        finally:
            twin.close()

    def _state(self) -> Any:
        return self._game.get_state()


def _near(lines_S4: NDArray[np.float64], pose: Pose) -> NDArray[np.float64]:
    """The lines whose bounding box comes within sight: few of the thousands of a map."""
    x_S2, y_S2 = lines_S4[:, ::2] - pose.x, lines_S4[:, 1::2] - pose.y
    near_S = (x_S2.min(axis=1) < _SIGHT) & (x_S2.max(axis=1) > -_SIGHT)
    near_S &= (y_S2.min(axis=1) < _SIGHT) & (y_S2.max(axis=1) > -_SIGHT)
    return lines_S4[near_S]


def _things(state: Any) -> list[Thing]:
    return [
        Thing(o.name, o.category, o.position_x, o.position_y)
        for o in state.objects
        if o.category not in ("Self", "Player")
    ]
