"""Animated WebP and PNG, read as the videos that they are."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vidseg.errors import InputError, MediaError
from vidseg.video import read_video

DELAYS = [40, 80, 40, 120, 40]
TIMES = [0, 0.04, 0.12, 0.16, 0.28]


def animation(path: Path, *, delays: list[int] | None = None, **options) -> Path:
    first, *others = (Image.new("RGB", (20, 10), (40 * index, 0, 0)) for index in range(5))
    options = {"lossless": True} | options if path.suffix == ".webp" else options
    first.save(path, save_all=True, append_images=others, duration=delays or DELAYS, **options)
    return path


@pytest.mark.parametrize("name", ["a.webp", "a.png", "a.gif", "a.avif"])
def test_an_animation_has_its_own_times(tmp_path: Path, name: str) -> None:
    reader = read_video(animation(tmp_path / name))
    for _ in range(2):
        frames = list(reader)
        assert [frame.time for frame in frames] == pytest.approx(TIMES)
        assert [frame.index for frame in frames] == list(range(5))
        assert [int(frame.image[5, 5, 0]) for frame in frames] == pytest.approx([0, 40, 80, 120, 160], abs=8)
        assert {frame.size for frame in frames} == {(10, 20)}
        assert reader.problems == reader.remarks == ()
    assert reader.expected_frames == 5
    assert (reader.info.width, reader.info.height, reader.info.time_base is not None) == (20, 10, True)


@pytest.mark.parametrize("name", ["a.webp", "a.png"])
def test_pictures_and_times_are_those_of_pillow(tmp_path: Path, name: str) -> None:
    path = animation(tmp_path / name)
    with Image.open(path) as image:
        for frame in read_video(path):
            image.seek(frame.index)
            np.testing.assert_array_equal(frame.image, np.asarray(image.convert("RGB")))
            assert frame.duration == image.info["duration"] / 1000
    info = read_video(path).info
    assert (info.frame_count, info.duration, info.fps) == (5, 0.32, Fraction(125, 8))


@pytest.mark.parametrize("name", ["a.webp", "a.png"])
def test_part_of_an_animation(tmp_path: Path, name: str) -> None:
    path = animation(tmp_path / name)
    assert [frame.index for frame in read_video(path, start=0.1, end=0.28)] == [2, 3]
    assert [frame.index for frame in read_video(path, every=2)] == [0, 2, 4]
    with pytest.raises(MediaError, match=r"got no frame of a\..*, which lasts 0.320 s, from 3 s to its end"):
        list(read_video(path, start=3))
    with pytest.raises(InputError, match="which has its own clock"):
        read_video(path, fps=10)


@pytest.mark.parametrize("name", ["a.webp", "a.png"])
def test_a_picture_without_a_time_is_shown_as_long_as_browsers_do(tmp_path: Path, name: str) -> None:
    frames = list(read_video(animation(tmp_path / name, delays=[40, 0, 40, 40, 40])))
    assert [frame.time for frame in frames] == pytest.approx([0, 0.04, 0.14, 0.18, 0.22])


def test_the_picture_for_programs_without_animation_is_left_out(tmp_path: Path) -> None:
    other = Image.new("RGB", (20, 10), (255, 255, 255))
    frames = [Image.new("RGB", (20, 10), (100 * index, 0, 0)) for index in range(2)]
    other.save(tmp_path / "a.png", save_all=True, append_images=frames, duration=50, default_image=True)
    assert [int(frame.image[0, 0, 0]) for frame in read_video(tmp_path / "a.png")] == [0, 100]


@pytest.mark.parametrize("name", ["a.webp", "a.png"])
def test_a_single_picture_stays_an_image(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (20, 10)).save(tmp_path / name)
    reader = read_video(tmp_path / name)
    assert [(frame.name, frame.time) for frame in reader] == [("a", None)]
    assert read_video(tmp_path / name, fps=5).info.fps == 5


def test_of_a_damaged_animation_what_is_there_is_delivered(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    first, *others = (Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)) for _ in range(5))
    first.save(tmp_path / "a.png", save_all=True, append_images=others, duration=40)
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) * 3 // 4])
    reader = read_video(tmp_path / "a.png")
    assert 2 <= len(list(reader)) < 5
    (problem,) = reader.problems
    assert problem.startswith("a.png is damaged: got ")


def test_transparent_parts_are_black(tmp_path: Path) -> None:
    first, *others = (Image.new("RGBA", (20, 10), (200, 0, 0, alpha)) for alpha in (255, 0))
    first.save(tmp_path / "a.webp", save_all=True, append_images=others, duration=40, lossless=True)
    assert [frame.image[0, 0].tolist() for frame in read_video(tmp_path / "a.webp")] == [[200, 0, 0], [0, 0, 0]]
