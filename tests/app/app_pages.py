"""Pages that talk to a server under test, without a browser."""

import io
import json
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from PIL import Image
from starlette.testclient import TestClient, WebSocketTestSession

from vidseg.types import Frame

ADDRESS = "http://127.0.0.1:8420"
HEADERS = {"host": "127.0.0.1:8420", "origin": ADDRESS}
LAST = ("done", "failed", "cancelled")


class Page:
    """What the browser's page does, without a browser."""

    def __init__(self, client: TestClient, socket: WebSocketTestSession) -> None:
        self.client = client
        self.socket = socket
        self.previews: list[tuple[dict[str, Any], bytes]] = []
        self.hello = self.receive()

    def receive(self) -> dict[str, Any]:
        """The next message; pictures on the way are kept."""
        while True:
            received = self.socket.receive()
            if received["type"] == "websocket.close":
                raise AssertionError(received)
            if (picture := received.get("bytes")) is None:
                return json.loads(received["text"])
            (length,) = struct.unpack(">I", picture[:4])
            self.previews.append((json.loads(picture[4 : 4 + length]), picture[4 + length :]))

    def receive_preview(self) -> dict[str, Any]:
        """The head of the next picture; states on the way are passed over."""
        count = len(self.previews)
        while len(self.previews) == count:
            received = self.socket.receive()
            if (picture := received.get("bytes")) is not None:
                (length,) = struct.unpack(">I", picture[:4])
                self.previews.append((json.loads(picture[4 : 4 + length]), picture[4 + length :]))
            else:
                assert json.loads(received["text"]).get("state") not in LAST, received
        return self.previews[-1][0]

    def until(self, *states: str) -> dict[str, Any]:
        """Waits for one of these states."""
        while True:
            message = self.receive()
            if message.get("state") in states:
                return message
            assert message.get("state") not in LAST, message

    def url(self, part: str) -> str:
        return f"{ADDRESS}/api/sessions/{self.hello['session']}/{part}"

    def upload(self, data: Any, name: str = "walk.mp4") -> httpx2.Response:
        return self.client.post(self.url("upload"), params={"name": name}, content=data, headers=HEADERS)

    def send(self, **message: Any) -> None:
        self.socket.send_json(message)

    def start(self, **changes: Any) -> None:
        order = {
            "source": "file",
            "model": self.hello["models"][0]["name"],
            "runtime": "torch",
            "size": None,
            "opacity": 0.5,
            "outlines": False,
            "keep": True,
        }
        self.send(type="start", **{**order, **changes})

    def download(self, kind: str) -> httpx2.Response:
        return self.client.get(self.url(kind))


class Server:
    """The application in its test client, and the folder it may write to."""

    def __init__(self, client: TestClient, folder: Path) -> None:
        self.client = client
        self.folder = folder

    @contextmanager
    def page(self) -> Iterator[Page]:
        """An open page; leaving the block closes it and waits until its files are gone."""
        with self.client.websocket_connect("/ws", headers=HEADERS) as socket:
            page = Page(self.client, socket)
            yield page
        folder = self.folder / page.hello["session"]
        until(lambda: not folder.exists())


def until(is_so: Callable[[], bool]) -> None:
    """Waits for what happens in another thread."""
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def jpeg(frame: Frame) -> bytes:
    """What the page's camera sends."""
    encoded = io.BytesIO()
    Image.fromarray(np.asarray(frame.image)).save(encoded, format="JPEG", quality=90)
    return encoded.getvalue()
