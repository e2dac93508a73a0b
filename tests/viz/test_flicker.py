"""Flicker maps against a count by hand."""

import numpy as np
import pytest

from vidseg.errors import InputError
from vidseg.viz import FlickerMap


def run(predictions, targets):
    flicker = FlickerMap(num_classes=3)
    for prediction, target in zip(predictions, targets, strict=True):
        flicker.update(prediction, target)
    return flicker


def test_changes_count_where_the_ground_truth_stays():
    random = np.random.default_rng(5)
    predictions = random.integers(0, 3, (12, 8, 9))
    targets = random.choice([0, 0, 0, 1, 255], (12, 8, 9))
    flicker = run(predictions, targets)
    changes, chances = np.zeros((8, 9), int), np.zeros((8, 9), int)
    for t in range(1, 12):
        for y, x in np.ndindex(8, 9):
            if targets[t, y, x] == targets[t - 1, y, x] != 255:
                chances[y, x] += 1
                changes[y, x] += predictions[t, y, x] != predictions[t - 1, y, x]
    np.testing.assert_array_equal(flicker.changes_HW, changes)
    np.testing.assert_array_equal(flicker.chances_HW, chances)
    np.testing.assert_allclose(flicker.rates()[chances > 0], (changes / np.maximum(chances, 1))[chances > 0])


def test_without_ground_truth_every_change_counts():
    flicker = run([np.full((2, 2), value) for value in (0, 1, 1, 0)], [None] * 4)
    assert (flicker.changes_HW == 2).all()
    assert (flicker.chances_HW == 3).all()


def test_a_reused_buffer_does_not_hide_a_change():
    flicker, buffer = FlickerMap(3), np.zeros((2, 2), np.uint8)
    flicker.update(buffer)
    buffer[:] = 1
    flicker.update(buffer)
    assert (flicker.changes_HW == 1).all()


def test_one_frame_has_no_flicker():
    flicker = run([np.zeros((3, 4), int)], [None])
    assert not flicker.rates().any()
    assert flicker.picture().shape == (3, 4, 3)


def test_the_picture_brightens_with_the_rate_and_shows_the_frame():
    prediction = np.zeros((4, 2, 3), int)
    prediction[::2, 0, 0], prediction[2:, 0, 1] = 1, 1
    flicker = run(prediction, [None] * 4)
    brightness = flicker.picture(full_scale=1.0).astype(int).sum(axis=-1)
    assert brightness[0, 0] > brightness[0, 1] > brightness[0, 2]
    over = flicker.picture(np.full((2, 3, 3), 240, np.uint8))
    np.testing.assert_allclose(over[1, 2], 80, atol=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f.update(np.zeros((2, 3), int), np.zeros((2, 2), int)), "one size"),
        (lambda f: f.update(np.zeros((3, 3), int)), "new FlickerMap"),
        (lambda f: f.update(np.zeros((2, 2), int), np.zeros((2, 2), int)), "all frames or for none"),
        (lambda f: f.picture(np.zeros((3, 3, 3), np.uint8)), "one size"),
        (lambda f: f.picture(np.zeros((2, 2), np.uint8)), "HxWx3"),
        (lambda _: FlickerMap(2).rates(), "call update first"),
    ],
)
def test_wrong_use_is_named(call, message):
    flicker = run([np.zeros((2, 2), int)], [None])
    with pytest.raises(InputError, match=message):
        call(flicker)
