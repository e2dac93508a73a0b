"""The values between the rooms refuse what no room could use."""

import numpy as np
import pytest

from vidseg.errors import InputError
from vidseg.types import ClassMap, Frame, Preprocessing, default_ignore


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_frames_are_rgb(image: np.ndarray) -> None:
    with pytest.raises(InputError, match="HxWx3 uint8"):
        Frame(image=image, index=0)


def test_frames_are_named_by_their_number_unless_they_have_a_name() -> None:
    image = np.zeros((2, 3, 3), np.uint8)
    assert Frame(image=image, index=7).name == "00000007"
    assert Frame(image=image, index=7, name="a").name == "a"


def test_class_maps_come_back_from_json() -> None:
    class_map = ClassMap(names=("a", "b"), palette=((1, 2, 3), (4, 5, 6)))
    assert ClassMap.from_dict(class_map.to_dict()) == class_map


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"classes": "ab", "palette": [[0, 0, 0], [0, 0, 0]], "ignore": 255},
        {"classes": ["a"], "palette": [[0, 0]], "ignore": 255},
        {"classes": ["a"], "palette": [[0, 0, 256]], "ignore": 255},
        {"classes": ["a"], "palette": [[float("inf"), 0, 0]], "ignore": 255},
        {"classes": ["a"], "palette": [[0, 0, 0]], "ignore": 0},
        {"classes": [], "palette": [], "ignore": 255},
        {"classes": [None], "palette": [[0, 0, 0]], "ignore": 255},
        {"classes": [" "], "palette": [[0, 0, 0]], "ignore": 255},
        {"classes": {"a": 0}, "palette": [[0, 0, 0]], "ignore": 255},
        {"classes": ["a"], "palette": [[0, 0, 1.5]], "ignore": 255},
        {"classes": ["a"], "palette": [[0, 0, True]], "ignore": 255},
        {"classes": ["a"], "palette": [["0", "0", "0"]], "ignore": 255},
        {"classes": ["a"], "palette": [[0, 0, 0]], "ignore": 65536},
    ],
)
def test_broken_class_maps_are_refused_in_one_line(value: dict) -> None:
    with pytest.raises(InputError) as refused:
        ClassMap.from_dict(value)
    assert "\n" not in str(refused.value)


def test_whole_numbers_may_be_written_as_some_programs_do() -> None:
    class_map = ClassMap.from_dict({"classes": ["a"], "palette": [[1.0, 2, 3]], "ignore": 255.0})
    assert (class_map.palette, class_map.ignore) == (((1, 2, 3),), 255)


def test_label_dtypes_grow_with_the_classes() -> None:
    assert (default_ignore(255), default_ignore(256)) == (255, 65535)


@pytest.mark.parametrize(
    ("frame", "network"),
    [((480, 853), (480, 864)), ((1080, 1920), (480, 864)), ((1920, 1080), (864, 480)), ((240, 320), (480, 640))],
)
def test_the_sizes_of_vspw(frame: tuple[int, int], network: tuple[int, int]) -> None:
    assert Preprocessing().network_size(*frame) == network


def test_another_short_side_scales_the_long_one() -> None:
    assert Preprocessing().with_short_side(240).network_size(480, 853) == (256, 448)
