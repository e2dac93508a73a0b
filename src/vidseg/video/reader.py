"""`read_video`: one way to read whatever holds frames."""

import math
import os
from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from vidseg.errors import InputError
from vidseg.types import Frame
from vidseg.video.container import FileSource
from vidseg.video.images import ImageSource, images_in, images_like
from vidseg.video.info import VideoInfo
from vidseg.video.live import LiveSource, OnLag, camera, url
from vidseg.video.redact import redacted
from vidseg.video.sources import source_kind
from vidseg.video.span import Span, as_fraction


class Source(Protocol):
    """What gives frames: a file, images, something live."""

    @property
    def info(self) -> VideoInfo:
        """What is known of it as a whole."""

    def frames(self, report: Callable[[str], None]) -> Generator[Frame]:
        """The wanted frames; `report` is told of what is amiss, one line each."""

    def close(self) -> None:
        """Gives back what is held between readings; called from any thread, it ends a live reading."""


class VideoReader:
    """The wanted frames of a source, in order; made by `read_video`.

    Files and images can be iterated again and again, live sources once. Leaving the context (or `close`)
    ends a reading that is under way.

    Attributes:
        info: the source as a whole.
        expected_frames: about how many frames are wanted of it, for showing progress; None if unknown.
    """

    def __init__(self, source: Source, span: Span) -> None:
        self.info = source.info
        self.expected_frames = span.expected_frames(source.info)
        self._source = source
        self._problems: list[str] = []
        self._reading: Generator[Frame] | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """What was amiss in the last reading, complete when that has ended; one line each."""
        return tuple(self._problems)

    @property
    def dropped(self) -> int:
        """How many frames a live source has lost so far because they were taken too slowly; 0 for files and images."""
        return self._source.dropped if isinstance(self._source, LiveSource) else 0

    def __iter__(self) -> Iterator[Frame]:
        self._end_reading()
        self._problems = []
        self._reading = self._source.frames(self._problems.append)
        return self._reading

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def stop(self) -> None:
        """Makes a live source end, also while another thread waits for its next frame; nothing for files and images."""
        self._source.close()

    def close(self) -> None:
        """Ends a reading that is under way and disconnects; may be called twice."""
        self._end_reading()
        self._source.close()

    def _end_reading(self) -> None:
        if self._reading is not None:
            self._reading.close()
            self._reading = None


def read_video(
    source: str | os.PathLike[str] | int,
    *,
    fps: Fraction | float | None = None,
    start: float | None = None,
    end: float | None = None,
    every: int = 1,
    on_lag: OnLag = "wait",
    reconnect: int = 5,
) -> VideoReader:
    """Opens a video for reading.

    Args:
        source: a video file; an image, a folder of images or a glob pattern of images; a camera index (an
            integer or a string of digits that names no file); or a URL (rtsp, http, …). A URL that knows its
            length counts as a file, any other as live.
        fps: the clock of images, which have none; the rate asked of a camera.
        start: seconds from the start of the source; earlier frames are left out. Files are sought.
        end: seconds from the start of the source; frames from there on are left out.
        every: the first wanted frame and every n-th after it.
        on_lag: what a live source does when frames are taken too slowly: "wait" (the source is held up) or
            "drop" (the oldest waiting frame goes). Files always wait.
        reconnect: how often a lost live connection is tried anew, with growing pauses, before it counts as
            ended.

    Raises:
        InputError: if an argument is out of range or does not go with this source.
        MediaError: if the source cannot be opened or holds no frame.
    """
    span = Span(start=start, end=end, every=every)
    rate = _rate(fps)
    if on_lag not in ("wait", "drop"):
        raise InputError(f"got on_lag={on_lag!r}; expected 'wait' or 'drop'")
    if reconnect < 0:
        raise InputError(f"got reconnect={reconnect}; expected a number of attempts, 0 or more")
    location = str(source) if isinstance(source, int) else os.fspath(source)
    match source_kind(source):
        case "camera":
            address = camera(int(location), rate)
            return VideoReader(LiveSource(address, address.open(), span, on_lag, reconnect), span)
        case "folder":
            return VideoReader(ImageSource(images_in(Path(location)), location, span, rate), span)
        case "image":
            return VideoReader(ImageSource([Path(location)], location, span, rate), span)
        case "glob":
            return VideoReader(ImageSource(images_like(location), location, span, rate), span)
    if rate is not None:
        raise InputError(
            f"got fps for {redacted(location)}, which has its own clock; expected it for images and cameras only; "
            "do: leave it out, or thin the frames out with every"
        )
    if "://" not in location:
        return VideoReader(FileSource(location, span), span)
    address = url(location)
    connection = address.open()
    if connection.duration is None:
        return VideoReader(LiveSource(address, connection, span, on_lag, reconnect), span)
    connection.close()
    return VideoReader(FileSource(location, span), span)


def _rate(fps: Fraction | float | None) -> Fraction | None:
    if fps is None:
        return None
    if not 0 < fps < math.inf:
        raise InputError(f"got fps={fps}; expected frames per second, more than 0")
    return fps if isinstance(fps, Fraction) else as_fraction(fps)
