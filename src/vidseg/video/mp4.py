"""H.264 in mp4, with the timing and the sound of the source."""

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.packet import Packet
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from vidseg.errors import MediaError
from vidseg.files import atomic_file
from vidseg.types import RGB, Frame
from vidseg.video.demux import why
from vidseg.video.fitting import fitted
from vidseg.video.info import VideoInfo
from vidseg.video.joining import Cut, join_sound
from vidseg.video.writer import Pending, Writer

# Best first; the options of each give about the same quality.
_ENCODERS: dict[str, dict[str, str]] = {
    "libx264": {"crf": "20", "preset": "veryfast"},
    "libopenh264": {"rc_mode": "quality", "qmin": "18", "qmax": "28"},
}


class OverlayWriter(Writer):
    """Writes finished pictures as a video that plays like its source.

    H.264, yuv420p, BT.709; frames keep their times (variable frame rates too) and the file begins with the
    first frame written. The video has the size of the first picture; later ones of another size are fitted into
    it, with black beside them. Odd sides get one replicated row or column, which yuv420p needs. The sound between
    the first and the last frame is added in the end: copied where mp4 holds its codec, else as AAC.

    Args:
        path: of the mp4 file.
        info: of the source, for its clock, pixel aspect and sound.

    Raises:
        MediaError: if the source has no clock, the file cannot be created or no H.264 encoder is there.
    """

    def __init__(self, path: str | os.PathLike[str], info: VideoInfo) -> None:
        if info.time_base is None:
            raise MediaError(
                f"got {info.name} without a clock for {os.fspath(path)}; expected frames with times; do: give fps"
            )
        self._info = info
        self._time_base = info.time_base
        self._encoder = _encoder()
        self._reformatter = VideoReformatter()
        self._name = os.fspath(path)
        self._pending = Pending(path, atomic_file(path))
        self._output = av.open(str(self._pending.path), "w", format="mp4", options={"movflags": "+faststart"})
        self._size = (0, 0)
        self._stream: av.VideoStream | None = None
        self._problems: tuple[str, ...] = ()
        self._begin = 0  # the first frame's time, ticks
        self._pts = -1  # the last frame's time in the output, ticks
        self._shown_for: float | None = None  # the last frame, seconds
        self._held: Packet[av.VideoStream] | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """What was amiss with the sound; one line each. The pictures are complete all the same."""
        return self._problems

    def write(self, rgb: RGB, frame: Frame) -> None:
        """Appends a picture.

        Args:
            rgb: HxWx3 uint8.
            frame: what it belongs to, for its time.

        Raises:
            MediaError: if shape or dtype are wrong, the frame has no time, or it cannot be written.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
            raise MediaError(f"got a picture of shape {rgb.shape} and dtype {rgb.dtype}; expected HxWx3 uint8")
        if frame.time is None:
            raise MediaError(f"got frame {frame.index} without a time for {self._name}; expected a clock; do: give fps")
        self._pending.count()
        ticks = round(Fraction(frame.time) / self._time_base)
        with _reported(self._name):
            if self._stream is None:
                self._start(rgb.shape[:2], ticks)
            # Some sources repeat a timestamp; one tick later is what mp4 can hold and nobody can see.
            self._pts = max(self._pts + 1, ticks - self._begin)
            self._shown_for = frame.duration
            picture = self._picture(fitted(rgb, self._size))
            picture.pts, picture.time_base = self._pts, self._time_base
            self._encode(picture)

    def close(self) -> None:
        """Completes the file; see `Writer.close`."""
        if not self._pending.is_open:
            return
        try:
            with _reported(self._name):
                if self._stream is not None:
                    self._finish()
                self._output.close()
            if self._stream is not None and self._info.sound is not None:
                self._commit_with_sound()
                return
        except BaseException:
            self.abort()
            raise
        self._pending.commit()

    def abort(self) -> None:
        """Gives up without a trace; see `Writer.abort`."""
        if self._pending.is_open:
            # Closing writes a trailer, which fails again where writing failed: the file goes anyway.
            with contextlib.suppress(av.FFmpegError, OSError):
                self._output.close()
            self._pending.discard()

    def _start(self, size: tuple[int, int], begin: int) -> None:
        height, width = size
        rate = (self._info.fps or Fraction(30)).limit_denominator(100_000)
        options = _ENCODERS[self._encoder]
        stream = cast(av.VideoStream, self._output.add_stream(self._encoder, rate=rate, options=options))
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        context.time_base = stream.time_base = self._time_base
        context.sample_aspect_ratio = self._info.pixel_aspect
        # Without B-frames the order of decoding is that of showing, so every duration is kept to the tick.
        context.max_b_frames = 0
        context.color_range = ColorRange.MPEG
        context.colorspace = Colorspace.ITU709
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        self._stream, self._size, self._begin = stream, size, begin

    def _picture(self, rgb: RGB) -> av.VideoFrame:
        height, width = rgb.shape[:2]
        even = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        return self._reformatter.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24"),
            format="yuv420p",
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            dst_colorspace=Colorspace.ITU709,
        )

    def _encode(self, picture: av.VideoFrame | None) -> None:
        assert self._stream is not None
        for packet in self._stream.encode(picture):
            # One packet is held back: the last one's duration is known only at the end.
            if self._held is not None:
                self._output.mux(self._held)
            self._held = packet

    def _finish(self) -> None:
        self._encode(None)
        assert self._held is not None
        self._held.duration = max(1, round(self._last_duration() / self._held.time_base))
        self._output.mux(self._held)

    def _commit_with_sound(self) -> None:
        """Completes the file with the source's sound, or without if that cannot be had: pictures are not to be lost."""
        begin, total = self._begin * self._time_base, self._info.duration
        duration = self._last_duration()
        end = self._pts * self._time_base + duration
        # Sound that outlasts the pictures belongs to the source's end, not to one cut out before it.
        whole = total is not None and begin + end >= Fraction(total) - duration / 2
        joined = Pending(self._name, atomic_file(self._name))
        try:
            cut = Cut(info=self._info, begin=begin, until=None if whole else end)
            self._problems = join_sound(self._pending.path, cut, joined.path)
        except MediaError as error:
            joined.discard()
            self._problems = (f"{self._info.name}: the sound is lost ({error})",)
            self._pending.commit()
        except BaseException:
            joined.discard()
            raise
        else:
            joined.count()
            joined.commit()
            self._pending.discard()

    def _last_duration(self) -> Fraction:
        """Seconds that the last frame is shown."""
        return Fraction(self._shown_for or 1 / (self._info.fps or 30))


def _encoder() -> str:
    """The best H.264 encoder that this build of FFmpeg has."""
    for name in _ENCODERS:
        with contextlib.suppress(av.codec.codec.UnknownCodecError):
            av.Codec(name, "w")
            return name
    raise MediaError(f"got an FFmpeg without H.264 encoder; expected one of {', '.join(_ENCODERS)}; do: reinstall av")


@contextlib.contextmanager
def _reported(name: str) -> Iterator[None]:
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"got output {name}, which cannot be written ({why(error)})") from error
