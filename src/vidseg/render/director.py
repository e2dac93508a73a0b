"""Films one clip: finds a place to walk, peoples it, and walks the camera through it.

1. The camera is sent to a random thing of the map (things stand where players get) and rehearses the walk.
   An attempt that gets stuck or stares at walls is discarded, here and while filming, and another is made.
2. Monsters, items, decorations and remains are summoned at random free spots along the rehearsed way, so
   that every class occurs; they may move on before the camera comes by.
3. The camera goes back to the start and walks again, filming. Its way differs: doors are open, monsters
   stand in it. It fires at monsters in front of it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vidseg.errors import DataError
from vidseg.render import walker
from vidseg.render.classes import WALL
from vidseg.render.engine import SOLID, EpisodeEnded, Negative, Observation, Session
from vidseg.render.maps import ClipPlan
from vidseg.render.walker import Pose, Walk

_CAST = (
    ("Zombieman", "ShotgunGuy", "ChaingunGuy"),
    ("DoomImp", "Demon", "Cacodemon", "HellKnight", "LostSoul", "Revenant"),
    ("DeadZombieMan", "DeadShotgunGuy", "DeadDoomImp", "DeadDemon", "DeadMarine", "GibbedMarine"),
    ("Medikit", "Stimpack", "HealthBonus"),
    ("GreenArmor", "BlueArmor", "ArmorBonus"),
    ("ClipBox", "ShellBox", "RocketBox", "Shell", "Cell", "CellPack", "Backpack"),
    ("Shotgun", "SuperShotgun", "Chaingun", "RocketLauncher", "PlasmaRifle", "Chainsaw"),
    ("TechPillar", "Column", "Candelabra", "BigTree", "TorchTree", "TechLamp", "ShortRedColumn"),
    ("ExplosiveBarrel",),
)
"""What is summoned: one tuple a class, all classes equally often."""

_CRUISE = 5.0  # map units a tic: a brisk walk
_ATTEMPTS = 25
_REHEARSALS = 4  # an attempt; starting the engine anew takes longer than most of them
_PLACES = 30  # that are tried for the start, an attempt
_ROOM = 128.0  # map units free in some direction from the start
_SUMMONS = 36
_JUMP = 64.0  # map units in one frame: a teleporter, which would be a cut
_IDLE = 0.3  # of cruising speed: slower frames count as idle
_START_FRAMES = 8  # are idle anyway
_BLANK = 0.8  # this share of wall: nothing to be seen
_LEAST_PATIENCE = 0.2  # share of idle frames, and of blank ones, that the first attempt may have
_GROWING_PATIENCE = 0.05  # more with every attempt, so that cramped maps yield clips, too


@dataclass(frozen=True, kw_only=True)
class Shot:
    """How a clip is filmed: number of frames, tics (1/35 s) between them, the engine's resolution."""

    frames: int
    tics: int
    resolution: str


class _Discarded(Exception):  # noqa: N818  (control flow, never shown)
    """This attempt shows too little; the next may be better."""


def film(plan: ClipPlan, shot: Shot, check: Callable[[], None]) -> list[Observation]:
    """Renders one clip; the same plan and shot give the same pictures and labels.

    Args:
        plan: what to film.
        shot: how.
        check: called once a frame; may raise to stop.

    Raises:
        DataError: if no attempt succeeded, which tells of a map without room to walk.
    """
    for attempt in range(_ATTEMPTS):
        random = np.random.default_rng((plan.seed, attempt))
        engine_seed = int(random.integers(1, 2**31))
        with Session(map_name=plan.map_name, resolution=shot.resolution, seed=engine_seed) as session:
            try:
                patience = _LEAST_PATIENCE + _GROWING_PATIENCE * attempt
                return _attempt(session, shot, random, patience, check)
            except (_Discarded, EpisodeEnded):
                continue
    raise DataError(
        f"got no walk of {shot.frames} frames on {plan.map_name} in {_ATTEMPTS} attempts; "
        "expected a map with room; leave the map out or take another seed"
    )


def _attempt(
    session: Session, shot: Shot, random: np.random.Generator, patience: float, check: Callable[[], None]
) -> list[Observation]:
    for command in ("god", "give all"):
        session.command(command)
    session.move(tics=1)  # what was given is there after it
    session.move(tics=1, weapon=int(random.integers(2, 7)))
    way = _rehearse(session, shot, random, patience, check)
    _people(session, way, random)
    _return_to(session, way[0])

    clip: list[Negative] = []
    blank = 0

    def record() -> bool:
        nonlocal blank
        check()
        clip.append(session.observe())
        blank += bool(((clip[-1].classes == WALL) & ~clip[-1].sky_candidates).mean() > _BLANK)
        if blank > patience * shot.frames:
            raise _Discarded
        return _monster_ahead(session.pose(), clip[-1]) and random.random() < 0.5

    _walk(session, shot, random, patience, record)
    return session.develop(clip)


def _rehearse(
    session: Session, shot: Shot, random: np.random.Generator, patience: float, check: Callable[[], None]
) -> list[Pose]:
    """Finds a start from which the camera gets about; returns the poses of that walk."""
    for _ in range(_REHEARSALS):
        _go_somewhere(session, random)
        way: list[Pose] = []

        def rehearse(way: list[Pose] = way) -> bool:
            check()
            way.append(session.pose())
            return False

        try:
            _walk(session, shot, random, patience, rehearse)
        except _Discarded:
            continue
        return way
    raise _Discarded


def _go_somewhere(session: Session, random: np.random.Generator) -> None:
    """Sends the camera to a random thing with room around it, and turns it to where there is most."""
    places = [thing for thing in session.things() if thing.category not in SOLID]
    for index in random.permutation(len(places))[:_PLACES]:
        if not _warp(session, places[index].x, places[index].y):
            continue
        pose = session.pose()
        headings_R = pose.angle + np.arange(0.0, 360.0, 15.0)
        free_R = walker.clearances(pose, headings_R, session.surroundings(pose))
        if free_R.max() >= _ROOM:
            session.move(tics=1, turn=float(headings_R[int(np.argmax(free_R))] - pose.angle))
            return
    raise _Discarded


def _walk(
    session: Session, shot: Shot, random: np.random.Generator, patience: float, at_frame: Callable[[], bool]
) -> None:
    """Walks for a clip's length. Before each move `at_frame` is called; it tells whether to fire."""
    walk, idle = Walk(), 0
    for number in range(1, shot.frames + 1):
        pose = session.pose()
        attack = at_frame()
        walk, move = walker.step(walk, pose, session.surroundings(pose), random)
        session.move(tics=shot.tics, forward=_CRUISE * move.forward, turn=move.turn, use=move.use, attack=attack)
        after = session.pose()
        moved = math.hypot(after.x - pose.x, after.y - pose.y)
        idle += moved < _IDLE * _CRUISE * shot.tics
        if moved > _JUMP or idle > _START_FRAMES + patience * number:
            raise _Discarded


def _people(session: Session, way: list[Pose], random: np.random.Generator) -> None:
    """Summons things at free spots along the way, evenly over its length."""
    for number in range(_SUMMONS):
        near = way[number * len(way) // _SUMMONS]
        heading = float(random.uniform(0.0, 360.0))
        free = float(walker.clearances(near, np.array([heading]), session.surroundings(near))[0])
        distance = float(random.uniform(0.3, 1.0)) * min(free, 320.0)
        kinds = _CAST[number % len(_CAST)]
        kind = kinds[int(random.integers(len(kinds)))]
        radians = math.radians(heading)
        session.command(f"warp {near.x + distance * math.cos(radians):.0f} {near.y + distance * math.sin(radians):.0f}")
        session.move(tics=1, turn=float(random.uniform(-180.0, 180.0)))
        session.command(f"summon {kind}")
        session.move(tics=1)


def _return_to(session: Session, start: Pose) -> None:
    if not _warp(session, start.x, start.y):
        raise _Discarded  # a monster stands there by now
    session.move(tics=1, turn=start.angle - session.pose().angle)
    session.move(tics=8)  # lets a fall end and the weapon come up


def _warp(session: Session, x: float, y: float) -> bool:
    """Sends the camera to a point of the map; False if something solid stands there."""
    session.command(f"warp {x:.0f} {y:.0f}")
    session.move(tics=1)
    pose = session.pose()
    return session.on_ground() and math.hypot(pose.x - x, pose.y - y) <= 8.0


def _monster_ahead(pose: Pose, seen: Negative) -> bool:
    for thing in seen.visible:
        if thing.category == "Monster":
            bearing = math.degrees(math.atan2(thing.y - pose.y, thing.x - pose.x)) - pose.angle
            if abs((bearing + 180.0) % 360.0 - 180.0) < 6.0:
                return True
    return False
