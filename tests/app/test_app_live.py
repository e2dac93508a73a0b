"""Network streams through the page's server."""

import http.server
import io
import threading
import time
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest

import tiny


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[str]:
    """The address, with secrets in it, of a camera that sends for as long as it is listened to."""
    path = tmp_path / "v.ts"
    frames = tiny.video(12)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"bf": "0", "g": "5", "tune": "zerolatency"})
        stream.height, stream.width, stream.pix_fmt = 40, 56, "yuv420p"
        for index in range(3000):
            picture = av.VideoFrame.from_ndarray(frames[index % 12].image, format="rgb24")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    data = path.read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                for start in range(0, len(data), 20_000):
                    self.wfile.write(data[start : start + 20_000])
                    time.sleep(0.05)
            except (BrokenPipeError, ConnectionResetError):
                pass

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://me:secret@127.0.0.1:{server.server_address[1]}/stream?token=secret"
        server.shutdown()
        thread.join()


def test_a_live_stream_is_shown_stopped_and_kept(serve, camera: str) -> None:
    with serve().page() as page:
        page.start(source="url", url=camera)
        running = page.until("running")
        assert running["live"]
        assert "secret" not in str(running)
        head = page.receive_preview()
        assert head["total"] is None
        assert head["latency"] >= 0
        page.receive_preview()
        page.send(type="stop")
        done = page.until("done")
        assert done["frames"] >= 2
        assert "secret" not in str(done)
        archive = zipfile.ZipFile(io.BytesIO(page.download("masks.zip").content))
        assert len(archive.namelist()) == done["frames"] + 1
        name = page.download("overlay.mp4").headers["content-disposition"]
        assert name == 'attachment; filename="stream-overlay.mp4"'


def test_who_leaves_a_live_stream_frees_it(serve, camera: str) -> None:
    server = serve(max_streams=1)
    for _ in range(2):
        with server.page() as page:
            page.start(source="url", url=camera)
            page.receive_preview()
        assert list(server.folder.iterdir()) == []


def test_a_live_stream_ends_when_its_time_is_over(serve, camera: str) -> None:
    with serve(max_minutes=0.01).page() as page:
        page.start(source="url", url=camera)
        assert 1 <= page.until("done")["frames"] <= 16
