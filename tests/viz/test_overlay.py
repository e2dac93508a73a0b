"""Overlays against the blending formula, on every kind of label map."""

import numpy as np
import pytest

from vidseg.errors import InputError
from vidseg.types import ClassMap
from vidseg.viz import colourise, generate_palette, overlay
from vidseg.viz.overlay import region_borders

CLASSES = ClassMap(names=("road", "sky", "tree"), palette=((200, 10, 30), (0, 100, 255), (255, 255, 255)))


@pytest.fixture
def image():
    return np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.fixture
def labels():
    return np.random.default_rng(2).choice(np.array([0, 1, 2, 255], np.uint8), (40, 60))


@pytest.mark.parametrize("opacity", [0.0, 0.25, 0.5, 0.7, 1.0])
def test_overlay_is_the_blend_and_leaves_ignored_pixels(image, labels, opacity):
    result = overlay(image, labels, CLASSES, opacity=opacity)
    blend = image * (1 - opacity) + colourise(labels, CLASSES) * opacity
    expected = np.where((labels == 255)[..., None], image, blend)
    # The weight is rounded to 1/256 and the result to a byte.
    assert np.abs(result - expected).max() <= 1.0
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result[labels == 255], image[labels == 255])


def test_the_ends_of_opacity_are_exact(image, labels):
    np.testing.assert_array_equal(overlay(image, labels, CLASSES, opacity=0), image)
    coloured = overlay(image, labels, CLASSES, opacity=1)[labels != 255]
    np.testing.assert_array_equal(coloured, colourise(labels, CLASSES)[labels != 255])


def test_only_chosen_classes_are_coloured(image, labels):
    result = overlay(image, labels, CLASSES, classes=[1], outlines=True)
    np.testing.assert_array_equal(result[labels != 1], image[labels != 1])
    assert (result[labels == 1] != image[labels == 1]).any()
    np.testing.assert_array_equal(overlay(image, labels, CLASSES, classes=[]), image)


def test_the_background_is_left_as_it_is_unless_asked_for(image):
    classes = ClassMap(names=("background", "person"), palette=((0, 0, 0), (200, 10, 30)))
    labels = (np.arange(60) % 2).astype(np.uint8)[None].repeat(40, 0)
    result = overlay(image, labels, classes)
    np.testing.assert_array_equal(result[labels == 0], image[labels == 0])
    assert (result[labels == 1] != image[labels == 1]).any()
    assert (overlay(image, labels, classes, classes=[0, 1]) < result)[labels == 0].any()


def test_outlines_are_opaque_on_both_sides_of_a_border(image):
    labels = np.zeros((40, 60), np.uint8)
    labels[:, 30:] = 1
    result = overlay(image, labels, CLASSES, opacity=0.3, outlines=True)
    assert (result[:, 29] == CLASSES.palette[0]).all()
    assert (result[:, 30] == CLASSES.palette[1]).all()
    plain = overlay(image, labels, CLASSES, opacity=0.3)
    np.testing.assert_array_equal(np.delete(result, (29, 30), 1), np.delete(plain, (29, 30), 1))


def test_outlines_grow_with_the_frame():
    labels = np.zeros((1440, 1600), np.uint8)
    labels[:, 800:] = 1
    assert region_borders(labels)[0].sum() == 2 * 3


def test_sixteen_bit_labels_and_other_integer_dtypes(image):
    many = ClassMap(names=tuple(map(str, range(300))), palette=generate_palette(300), ignore=65535)
    labels = np.random.default_rng(3).integers(0, 300, (40, 60))
    labels[0] = 65535
    expected = np.array([*many.palette, (0, 0, 0)])[np.where(labels == 65535, 300, labels)]
    for dtype in (np.uint16, np.int32, np.int64):
        np.testing.assert_array_equal(colourise(labels.astype(dtype), many), expected)
    np.testing.assert_array_equal(overlay(image, labels.astype(np.uint16), many)[0], image[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels_HW": np.full((40, 60), 3, np.uint8)}, "got label 3"),
        ({"labels_HW": np.full((40, 60), -1)}, "got label -1"),
        ({"labels_HW": np.zeros((40, 60))}, "float64"),
        ({"labels_HW": np.zeros((40, 61), np.uint8)}, "resize one"),
        ({"image_HW3": np.zeros((40, 60, 3))}, "expected HxWx3 uint8"),
        ({"opacity": 1.5}, "opacity=1.5"),
        ({"classes": [1, 7]}, r"classes \[7\]"),
    ],
)
def test_wrong_input_is_named(image, labels, change, message):
    arguments = {"image_HW3": image, "labels_HW": labels, "class_map": CLASSES} | change
    with pytest.raises(InputError, match=message):
        overlay(**arguments)


def test_the_frame_given_is_not_written_to(image, labels):
    before = image.copy()
    overlay(image, labels, CLASSES, outlines=True, legend=True)
    np.testing.assert_array_equal(image, before)
