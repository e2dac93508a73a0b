"""Legends fit every frame, keep their order, and say how many classes they leave out."""

import numpy as np
import pytest

from vidseg.types import ClassMap
from vidseg.viz import draw_legend, generate_palette
from vidseg.viz.text import SMALLEST, font_size, shorten, text_width

MANY = ClassMap(names=tuple(f"class_with_a_long_name_{index}" for index in range(124)), palette=generate_palette(124))


def swatches(picture):
    """Which classes' colours appear anywhere in a picture that was grey before."""
    packed = np.unique(picture @ np.array([65536, 256, 1]))
    return [index for index, (r, g, b) in enumerate(MANY.palette) if r * 65536 + g * 256 + b in packed]


def grey(height, width):
    return np.full((height, width, 3), 77, np.uint8)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 300), (48, 64), (64, 48), (480, 853), (2160, 3840)])
@pytest.mark.parametrize("count", [1, 5, 124])
def test_every_frame_size_takes_any_number_of_classes(height, width, count):
    labels = (np.arange(height * width) % count).reshape(height, width).astype(np.uint8)
    result = draw_legend(grey(height, width), labels, MANY)
    assert result.shape == (height, width, 3)
    assert result.dtype == np.uint8
    if height >= 48:
        assert swatches(result)
        assert (result == 77).all(axis=-1).any(), "the legend must leave some of the frame free"


def test_classes_present_are_named_and_others_not():
    labels = np.full((240, 320), 255, np.uint8)
    labels[:10], labels[100:200] = 7, 3
    assert swatches(draw_legend(grey(240, 320), labels, MANY)) == [3, 7]
    assert swatches(draw_legend(grey(240, 320), labels, MANY, classes=[7])) == [7]


def test_the_order_does_not_depend_on_the_areas():
    first = np.zeros((240, 320), np.uint8)
    first[:20] = 5
    np.testing.assert_array_equal(
        draw_legend(grey(240, 320), first, MANY), draw_legend(grey(240, 320), first[::-1] ^ 5, MANY)
    )


def test_without_room_the_largest_are_named():
    labels = np.repeat(np.arange(48, dtype=np.uint8), 64).reshape(48, 64)
    labels[10:40] = 99
    assert 99 in swatches(draw_legend(grey(48, 64), labels, MANY))


def test_nothing_to_name_is_an_equal_copy():
    frame = grey(48, 64)
    result = draw_legend(frame, np.full((48, 64), 255, np.uint8), MANY)
    np.testing.assert_array_equal(result, frame)
    assert result is not frame


def test_text_never_gets_too_small_and_is_shortened_to_fit():
    assert font_size(48, 64) == SMALLEST
    assert font_size(2160, 3840) > 4 * font_size(480, 853)
    short = shorten("a very long class name", 12, 60)
    assert short.endswith("…")
    assert text_width(short, 12) <= 60
    assert shorten("sky", 12, 60) == "sky"
