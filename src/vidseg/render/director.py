"""Films one clip: finds a place to walk, peoples it, and walks the camera through it.

1. The camera is sent to a random thing of the map (things stand where players get) and rehearses the walk.
   A rehearsal that gets nowhere is discarded and another place tried.
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
from vidseg.render.engine import EpisodeEnded, Observation, Session
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

_CRUISE = 25.0  # thrust: 5 map units a tic, a brisk walk
_ATTEMPTS = 40
_SUMMONS = 36
_JUMP = 64.0  # map units in one frame: a teleporter, which would be a cut
_START_TICS = 30  # until cruising speed is reached
_LEAST_SPEED = 0.42  # of cruising speed, on average after that, for a rehearsal or a clip to count


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
                return _attempt(session, shot, random, check)
            except (_Discarded, EpisodeEnded):
                continue
    raise DataError(
        f"got no walk of {shot.frames} frames on {plan.map_name} in {_ATTEMPTS} attempts; "
        "expected a map with room; leave the map out or take another seed"
    )


def _attempt(session: Session, shot: Shot, random: np.random.Generator, check: Callable[[], None]) -> list[Observation]:
    for command in ("god", "give all"):
        session.command(command)
    session.move(tics=1)  # what was given is there after it
    session.move(tics=1, weapon=int(random.integers(2, 7)))
    start = _go_somewhere(session, random)

    way: list[Pose] = []

    def rehearse() -> bool:
        check()
        way.append(session.pose())
        return False

    _walk(session, shot, random, rehearse)
    _people(session, way, random)
    _return_to(session, start)

    clip: list[Observation] = []

    def record() -> bool:
        check()
        clip.append(session.observe())
        return _monster_ahead(session.pose(), clip[-1]) and random.random() < 0.5

    _walk(session, shot, random, record)
    return clip


def _go_somewhere(session: Session, random: np.random.Generator) -> Pose:
    """Sends the camera to a random thing and turns it to where there is most room."""
    things = session.things()
    place = things[int(random.integers(len(things)))]
    _warp(session, place.x, place.y)
    pose = session.pose()
    headings_R = pose.angle + np.arange(0.0, 360.0, 15.0)
    free_R = walker.clearances(pose, headings_R, session.surroundings())
    if free_R.max() < 128.0:
        raise _Discarded
    session.move(tics=1, turn=float(headings_R[int(np.argmax(free_R))] - pose.angle))
    return session.pose()


def _walk(session: Session, shot: Shot, random: np.random.Generator, at_frame: Callable[[], bool]) -> None:
    """Walks for a clip's length. Before each move `at_frame` is called; it tells whether to fire."""
    walk, length = Walk(), 0.0
    for _ in range(shot.frames):
        pose = session.pose()
        attack = at_frame()
        walk, move = walker.step(walk, pose, session.surroundings(), random)
        session.move(tics=shot.tics, forward=_CRUISE * move.forward, turn=move.turn, use=move.use, attack=attack)
        after = session.pose()
        moved = math.hypot(after.x - pose.x, after.y - pose.y)
        if moved > _JUMP:
            raise _Discarded
        length += moved
    if length < _LEAST_SPEED * 0.2 * _CRUISE * (shot.tics * shot.frames - _START_TICS):
        raise _Discarded


def _people(session: Session, way: list[Pose], random: np.random.Generator) -> None:
    """Summons things at free spots along the way, evenly over its length."""
    around = session.surroundings()
    for number in range(_SUMMONS):
        near = way[number * len(way) // _SUMMONS]
        heading = float(random.uniform(0.0, 360.0))
        free = float(walker.clearances(near, np.array([heading]), around)[0])
        distance = float(random.uniform(0.3, 1.0)) * min(free, 320.0)
        kinds = _CAST[number % len(_CAST)]
        kind = kinds[int(random.integers(len(kinds)))]
        radians = math.radians(heading)
        session.command(f"warp {near.x + distance * math.cos(radians):.0f} {near.y + distance * math.sin(radians):.0f}")
        session.move(tics=1, turn=float(random.uniform(-180.0, 180.0)))
        session.command(f"summon {kind}")
        session.move(tics=1)


def _return_to(session: Session, start: Pose) -> None:
    _warp(session, start.x, start.y)
    session.move(tics=1, turn=start.angle - session.pose().angle)
    session.move(tics=8)  # lets a fall end and the weapon come up


def _warp(session: Session, x: float, y: float) -> None:
    session.command(f"warp {x:.0f} {y:.0f}")
    session.move(tics=1)
    pose = session.pose()
    if not session.on_ground() or math.hypot(pose.x - x, pose.y - y) > 8.0:
        raise _Discarded  # something stands there


def _monster_ahead(pose: Pose, seen: Observation) -> bool:
    for thing in seen.visible:
        if thing.category == "Monster":
            bearing = math.degrees(math.atan2(thing.y - pose.y, thing.x - pose.x)) - pose.angle
            if abs((bearing + 180.0) % 360.0 - 180.0) < 6.0:
                return True
    return False
