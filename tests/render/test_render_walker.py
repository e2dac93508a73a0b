"""The walker sees walls, turns smoothly, opens doors and gets about."""

import math
from dataclasses import replace

import numpy as np
import pytest

from vidseg.render.walker import REACH, Pose, Surroundings, Walk, clearances, step

NOTHING = np.empty((0, 4))
ROOM = np.array([(0, 0, 600, 0), (600, 0, 600, 400), (600, 400, 0, 400), (0, 400, 0, 0)], np.float64)


def _around(walls=NOTHING, doors=NOTHING, obstacles=()):
    return Surroundings(
        walls_S4=np.asarray(walls, np.float64),
        doors_S4=np.asarray(doors, np.float64),
        obstacles_O2=np.asarray(obstacles, np.float64).reshape(-1, 2),
    )


def test_clearance_is_the_distance_from_the_skin():
    pose = Pose(x=100, y=100, angle=0)
    free = clearances(pose, np.array([0.0, 90.0, 180.0, 270.0]), _around(ROOM))
    np.testing.assert_allclose(free, [500 - 16, 300 - 16, 100 - 16, 100 - 16])


def test_open_space_counts_as_reach_and_touching_as_zero():
    pose = Pose(x=10, y=200, angle=0)
    assert clearances(pose, np.array([0.0]), _around())[0] == REACH
    assert clearances(pose, np.array([180.0]), _around(ROOM))[0] == 0


def test_obstacles_are_discs():
    pose = Pose(x=0, y=0, angle=0)
    free = clearances(pose, np.array([0.0, 90.0, 180.0]), _around(obstacles=[(100, 0)]))
    np.testing.assert_allclose(free, [100 - 24 - 16, REACH, REACH])


def test_a_room_is_walked_without_touching_walls_and_turns_are_smooth():
    random, walk = np.random.default_rng(0), Walk()
    pose, around, visited, turns = Pose(x=300, y=200, angle=0), _around(ROOM), [], []
    for _ in range(300):
        walk, move = step(walk, pose, around, random)
        angle = pose.angle + move.turn
        x = pose.x + 15 * move.forward * math.cos(math.radians(angle))
        y = pose.y + 15 * move.forward * math.sin(math.radians(angle))
        pose = Pose(x=float(np.clip(x, 16, 584)), y=float(np.clip(y, 16, 384)), angle=angle)
        visited.append((pose.x, pose.y))
        turns.append(move.turn)
    assert np.ptp(visited, axis=0).min() > 150
    assert np.abs(np.diff(turns)).max() <= 1.5 + 1e-9
    assert np.abs(turns).max() <= 9.0
    assert np.linalg.norm(np.diff(visited, axis=0), axis=1).mean() > 6


def test_decisions_depend_on_the_seed_alone():
    pose, around = Pose(x=300, y=200, angle=30), _around(ROOM)
    first = step(Walk(), pose, around, np.random.default_rng(7))
    assert first == step(Walk(), pose, around, np.random.default_rng(7))


@pytest.mark.parametrize(("distance", "used"), [(60, True), (200, False)])
def test_near_doors_are_opened(distance, used):
    door = [(distance, -50, distance, 50)]
    _, move = step(Walk(), Pose(x=0, y=0, angle=0), _around(doors=door), np.random.default_rng(0))
    assert move.use is used


def test_the_use_button_comes_up_between_presses():
    around, random = _around(doors=[(60, -50, 60, 50)]), np.random.default_rng(0)
    presses, walk = [], Walk()
    for _ in range(4):
        walk, move = step(walk, Pose(x=0, y=0, angle=0), around, random)
        presses.append(move.use)
    assert presses == [True, False, True, False]


def test_who_is_stuck_turns_away():
    pose, around = Pose(x=300, y=200, angle=0), _around()
    walk = replace(Walk(), last=pose, blocked=4)
    walk, _ = step(walk, pose, around, np.random.default_rng(0))
    assert abs(walk.wander) >= 90
    assert walk.blocked == 0
