"""What the server answers: the page, one WebSocket a client, uploads and results."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from vidseg.app.config import AppConfig
from vidseg.app.engines import LARGEST_SIDE, SMALLEST_SIDE, Engines
from vidseg.app.guard import Guard
from vidseg.app.session import Session
from vidseg.app.sources import SCHEMES
from vidseg.app.uploads import TooLargeError, receive_upload
from vidseg.errors import InputError, extra
from vidseg.stream.slots import Slots

with extra("app"):
    from starlette.applications import Starlette
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import FileResponse, JSONResponse, Response
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocket

# Everything that is served as it is; a name that is not here does not exist.
_PAGE = {
    "index.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "main.js": "text/javascript; charset=utf-8",
    "view.js": "text/javascript; charset=utf-8",
    "camera.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
# Text messages are short; pictures of a camera are checked by their source.
_LONGEST_TEXT = 10_000


class App:
    """The state behind the routes.

    Args:
        config: limits.
        engines: segmenters.
        folder: for everything that clients bring and get; nothing is written elsewhere.
    """

    def __init__(self, config: AppConfig, engines: Engines, folder: Path) -> None:
        self._config = config
        self._engines = engines
        self._folder = folder
        self._sessions: dict[str, Session] = {}
        self._endings: set[asyncio.Task[None]] = set()
        self._streams = Slots(
            config.max_streams, "videos", "wait until one ends, or start the server with a larger --max-streams"
        )
        self._clients = Slots(
            config.max_clients, "pages", "close another one, or start the server with a larger --max-clients"
        )
        files = resources.files("vidseg.app") / "page"
        self._page = {name: (files / name).read_bytes() for name in _PAGE}

    def asgi(self) -> Guard:
        """The application, guarded."""
        routes = [
            Route("/", self._index),
            Route("/assets/{name}", self._asset),
            Route("/api/sessions/{token}/upload", self._upload, methods=["POST"]),
            Route("/api/sessions/{token}/{kind}", self._result),
            WebSocketRoute("/ws", self._socket),
        ]
        return Guard(Starlette(routes=routes, lifespan=self._lifespan), self._config.allowed_hosts)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        yield
        # The server has ended the connections by now; what they held may take a moment longer.
        await asyncio.gather(*self._endings)

    async def _index(self, request: Request) -> Response:
        return Response(self._page["index.html"], media_type=_PAGE["index.html"])

    async def _asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._page:
            return Response("not found", 404)
        return Response(self._page[name], media_type=_PAGE[name])

    async def _upload(self, request: Request) -> Response:
        session = self._sessions.get(request.path_params["token"])
        if session is None:
            return _failure("got an upload for a page that is gone; expected an open one; reload it", 404)
        announced = request.headers.get("content-length", "")
        try:
            info = await receive_upload(
                session,
                request.query_params.get("name", ""),
                request.stream(),
                int(announced) if announced.isdecimal() else None,
                self._config.max_upload_bytes,
                self._config.max_seconds,
            )
        except TooLargeError as error:
            return _failure(str(error), 413)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except InputError as error:
            return _failure(str(error), 422)
        assert session.upload is not None
        rate = None if info.fps is None else float(info.fps)
        return JSONResponse(
            {
                "name": session.upload.name,
                "width": info.width,
                "height": info.height,
                "fps": rate,
                "seconds": info.duration,
                "frames": info.frame_count,
            }
        )

    async def _result(self, request: Request) -> Response:
        session = self._sessions.get(request.path_params["token"])
        found = None if session is None else session.result(request.path_params["kind"])
        if found is None:
            return _failure("got no such result; expected one of a finished video whose page is open", 404)
        path, name = found
        return FileResponse(path, filename=name)

    async def _socket(self, socket: WebSocket) -> None:
        await socket.accept()
        try:
            self._clients.take()
        except InputError as error:
            await socket.send_json({"type": "refused", "message": str(error)})
            return await socket.close(1013)
        session = Session(self._config, self._engines, self._streams, self._folder)
        self._sessions[session.token] = session
        session.outbox.post(self._hello(session))
        sender = asyncio.create_task(session.outbox.run(socket.send_text, socket.send_bytes))
        try:
            await _listen(socket, session)
        finally:
            # A task of its own: the server cancels this one when it ends in a hurry.
            ending = asyncio.create_task(self._end(session, sender))
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)
            await asyncio.shield(ending)

    async def _end(self, session: Session, sender: "asyncio.Task[None]") -> None:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        await session.close()
        del self._sessions[session.token]
        self._clients.give_back()

    def _hello(self, session: Session) -> dict[str, Any]:
        config = self._config
        return {
            "type": "hello",
            "session": session.token,
            "models": self._engines.describe(),
            "runtimes": self._engines.runtimes,
            "runtime": config.runtime,
            "sizes": [SMALLEST_SIDE, LARGEST_SIDE],
            "schemes": SCHEMES if config.urls else [],
            "max_upload_bytes": config.max_upload_bytes,
            "max_minutes": config.max_minutes,
        }


async def _listen(socket: WebSocket, session: Session) -> None:
    """Takes messages until the client is gone."""
    while True:
        received = await socket.receive()
        if received["type"] == "websocket.disconnect":
            return
        if received.get("bytes") is not None:
            session.receive_picture(received["bytes"])
            continue
        try:
            session.receive(_parsed(received["text"]))
        except InputError as error:
            session.outbox.post({"type": "error", "message": str(error)})


def _parsed(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text) if len(text) <= _LONGEST_TEXT else None
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise InputError("got a message that cannot be read; expected a JSON object; reload the page")
    return message


def _failure(message: str, status: int) -> Response:
    return JSONResponse({"error": message}, status)
