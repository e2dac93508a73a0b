"""A few bytes that claim to be billions of pixels."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from containers import VideoTrack, write_tracks
from vidseg.errors import InputError, MediaError
from vidseg.video import Limits, read_image, read_labels, read_video


def png(path: Path, width: int, height: int) -> Path:
    """A PNG whose header claims a size, with hardly any pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))
    return path


def gif(path: Path, width: int, height: int, count: int = 2) -> Path:
    """A GIF of a large canvas of which each picture paints one pixel."""
    picture = b"\x21\xf9\x04\x04\x04\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    header = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    path.write_bytes(header + picture * count + b"\x3b")
    return path


# Each claims more than Pillow warns of (90 million), and more than it refuses by itself (179 million).
@pytest.mark.parametrize("side", [10_000, 16_000, 30_000])
@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.ppm", "a.tif", "a.webp"])
def test_an_image_that_claims_too_much_is_refused_in_one_line(tmp_path: Path, name: str, side: int) -> None:
    path = tmp_path / name
    if name == "a.png":
        png(path, side, side)
    elif name == "a.ppm":
        path.write_bytes(f"P6 {side} {side} 255 ".encode() + bytes(100))
    elif name == "a.webp":
        if side > 16_383:
            pytest.skip("WebP has no such sizes")
        canvas = (side - 1).to_bytes(3, "little") * 2
        picture = Image.new("RGB", (1, 1))
        picture.save(path, save_all=True, append_images=[Image.new("RGB", (1, 1), (9, 9, 9))], duration=40)
        data = path.read_bytes()
        at = data.index(b"VP8X") + 12
        path.write_bytes(data[:at] + canvas + data[at + 6 :])
    else:
        Image.new("L", (300, 200)).save(path)
        sizes = {"a.bmp": struct.pack("<ii", side, side)}
        data = path.read_bytes()
        if name == "a.bmp":
            path.write_bytes(data[:18] + sizes[name] + data[26:])
        else:
            # Entries of the directory: tag, type, count, value; tags 256 and 257 are width and height.
            for tag, old in ((256, 300), (257, 200)):
                entry = struct.pack("<HHI", tag, 4, 1) + struct.pack("<I", old)
                short = struct.pack("<HHI", tag, 3, 1) + struct.pack("<HH", old, 0)
                entry = entry if entry in data else short
                assert data.count(entry) == 1
                data = data.replace(entry, struct.pack("<HHII", tag, 4, 1, side))
            path.write_bytes(data)
    for read in (read_image, read_labels, read_video):
        with pytest.raises(MediaError) as caught:
            read(path)
        message = str(caught.value)
        refusal = "exceeds limit" if (name, side) == ("a.webp", 16_000) else "expected at most 89,478,485 a frame"
        assert refusal in message
        assert "do: make it smaller" in message
        assert name in message
        assert "\n" not in message


def test_what_pillow_only_warns_of_can_be_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    for name, size in (("warned.png", (9, 9)), ("refused.png", (20, 10))):
        Image.new("L", size).save(tmp_path / name)
        assert read_image(tmp_path / name).shape[:2] == size[::-1]
        assert read_labels(tmp_path / name, Limits(frame_pixels=size[0] * size[1])).shape == size[::-1]
        for read in (read_image, read_labels):
            with pytest.raises(MediaError, match=r"expected at most 80 a frame.*--max-pixels"):
                read(tmp_path / name, Limits(frame_pixels=80))


def test_a_large_image_among_others_is_left_out(tmp_path: Path) -> None:
    for index in range(3):
        Image.new("RGB", (8, 6)).save(tmp_path / f"{index}.png")
    png(tmp_path / "1.png", 50_000, 50_000)
    reader = read_video(tmp_path)
    assert [frame.name for frame in reader] == ["0", "2"]
    (problem,) = reader.problems
    assert "1.png of 50000x50000 pixels; expected at most" in problem


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.ts", "v.gif"])
def test_a_video_of_too_large_frames_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "v.gif":
        gif(path, 64, 48)
    else:
        write_tracks(path, [VideoTrack()])
    assert read_video(path, limits=Limits(frame_pixels=64 * 48)).info.width == 64
    for pixels in (64 * 48 - 1, 1000):
        with pytest.raises(MediaError, match=r"expected at most|and of at most") as caught:
            read_video(path, limits=Limits(frame_pixels=pixels))
        assert "\n" not in str(caught.value)
        assert f"{pixels:,}" in str(caught.value)


@pytest.mark.parametrize("side", [20_000, 60_000])
def test_a_gif_of_a_gigantic_canvas_is_refused(tmp_path: Path, side: int) -> None:
    with pytest.raises(MediaError, match=r"a\.gif.*at most 89,478,485"):
        read_video(gif(tmp_path / "a.gif", side, side))


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.gif", "v.webp", "v.png"])
def test_a_file_of_too_many_frames_is_refused_or_given_up(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "v.gif":
        gif(path, 64, 48, count=8)
    elif name.startswith("v.m"):
        write_tracks(path, [VideoTrack()])
    else:
        first, *others = (Image.new("RGB", (64, 48), (level, 0, 0)) for level in range(8))
        first.save(path, save_all=True, append_images=others, duration=40, lossless=True)
    enough, few = Limits(file_pixels=8_000_000), Limits(file_pixels=5_000_000)
    assert len(list(read_video(path, limits=enough))) == 8
    if name == "v.mkv":  # whose header does not count
        reader = read_video(path, limits=few)
        assert len(list(reader)) == 5
        (problem,) = reader.problems
        assert problem.startswith("v.mkv was given up after 5 frames: expected at most 5 of this size in a file; do: ")
        return
    with pytest.raises(MediaError, match=r"got v\..* of 8 frames of 64x48; expected at most 5 of this size in a file"):
        read_video(path, limits=few)
    if name in ("v.mp4", "v.gif"):
        assert len(list(read_video(path, limits=few, start=0.04, end=0.16))) == 3


def test_frames_that_become_too_large_on_the_way_end_the_reading(tmp_path: Path) -> None:
    small = write_tracks(tmp_path / "small.ts", [VideoTrack(count=5)]).read_bytes()
    large = write_tracks(tmp_path / "large.ts", [VideoTrack(count=5, size=(64, 80))]).read_bytes()
    (tmp_path / "both.ts").write_bytes(small + large)
    reader = read_video(tmp_path / "both.ts", limits=Limits(frame_pixels=5000))
    assert [frame.size for frame in reader] == [(48, 64)] * 5
    assert any("given up after 5 frames: got a frame of 80x64 pixels" in problem for problem in reader.problems)


@pytest.mark.parametrize("claimed", [2_000_000, 4_000_000_000])
def test_a_tiny_file_that_claims_millions_of_frames_is_refused(tmp_path: Path, claimed: int) -> None:
    path = write_tracks(tmp_path / "v.mp4", [VideoTrack(count=2)])
    data = bytearray(path.read_bytes())
    at = data.index(b"stsz") + 8
    data[at : at + 8] = struct.pack(">II", 1, claimed)  # the size of each, their number
    path.write_bytes(data)
    with pytest.raises(MediaError, match=rf"got v\.mp4, which claims {claimed:,} frames, more than its bytes can hold"):
        read_video(path)


def test_a_tiny_fragment_that_claims_millions_of_frames_is_refused(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "v.mp4", [VideoTrack(count=2)], muxer={"movflags": "frag_keyframe+empty_moov"})
    assert len(list(read_video(path))) == 2
    data = bytearray(path.read_bytes())
    at = data.index(b"trun") + 8
    data[at : at + 4] = struct.pack(">I", 3_000_000)
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"claims 3,000,000 frames"):
        read_video(path)


def test_boxes_in_boxes_in_boxes_end(tmp_path: Path) -> None:
    data = b""
    for _ in range(5000):
        data = struct.pack(">I4s", len(data) + 8, b"moov") + data
    (tmp_path / "v.mp4").write_bytes(data)
    with pytest.raises(MediaError, match=r"got .*v\.mp4, which"):
        read_video(tmp_path / "v.mp4")


def test_eight_k_is_within_the_limits(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4320, 7680), np.uint8)).save(tmp_path / "8k.png", compress_level=1)
    assert read_labels(tmp_path / "8k.png").shape == (4320, 7680)


def test_limits_are_positive() -> None:
    with pytest.raises(InputError, match="got frame_pixels=0; expected a number of pixels"):
        Limits(frame_pixels=0)
