from pathlib import Path

import pytest

from vidseg.errors import InputError
from vidseg.video.redact import redacted
from vidseg.video.sources import source_kind


def test_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.mp4").touch()
    (tmp_path / "photo.JPG").touch()
    (tmp_path / "0007").mkdir()
    (tmp_path / "odd[1].mkv").touch()
    assert source_kind(0) == source_kind("12") == "camera"
    assert source_kind("film.mp4") == source_kind(Path("film.mp4")) == source_kind("odd[1].mkv") == "video"
    assert source_kind("photo.JPG") == "image"
    assert source_kind("0007") == source_kind(".") == "folder"
    assert source_kind("frames/*.png") == "glob"
    assert source_kind("rtsp://host/stream") == source_kind("HTTPS://host/x.mp4") == "url"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (-1, "got camera -1; expected an index"),
        ("", "got input '', which does not exist"),
        ("absent.mp4", "got input 'absent.mp4', which does not exist; expected a video file, a folder"),
        ("ftp://me:secret@host/x", r"got ftp://\*\*\*@host/x; expected a URL that begins with one of rtsp"),
    ],
)
def test_what_is_no_source(source: str | int, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        source_kind(source)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rtsp://me:pw@cam:554/live", "rtsp://***@cam:554/live"),
        ("rtsp://me:p@ss@cam/live", "rtsp://***@cam/live"),
        ("http://cam/video?token=abc&x=1", "http://cam/video?***"),
        ("http://me@cam/v?user=a@b#here", "http://***@cam/v?***#here"),
        ("cannot open rtsp://a:b@c/d (refused), http://e:f@g/", "cannot open rtsp://***@c/d (refused), http://***@g/"),
        ("http://cam/a@b.mp4", "http://cam/a@b.mp4"),
        ("me@example.org wrote film.mp4?", "me@example.org wrote film.mp4?"),
    ],
)
def test_redaction(text: str, expected: str) -> None:
    assert redacted(text) == expected
