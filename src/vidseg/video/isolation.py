"""Reading in a process of its own: a crash or hang of a decoder is an error, and no more than that."""

import os
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from vidseg.errors import InputError, MediaError, VidsegError
from vidseg.types import Frame
from vidseg.video.channel import Channel
from vidseg.video.child import PATIENCE, Child
from vidseg.video.reader import VideoReader, read_video
from vidseg.video.redact import redacted
from vidseg.video.sources import source_kind
from vidseg.video.span import Span

# Stands for the pixels, which travel by themselves.
_NO_IMAGE = np.zeros((1, 1, 3), np.uint8)


def read_isolated(source: str | os.PathLike[str] | int, **options: Any) -> VideoReader:
    """Opens a video as `read_video` does, but files and images are decoded in a process of their own.

    Frames, times, problems, warnings and errors are the same. Cameras and URLs are read in this process.

    Args:
        source: as for `read_video`.
        **options: of `read_video`.

    Raises:
        InputError: as `read_video`.
        MediaError: as `read_video`, and if the decoder crashes or hangs.
    """
    if source_kind(source) in ("camera", "url"):
        return read_video(source, **options)
    return isolated(partial(read_video, source, **options), redacted(os.fspath(source)))  # type: ignore[arg-type]


def isolated(open_reader: Callable[[], VideoReader], name: str, *, patience: float = PATIENCE) -> VideoReader:
    """A reader of what `open_reader` opens, which is called and read in a process of its own.

    The process begins anew with every reading and ends with it, with the reader, and with this process.

    Args:
        open_reader: picklable; from a module that does not need torch, or the process takes long to start.
        name: what is read, for messages about the process.
        patience: seconds without a sign of life that are taken for a hang.

    Raises:
        MediaError: if the process crashes or hangs, now or in the course of reading.
        Exception: what `open_reader` raises.
    """
    source = IsolatedSource(open_reader, name, patience)
    reader = VideoReader(source, Span(), source.remarks)
    reader.expected_frames = source.expected_frames
    return reader


class IsolatedSource:
    """The frames of a reader in another process; see `isolated`.

    Attributes:
        info: the reader's.
        expected_frames: the reader's.
        remarks: the reader's; what shows in the course of reading joins at its end.
    """

    def __init__(self, open_reader: Callable[[], VideoReader], name: str, patience: float) -> None:
        self._start = partial(Child, partial(_serve, open_reader), name, patience)
        self._name = name
        self._waiting: Child | None = self._start()  # opened, not yet read
        self._reading: Child | None = None
        self._stopped = False
        try:
            _, (self.info, self.expected_frames, remarks) = self._waiting.receive()
            self.remarks: list[str] = list(remarks)
        except BaseException:
            self.close()
            raise

    def frames(self, report: Callable[[str], None]) -> Generator[Frame]:
        """Yields the reader's frames; `report` is told of its problems.

        Raises:
            InputError: if a live source is read a second time.
            MediaError: if the decoder crashes or hangs, or `close` was called from another thread.
            Exception: what the reader raises.
        """
        child, self._waiting = self._waiting, None
        if child is None:
            if self.info.is_live:
                raise InputError(f"got a second reading of {self.info.name}, which is live; do: open it again")
            child = self._start()
            child.receive()
        self._reading, self._stopped = child, False
        if not self.info.is_live:  # whose frames would only be late
            child.widen()
        try:
            child.order("read")
            while True:
                kind, value = child.receive()
                if kind == "problem":
                    report(value)
                elif kind == "remarks":
                    self.remarks[:] = value
                elif kind == "ended":
                    return
                else:
                    frame, (height, width) = value
                    yield replace(frame, image=child.receive_pixels(height, width))
        except GeneratorExit:
            if self.info.is_live:
                _leave(child, report)
            raise
        except MediaError:
            if self._stopped and not self.info.is_live:
                raise MediaError(f"got {self._name}, whose reading was ended from elsewhere") from None
            raise
        finally:
            self._reading = None
            child.end()

    def close(self) -> None:
        """Ends a live reading in good order, and any other with an error; from any thread."""
        waiting, reading = self._waiting, self._reading
        if waiting is not None:
            self._waiting = None
            waiting.end()
        if reading is not None:
            self._stopped = True
            if self.info.is_live:
                reading.order("stop")
            else:
                reading.kill()


def _serve(open_reader: Callable[[], VideoReader], channel: Channel) -> None:
    """In the process: opens, and reads when told to."""
    with open_reader() as reader:
        channel.send("opened", (reader.info, reader.expected_frames, reader.remarks))
        channel.on_order("stop", reader.stop)
        assert channel.wait_for_order() == "read"
        try:
            for frame in reader:
                channel.send("frame", (replace(frame, image=_NO_IMAGE), frame.size), frame.image)
        finally:
            reader.close()  # which completes its problems
            for problem in reader.problems:
                channel.send("problem", problem)
            channel.send("remarks", reader.remarks)
        channel.send("ended")


def _leave(child: Child, report: Callable[[str], None]) -> None:
    """Has a live reading end and hears its problems."""
    child.order("stop")
    try:
        while (message := child.receive())[0] != "ended":
            if message[0] == "problem":
                report(message[1])
            elif message[0] == "frame":
                child.receive_pixels(*message[1][1])
    except VidsegError as error:  # too late to fail: what came before is whole
        report(str(error))
