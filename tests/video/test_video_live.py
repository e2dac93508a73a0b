import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

import vidseg.video.live as live
from containers import VideoTrack, interlaced, write_tracks
from vidseg.errors import InputError, MediaError
from vidseg.video import Limits, read_video

MakeVideo = Callable[..., Path]


@contextmanager
def served(chunks: list[bytes], pause: float = 0.0, connections: int = 1) -> Iterator[str]:
    """An HTTP server that sends the chunks without telling a length, `connections` times, then 404."""
    left = [connections]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            left[0] -= 1
            if left[0] < 0:
                self.send_error(404)
                return
            self.send_response(200)
            self.end_headers()
            try:
                for chunk in chunks:
                    self.wfile.write(chunk)
                    time.sleep(pause)
            except (BrokenPipeError, ConnectionResetError):
                pass

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://me:secret@127.0.0.1:{server.server_address[1]}/stream?token=hidden"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def stream(make_video: MakeVideo) -> bytes:
    """30 frames of a transport stream, which has no length."""
    return make_video("v.ts", count=30, options={"bf": "0", "g": "5"}).read_bytes()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconnecting without long pauses."""
    monkeypatch.setattr(live, "_LONGEST_PAUSE", 0.01)


def test_a_live_stream(stream: bytes) -> None:
    with served([stream]) as address, read_video(address, reconnect=0) as reader:
        assert reader.info.is_live
        assert (reader.info.width, reader.info.height) == (64, 48)
        assert (reader.info.frame_count, reader.info.duration, reader.info.has_audio) == (None, None, False)
        frames = list(reader)
        assert [frame.index for frame in frames] == list(range(30))
        times = [frame.time or 0.0 for frame in frames]
        assert times[0] == 0
        assert [after - before for before, after in pairwise(times)] == pytest.approx([0.04] * 29)
        assert reader.problems == (f"{reader.info.name} ended; 0 attempts to reconnect failed",)
        with pytest.raises(InputError, match=r"got a second reading of .*, which is live; do: open it again"):
            list(reader)


def test_end_and_every_hold_for_live_streams(stream: bytes) -> None:
    with served([stream]) as address, read_video(address, end=0.5, every=4, reconnect=0) as reader:
        frames = list(reader)
        assert [frame.index for frame in frames] == [0, 4, 8, 12]
        assert reader.problems == ()
    with served([stream]) as address, pytest.raises(InputError, match="which is live; expected no start"):
        read_video(address, start=1)


def test_what_comes_after_the_end_is_no_problem_however_late_the_consumer(
    stream: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_QUEUE_LENGTH", 100)  # nothing holds the thread up
    with served([stream]) as address, read_video(address, end=0.5, reconnect=0) as reader:
        iterator = iter(reader)
        indices = [next(iterator).index]
        for thread in threading.enumerate():
            if thread.name == "vidseg-live":
                thread.join(60)
        assert indices + [frame.index for frame in iterator] == list(range(13))
        assert reader.problems == ()


@pytest.mark.usefixtures("quick")
def test_a_lost_connection_is_taken_up_again(stream: bytes) -> None:
    with served([stream], connections=2) as address, read_video(address, reconnect=3) as reader:
        frames = list(reader)
        assert [frame.index for frame in frames] == list(range(60))
        times = [frame.time or 0.0 for frame in frames]
        assert all(after > before for before, after in pairwise(times))
        assert reader.problems == (
            f"{reader.info.name} ended; 3 attempts to reconnect failed",
            f"{reader.info.name}: the connection was lost once (at 1.2 s); {times[30] - times[29]:.1f} s are missing",
        )


def test_dropping_keeps_the_newest_frames(stream: bytes) -> None:
    with served([stream]) as address, read_video(address, on_lag="drop", reconnect=0) as reader:
        iterator = iter(reader)
        first = next(iterator)
        deadline = time.monotonic() + 60
        while not reader._source._outages.given_up and time.monotonic() < deadline:  # type: ignore[attr-defined]
            time.sleep(0.01)  # a slow consumer: meanwhile the stream ends
        assert [frame.index for frame in iterator] == [26, 27, 28, 29]
        assert first.index < 26
        assert reader.dropped == 30 - 1 - 4


def test_waiting_loses_nothing(stream: bytes) -> None:
    with served([stream]) as address, read_video(address, on_lag="wait", reconnect=0) as reader:
        iterator = iter(reader)
        indices = [next(iterator).index]
        time.sleep(0.3)
        assert indices + [frame.index for frame in iterator] == list(range(30))


def test_leaving_early_ends_the_thread(stream: bytes) -> None:
    with served([stream]) as address:
        with read_video(address) as reader:
            next(iter(reader))
        assert "vidseg-live" not in {thread.name for thread in threading.enumerate()}
    with served([stream]) as address, read_video(address):
        pass  # never read at all


def test_a_failure_in_the_thread_reaches_the_consumer(stream: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of luck")

    with served([stream]) as address, read_video(address) as reader:
        monkeypatch.setattr(live, "decoded_frames", fail)
        with pytest.raises(RuntimeError, match="out of luck"):
            list(reader)


def test_a_url_with_a_length_is_a_file(make_video: MakeVideo, tmp_path: Path) -> None:
    make_video(count=20)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        reader = read_video(f"http://127.0.0.1:{server.server_address[1]}/video.mp4")
        assert (reader.info.is_live, reader.info.frame_count) == (False, 20)
        assert [frame.index for frame in reader] == [frame.index for frame in reader] == list(range(20))
        server.shutdown()


def everything_said(error: BaseException | None) -> str:
    """The text of an exception and of all its causes and contexts."""
    said = ""
    while error is not None:
        said += f"{error!r} {error} {getattr(error, 'filename', '')}"
        error = error.__cause__ or error.__context__
    return said


def test_credentials_appear_nowhere(stream: bytes) -> None:
    with served([], connections=0) as address:
        with pytest.raises(
            MediaError, match=r"^got http://\*\*\*@127\.0\.0\.1:\d+/stream\?\*\*\*, which cannot"
        ) as caught:
            read_video(address)
        said = everything_said(caught.value)
    with pytest.raises(MediaError, match=r"got rtsp://\*\*\*@127\.0\.0\.1:9/x, which cannot be opened") as refused:
        read_video("rtsp://me:secret@127.0.0.1:9/x")
    said += everything_said(refused.value)
    with served([stream]) as address, read_video(address, reconnect=0) as reader:
        list(reader)
        said += repr(reader.info) + " ".join(reader.problems) + repr(reader._source._address)  # type: ignore[attr-defined]
    assert "secret" not in said
    assert "hidden" not in said


def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(MediaError, match=r"got .*, which cannot be opened") as caught:
        read_video(987)
    assert "\n" not in str(caught.value)


def test_cameras_of_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    for platform, device in (("linux", "v4l2"), ("darwin", "avfoundation"), ("win32", "vfwcap")):
        monkeypatch.setattr("sys.platform", platform)
        assert live.camera(1, None).device == device
    monkeypatch.setattr("sys.platform", "plan9")
    with pytest.raises(InputError, match="got camera 1 on plan9; expected Linux, macOS or Windows"):
        live.camera(1, None)


def test_a_live_stream_is_deinterlaced_on_request(tmp_path: Path) -> None:
    sent = interlaced(tmp_path / "i.ts", codec="libx264", count=12).read_bytes()
    with served([sent]) as address, read_video(address, reconnect=0) as reader:
        combed = list(reader)
        (remark,) = reader.remarks
    assert "is interlaced" in remark
    assert "secret" not in remark
    with served([sent]) as address, read_video(address, reconnect=0, deinterlace=True) as reader:
        frames = list(reader)
        assert reader.remarks == ()
    assert len(frames) == len(combed) == 12
    assert [after.time - before.time for before, after in pairwise(frames)] == pytest.approx([0.04] * 11)
    assert (frames[5].image != combed[5].image).any()


def test_a_live_stream_that_changes_its_size(tmp_path: Path) -> None:
    small = write_tracks(tmp_path / "small.ts", [VideoTrack(count=20)]).read_bytes()
    large = write_tracks(tmp_path / "large.ts", [VideoTrack(count=10, size=(80, 96))]).read_bytes()
    with served([small, large]) as address, read_video(address, reconnect=0, on_size_change="stop") as reader:
        assert [frame.size for frame in reader] == [(48, 64)] * 20
        assert any("changes its size from 64x48 to 96x80 at frame 00000020" in line for line in reader.problems)
    with served([small, large]) as address, read_video(address, reconnect=0) as reader:
        assert [frame.size for frame in reader] == [(48, 64)] * 20 + [(80, 96)] * 10
    limits = Limits(frame_pixels=6000)
    with served([small, large]) as address, read_video(address, reconnect=0, limits=limits) as reader:
        assert [frame.size for frame in reader] == [(48, 64)] * 20
        assert any("was given up: got a frame of 96x80 pixels; expected at most 6,000" in p for p in reader.problems)


def test_of_a_live_stream_with_two_videos_the_larger_is_taken(tmp_path: Path) -> None:
    sent = write_tracks(tmp_path / "v.ts", [VideoTrack(size=(32, 48)), VideoTrack()]).read_bytes()
    with served([sent]) as address, read_video(address, reconnect=0) as reader:
        assert [frame.size for frame in reader] == [(48, 64)] * 8
        assert "has 2 videos in it: stream 1 (h264 64x48) was taken and not 0 (h264 48x32)" in reader.remarks[0]
    with served([sent]) as address, read_video(address, reconnect=0, stream=0) as reader:
        assert [frame.size for frame in reader] == [(32, 48)] * 8
    with served([sent]) as address, pytest.raises(InputError, match=r"got stream 5 of .*; expected one of its video"):
        read_video(address, reconnect=0, stream=5)
