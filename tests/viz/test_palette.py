"""Generated colours: deterministic, stable when classes are added, far apart for every eye."""

import numpy as np
import pytest

from vidseg.errors import InputError
from vidseg.viz.palette import DEUTERANOPIA, MAX_DISTINCT, generate_palette, oklab


def smallest_distance(palette, **observer):
    lab = oklab(np.array(palette), **observer)[0]
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    return distances[~np.eye(len(palette), dtype=bool)].min()


@pytest.mark.parametrize("safe", [False, True])
def test_a_palette_is_a_prefix_of_every_larger_one(safe):
    largest = generate_palette(124, colour_blind_safe=safe)
    for count in (1, 5, 9, 10, 40):
        assert generate_palette(count, colour_blind_safe=safe) == largest[:count]


@pytest.mark.parametrize("safe", [False, True])
def test_colours_are_bytes_and_differ(safe):
    palette = generate_palette(300, colour_blind_safe=safe)
    assert len(set(palette)) == 300
    assert all(isinstance(part, int) and 0 <= part <= 255 for colour in palette for part in colour)
    assert (0, 0, 0) not in palette


def test_neighbours_are_farther_apart_than_chance_puts_them():
    random = np.random.default_rng(0).integers(0, 256, (124, 3))
    assert smallest_distance(generate_palette(124)) > 5 * smallest_distance(random)
    assert smallest_distance(generate_palette(20)) > 0.1


def test_the_safe_palette_is_farther_apart_for_a_deuteranope():
    seen = {"observers_V33": DEUTERANOPIA[None]}
    plain, safe = (generate_palette(40, colour_blind_safe=flag) for flag in (False, True))
    assert smallest_distance(safe, **seen) > 1.5 * smallest_distance(plain, **seen)


def test_oklab_of_known_colours():
    # Values of Ottosson's own page for white, and of the CSS Color 4 draft for pure red.
    white, red = oklab(np.array([[255, 255, 255], [255, 0, 0]]))[0]
    np.testing.assert_allclose(white, [1, 0, 0], atol=1e-4)
    np.testing.assert_allclose(red, [0.62796, 0.22486, 0.12585], atol=1e-4)


def test_colours_repeat_where_no_eye_tells_more_apart():
    palette = generate_palette(MAX_DISTINCT + 3)
    assert len(palette) == MAX_DISTINCT + 3
    assert palette[MAX_DISTINCT:] == palette[:3]


def test_no_classes_is_an_error():
    with pytest.raises(InputError, match="num_classes=0"):
        generate_palette(0)
