from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from decoder_decoys import crash_task
from vidseg.errors import MediaError
from vidseg.types import Frame
from vidseg.video import OverlayWriter, VideoInfo, read_video

MakeVideo = Callable[..., Path]


def copy(source: Path, target: Path, **options: object) -> tuple[list[Frame], tuple[str, ...]]:
    """Reads a video (in part) and writes its frames; gives what was read, and problems."""
    reader = read_video(source, **options)  # type: ignore[arg-type]
    frames = list(reader)
    with OverlayWriter(target, reader.info) as writer:
        for frame in frames:
            writer.write(frame.image, frame)
    return frames, writer.problems


def test_pictures_and_timing_are_kept(make_video: MakeVideo, tmp_path: Path) -> None:
    before, problems = copy(make_video(), tmp_path / "out.mp4")
    reader = read_video(tmp_path / "out.mp4")
    after = list(reader)
    assert problems == ()
    assert [frame.time for frame in after] == [frame.time for frame in before]
    assert (reader.info.fps, reader.info.frame_count, reader.info.duration) == (25, 20, pytest.approx(0.8))
    for one, two in zip(before, after, strict=True):
        # Red beside grey loses sharpness to yuv420p, so the flat parts are compared.
        difference = np.abs(one.image.astype(int) - two.image)
        assert difference[2:10, 2:14].max() < 12
        assert difference[24:, :].max() < 12


def test_the_file_is_what_players_expect(make_video: MakeVideo, tmp_path: Path) -> None:
    copy(make_video(), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec.name, stream.format.name, stream.has_b_frames) == ("h264", "yuv420p", False)
        context = stream.codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
    data = (tmp_path / "out.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_variable_frame_rate_is_kept_to_the_tick(make_video: MakeVideo, tmp_path: Path) -> None:
    ticks = [0, 1, 2, 12, 13, 40, 41]
    source = make_video("v.mkv", times=ticks, count=7, time_base=Fraction(1, 100), options={"bf": "0"})
    before, _ = copy(source, tmp_path / "out.mp4")
    after = list(read_video(tmp_path / "out.mp4"))
    assert [frame.time for frame in after] == [frame.time for frame in before]
    assert after[-1].duration == before[-1].duration


@pytest.mark.parametrize(
    ("options", "count", "duration"),
    [
        ({"every": 3}, 7, 0.8),
        ({"start": 0.2, "end": 0.6}, 10, 0.4),
        ({"start": 0.2}, 15, 0.6),
        ({"end": 0.5, "every": 4}, 4, 0.5),
        ({"end": 0.04}, 1, 0.04),
    ],
)
@pytest.mark.parametrize("audio", [None, "aac"])
def test_parts_last_as_long_as_in_the_source(
    make_video: MakeVideo, tmp_path: Path, options: dict[str, float], count: int, duration: float, audio: str | None
) -> None:
    copy(make_video(audio=audio), tmp_path / "out.mp4", **options)
    info = read_video(tmp_path / "out.mp4").info
    assert (info.frame_count, info.duration) == (count, pytest.approx(duration))
    if audio is not None:
        with av.open(str(tmp_path / "out.mp4")) as container:
            stream = container.streams.audio[0]
            assert stream.duration is not None
            assert stream.time_base is not None
            assert float(stream.duration * stream.time_base) == pytest.approx(duration, abs=0.05)


@pytest.mark.parametrize(
    ("name", "audio", "codec"),
    [
        ("v.mp4", "aac", "aac"),
        ("v.mkv", "libmp3lame", "mp3float"),
        ("v.mkv", "libopus", "opus"),
        ("v.mkv", "flac", "aac"),
        ("v.mkv", "pcm_s16le", "aac"),
    ],
)
def test_sound_is_kept(make_video: MakeVideo, tmp_path: Path, name: str, audio: str, codec: str) -> None:
    _, problems = copy(make_video(name, audio=audio, count=50), tmp_path / "out.mp4")
    assert problems == ()
    assert read_video(tmp_path / "out.mp4").info.has_audio
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.audio[0].codec_context.name == codec
        loud = [np.abs(frame.to_ndarray()).max() > 0.01 for frame in container.decode(audio=0)]
        assert 90 <= len(loud) <= 110 or codec != "aac"  # 2 s in frames of 1024 samples
        assert all(loud[2:-2]) or codec != "aac"


def test_a_copied_sound_stays_in_step(make_video: MakeVideo, tmp_path: Path) -> None:
    source = make_video(audio="aac", count=50)
    copy(source, tmp_path / "out.mp4", start=1.0)

    def packets(path: Path) -> dict[bytes, Fraction]:
        with av.open(str(path)) as container:
            return {
                bytes(packet): packet.pts * packet.time_base
                for packet in container.demux(audio=0)
                if packet.size and packet.pts is not None
            }

    before, after = packets(source), packets(tmp_path / "out.mp4")
    assert len(after) > 40
    assert {round(float(before[data] - time), 4) for data, time in after.items()} == {1.0}


def test_damaged_sound_is_said_and_pictures_are_complete(make_video: MakeVideo, tmp_path: Path) -> None:
    source = make_video("v.mkv", audio="flac", count=50)
    with av.open(str(source)) as container:
        sound = [packet for packet in container.demux(audio=0) if packet.size]
        victim = bytes(sound[len(sound) // 2])
    data = source.read_bytes()
    assert data.count(victim) == 1
    source.write_bytes(data.replace(victim, bytes(len(victim))))
    _, problems = copy(source, tmp_path / "out.mp4")
    assert len(problems) == 1
    assert problems[0].startswith("v.mkv: parts of the sound are lost (")
    assert read_video(tmp_path / "out.mp4").info.frame_count == 50


def test_a_crash_in_the_sound_is_said_and_pictures_are_complete(
    make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_video("v.mkv", audio="flac", count=20)
    (tmp_path / "out").mkdir()
    monkeypatch.setattr("vidseg.video.joining._join", crash_task)
    _, (problem,) = copy(source, tmp_path / "out" / "out.mp4")
    assert problem.startswith("v.mkv: the sound is lost (got v.mkv, on which the decoder, after 0 frames, crashed (SIG")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["out.mp4"]
    with read_video(tmp_path / "out" / "out.mp4") as reader:
        assert (len(list(reader)), reader.info.has_audio) == (20, False)


@pytest.mark.parametrize("size", [(47, 63), (1, 1), (48, 63)])
def test_odd_sides_get_a_replicated_row_or_column(tmp_path: Path, size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 90, np.uint8)
    image[-1], image[:, -1] = 200, 200
    info = VideoInfo(name="v", width=size[1], height=size[0], fps=Fraction(25), time_base=Fraction(1, 25))
    with OverlayWriter(tmp_path / "out.mp4", info) as writer:
        for index in range(3):
            writer.write(image, Frame(image=image, index=index, time=index / 25))
    frame = next(iter(read_video(tmp_path / "out.mp4")))
    assert frame.size == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    assert np.abs(frame.image[-(1 + size[0] % 2) :].astype(int) - 200).max() < 25


def test_anamorphic_pixels_are_kept(tmp_path: Path) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    info = VideoInfo(
        name="v", width=64, height=48, fps=Fraction(25), time_base=Fraction(1, 25), pixel_aspect=Fraction(16, 11)
    )
    with OverlayWriter(tmp_path / "out.mp4", info) as writer:
        writer.write(image, Frame(image=image, index=0, time=0.0))
    assert read_video(tmp_path / "out.mp4").info.pixel_aspect == Fraction(16, 11)


def test_repeated_times_are_nudged_apart(tmp_path: Path) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    info = VideoInfo(name="v", width=64, height=48, fps=Fraction(25), time_base=Fraction(1, 1000))
    with OverlayWriter(tmp_path / "out.mp4", info) as writer:
        for index, time in enumerate([0.0, 0.04, 0.04, 0.12]):
            writer.write(image, Frame(image=image, index=index, time=time))
    assert [frame.time for frame in read_video(tmp_path / "out.mp4")] == [0, 0.04, 0.041, 0.12]


def test_what_cannot_be_written(tmp_path: Path) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    info = VideoInfo(name="v", width=64, height=48, fps=Fraction(25), time_base=Fraction(1, 25))
    with pytest.raises(
        MediaError, match=r"got v without a clock for .*out\.mp4; expected frames with times; do: give fps"
    ):
        OverlayWriter(tmp_path / "out.mp4", VideoInfo(name="v", width=64, height=48))
    writer = OverlayWriter(tmp_path / "out.mp4", info)
    with pytest.raises(MediaError, match=r"got a picture of shape \(48, 64\) and dtype uint8; expected HxWx3 uint8"):
        writer.write(image[..., 0], Frame(image=image, index=0, time=0.0))
    with pytest.raises(MediaError, match=r"got frame 0 without a time for .*; expected a clock; do: give fps"):
        writer.write(image, Frame(image=image, index=0))
    writer.write(image, Frame(image=image, index=0, time=0.0))
    writer.abort()
    assert list(tmp_path.iterdir()) == []
