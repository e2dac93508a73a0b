"""One video on its way through the engine, in a thread, with progress and an end at any time."""

import logging
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from vidseg.app.engines import EngineChoice, Engines
from vidseg.app.preview import Pace, Progress, preview
from vidseg.app.watching import WatchedSource
from vidseg.errors import VidsegError
from vidseg.files import atomic_file, write_json
from vidseg.stream import JobReport, OverlayStyle, Segmenter, segment_to_files
from vidseg.types import ClassMap, Segmentation
from vidseg.video import VideoReader
from vidseg.video.redact import redacted

log = logging.getLogger("vidseg.app")

JobState = Literal["preparing", "running", "packing", "done", "failed", "cancelled"]
OVERLAY, MASKS = "overlay.mp4", "masks.zip"


@dataclass(frozen=True, kw_only=True)
class JobOrder:
    """What is to be done.

    Attributes:
        name: what the client calls the video.
        open: opens it; may take a while, and is called in the job's thread.
        choice: of the engine.
        style: of the overlay.
        keep: whether overlay and masks are written for download.
        every_frame: show each frame, however fast they come: the source waits for it.
        max_seconds: how long the video may be.
        wording: puts a message into the client's words.
        interrupt: makes `open` give up, from another thread, where it can be made to.
    """

    name: str
    open: Callable[[], VideoReader]
    choice: EngineChoice
    style: OverlayStyle
    keep: bool
    every_frame: bool
    max_seconds: float
    wording: Callable[[str], str] = redacted
    interrupt: Callable[[], None] = lambda: None


class JobListener(Protocol):
    """Who wants to know. Called from the job's thread."""

    def state(self, state: JobState, facts: dict[str, Any]) -> None:
        """The job has come to another state."""

    def wants_picture(self) -> bool:
        """Whether a preview would be seen."""

    def picture(self, message: bytes) -> None:
        """A preview."""


class _CancelledError(Exception):
    """Unwinds the job."""


class Job:
    """Segments one video; what it writes lies in a folder of its own.

    Args:
        order: what to do.
        engines: where segmenters come from.
        folder: made for this job, empty.
        listener: told of states and shown pictures.
        finished: called last, however the job ended.
    """

    def __init__(
        self, order: JobOrder, engines: Engines, folder: Path, listener: JobListener, finished: Callable[[], None]
    ) -> None:
        self.style = order.style  # of the pictures to come; what is kept has the order's
        self._order = order
        self._engines = engines
        self._folder = folder
        self._listener = listener
        self._finished = finished
        self._cancelled = threading.Event()
        self._ended = threading.Event()
        self._source: WatchedSource | None = None
        self._reader: VideoReader | None = None
        self._frames = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="vidseg-job", daemon=True)

    def start(self) -> None:
        """Begins; returns at once."""
        self._thread.start()

    @property
    def has_ended(self) -> bool:
        """Whether it has come to its last state; known before the listener hears of that."""
        return self._ended.is_set()

    def stop(self) -> None:
        """Ends a live source in good order, so that what came until now is kept; cancels a file, and before a frame."""
        with self._lock:
            if self._frames and self._reader is not None and self._reader.info.is_live:
                return self._reader.stop()
        self.cancel()

    def cancel(self) -> None:
        """Ends the job at its next frame; nothing of it is kept."""
        self._cancelled.set()
        self._order.interrupt()
        with self._lock:
            if self._reader is not None:
                self._reader.stop()  # it may be waiting for a live frame that never comes

    def join(self, timeout: float) -> None:
        """Waits until the thread has ended."""
        self._thread.join(timeout)

    def _run(self) -> None:
        state, facts = self._outcome()
        self._finished()
        self._ended.set()
        self._listener.state(state, facts)

    def _outcome(self) -> tuple[JobState, dict[str, Any]]:
        name = self._order.name
        try:
            self._listener.state("preparing", {"name": name})
            return "done", self._segment()
        except _CancelledError:
            return "cancelled", {}
        except (VidsegError, OSError) as error:
            if self._cancelled.is_set():  # what was interrupted may complain
                return "cancelled", {}
            return "failed", {"message": self._words(str(error))}
        except MemoryError:
            return "failed", {"message": f"got too little memory for {name}; expected more; try a smaller size"}
        except Exception:
            # One client's trouble is nobody else's; a bug's trace is for the server's log.
            log.exception("A job failed")
            return "failed", {"message": f"got an error of vidseg itself with {name}; the server's log has the details"}

    def _segment(self) -> dict[str, Any]:
        order = self._order
        with self._opened() as reader:
            segmenter = self._engines.segmenter(order.choice)
            self._check()
            self._listener.state(
                "running",
                {"name": order.name, "live": reader.info.is_live, "runtime": segmenter.runtime_name},
            )
            report = self._written(segmenter, reader)
        self._check()
        if order.keep:
            self._listener.state("packing", {})
            _pack(self._folder, segmenter.class_map, self._check)
        return {
            "frames": report.frames,
            "seconds": report.seconds,
            "problems": [self._words(line) for line in report.remarks + report.problems],
            "kept": [OVERLAY, MASKS] if order.keep else [],
        }

    def _opened(self) -> VideoReader:
        source = WatchedSource(self._order.open(), self._order.name, self._order.max_seconds)
        reader = source.opened()
        with self._lock:
            self._source, self._reader = source, reader
        if self._cancelled.is_set():
            reader.close()
            raise _CancelledError
        return reader

    def _written(self, segmenter: Segmenter, reader: VideoReader) -> JobReport:
        assert self._source is not None
        source = self._source
        pace = Pace(is_live=reader.info.is_live)

        def watch(segmentation: Segmentation) -> None:
            self._check()
            self._frames += 1
            pace.finished(source.arrival(segmentation.frame))
            if self._order.every_frame or self._listener.wants_picture():
                progress = Progress(done=self._frames, total=reader.expected_frames, pace=pace)
                self._listener.picture(preview(segmentation, self.style, progress))

        paths = [self._folder / OVERLAY, self._folder / "masks"] if self._order.keep else []
        return segment_to_files(segmenter, reader, paths, style=self._order.style, watch=watch)

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise _CancelledError

    def _words(self, text: str) -> str:
        """A message in one line, as the command line has it, without this machine's paths and without secrets."""
        return self._order.wording(" ".join(text.split()).replace(f"{self._folder}/", ""))


def _pack(folder: Path, class_map: ClassMap, check: Callable[[], None]) -> None:
    """Puts the masks, with what their values mean, into one file; `check` may end it at every mask."""
    masks = folder / "masks"
    classes = folder / "classes.json"
    write_json(classes, class_map.to_dict())
    with (
        atomic_file(folder / MASKS) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,  # PNGs are compressed already
    ):
        archive.write(classes, "classes.json")
        for mask in sorted(masks.iterdir()):
            check()
            archive.write(mask, f"masks/{mask.name}")
            mask.unlink()
    masks.rmdir()
