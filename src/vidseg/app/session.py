"""One client: its upload, its job, its results, all in a folder of its own."""

import asyncio
import secrets
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from vidseg.app.config import AppConfig
from vidseg.app.engines import Engines
from vidseg.app.job import MASKS, OVERLAY, Job, JobListener, JobOrder, JobState
from vidseg.app.outbox import Outbox
from vidseg.app.requests import Start, parse_style
from vidseg.app.sources import Upload, checked_url, open_upload, open_url
from vidseg.app.webcam import WebcamSource
from vidseg.errors import InputError
from vidseg.stream.slots import Slots
from vidseg.video import VideoReader
from vidseg.video.redact import redacted

# As long as a connection that brings no byte may hold up a thread, and a little more.
_PATIENCE = 15.0


class Session(JobListener):
    """Made when a client connects, closed when it is gone. Methods are for the event loop.

    Args:
        config: the limits.
        engines: where segmenters come from.
        slots: of streams at once, shared by all clients.
        folder: the server's; this session makes one in it.
    """

    def __init__(self, config: AppConfig, engines: Engines, slots: Slots, folder: Path) -> None:
        self.token = secrets.token_urlsafe(24)
        self.outbox = Outbox(asyncio.get_running_loop())
        self.is_open = True
        self.upload: Upload | None = None
        self.uploading = False
        self._config = config
        self._engines = engines
        self._slots = slots
        self._folder = folder / self.token
        self._folder.mkdir(mode=0o700)
        self._jobs = 0
        self._job: Job | None = None
        self._job_folder: Path | None = None
        self._job_name = ""
        self._webcam: WebcamSource | None = None

    # What the client says.

    def receive(self, message: dict[str, Any]) -> None:
        """Does what a message asks for.

        Raises:
            InputError: if it cannot be done.
        """
        match message.get("type"):
            case "start":
                self._start(Start.parse(message))
            case "stop":
                if self._job is not None:
                    self._job.stop()
            case "style":
                style = parse_style(message)
                if self._job is not None:
                    self._job.style = style
            case other:
                raise InputError(f"got a message of type {other!r}; expected start, stop or style")

    def receive_picture(self, jpeg: bytes) -> None:
        """Takes a picture of the client's camera; one that comes late is nobody's."""
        if self._webcam is not None:
            self._webcam.offer(jpeg)

    @property
    def is_busy(self) -> bool:
        """Whether a job is under way."""
        return self._job is not None and not self._job.has_ended

    def require_idle(self) -> None:
        """Raises `InputError` while a job or an upload is under way."""
        if self.is_busy or self.uploading:
            raise InputError("got another video while one is under way; expected one at a time; cancel it first")

    def upload_path(self) -> Path:
        """Where the next upload goes; the one before is removed."""
        if self.upload is not None:
            self.upload.path.unlink(missing_ok=True)
            self.upload = None
        return self._folder / f"upload-{secrets.token_hex(8)}"

    def result(self, kind: str) -> tuple[Path, str] | None:
        """(path, name to save it under) of a result; None if there is no such."""
        if kind not in (OVERLAY, MASKS) or self._job_folder is None or self.is_busy:
            return None
        path = self._job_folder / kind
        return (path, f"{self._job_name}-{kind}") if path.is_file() else None

    async def close(self) -> None:
        """Ends the job and removes all files."""
        self.is_open = False
        if self._job is not None:
            self._job.cancel()
            await asyncio.to_thread(self._job.join, _PATIENCE)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    # What the job says, in its own thread.

    def state(self, state: JobState, facts: dict[str, Any]) -> None:
        """Passes it on to the client."""
        self.outbox.post({"type": "state", "state": state, **facts})

    def wants_picture(self) -> bool:
        """Whether the client keeps up."""
        return self.outbox.wants_picture

    def picture(self, message: bytes) -> None:
        """Passes it on to the client."""
        self.outbox.show(message)

    def _start(self, start: Start) -> None:
        self.require_idle()
        self._engines.check(start.choice)
        order = self._order(start)
        self._slots.take()
        try:
            if self._job_folder is not None:
                shutil.rmtree(self._job_folder, ignore_errors=True)
            self._jobs += 1
            self._job_folder = self._folder / f"job{self._jobs}"
            self._job_folder.mkdir()
            self._job_name = _stem(order.name)
            self._job = Job(order, self._engines, self._job_folder, self, self._slots.give_back)
            self._job.start()
        except BaseException:
            self._slots.give_back()
            raise

    def _order(self, start: Start) -> JobOrder:
        limit = self._config.max_seconds
        open_source: Callable[[], VideoReader]
        wording, interrupt = redacted, _nothing
        self._webcam = None
        match start.source:
            case "file":
                if self.upload is None:
                    raise InputError("got no video; expected an upload; choose or drop a file first")
                name, open_source, wording = (
                    self.upload.name,
                    partial(open_upload, self.upload),
                    self.upload.wording,
                )
            case "url":
                if not self._config.urls:
                    raise InputError("got an address; this server was started with --no-urls; upload a file")
                url = checked_url(start.url)
                name, open_source = redacted(url), partial(open_url, url, limit)
            case "webcam":
                self._webcam = WebcamSource(limit)
                name, open_source, interrupt = "webcam", self._webcam.open, self._webcam.close
        return JobOrder(
            name=name,
            open=open_source,
            choice=start.choice,
            style=start.style,
            keep=start.keep,
            every_frame=start.source == "webcam",
            max_seconds=limit,
            wording=wording,
            interrupt=interrupt,
        )


def _nothing() -> None:
    """A connection in the making ends by its own time-out."""


def _stem(name: str) -> str:
    """What the results of a video are called: its name as far as it is plain."""
    if "://" in name:
        return "stream"
    plain = "".join(character if character.isalnum() or character in "-_. " else "_" for character in name)
    return Path(plain).stem.strip(". ")[:80] or "video"
