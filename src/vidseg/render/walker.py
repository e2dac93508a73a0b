"""The camera's policy: a seeded random walk that sees walls coming.

Pure functions of plain numbers: the engine is not known here. Lengths are map units (a corridor is some 128
wide, the player 32), angles degrees counted counter-clockwise, as on the engine's map.

Shape letters: S line segments, O round obstacles, R rays.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REACH = 512.0
"""Farther free space counts as this much."""

_BODY = 16.0
_AMPLE = 320.0  # more free space makes a heading no better
_FAN_R = np.arange(-150.0, 151.0, 10.0)
_AHEAD = len(_FAN_R) // 2
_STUCK_FRAMES = 5


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the camera could bump into.

    Attributes:
        walls_S4: (x1, y1, x2, y2) of every line that stops the player.
        doors_S4: the same for closed doors, which open when used.
        obstacles_O2: (x, y) of solid things.
    """

    walls_S4: NDArray[np.float64]
    doors_S4: NDArray[np.float64]
    obstacles_O2: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where the camera is and looks: map units, degrees."""

    x: float
    y: float
    angle: float


@dataclass(frozen=True, kw_only=True)
class Walk:
    """The walker's memory between two frames.

    Attributes:
        turn: degrees turned during the last frame, counter-clockwise.
        wander: preferred heading relative to the present one; drifts at random.
        last: pose one frame ago; None at the start.
        blocked: frames in a row with hardly any progress.
        used: whether the use button is down; it must come up before it works again.
    """

    turn: float = 0.0
    wander: float = 0.0
    last: Pose | None = None
    blocked: int = 0
    used: bool = False


@dataclass(frozen=True, kw_only=True)
class Move:
    """What to do until the next frame: go `forward` (share of cruising speed), turn by degrees, open doors."""

    forward: float
    turn: float
    use: bool


def clearances(pose: Pose, headings_R: NDArray[np.float64], around: Surroundings) -> NDArray[np.float64]:
    """Free length along each heading (degrees), from the player's skin, within [0, `REACH`]."""
    radians = np.radians(headings_R)
    directions_R2 = np.stack([np.cos(radians), np.sin(radians)], axis=1)
    free_R = np.full(len(headings_R), REACH + _BODY)
    if len(around.walls_S4):
        free_R = np.minimum(free_R, _to_segments(pose, directions_R2, around.walls_S4).min(axis=1))
    if len(around.obstacles_O2):
        free_R = np.minimum(free_R, _to_obstacles(pose, directions_R2, around.obstacles_O2).min(axis=1))
    return np.clip(free_R - _BODY, 0.0, REACH)


def step(walk: Walk, pose: Pose, around: Surroundings, random: np.random.Generator) -> tuple[Walk, Move]:
    """One decision: where to turn, how fast to go, whether to open what is ahead."""
    free_R = clearances(pose, pose.angle + _FAN_R, around)
    # A heading is only as free as its neighbours: the body is wider than a ray, and looks better from afar.
    padded_R = np.pad(free_R, 2, mode="edge")
    wide_R = np.lib.stride_tricks.sliding_window_view(padded_R, 5).min(axis=1)

    blocked = walk.blocked + 1 if _hardly_moved(walk.last, pose) else 0
    wander = 0.92 * walk.wander + random.normal(0.0, 9.0)
    if blocked >= _STUCK_FRAMES:
        blocked, wander = 0, math.copysign(random.uniform(90.0, 150.0), random.normal())

    # Turning around must pay when only the way back is free: its two penalties together stay below 1.
    score_R = np.minimum(wide_R / _AMPLE, 1.0) - np.abs(_FAN_R) / 600.0 - np.abs(_FAN_R - wander) / 600.0
    wanted = float(_FAN_R[int(np.argmax(score_R))])
    ahead = float(wide_R[_AHEAD])
    limit = 4.5 if ahead > 160.0 else 9.0
    target = float(np.clip(0.2 * wanted, -limit, limit))
    turn = walk.turn + float(np.clip(target - walk.turn, -1.5, 1.5))

    use = not walk.used and _door_ahead(pose, around)
    forward = float(np.clip((ahead - 8.0) / 96.0, 0.25, 1.0))
    return Walk(turn=turn, wander=wander, last=pose, blocked=blocked, used=use), Move(
        forward=forward, turn=turn, use=use
    )


def _hardly_moved(last: Pose | None, pose: Pose) -> bool:
    return last is not None and math.hypot(pose.x - last.x, pose.y - last.y) < 1.5


def _door_ahead(pose: Pose, around: Surroundings) -> bool:
    if not len(around.doors_S4):
        return False
    radians = math.radians(pose.angle)
    direction_12 = np.array([[math.cos(radians), math.sin(radians)]])
    return bool(_to_segments(pose, direction_12, around.doors_S4).min() < 80.0)


def _to_segments(
    pose: Pose, directions_R2: NDArray[np.float64], segments_S4: NDArray[np.float64]
) -> NDArray[np.float64]:
    """RxS distances along each direction to each segment; infinite where it is missed."""
    start_S2 = segments_S4[:, :2] - (pose.x, pose.y)
    along_S2 = segments_S4[:, 2:] - segments_S4[:, :2]
    # Solve distance·direction = start + share·along, by Cramer's rule.
    determinant_RS = _cross(directions_R2[:, None], along_S2[None])
    with np.errstate(divide="ignore", invalid="ignore"):
        distance_RS = _cross(start_S2, along_S2)[None] / determinant_RS
        share_RS = _cross(start_S2[None], directions_R2[:, None]) / determinant_RS
    hit_RS = (determinant_RS != 0) & (distance_RS >= 0) & (share_RS >= 0) & (share_RS <= 1)
    return np.where(hit_RS, distance_RS, np.inf)


def _to_obstacles(
    pose: Pose, directions_R2: NDArray[np.float64], obstacles_O2: NDArray[np.float64], radius: float = 24.0
) -> NDArray[np.float64]:
    """RxO distances along each direction to discs of `radius`; infinite where missed."""
    centre_O2 = obstacles_O2 - (pose.x, pose.y)
    along_RO = directions_R2 @ centre_O2.T
    aside_RO = np.abs(_cross(directions_R2[:, None], centre_O2[None]))
    half_chord_RO = np.sqrt(np.maximum(radius**2 - aside_RO**2, 0.0))
    hit_RO = (aside_RO < radius) & (along_RO > 0)
    return np.where(hit_RO, np.maximum(along_RO - half_chord_RO, 0.0), np.inf)


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return result
