"""Error maps and confusion pictures show the pixels that are wrong and no others."""

import numpy as np
import pytest

from vidseg.errors import InputError
from vidseg.viz import confusion_picture, error_map


def test_wrong_is_red_right_is_grey_and_ignored_is_dark():
    image = np.full((2, 3, 3), (200, 100, 50), np.uint8)
    target = np.array([[0, 1, 255], [1, 1, 2]], np.uint8)
    prediction = np.array([[0, 0, 0], [1, 1, 1]], np.uint8)
    result = error_map(prediction, target, 2, image_HW3=image).astype(int)
    red = result[..., 0] > 2 * result[..., 1]
    np.testing.assert_array_equal(red, [[0, 1, 0], [0, 0, 0]])
    luma = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
    np.testing.assert_allclose(result[0, 0], luma, atol=1)
    np.testing.assert_allclose(result[0, 2], luma / 4, atol=1)
    np.testing.assert_allclose(result[1, 2], luma / 4, atol=1)
    assert (image == (200, 100, 50)).all(), "the frame given is not written to"


def test_without_an_image_the_background_is_even():
    labels = np.zeros((4, 5), np.uint8)
    assert len(np.unique(error_map(labels, labels, 3))) == 1


def test_sizes_must_agree():
    with pytest.raises(InputError, match="one size"):
        error_map(np.zeros((4, 5), int), np.zeros((4, 6), int), 3)


def test_cells_are_coloured_by_share():
    # A name long enough that the grid, not the caption, sets the width.
    names = ["a" * 40, "b", "c"]
    picture = confusion_picture(np.array([[90, 10, 0], [0, 0, 0], [0, 0, 5]]), names).astype(int)
    grid = picture[-3 * 40 - 28 : -28, -3 * 40 - 7 : -7]
    cells = grid[4::40, 4::40]
    assert cells[0, 0, 2] > cells[0, 0, 0] + 50, "right is blue"
    assert cells[0, 1, 0] > cells[0, 1, 2] + 30, "wrong is red"
    assert (cells[0, 2] == 255).all()
    assert len(np.unique(cells[1])) < 4, "a class without ground truth has an even row"


@pytest.mark.parametrize("count", [1, 20, 21, 124])
def test_any_number_of_classes_and_lengths_of_names(count):
    matrix = np.eye(count, dtype=np.int64) * 1000
    picture = confusion_picture(matrix, ["name" * (1 + index % 40) for index in range(count)])
    assert picture.dtype == np.uint8
    assert picture.shape[0] > count * 16


def test_a_matrix_needs_a_name_for_each_row():
    with pytest.raises(InputError, match="for 2 names"):
        confusion_picture(np.eye(3, dtype=np.int64), ["a", "b"])
    with pytest.raises(InputError, match="for 0 names"):
        confusion_picture(np.zeros((0, 0), dtype=np.int64), [])
