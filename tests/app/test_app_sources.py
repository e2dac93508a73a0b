"""Addresses that may be read, and pictures of a camera."""

import io
import threading

import numpy as np
import pytest
from app_pages import jpeg
from PIL import Image

import tiny
from vidseg.app.sources import checked_url
from vidseg.app.webcam import WebcamSource
from vidseg.errors import InputError, MediaError


@pytest.mark.parametrize("url", ["rtsp://camera/1", "RTSP://user:secret@10.0.0.2:554/a?b=c", " https://host/a.mp4 "])
def test_network_addresses_may_be_read(url: str) -> None:
    assert checked_url(url) == url.strip()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/etc/passwd",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "0",
        "http:/etc/passwd",
        "http:///etc/passwd",
        "http://[::1/a",
        "concat:http://a/b|/etc/passwd",
        "subfile,,start,0,end,9,,:/etc/passwd",
        "crypto+http://a/b",
        "pipe:0",
        "udp://1.2.3.4:5",
        "data://text/plain,a",
        "http://a/\n/etc/passwd",
        "rtsp://a b/c",
        "*.mp4",
    ],
)
def test_anything_else_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(InputError, match="expected an address that begins with rtsp://") as caught:
        checked_url(url)
    assert "\n" not in str(caught.value)


def test_secrets_are_not_repeated() -> None:
    with pytest.raises(InputError) as caught:
        checked_url("ftp://me:secret@host/?token=secret")
    assert "secret" not in str(caught.value)


def test_a_camera_that_is_too_fast_loses_its_oldest_pictures() -> None:
    source = WebcamSource(max_seconds=60)
    frames = tiny.video(5)
    for frame in frames:
        source.offer(jpeg(frame))
    reader = source.open()
    assert (reader.info.width, reader.info.height, reader.info.is_live) == (56, 40, True)
    taken = iter(reader)
    first = next(taken)
    second = next(taken)
    for got, wanted in ((first, frames[3]), (second, frames[4])):
        assert np.array_equal(got.image, np.asarray(Image.open(io.BytesIO(jpeg(wanted)))))
    assert (first.index, second.index) == (0, 1)
    assert first.time == 0
    assert second.time > 0
    reader.stop()
    assert list(taken) == []


def test_a_camera_ends_when_its_time_is_over() -> None:
    source = WebcamSource(max_seconds=1e-6)
    for frame in tiny.video(2):
        source.offer(jpeg(frame))
    reader = source.open()
    assert len(list(reader)) == 1
    assert "as long as this server allows" in reader.problems[0]


def test_a_camera_that_is_closed_while_it_is_waited_for() -> None:
    source = WebcamSource(max_seconds=60)
    threading.Timer(0.1, source.close).start()
    with pytest.raises(MediaError, match="no picture from the webcam"):
        source.open()


def _claiming(data: bytes, side: int) -> bytes:
    """A JPEG whose header claims another size."""
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + side.to_bytes(2, "big") * 2 + data[at + 4 :]


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", jpeg(tiny.video(1)[0])[:300], _claiming(jpeg(tiny.video(1)[0]), 60_000)],
    ids=["empty", "gif", "cut off", "bomb"],
)
def test_pictures_that_are_none(data: bytes) -> None:
    source = WebcamSource(max_seconds=60)
    source.offer(data)
    with pytest.raises(MediaError, match="expected a JPEG"):
        source.open()
