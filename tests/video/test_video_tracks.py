"""Which of several video streams is taken, and from when on its duration counts."""

from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from containers import VideoTrack, write_tracks
from vidseg.errors import InputError, MediaError
from vidseg.video import read_video

STILL = VideoTrack(codec="mjpeg", count=1, size=(96, 128))
COVER = VideoTrack(codec="mjpeg", count=1, size=(96, 128), disposition=Disposition.attached_pic)
VIDEO = VideoTrack()
SMALL = VideoTrack(size=(32, 48), count=30)


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.mov", "v.ts", "v.avi"])
@pytest.mark.parametrize("still_first", [True, False])
@pytest.mark.parametrize("sound", [False, True])
def test_a_still_is_not_the_video(tmp_path: Path, name: str, still_first: bool, sound: bool) -> None:
    codec = "mpeg2video" if name == "v.ts" else "mjpeg"  # which transport streams do not hold
    tracks = [VideoTrack(codec=codec, count=1, size=(96, 128)), VIDEO]
    path = write_tracks(tmp_path / name, tracks if still_first else tracks[::-1], sound=sound)
    reader = read_video(path)
    frames = list(reader)
    assert [frame.size for frame in frames] == [(48, 64)] * 8
    assert reader.problems == reader.remarks == ()
    still = read_video(path, stream=0 if still_first else 1)
    assert [frame.size for frame in still] == [(96, 128)]


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv"])
def test_a_cover_is_not_the_video(tmp_path: Path, name: str) -> None:
    reader = read_video(write_tracks(tmp_path / name, [COVER, VIDEO, COVER], sound=True))
    assert [frame.size for frame in reader] == [(48, 64)] * 8
    assert reader.remarks == ()


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.ts"])
@pytest.mark.parametrize(
    ("tracks", "taken"),
    [
        ([SMALL, VIDEO], 1),
        ([VIDEO, SMALL], 0),
        ([VIDEO, VideoTrack(count=30)], 1),
        ([VIDEO, STILL, SMALL], 0),
        ([VIDEO, VIDEO], 0),
    ],
)
def test_the_largest_then_the_longest(tmp_path: Path, name: str, tracks: list[VideoTrack], taken: int) -> None:
    if name == "v.ts" and STILL in tracks:
        pytest.skip("transport streams hold no MJPEG")
    reader = read_video(write_tracks(tmp_path / name, tracks))
    assert [frame.size for frame in reader] == [tracks[taken].size] * tracks[taken].count
    (remark,) = reader.remarks
    assert f": stream {taken} (h264 {tracks[taken].size[1]}x{tracks[taken].size[0]}" in remark
    assert f"v.{name[2:]} has 2 videos in it" in remark
    assert remark.endswith("do: choose with --stream")
    assert "mjpeg" not in remark
    assert reader.problems == ()


def test_of_equals_the_default_one(tmp_path: Path) -> None:
    tracks = [VideoTrack(), VideoTrack(count=8, disposition=Disposition.default)]
    path = write_tracks(tmp_path / "v.mkv", tracks, muxer={"default_mode": "passthrough"})
    assert "stream 1 (h264" in read_video(path).remarks[0]


def test_sound_comes_first_and_streams_are_counted_with_it(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "v.mkv", [VIDEO, SMALL], sound=True)
    with pytest.raises(InputError) as caught:
        read_video(path, stream=2)
    assert str(caught.value) == (
        "got stream 2 of v.mkv; expected one of its video streams: 0 (h264 64x48, 0.320 s), 1 (h264 48x32, 1.200 s)"
    )
    with pytest.raises(InputError, match="got stream=-1; expected the number of a stream, 0 or more"):
        read_video(path, stream=-1)
    assert len(list(read_video(path, stream=1, start=0.4))) == 20


def test_a_single_still_is_read(tmp_path: Path) -> None:
    reader = read_video(write_tracks(tmp_path / "v.mkv", [STILL]))
    assert [frame.size for frame in reader] == [(96, 128)]


def test_a_song_with_a_cover_has_no_video(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "song.mp4", [COVER], sound=True)
    with pytest.raises(MediaError) as caught:
        read_video(path)
    assert str(caught.value) == (
        "got song.mp4, which has no video in it but a cover or parts of a picture: stream 1 (mjpeg 128x96, a still); "
        "expected a file with a video stream; do: --stream 1 if that is meant"
    )
    assert [frame.size for frame in read_video(path, stream=1)] == [(96, 128)]


def test_the_moving_part_of_an_avif(tmp_path: Path) -> None:
    first, *others = (Image.new("RGB", (40, 20), (60 * index, 0, 0)) for index in range(4))
    first.save(tmp_path / "a.avif", save_all=True, append_images=others, duration=40)
    reader = read_video(tmp_path / "a.avif")
    assert len(list(reader)) == 4
    assert reader.remarks == reader.problems == ()


LATE = VideoTrack(start=125, count=50)


@pytest.mark.parametrize(
    ("name", "muxer"),
    [
        ("v.mkv", {}),
        ("v.webm", {}),
        ("v.mp4", {}),
        ("v.mov", {}),
        ("fragments.mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof+delay_moov+frag_discont"}),
        ("dash.mp4", {"movflags": "dash+delay_moov+global_sidx"}),
        ("v.ts", {}),
        ("v.mpg", {}),
        ("v.flv", {}),
        ("v.nut", {}),
        ("v.wmv", {}),
        ("v.ogv", {}),
        ("v.avi", {}),
    ],
)
@pytest.mark.parametrize("start", [0, 3, 125])
def test_a_duration_counts_from_the_first_timestamp(
    tmp_path: Path, name: str, muxer: dict[str, str], start: int
) -> None:
    codec = {".mpg": "mpeg2video", ".wmv": "wmv2", ".webm": "libvpx-vp9", ".ogv": "libvpx", ".avi": "mpeg4"}
    track = VideoTrack(start=start, count=50, codec=codec.get(Path(name).suffix, "libx264"))
    reader = read_video(write_tracks(tmp_path / name, [track], muxer=muxer))
    frames = list(reader)
    if name == "v.avi" and start:
        # It has no times, only places without a picture; FFmpeg begins at the first place.
        assert (len(frames), reader.problems) == (50, ())
        return
    assert [frame.time for frame in frames] == pytest.approx(
        [index / 25 for index in range(50)], abs=0.05 if name == "v.mpg" else 0.002
    )
    assert reader.problems == ()
    if reader.info.duration is not None and name != "v.mpg":  # of which FFmpeg guesses too little
        assert reader.info.duration == pytest.approx(2, abs=0.13)
    for start_second in (0.5, 1.2):
        part = list(read_video(tmp_path / name, start=start_second, end=1.6))
        assert [frame.index for frame in part] == [
            frame.index for frame in frames if start_second <= round(frame.time or 0, 6) < 1.6
        ]


@pytest.mark.parametrize("name", ["v.mkv", "v.mp4"])
def test_what_starts_late_and_is_cut_off_is_said_to_be(tmp_path: Path, name: str) -> None:
    path = write_tracks(tmp_path / name, [LATE], muxer={"movflags": "faststart"} if name == "v.mp4" else {})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 7 // 10])
    reader = read_video(path)
    assert 5 < len(list(reader)) < 40
    (problem,) = (problem for problem in reader.problems if "is cut off: got" in problem)
    assert problem.endswith("of 2.000 seconds")
    assert len(list(read_video(path, start=0.2))) > 5
    beyond = read_video(path, start=0.1, end=0.2)
    assert (len(list(beyond)), beyond.problems) == (2, ())


def test_a_length_that_mkvmerge_wrote_counts_as_one(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "v.mkv", [LATE])
    with av.open(str(path)) as source, av.open(str(tmp_path / "m.mkv"), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        stream.metadata["_STATISTICS_WRITING_APP"] = "mkvmerge"
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    data = (tmp_path / "m.mkv").read_bytes()
    ours = b"00:00:02.000000000"
    theirs = b"00:00:07.000000000"
    assert data.count(theirs) == 1
    (tmp_path / "m.mkv").write_bytes(data.replace(theirs, ours))
    reader = read_video(tmp_path / "m.mkv")
    assert (len(list(reader)), reader.problems, reader.info.duration) == (50, (), 2.0)


def test_the_cases(cases: Path) -> None:
    reader = read_video(cases / "thumbnail_track_first.mp4")
    frames = list(reader)
    assert ([frame.size for frame in frames], reader.problems, reader.remarks) == ([(136, 320)] * 12, (), ())
    assert len({int(np.mean(frame.image) * 1000) for frame in frames}) > 1
    reader = read_video(cases / "starts_at_5_seconds.mkv")
    assert (len(list(reader)), reader.problems, reader.info.duration) == (12, (), 0.48)
