"""A source under observation: when each frame came, and that it does not last longer than allowed."""

import threading
import time
from collections.abc import Callable, Generator

from vidseg.app.sources import require_length
from vidseg.types import Frame
from vidseg.video import VideoReader
from vidseg.video.span import Span


class WatchedSource:
    """Passes the frames of a reader on.

    Args:
        reader: taken over; closed with this.
        name: what the client calls the video.
        max_seconds: when a file counts as too long after all; headers may say anything.
    """

    def __init__(self, reader: VideoReader, name: str, max_seconds: float) -> None:
        self.info = reader.info
        self._reader = reader
        self._name = name
        self._max_seconds = max_seconds
        self._arrivals: dict[int, float] = {}
        self._lock = threading.Lock()

    def opened(self) -> VideoReader:
        """A reader of this."""
        reader = VideoReader(self, Span(), self._reader.remarks)
        # Of a live source it would be what fits into the time allowed, which nobody waits for.
        reader.expected_frames = None if self.info.is_live else self._reader.expected_frames
        return reader

    def frames(self, report: Callable[[str], None]) -> Generator[Frame]:
        """Yields the reader's frames.

        Raises:
            InputError: if a file turns out to be too long.
        """
        try:
            for frame in self._reader:
                if not self.info.is_live:
                    require_length(self._name, frame.time, self._max_seconds)
                with self._lock:
                    self._arrivals[frame.index] = time.monotonic()
                yield frame
        finally:
            self._reader.close()
            for problem in self._reader.problems:
                report(problem)

    def close(self) -> None:
        """Ends a live reading, from any thread."""
        self._reader.stop()

    def arrival(self, frame: Frame) -> float:
        """When a frame came, by the monotonic clock; each frame is asked for once."""
        with self._lock:
            return self._arrivals.pop(frame.index)
