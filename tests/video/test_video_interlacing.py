"""Interlaced sources: said to be so, deinterlaced on request."""

from pathlib import Path

import numpy as np
import pytest

from containers import VideoTrack, interlaced, write_tracks
from vidseg.types import RGB
from vidseg.video import read_video

CASES = [("i.mpg", "mpeg2video"), ("i.ts", "libx264"), ("i.mp4", "libx264"), ("i.avi", "mpeg4"), ("i.mkv", "libx264")]


def combing(image: RGB) -> float:
    """Mean difference of neighbouring lines beyond that of lines of one field."""
    grey = image.astype(float).mean(axis=2)
    return float(np.abs(np.diff(grey, axis=0)).mean() - np.abs(grey[2:] - grey[:-2]).mean())


@pytest.mark.parametrize(("name", "codec"), CASES)
def test_flagged_frames_are_said_to_be_interlaced_and_can_be_mended(tmp_path: Path, name: str, codec: str) -> None:
    path = interlaced(tmp_path / name, codec=codec)
    plain = read_video(path)
    combed = list(plain)
    assert plain.remarks == (
        f"{name} is interlaced: what moves has combed edges, which costs accuracy; do: --deinterlace",
    )
    assert plain.problems == ()
    reader = read_video(path, deinterlace=True)
    for _ in range(2):
        frames = list(reader)
        assert reader.remarks == reader.problems == ()
        assert [(frame.index, frame.time, frame.duration) for frame in frames] == [
            (frame.index, frame.time, frame.duration) for frame in combed
        ]
        assert all(combing(frame.image) < combing(other.image) / 4 for frame, other in zip(frames, combed, strict=True))
    assert reader.info == plain.info


@pytest.mark.parametrize(("name", "codec"), CASES)
@pytest.mark.parametrize(("start", "end", "every"), [(0.0, None, 1), (0.1, None, 2), (0.16, 0.3, 1), (0.2, None, 1)])
def test_part_of_a_deinterlaced_video_has_the_frames_of_the_whole(
    tmp_path: Path, name: str, codec: str, start: float, end: float | None, every: int
) -> None:
    path = interlaced(tmp_path / name, codec=codec, count=16)
    whole = [frame for frame in read_video(path, deinterlace=True) if round(frame.time or 0, 6) >= start]
    expected = [frame for frame in whole if end is None or (frame.time or 0) < end][::every]
    got = list(read_video(path, deinterlace=True, start=start, end=end, every=every))
    assert [frame.index for frame in got] == [frame.index for frame in expected]
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_videos_keep_all_their_frames(tmp_path: Path, count: int) -> None:
    assert len(list(read_video(interlaced(tmp_path / "i.mpg", count=count), deinterlace=True))) == count


def test_progressive_video_is_not_said_to_be_interlaced(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "v.mp4", [VideoTrack()])
    assert read_video(path).remarks == ()
    frames = list(read_video(path, deinterlace=True))
    for frame, other in zip(frames, read_video(path), strict=True):
        np.testing.assert_allclose(frame.image, other.image, atol=2)


def test_a_change_of_size_and_of_kind_on_the_way(tmp_path: Path) -> None:
    small = write_tracks(tmp_path / "small.ts", [VideoTrack(count=5)]).read_bytes()
    (tmp_path / "both.ts").write_bytes(small + interlaced(tmp_path / "i.ts", codec="libx264", count=5).read_bytes())
    reader = read_video(tmp_path / "both.ts", deinterlace=True)
    assert [frame.size for frame in reader] == [(48, 64)] * 5 + [(64, 160)] * 5
    plain = read_video(tmp_path / "both.ts")
    assert plain.remarks == ()
    assert len(list(plain)) == 10
    assert len(plain.remarks) == 1
