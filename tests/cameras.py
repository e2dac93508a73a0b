"""Servers on this machine that send video as cameras and web servers do."""

import base64
import http.server
import io
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image

from rtsp_server import Server, ServerMissingError, serving
from vidseg.types import Frame

Send = Callable[[http.server.BaseHTTPRequestHandler], None]
"""Answers a GET request."""


@contextmanager
def rtsp(**options: object) -> Iterator[Server]:
    """An RTSP camera, where one can be had; see `serving`."""
    try:
        with serving(**options) as server:  # type: ignore[arg-type]
            yield server
    except ServerMissingError as reason:
        pytest.skip(str(reason))


@contextmanager
def web_server(send: Send, login: str | None = None) -> Iterator[str]:
    """The address (host and port) of a server that answers with `send`, or 401 without `login` ("user:password")."""
    wanted = None if login is None else f"Basic {base64.b64encode(login.encode()).decode()}"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if wanted not in (None, self.headers.get("Authorization")):
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            with suppress(BrokenPipeError, ConnectionResetError):  # the viewer has left
                send(self)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def progressive(file: Path) -> Send:
    """A file of known length that begins to play while it comes."""

    def send(request: http.server.BaseHTTPRequestHandler) -> None:
        content = file.read_bytes()
        request.send_response(200)
        request.send_header("Content-Type", "video/mp4")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    return send


def motion_jpeg(frames: Iterable[Frame], fps: float) -> Send:
    """JPEG pictures in a multipart answer that has no length, at their pace."""
    pictures = []
    for frame in frames:
        buffer = io.BytesIO()
        Image.fromarray(frame.image).save(buffer, "JPEG")
        pictures.append(buffer.getvalue())

    def send(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        request.end_headers()
        for picture in pictures:
            head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            request.wfile.write(head.encode() + picture + b"\r\n")
            time.sleep(1 / fps)

    return send
