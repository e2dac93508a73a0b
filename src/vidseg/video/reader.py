"""`read_video`: one way to read whatever holds frames."""

import math
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from vidseg.errors import InputError
from vidseg.types import Frame
from vidseg.video.animation import AnimationSource, is_animation
from vidseg.video.container import FileSource
from vidseg.video.decoding import Decoding
from vidseg.video.images import ImageSource, images_in, images_like
from vidseg.video.info import VideoInfo
from vidseg.video.limits import DEFAULT_LIMITS, Limits
from vidseg.video.live import LiveSource, OnLag, camera, url
from vidseg.video.redact import redacted
from vidseg.video.sources import SourceKind, source_kind
from vidseg.video.span import Span, as_fraction

OnSizeChange = Literal["keep", "stop"]


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

    def __init__(
        self,
        source: Source,
        span: Span,
        remarks: Sequence[str] = (),
        on_size_change: OnSizeChange = "keep",
    ) -> None:
        self.info = source.info
        self.expected_frames = span.expected_frames(source.info)
        self._source = source
        self._on_size_change = on_size_change
        self._remarks = remarks
        self._problems: list[str] = []
        self._reading: Generator[Frame] | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """What was amiss in the last reading, complete when that has ended; one line each."""
        return tuple(self._problems)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the user should know although nothing is amiss, as far as it has shown; one line each."""
        return tuple(self._remarks)

    @property
    def dropped(self) -> int:
        """How many frames a live source has lost so far because they were taken too slowly; 0 for files and images."""
        return self._source.dropped if isinstance(self._source, LiveSource) else 0

    def __iter__(self) -> Iterator[Frame]:
        self._end_reading()
        problems = self._problems = []
        frames = self._source.frames(problems.append)
        if self._on_size_change == "stop":
            frames = _of_one_size(frames, self.info.name, problems.append)
        self._reading = frames
        return frames

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


def _of_one_size(frames: Generator[Frame], name: str, report: Callable[[str], None]) -> Generator[Frame]:
    """The frames up to the first of another size."""
    with closing(frames):
        first: Frame | None = None
        for count, frame in enumerate(frames):
            first = first or frame
            if frame.size != first.size:
                report(
                    f"{name} changes its size from {_width_x_height(first)} to {_width_x_height(frame)} at frame "
                    f"{frame.name}; only the {count} frames before it were taken; "
                    "do: vidseg segment --on-size-change restart"
                )
                return
            yield frame


def _width_x_height(frame: Frame) -> str:
    return f"{frame.size[1]}x{frame.size[0]}"


def read_video(
    source: str | os.PathLike[str] | int,
    *,
    fps: Fraction | float | None = None,
    start: float | None = None,
    end: float | None = None,
    every: int = 1,
    on_lag: OnLag = "wait",
    reconnect: int = 5,
    stream: int | None = None,
    deinterlace: bool = False,
    on_size_change: OnSizeChange = "keep",
    limits: Limits = DEFAULT_LIMITS,
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
        stream: of several video streams, the number of the wanted one among all streams of the container, as
            FFmpeg's tools count; None for the one that a player would show: no still or cover, then the largest,
            then the longest. Where several are plausible, `remarks` says which was taken.
        deinterlace: make progressive frames of interlaced ones, one of each, by FFmpeg's bwdif. Without it,
            `remarks` says if frames are flagged as interlaced.
        on_size_change: where the frames change their size on the way, deliver them as they are ("keep") or end
            there and say so among the problems ("stop").
        limits: the most that is decoded; what asks for more is refused, or given up on the way.

    Raises:
        InputError: if an argument is out of range or does not go with this source.
        MediaError: if the source cannot be opened, holds no frame, or is beyond the limits.
    """
    span = Span(start=start, end=end, every=every)
    rate = _rate(fps)
    if on_lag not in ("wait", "drop"):
        raise InputError(f"got on_lag={on_lag!r}; expected 'wait' or 'drop'")
    if reconnect < 0:
        raise InputError(f"got reconnect={reconnect}; expected a number of attempts, 0 or more")
    if on_size_change not in ("keep", "stop"):
        raise InputError(f"got on_size_change={on_size_change!r}; expected 'keep' or 'stop'")
    decoding = Decoding(stream=stream, deinterlace=deinterlace, limits=limits)
    location = str(source) if isinstance(source, int) else os.fspath(source)
    remarks: list[str] = []
    opened = _opened(location, source_kind(source), span, rate, decoding, on_lag, reconnect, remarks.append)
    return VideoReader(opened, span, remarks, on_size_change)


def _opened(
    location: str,
    kind: SourceKind,
    span: Span,
    rate: Fraction | None,
    decoding: Decoding,
    on_lag: OnLag,
    reconnect: int,
    remark: Callable[[str], None],
) -> Source:
    if kind in ("folder", "image", "glob"):
        decoding.require_container(redacted(location))
    match kind:
        case "camera":
            address = camera(int(location), rate)
            return LiveSource(address, address.open(decoding), span, on_lag, reconnect, remark, decoding)
        case "folder":
            return ImageSource(images_in(Path(location)), location, span, rate, decoding.limits)
        case "glob":
            return ImageSource(images_like(location), location, span, rate, decoding.limits)
        case "image" if not is_animation(location, decoding.limits):
            return ImageSource([Path(location)], location, span, rate, decoding.limits)
    if rate is not None:
        raise InputError(
            f"got fps for {redacted(location)}, which has its own clock; expected it for images and cameras only; "
            "do: leave it out, or thin the frames out with every"
        )
    if kind == "image":
        return AnimationSource(location, span, decoding.limits)
    if kind == "video":
        return FileSource(location, span, remark, decoding)
    address = url(location)
    connection = address.open(decoding)
    if connection.duration is None:
        return LiveSource(address, connection, span, on_lag, reconnect, remark, decoding)
    connection.close()
    return FileSource(location, span, remark, decoding)


def _rate(fps: Fraction | float | None) -> Fraction | None:
    if fps is None:
        return None
    if not 0 < fps < math.inf:
        raise InputError(f"got fps={fps}; expected frames per second, more than 0")
    return fps if isinstance(fps, Fraction) else as_fraction(fps)
