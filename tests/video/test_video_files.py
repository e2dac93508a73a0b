import gc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vidseg.errors import InputError, MediaError
from vidseg.types import RGB
from vidseg.video import read_video

MakeVideo = Callable[..., Path]


def corner(image: RGB, row: int, column: int) -> str:
    """Which colour a corner has."""
    red, green, _ = image[row, column].tolist()
    return "red" if red > 180 and green < 90 else "green" if green > 180 and red < 90 else "grey"


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("v.mp4", "libx264", "yuv420p"),
        ("v.mkv", "libx264", "yuv444p"),
        ("v.avi", "mpeg4", "yuv420p"),
        ("v.mpg", "mpeg2video", "yuv420p"),
        ("v.webm", "libvpx-vp9", "yuv420p"),
        ("v.gif", "gif", "bgr8"),
    ],
)
def test_every_container_gives_all_frames_in_order(make_video: MakeVideo, name: str, codec: str, pix_fmt: str) -> None:
    reader = read_video(make_video(name, codec=codec, pix_fmt=pix_fmt, count=12))
    frames = list(reader)
    assert reader.problems == ()
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.name for frame in frames] == [f"{index:08d}" for index in range(12)]
    assert frames[0].time == 0
    assert [frame.time for frame in frames] == pytest.approx([index / 25 for index in range(12)], abs=0.002)
    assert {frame.size for frame in frames} == {(48, 64)} == {(reader.info.height, reader.info.width)}
    assert [int(frame.image[40, 32, 0]) for frame in frames] == pytest.approx(
        [16 + 11 * index for index in range(12)], abs=30 if name == "v.gif" else 6
    )
    assert frames[0].image.flags.c_contiguous


def test_info_of_a_file(make_video: MakeVideo) -> None:
    info = read_video(make_video(audio="aac")).info
    assert (info.name, info.width, info.height) == ("video.mp4", 64, 48)
    assert (info.fps, info.frame_count, info.duration) == (Fraction(25), 20, pytest.approx(0.8))
    assert info.has_audio
    assert not info.is_live


def test_a_file_can_be_read_again_and_in_part(make_video: MakeVideo) -> None:
    with read_video(make_video()) as reader:
        iterator = iter(reader)
        assert next(iterator).index == 0
        assert len(list(reader)) == 20
        assert len(list(reader)) == 20


@pytest.mark.parametrize(
    ("degrees", "red", "green", "size"),
    [
        (0, (0, 0), (0, -1), (48, 64)),
        (90, (-1, 0), (0, 0), (64, 48)),  # counter-clockwise
        (180, (-1, -1), (-1, 0), (48, 64)),
        (-90, (0, -1), (-1, -1), (64, 48)),
    ],
)
def test_rotation_is_applied(
    make_video: MakeVideo, degrees: int, red: tuple[int, int], green: tuple[int, int], size: tuple[int, int]
) -> None:
    reader = read_video(make_video(rotation=degrees, count=3))
    frame = next(iter(reader))
    assert frame.size == size == (reader.info.height, reader.info.width)
    assert corner(frame.image, *red) == "red"
    assert corner(frame.image, *green) == "green"


def test_odd_sizes(make_video: MakeVideo) -> None:
    frame = next(iter(read_video(make_video(size=(47, 63), pix_fmt="yuv444p", count=3))))
    assert frame.size == (47, 63)


def test_variable_frame_rate_keeps_times_and_durations(make_video: MakeVideo) -> None:
    ticks = [0, 1, 2, 12, 13, 40, 41]
    path = make_video("v.mkv", times=ticks, count=7, time_base=Fraction(1, 100), options={"bf": "0"})
    frames = list(read_video(path))
    assert [frame.time for frame in frames] == pytest.approx([tick / 100 for tick in ticks], abs=0.001)


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv"])
def test_time_begins_with_the_first_frame(make_video: MakeVideo, name: str) -> None:
    path = make_video(
        name, times=[50 + index for index in range(20)], muxer={"use_editlist": "0"} if name == "v.mp4" else {}
    )
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).pts > 0
    reader = read_video(path)
    assert [frame.time for frame in reader] == pytest.approx([index / 25 for index in range(20)], abs=0.002)
    late = list(read_video(path, start=0.4))
    assert [frame.index for frame in late] == list(range(10, 20))


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize(("start", "end"), [(0.0, None), (0.04, 0.5), (0.3, 0.52), (0.51, None), (0.76, 9.0)])
@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("v.mp4", "libx264", {"g": "6", "bf": "2"}),
        ("v.mkv", "libx264", {"g": "6", "bf": "3", "x264-params": "open-gop=1:b-adapt=0:b-pyramid=normal:scenecut=0"}),
        ("v.mpg", "mpeg2video", {"g": "6", "bf": "2"}),
        ("v.avi", "mpeg4", {"g": "6", "bf": "2"}),
        ("v.webm", "libvpx", {"g": "6", "auto-alt-ref": "1", "lag-in-frames": "6"}),
        ("v.gif", "gif", {}),
    ],
)
def test_seeking_gives_the_frames_of_a_full_decode(
    make_video: MakeVideo,
    name: str,
    codec: str,
    options: dict[str, str],
    start: float,
    end: float | None,
    every: int,
) -> None:
    path = make_video(name, codec=codec, pix_fmt="rgb8" if codec == "gif" else "yuv420p", options=options)
    full = [frame for frame in read_video(path) if frame.time is not None]
    expected = [frame for frame in full if start <= round(frame.time or 0, 6) and (end is None or frame.time < end)][
        ::every
    ]
    reader = read_video(path, start=start, end=end, every=every)
    for _ in range(2):
        got = list(reader)
        assert [(frame.index, frame.time) for frame in got] == [(frame.index, frame.time) for frame in expected]
        assert all(np.array_equal(one.image, two.image) for one, two in zip(got, expected, strict=True))
        assert reader.problems == ()


def test_seeking_enters_at_a_key_frame(make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    import vidseg.video.container as module

    decoded = []
    original = module.decoded_frames

    def counted(*args: object) -> object:
        for picture in original(*args):  # type: ignore[arg-type]
            decoded.append(picture.pts)
            yield picture

    path = make_video(count=60)
    reader = read_video(path, start=2.0)
    monkeypatch.setattr(module, "decoded_frames", counted)
    assert next(iter(reader)).index == 50
    assert len(decoded) <= 6


def test_durations_add_up(make_video: MakeVideo) -> None:
    for every, start, end in [(1, None, None), (3, None, None), (7, 0.1, 0.7), (3, 0.2, None)]:
        frames = list(read_video(make_video(), start=start, end=end, every=every))
        stop = (frames[-1].time or 0) + (frames[-1].duration or 0)
        assert stop == pytest.approx(end or 0.8)


def test_truncated_video_gives_what_is_there_and_says_so(make_video: MakeVideo, tmp_path: Path) -> None:
    for name, codec, muxer in [
        ("v.mp4", "libx264", {"movflags": "faststart"}),
        ("v.mkv", "libx264", {}),
        ("v.avi", "mpeg4", {}),
    ]:
        whole = make_video(name, codec=codec, count=60, muxer=muxer).read_bytes()
        cut = tmp_path / f"cut-{name}"
        cut.write_bytes(whole[: len(whole) * 6 // 10])
        reader = read_video(cut)
        frames = list(reader)
        assert 5 < len(frames) < 60
        assert [frame.index for frame in frames] == list(range(len(frames)))
        assert any("is cut off: got" in problem for problem in reader.problems), name
        assert all("\n" not in problem for problem in reader.problems)


def test_corrupt_video_gives_what_is_there_and_says_so(make_video: MakeVideo) -> None:
    path = make_video("v.mkv", count=60, options={"g": "10", "bf": "0", "qp": "10"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 500] = bytes(range(250)) * 2
    path.write_bytes(data)
    reader = read_video(path)
    frames = list(reader)
    assert len(frames) > 30
    assert reader.problems
    assert all(problem.startswith("v.mkv") and "\n" not in problem for problem in reader.problems)


def test_a_video_trimmed_by_an_edit_list_is_whole(make_video: MakeVideo, tmp_path: Path) -> None:
    data = make_video("v.mp4", count=50, options={"bf": "0", "g": "10"}).read_bytes()
    edits = data.index(b"elst")
    # version and flags, number of edits, then the edit's duration in units of the movie header: 1 ms
    assert int.from_bytes(data[edits + 12 : edits + 16], "big") == 2000
    trimmed = tmp_path / "trimmed.mp4"
    trimmed.write_bytes(data[: edits + 12] + (1000).to_bytes(4, "big") + data[edits + 16 :])
    reader = read_video(trimmed)
    assert len(list(reader)) == 25
    assert reader.problems == ()


def test_a_change_of_size_is_delivered_as_it_is(make_video: MakeVideo, tmp_path: Path) -> None:
    options = {"bf": "0", "g": "5"}
    small = make_video("small.ts", count=5, options=options).read_bytes()
    large = make_video("large.ts", count=5, size=(80, 96), options=options).read_bytes()
    (tmp_path / "both.ts").write_bytes(small + large)
    frames = list(read_video(tmp_path / "both.ts"))
    assert [frame.size for frame in frames] == [(48, 64)] * 5 + [(80, 96)] * 5
    # Timestamps begin anew with the second part; time goes on.
    assert [frame.time for frame in frames] == pytest.approx([index / 25 for index in range(10)])
    for start, end in [(0.08, 0.16), (0.12, 0.3), (0.24, None)]:
        part = list(read_video(tmp_path / "both.ts", start=start, end=end))
        expected = [frame for frame in frames if start <= round(frame.time or 0, 6) < (end or 9)]
        assert [frame.index for frame in part] == [frame.index for frame in expected]
        assert all(np.array_equal(one.image, two.image) for one, two in zip(part, expected, strict=True))
    stopped = read_video(tmp_path / "both.ts", on_size_change="stop")
    assert [frame.size for frame in stopped] == [(48, 64)] * 5
    assert "changes its size from 64x48 to 96x80 at frame 00000005" in stopped.problems[0]


def test_expected_frames(make_video: MakeVideo) -> None:
    path = make_video()
    for options in ({}, {"every": 3}, {"start": 0.2}, {"start": 0.2, "end": 0.6, "every": 4}, {"end": 99.0}):
        reader = read_video(path, **options)  # type: ignore[arg-type]
        assert reader.expected_frames == len(list(reader))


def test_what_cannot_be_read(make_video: MakeVideo, tmp_path: Path) -> None:
    empty, text, sound, torn = (tmp_path / name for name in ("empty.mp4", "text.mp4", "sound.m4a", "torn.mp4"))
    empty.touch()
    text.write_text("no video " * 100)
    with av.open(str(sound), "w") as output:
        stream = output.add_stream("aac", rate=48000, layout="mono")
        piece = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        piece.sample_rate = 48000
        output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    torn.write_bytes(make_video().read_bytes()[:2000])  # the index of an mp4 comes last
    for path in (empty, text, sound, torn):
        with pytest.raises(MediaError, match=path.name) as caught:
            read_video(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"got input 'nothing\.mp4', which does not exist; expected a video file"):
        read_video("nothing.mp4")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": -1.0}, "got start=-1.0; expected seconds"),
        ({"start": float("nan")}, "got start=nan"),
        ({"start": 0.5, "end": 0.5}, "expected an end after the start"),
        ({"every": 0}, "got every=0; expected 1"),
        ({"fps": 10}, "which has its own clock"),
        ({"fps": 0}, "got fps=0; expected frames per second"),
        ({"on_lag": "skip"}, "got on_lag='skip'; expected 'wait' or 'drop'"),
        ({"reconnect": -1}, "got reconnect=-1"),
    ],
)
def test_wrong_arguments(make_video: MakeVideo, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_video(make_video(), **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_span_between_two_frames_is_an_error(make_video: MakeVideo) -> None:
    with pytest.raises(MediaError, match=r"got no frame of video.mp4, which lasts 0.800 s, from 0.05 s to 0.07 s; exp"):
        list(read_video(make_video(), start=0.05, end=0.07))
    with pytest.raises(MediaError, match=r"got no frame of video.mp4, which lasts 0.800 s, from 7 s to its end; exp"):
        list(read_video(make_video(), start=7))


def test_memory_does_not_grow_with_the_video(make_video: MakeVideo) -> None:
    reader = read_video(make_video(count=60))
    gc.collect()
    gc.disable()
    try:
        assert sum(1 for _ in reader) == 60
        alive = sum(type(thing) is av.VideoFrame for thing in gc.get_objects())
    finally:
        gc.enable()
    assert alive < 10
