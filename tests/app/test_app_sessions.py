"""Clients: what they get, what they share and what they do not."""

import io
import json
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from app_pages import HEADERS, LAST, Page, jpeg
from PIL import Image

import tiny
from decoder_decoys import decoy, segfault
from vidseg.app.engines import EngineChoice, Engines
from vidseg.checkpoints import load
from vidseg.stream import Segmenter
from vidseg.video import VideoReader, isolated, read_video


def _masks(page: Page) -> list[np.ndarray]:
    with zipfile.ZipFile(io.BytesIO(page.download("masks.zip").content)) as archive:
        assert json.loads(archive.read("classes.json"))["classes"] == list(tiny.class_map().names)
        names = sorted(name for name in archive.namelist() if name.startswith("masks/"))
        return [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]


def _expected(model: Path, video: Path, size: int | None = None) -> list[np.ndarray]:
    segmenter = Segmenter(load(model), "cpu", "torch", size=size)
    return [segmentation.labels for segmentation in segmenter.segment(read_video(video))]


def test_a_video_is_segmented_as_the_command_line_does_it(serve, make_video, tiny_model: Path, tmp_path: Path) -> None:
    video = make_video()
    with serve().page() as page:
        page.upload(video.read_bytes())
        page.start()
        running = page.until("running")
        assert (running["live"], running["runtime"], running["name"]) == (False, "torch", "walk.mp4")
        done = page.until("done")
        assert (done["frames"], done["problems"], done["kept"]) == (12, [], ["overlay.mp4", "masks.zip"])
        masks, expected = _masks(page), _expected(tiny_model, video)
        assert len(masks) == 12
        assert all(np.array_equal(*pair) for pair in zip(masks, expected, strict=True))
        (tmp_path / "overlay.mp4").write_bytes(page.download("overlay.mp4").content)
        assert len(list(read_video(tmp_path / "overlay.mp4"))) == 12
        head, picture = page.previews[0]
        assert (head["index"], head["done"], head["total"], head["width"], head["height"]) == (0, 1, 12, 56, 40)
        assert sum(share for _, share in head["classes"]) == pytest.approx(1, abs=1e-3)
        assert Image.open(io.BytesIO(picture)).size == (56, 40)


def test_two_clients_at_once_have_states_of_their_own(serve, make_video, tiny_model: Path) -> None:
    videos = [make_video(12, seed=1), make_video(11, seed=2)]
    server = serve()
    with server.page() as one, server.page() as other:
        for page, video in zip((one, other), videos, strict=True):
            page.upload(video.read_bytes())
        one.start()
        other.start()
        for page, video in zip((one, other), videos, strict=True):
            page.until("done")
            assert all(np.array_equal(*pair) for pair in zip(_masks(page), _expected(tiny_model, video), strict=True))
        assert one.hello["session"] != other.hello["session"]


def test_size_is_the_networks(serve, make_video, tiny_model: Path) -> None:
    video = make_video(4)
    with serve().page() as page:
        page.upload(video.read_bytes())
        page.start(size=32)
        page.until("done")
        assert all(np.array_equal(*pair) for pair in zip(_masks(page), _expected(tiny_model, video, 32), strict=True))


def test_cancelling_stops_the_work_and_keeps_nothing(serve, make_video) -> None:
    server = serve(max_streams=1)
    with server.page() as page:
        page.upload(make_video(400).read_bytes())
        page.start()
        page.receive_preview()
        page.send(type="stop")
        assert page.until("cancelled")
        assert page.previews[-1][0]["done"] < 400
        assert next(path.name for path in server.folder.rglob("*") if path.is_file()).startswith("upload-")
        assert page.download("overlay.mp4").status_code == 404
        page.start()  # the place is free again
        page.receive_preview()
        page.send(type="stop")
        assert page.until("cancelled")


def test_who_leaves_in_the_middle_frees_everything(serve, make_video) -> None:
    server = serve(max_streams=1, max_clients=2)
    data = make_video(400).read_bytes()
    for _ in range(3):
        with server.page() as page:
            page.upload(data)
            page.start()
            page.receive_preview()
        assert list(server.folder.iterdir()) == []


def test_no_more_streams_and_pages_than_allowed(serve, make_video) -> None:
    server = serve(max_streams=1, max_clients=2)
    with server.page() as one, server.page() as other:
        for page in (one, other):
            page.upload(make_video(400).read_bytes())
        one.start()
        one.receive_preview()
        other.start()
        assert "more than 1 videos at once; wait until one ends" in other.receive()["message"]
        with server.client.websocket_connect("/ws", headers=HEADERS) as socket:
            refused = socket.receive_json()
        assert refused["type"] == "refused"
        assert "more than 2 pages at once" in refused["message"]
        one.send(type="stop")
        one.until("cancelled")
        other.start()
        other.receive_preview()


def test_one_video_at_a_time_and_page(serve, make_video) -> None:
    with serve().page() as page:
        page.upload(make_video(400).read_bytes())
        page.start()
        page.receive_preview()
        answer = page.upload(make_video(3).read_bytes())
        assert answer.status_code == 422
        assert "cancel it first" in answer.json()["error"]
        page.start()
        while (message := page.receive()).get("type") != "error":
            assert message.get("state") not in LAST
        assert "cancel it first" in message["message"]


class BrokenEngines(Engines):
    """Fails where no one has thought of it, for one size."""

    def segmenter(self, choice: EngineChoice) -> Segmenter:
        if choice.size == 64:
            raise RuntimeError("a bug with /secret/path")
        return super().segmenter(choice)


def test_a_crash_in_one_job_is_told_logged_and_harms_no_other(serve, make_video, tiny_model, caplog) -> None:
    video = make_video()
    server = serve(BrokenEngines)
    with server.page() as one, server.page() as other:
        for page in (one, other):
            page.upload(video.read_bytes())
        other.start()
        one.start(size=64)
        failed = one.until("failed")
        assert failed["message"] == "got an error of vidseg itself with walk.mp4; the server's log has the details"
        assert "a bug with" in caplog.text
        other.until("done")
        assert all(np.array_equal(*pair) for pair in zip(_masks(other), _expected(tiny_model, video), strict=True))
        one.start()
        one.until("done")


def test_a_webcam_gets_an_answer_to_each_picture_and_its_recording(serve) -> None:
    frames = tiny.video(5)
    with serve().page() as page:
        page.start(source="webcam", outlines=True)
        for index, frame in enumerate(frames):
            page.socket.send_bytes(jpeg(frame))
            assert page.receive_preview()["index"] == index
        page.send(type="stop")
        done = page.until("done")
        assert done["frames"] == 5
        assert len(_masks(page)) == 5
        page.socket.send_bytes(b"late")  # nobody's
        page.start(source="webcam", keep=False)
        page.socket.send_bytes(b"no picture")
        assert "expected a JPEG" in page.until("failed")["message"]
        assert page.download("masks.zip").status_code == 404


def test_a_webcam_that_sends_nothing_can_be_stopped(serve) -> None:
    with serve().page() as page:
        page.start(source="webcam")
        page.until("preparing")
        page.send(type="stop")
        page.until("cancelled")


class SlowEngines(Engines):
    """Takes as long to build as the test wants."""

    entered = threading.Event()
    released = threading.Event()

    def segmenter(self, choice: EngineChoice) -> Segmenter:
        self.entered.set()
        assert self.released.wait(timeout=60)
        return super().segmenter(choice)


def test_a_webcam_stopped_before_its_first_answer_is_cancelled(serve) -> None:
    with serve(SlowEngines).page() as page:
        page.start(source="webcam")
        page.socket.send_bytes(jpeg(tiny.video(1)[0]))
        assert SlowEngines.entered.wait(timeout=60)
        page.send(type="stop")
        page.send(type="nothing known")
        while page.receive()["type"] != "error":  # so the message before has been heard, too
            pass
        SlowEngines.released.set()
        page.until("cancelled")


def test_opacity_and_outlines_change_while_it_runs(serve) -> None:
    frame = jpeg(tiny.video(1)[0])
    with serve().page() as page:
        page.start(source="webcam", opacity=0)
        pictures = []
        for opacity in (0, 1):
            page.send(type="style", opacity=opacity, outlines=False)
            page.socket.send_bytes(frame)
            page.receive_preview()
            pictures.append(np.asarray(Image.open(io.BytesIO(page.previews[-1][1]))).astype(int))
        assert abs(pictures[0] - pictures[1]).mean() > 20


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "/etc"}, "got model '/etc'; expected one of"),
        ({"model": None}, "expected a str"),
        ({"runtime": "magic"}, "got runtime 'magic'; expected one of auto"),
        ({"size": 10**9}, "got size 1000000000; expected 32 to 1080"),
        ({"size": "8"}, "got size '8'"),
        ({"opacity": 7}, "got opacity '7'; expected 0 to 1"),
        ({"opacity": True}, "got opacity"),
        ({"keep": "yes"}, "expected a bool"),
        ({"source": "camera"}, "expected one of file, url, webcam"),
        ({"source": "url", "url": "/etc/passwd"}, "expected an address that begins with"),
        ({"source": "file"}, "expected an upload"),
    ],
)
def test_wrong_wishes_are_answered_in_one_line(serve, changes, message: str) -> None:
    with serve().page() as page:
        page.start(**changes)
        error = page.receive()
        assert error["type"] == "error"
        assert message in error["message"]


@pytest.mark.parametrize(
    "text", ["", "nonsense", "[]", "3", '{"type": "dance"}', "[" * 9000, '{"a": "' + "b" * 20000 + '"}']
)
def test_messages_that_are_none_leave_the_page_alive(serve, text: str) -> None:
    with serve().page() as page:
        page.socket.send_text(text)
        assert page.receive()["type"] == "error"
        page.start()
        assert "expected an upload" in page.receive()["message"]


def test_addresses_can_be_switched_off_and_fail_in_one_line(serve) -> None:
    with serve(urls=False).page() as page:
        assert page.hello["schemes"] == []
        page.start(source="url", url="rtsp://camera/1")
        assert "--no-urls" in page.receive()["message"]
    with serve().page() as page:
        page.start(source="url", url="http://me:secret@127.0.0.1:9/a?token=secret")
        failed = page.until("failed")["message"]
        assert "127.0.0.1:9" in failed
        assert "secret" not in failed


def test_a_decoder_that_crashes_ends_that_job_and_nothing_else(serve, make_video, monkeypatch) -> None:
    with serve().page() as page, serve().page() as other:
        page.upload(make_video(5).read_bytes(), "holiday.mp4")
        other.upload(make_video(5).read_bytes())
        monkeypatch.setattr("vidseg.app.session.open_upload", lambda upload: _crashing(upload.path))
        page.start()
        message = page.until("failed")["message"]
        assert message.startswith("got holiday.mp4, on which the decoder, after 3 frames, crashed (SIGSEGV); expected")
        assert page.download("overlay.mp4").status_code == 404
        monkeypatch.undo()
        for either in (page, other):
            either.start()
            assert either.until("done")["frames"] == 5


def test_a_decoder_that_crashes_at_once_refuses_the_upload(serve, make_video, monkeypatch) -> None:
    server = serve()
    with server.page() as page:
        monkeypatch.setattr("vidseg.app.sources.open_upload", lambda upload: _crashing(upload.path, at=-1))
        answer = page.upload(make_video(5).read_bytes(), "holiday.mp4")
        assert answer.status_code == 422
        assert answer.json()["error"].startswith("got holiday.mp4, on which the decoder, after 0 frames, crashed (SIG")
        monkeypatch.undo()
        assert page.upload(make_video(5).read_bytes()).status_code == 200


def _crashing(path: Path, at: int = 3) -> VideoReader:
    return isolated(decoy(segfault, at), str(path))
