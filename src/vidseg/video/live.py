"""Cameras and network streams: frames that come when they come.

A background thread receives and decodes into a short queue, so that a slow consumer either makes the
source wait or loses the oldest frames; lost connections are taken up again.
"""

import queue
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, cast

import av
from av.container import InputContainer
from av.format import Flags

from vidseg.errors import InputError, MediaError
from vidseg.types import Frame
from vidseg.video.continuity import TICK, Clock, Outages
from vidseg.video.decoding import DEFAULT_DECODING, Decoding
from vidseg.video.demux import Damage, decoded_frames, decoder_of, open_container
from vidseg.video.info import VideoInfo
from vidseg.video.interlacing import InterlaceWatch, deinterlaced
from vidseg.video.pixels import RGBConverter
from vidseg.video.redact import redacted
from vidseg.video.span import Span
from vidseg.video.tracks import choose_track

OnLag = Literal["wait", "drop"]
_Item = tuple[int, Fraction, av.VideoFrame]  # number, time, picture

_QUEUE_LENGTH = 4
_LONGEST_PAUSE = 30.0  # seconds between two attempts to reconnect
_FULL_HD = 1920 * 1088  # pixels of the largest frames that one thread decodes as fast as they come


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where and how to open a live source.

    Attributes:
        name: for messages, without credentials.
        location: what FFmpeg is to open.
        device: FFmpeg's name of the input format of cameras; None for URLs.
        options: FFmpeg's.
    """

    name: str
    location: str = field(repr=False)
    device: str | None = None
    options: dict[str, str] | None = None

    def open(self, decoding: Decoding = DEFAULT_DECODING) -> InputContainer:
        """Connects; raises `MediaError` without credentials."""
        return open_container(self.location, decoding, format=self.device, options=self.options or {})


def camera(index: int, fps: Fraction | None) -> Address:
    """The `index`-th camera of this machine, asked for `fps` frames a second if given."""
    device, location = {
        "linux": ("v4l2", f"/dev/video{index}"),
        "darwin": ("avfoundation", f"{index}:none"),
        "win32": ("vfwcap", str(index)),
    }.get(sys.platform, ("", ""))
    if not device:
        raise InputError(f"got camera {index} on {sys.platform}; expected Linux, macOS or Windows; do: use a URL")
    options = {} if fps is None else {"framerate": str(fps)}
    return Address(name=f"camera {index}", location=location, device=device, options=options)


def url(location: str) -> Address:
    """A network stream; RTSP over TCP, because UDP loses parts of pictures."""
    options = {"rtsp_transport": "tcp"} if location.lower().startswith("rtsp") else {}
    return Address(name=redacted(location), location=location, options=options)


class LiveSource:
    """The frames of a camera or stream, once.

    A frame's `index` counts what the source sent, so gaps show what was dropped; `time` is that of the
    source's clock, set by the wall clock anew at every connection.

    Args:
        address: where to connect again.
        container: the first connection, taken over.
        span: only `end` and `every` make sense here.
        on_lag: what happens when frames come faster than they are taken: the source waits, or the oldest go.
        reconnect: attempts to connect again, with growing pauses, before the stream counts as ended.
        remark: told in one line of what the user should know although nothing is amiss.
        decoding: which stream, how, and how much at most.

    Raises:
        InputError: if `span` has a start, or there is no stream of the wanted number.
        MediaError: if the connection brings no video, or one that is too large.
    """

    def __init__(
        self,
        address: Address,
        container: InputContainer,
        span: Span,
        on_lag: OnLag,
        reconnect: int,
        remark: Callable[[str], None],
        decoding: Decoding = DEFAULT_DECODING,
    ) -> None:
        if span.start is not None:
            raise InputError(f"got start={span.start} for {address.name}, which is live; expected no start")
        self._address = address
        self._container: InputContainer | None = container
        self._span = span
        self._on_lag = on_lag
        self._reconnect = reconnect
        self._queue: queue.Queue[_Item | None] = queue.Queue(_QUEUE_LENGTH)
        self._stop = threading.Event()
        self._outages = Outages()
        self._damage = Damage()
        self._failure: Exception | None = None
        self.dropped = 0  # frames that gave way to newer ones
        self._given_up: str | None = None
        self._decoding = decoding
        self._look_at = InterlaceWatch(address.name, remark)
        track, left_out = choose_track(container, address.name, decoding.stream)
        if left_out is not None:
            remark(left_out)
        stream = decoder_of(container, track, decoding)
        decoding.limits.check_frame(address.name, stream.width, stream.height)
        self.info = VideoInfo(
            name=address.name,
            width=stream.width,
            height=stream.height,
            fps=(stream.average_rate or stream.guessed_rate or None) if _is_stamped(container) else None,
            is_live=True,
            time_base=TICK,
        )

    def frames(self, report: Callable[[str], None]) -> Generator[Frame]:
        """Yields frames until the stream ends or the iterator is closed.

        Raises:
            InputError: if called a second time.
            MediaError: if the stream ends without a frame.
        """
        container, self._container = self._container, None
        if container is None:
            raise InputError(f"got a second reading of {self.info.name}, which is live; do: open it again")
        worker = threading.Thread(target=self._run, args=(container,), name="vidseg-live", daemon=True)
        worker.start()
        convert = RGBConverter()
        delivered = 0
        try:
            while (item := self._take()) is not None:
                index, moment, picture = item
                duration = 1 / self.info.fps if self.info.fps else None
                yield Frame(
                    image=convert(picture),
                    index=index,
                    time=float(moment),
                    duration=self._span.shown_for(moment, duration, None),
                )
                delivered += 1
        finally:
            self._stop.set()
            # A thread that hangs in a read ends by itself at the time-out; nobody should wait for that.
            worker.join(timeout=1)
            for problem in self._outages.problems(self.info.name, self._reconnect):
                report(problem)
            if self._given_up is not None:
                report(self._given_up)
            self._damage.unreadable = 0  # said above: a read error is a lost connection
            for problem in self._damage.problems(self.info.name):
                report(problem)
        if self._failure is not None:
            raise self._failure
        if not delivered:
            raise MediaError(f"got no frame from {self.info.name}; expected a stream that sends video")

    def _take(self) -> _Item | None:
        # In slices, because Windows lets no Ctrl-C through to an endless wait.
        while not self._stop.is_set():
            try:
                return self._queue.get(timeout=0.5)
            except queue.Empty:
                continue
        return None

    def close(self) -> None:
        """Ends the reception, also if it has never begun; the iterator of `frames` ends soon after."""
        self._stop.set()
        if self._container is not None:
            self._container.close()
            self._container = None

    def _run(self, container: InputContainer) -> None:
        try:
            self._receive(container)
        except Exception as error:  # handed to the consumer, who raises it
            self._failure = error
        finally:
            self._put(None)

    def _receive(self, container: InputContainer) -> None:
        clock = Clock()
        index = 0
        connection: InputContainer | None = container
        # Decided here and not by the consumer, who is behind: what the source does after the span is no problem.
        complete = False
        while connection is not None and not complete and not self._stop.is_set():
            with connection:
                clock.connected(is_stamped=_is_stamped(connection), fps=self.info.fps)
                for picture in self._pictures(connection):
                    moment = clock.time(picture)
                    self._outages.delivered(moment)
                    complete = self._span.ended_by(moment) or self._is_too_large(picture)
                    if complete or self._stop.is_set():
                        break
                    if index % self._span.every == 0:
                        self._hand_over((index, moment, picture))
                    index += 1
            if not complete and not self._stop.is_set():
                self._outages.lost()
                connection = self._connect_again()
        if not complete and not self._stop.is_set():
            self._outages.given_up = True

    def _pictures(self, connection: InputContainer) -> Iterator[av.VideoFrame]:
        track, _ = choose_track(connection, self.info.name, self._decoding.stream)
        stream = decoder_of(connection, track, self._decoding)
        if stream.width * stream.height <= _FULL_HD:
            # FFmpeg's threads for whole frames hold one back each. One thread keeps up, or threads for parts of one.
            stream.thread_type = "SLICE"
        pictures = decoded_frames(connection, stream, self._damage, patience=1)
        for picture in deinterlaced(pictures) if self._decoding.deinterlace else pictures:
            if not self._decoding.deinterlace:
                self._look_at(picture)
            yield picture

    def _is_too_large(self, picture: av.VideoFrame) -> bool:
        """Whether a picture is beyond the limits, which ends the reading with a problem."""
        try:
            self._decoding.limits.check_frame("a frame", picture.width, picture.height)
        except MediaError as error:
            self._given_up = f"{self.info.name} was given up: {error}"
            return True
        return False

    def _connect_again(self) -> InputContainer | None:
        for attempt in range(self._reconnect):
            if self._stop.wait(min(2.0**attempt / 2, _LONGEST_PAUSE)):
                return None
            try:
                connection = self._address.open(self._decoding)
                choose_track(connection, self.info.name, self._decoding.stream)
            except InputError:
                continue
            return connection
        return None

    def _hand_over(self, item: _Item) -> None:
        while self._on_lag == "drop" and self._queue.full():
            try:
                self._queue.get_nowait()
            except queue.Empty:  # the consumer was faster
                break
            self.dropped += 1
        self._put(item)

    def _put(self, item: _Item | None) -> None:
        while not self._stop.is_set():
            try:
                return self._queue.put(item, timeout=0.1)
            except queue.Full:
                continue


def _is_stamped(container: InputContainer) -> bool:
    """Whether the format carries times. For one without, as motion JPEG, FFmpeg makes up 25 frames a second."""
    return not container.format.flags & cast(int, Flags.no_timestamps.value)
