"""Strips put every pixel where it belongs."""

import numpy as np
import pytest

from vidseg.errors import InputError
from vidseg.viz import side_by_side, swipe

RED, GREEN, BLUE = (np.full((30, 50, 3), colour, np.uint8) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255)))


def count(picture, image):
    return int((picture == image[0, 0]).all(axis=-1).sum())


@pytest.mark.parametrize("columns", [None, 1, 2, 7])
@pytest.mark.parametrize("captions", [(), ("one", "two" * 40, "")])
def test_side_by_side_shows_every_picture_whole(columns, captions):
    picture = side_by_side([RED, GREEN, BLUE], captions=captions, columns=columns)
    assert [count(picture, image) for image in (RED, GREEN, BLUE)] == [1500, 1500, 1500]
    assert picture.shape[1] // 50 == min(columns or 3, 3)


def test_pictures_go_row_by_row():
    picture = side_by_side([RED, GREEN, BLUE], columns=2)
    assert tuple(picture[0, 0]) == (255, 0, 0)
    assert tuple(picture[0, -1]) == (0, 255, 0)
    assert tuple(picture[-1, 0]) == (0, 0, 255)


def test_swipe():
    picture = swipe(RED, GREEN, position=0.4)
    assert tuple(picture[0, 18]) == (255, 0, 0)
    assert tuple(picture[0, 21]) == (0, 255, 0)
    assert (picture[:, 19:21] == 255).all()
    np.testing.assert_array_equal(swipe(RED, GREEN, position=0), GREEN)
    np.testing.assert_array_equal(swipe(RED, GREEN, position=1), RED)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: side_by_side([]), "one or more"),
        (lambda: side_by_side([RED, RED[:10]]), "resize"),
        (lambda: side_by_side([RED], captions=["a", "b"]), "2 captions"),
        (lambda: side_by_side([RED], columns=0), "columns=0"),
        (lambda: side_by_side([RED[..., 0]]), "HxWx3"),
        (lambda: swipe(RED, GREEN, position=2), "position=2"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
