"""Damage to frames: deterministic, each kind as documented."""

import numpy as np
import pytest

from vidseg.render.degrade import CHANCE, KINDS, Degradation, Patch, apply, draw


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def _random():
    return np.random.default_rng(5)


def test_nothing_changes_nothing(image):
    np.testing.assert_array_equal(apply(image, Degradation(), _random()), image)
    assert Degradation().kinds == []


def test_same_seed_same_damage(image):
    first, second = _random(), _random()
    drawn = [draw(first) for _ in range(20)]
    assert drawn == [draw(second) for _ in range(20)]
    np.testing.assert_array_equal(apply(image, drawn[3], first), apply(image, drawn[3], second))


def test_kinds_befall_frames_as_often_as_said():
    random = np.random.default_rng(1)
    kinds = [draw(random).kinds for _ in range(4000)]
    for kind in KINDS:
        assert np.mean([kind in here for here in kinds]) == pytest.approx(CHANCE, abs=0.03)
    assert np.mean([not here for here in kinds]) == pytest.approx((1 - CHANCE) ** len(KINDS), abs=0.03)


def test_darkness_is_a_factor(image):
    np.testing.assert_array_equal(
        apply(image, Degradation(light=0.5), _random()), np.rint(image * 0.5).astype(np.uint8)
    )


@pytest.mark.parametrize("motion", [(0.25, 0.0), (0.0, 0.25), (-0.2, 0.2)])
def test_blur_keeps_flat_pictures_and_smooths_along_the_motion(image, motion):
    flat = np.full((24, 32, 3), 77, np.uint8)
    np.testing.assert_array_equal(apply(flat, Degradation(blur=motion), _random()), flat)
    stripes = np.zeros((24, 32, 3), np.uint8)
    stripes[:, ::2] = 200
    spread = apply(stripes, Degradation(blur=motion), _random())[8:16, 8:24].std()
    assert spread < 40 if motion[0] else spread == 100


def test_noise_has_the_stated_strength():
    grey = np.full((60, 80, 3), 128, np.uint8)
    noisy = apply(grey, Degradation(noise=20.0), _random())
    assert noisy.std() == pytest.approx(20.0, rel=0.05)


def test_patches_cover_their_share(image):
    colour = (10, 20, 30)
    square = Patch(centre=(0.5, 0.5), sides=(0.5, 0.5), colour=colour, round=False)
    covered = (apply(image, Degradation(patches=(square,)), _random()) == colour).all(axis=2)
    assert covered.mean() == 0.25
    assert covered[12, 16]
    assert not covered[0, 0]
    ellipse = Patch(centre=(0.5, 0.5), sides=(0.5, 0.5), colour=colour, round=True)
    covered = (apply(image, Degradation(patches=(ellipse,)), _random()) == colour).all(axis=2)
    assert covered.mean() == pytest.approx(np.pi / 16, rel=0.1)
