"""The browser's camera as a source of frames: JPEG pictures that come over the WebSocket."""

import io
import queue
import threading
import time
from collections.abc import Callable, Generator
from fractions import Fraction

import numpy as np
from PIL import Image

from vidseg.errors import MediaError
from vidseg.types import RGB, Frame
from vidseg.video import VideoInfo, VideoReader
from vidseg.video.pillow import UNREADABLE
from vidseg.video.span import Span

_NAME = "webcam"
_TICK = Fraction(1, 90000)  # seconds; as other live sources have it
_MOST_PIXELS = 1920 * 1080
_WAITING = 2  # pictures; a page that keeps to one at a time never has more


class WebcamSource:
    """Frames in the order in which they are offered; those that come too fast push out the oldest.

    Args:
        max_seconds: when it ends by itself.
    """

    def __init__(self, max_seconds: float) -> None:
        self._max_seconds = max_seconds
        self._waiting: queue.Queue[tuple[float, bytes]] = queue.Queue(_WAITING)
        self._closed = threading.Event()
        self._info: VideoInfo | None = None
        self._first: tuple[float, RGB] | None = None

    def offer(self, jpeg: bytes) -> None:
        """Hands over a picture; never waits."""
        while True:
            try:
                return self._waiting.put_nowait((time.monotonic(), jpeg))
            except queue.Full:
                try:
                    self._waiting.get_nowait()
                except queue.Empty:  # the consumer was faster
                    continue

    def open(self) -> VideoReader:
        """Waits for the first picture.

        Raises:
            MediaError: if it is none, or the source is closed before it comes.
        """
        self._first = self._take()
        if self._first is None:
            raise MediaError(f"got no picture from the {_NAME}; expected some; allow the page to use it")
        height, width = self._first[1].shape[:2]
        self._info = VideoInfo(name=_NAME, width=width, height=height, is_live=True, time_base=_TICK)
        return VideoReader(self, Span())

    @property
    def info(self) -> VideoInfo:
        """What is known of it, once it is open."""
        assert self._info is not None
        return self._info

    def frames(self, report: Callable[[str], None]) -> Generator[Frame]:
        """Yields frames until the source is closed or has lasted as long as it may."""
        item, self._first = self._first, None
        assert item is not None  # a live source is read once
        begun, index, last = item[0], 0, -1.0
        while item is not None:
            moment, image = item
            elapsed = max(moment - begun, last + float(_TICK))
            if elapsed >= self._max_seconds:
                report(
                    f"the {_NAME} was stopped after {self._max_seconds / 60:g} minutes, as long as this server allows"
                )
                return
            yield Frame(image=image, index=index, time=elapsed)
            index, last = index + 1, elapsed
            item = self._take()

    def close(self) -> None:
        """Ends the frames, from any thread."""
        self._closed.set()

    def _take(self) -> tuple[float, RGB] | None:
        while not self._closed.is_set():
            try:
                moment, jpeg = self._waiting.get(timeout=0.1)
            except queue.Empty:
                continue
            return moment, _decoded(jpeg)
        return None


def _decoded(jpeg: bytes) -> RGB:
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                raise MediaError(f"got a picture of {picture.width}x{picture.height}; expected at most 1920x1080")
            return np.asarray(picture.convert("RGB"))
    except UNREADABLE as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(f"got a picture from the {_NAME} that cannot be read ({error}); expected a JPEG") from error
