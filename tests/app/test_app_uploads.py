"""Uploads: limits, names, and files that are no videos."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from app_pages import ADDRESS, HEADERS

from vidseg.app.uploads import display_name


def _files(server) -> list[str]:
    return [path.name for path in server.folder.rglob("*") if path.is_file()]


def test_a_video_is_taken_and_described(serve, make_video) -> None:
    server = serve()
    with server.page() as page:
        answer = page.upload(make_video().read_bytes(), "Küche.mp4")
        assert answer.status_code == 200
        facts = answer.json()
        assert (facts["name"], facts["width"], facts["height"], facts["frames"]) == ("Küche.mp4", 56, 40, 12)
        assert facts["seconds"] == pytest.approx(12 / 15)
        page.upload(make_video(5).read_bytes())
        assert len(_files(server)) == 1  # the one before is gone


def test_too_large_a_file_is_refused_before_and_while_it_comes(serve, make_video) -> None:
    server = serve(max_upload_mb=0.002)
    with server.page() as page:
        announced = page.upload(bytes(2001))
        taken = []

        def parts() -> Iterator[bytes]:
            for part in range(100):
                taken.append(part)
                yield bytes(500)

        unannounced = page.upload(parts())
        for answer in (announced, unannounced):
            assert answer.status_code == 413
            assert answer.json()["error"] == (
                "got walk.mp4, larger than this server takes; expected at most 0.002 MB; cut it, or start the server "
                "with a larger --max-upload-mb"
            )
        assert _files(server) == []


def test_too_long_a_video_is_refused(serve, make_video) -> None:
    server = serve(max_minutes=0.01)
    with server.page() as page:
        answer = page.upload(make_video().read_bytes())
        assert answer.status_code == 422
        assert "0.01" in answer.json()["error"]
        assert _files(server) == []
        page.start()
        assert "expected an upload" in page.receive()["message"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no video at all\n" * 100,
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    ],
    ids=["empty", "text", "playlist", "concat", "session description"],
)
def test_what_is_no_video_gets_one_line_that_names_it(serve, data: bytes) -> None:
    server = serve()
    with server.page() as page:
        answer = page.upload(data, "holiday.mp4")
        assert answer.status_code == 422
        error = answer.json()["error"]
        assert error.startswith("got holiday.mp4,")
        assert "\n" not in error
        assert str(server.folder) not in error
        assert _files(server) == []


def test_a_cut_off_video_is_refused_or_its_problem_told(serve, make_video) -> None:
    whole = make_video(12).read_bytes()
    with serve().page() as page:
        assert page.upload(whole[: len(whole) // 3]).status_code in (200, 422)
        page.upload(whole[:40])
        page.start()
        assert "expected an upload" in page.receive()["message"]


@pytest.mark.parametrize("token", ["nobody", "..", "%2e%2e", "..%2f.."])
def test_only_open_pages_upload(serve, token: str) -> None:
    server = serve()
    answer = server.client.post(f"{ADDRESS}/api/sessions/{token}/upload", content=b"x", headers=HEADERS)
    assert answer.status_code in (404, 405)
    assert _files(server) == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\videos\\a.mp4", "a.mp4"),
        ("..", "video"),
        ("", "video"),
        ("a\r\nSet-Cookie: b.mp4", "aSet-Cookie: b.mp4"),
        ("/", "video"),
        ("x" * 500, "x" * 120),
    ],
)
def test_names_are_for_showing_only(serve, make_video, name: str, shown: str) -> None:
    assert display_name(name) == shown
    server = serve()
    with server.page() as page:
        answer = page.upload(make_video(3).read_bytes(), name)
        assert answer.json()["name"] == shown
        (stored,) = (path for path in server.folder.rglob("*") if path.is_file())
        assert stored.parent == server.folder / page.hello["session"]
        assert stored.name.startswith("upload-")


def test_results_are_named_after_the_video_and_nothing_else_is_given_out(serve, make_video, tmp_path: Path) -> None:
    with serve().page() as page:
        page.upload(make_video(3).read_bytes(), '../"walk" <1>.mp4')
        page.start()
        page.until("done")
        answer = page.download("overlay.mp4")
        assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''_walk_%20_1_-overlay.mp4"
        for kind in ("upload", "job1", "classes.json", "..%2f..%2fetc%2fpasswd", "masks", "overlay.mp4%00"):
            assert page.download(kind).status_code in (404, 405)
