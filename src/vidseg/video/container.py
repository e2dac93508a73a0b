"""Video files, local or behind a URL that can be sought."""

import math
from collections.abc import Callable, Generator, Iterable, Iterator
from fractions import Fraction
from itertools import chain, dropwhile
from pathlib import Path

import av
from av.container import InputContainer

from vidseg.errors import MediaError
from vidseg.types import Frame
from vidseg.video.decoding import DEFAULT_DECODING, Decoding
from vidseg.video.demux import Damage, decoded_frames, decoder_of, open_container, seconds, timestamp
from vidseg.video.info import VideoInfo
from vidseg.video.interlacing import InterlaceWatch, deinterlaced
from vidseg.video.length import end_by_header
from vidseg.video.pixels import RGBConverter, orientation
from vidseg.video.redact import redacted
from vidseg.video.seeking import Entry, find_entry
from vidseg.video.span import Span, as_fraction
from vidseg.video.timeline import Timeline
from vidseg.video.tracks import choose_track

# By how much the length in the header may exceed what was decoded before the file counts as cut off, seconds;
# where the header counts frames, a millisecond.
_TOLERANCE = Fraction(1, 2)


class FileSource:
    """The frames of a video file; every call of `frames` reads it anew.

    A frame's `index` counts the frames that can be decoded, in order of presentation.

    Args:
        location: path or URL.
        span: which frames.
        remark: told in one line of what the user should know although nothing is amiss.
        decoding: which stream, how, and how much at most.

    Raises:
        InputError: if there is no stream of the wanted number.
        MediaError: if it cannot be opened, nothing in it can be decoded, or it is too large.
    """

    def __init__(
        self, location: str, span: Span, remark: Callable[[str], None], decoding: Decoding = DEFAULT_DECODING
    ) -> None:
        self._location = location
        self._span = span
        self._decoding = decoding
        name = redacted(location) if "://" in location else Path(location).name
        with self._opened() as container:
            self._track, left_out = choose_track(container, name, decoding.stream, self._opened)
            if left_out is not None:
                remark(left_out)
            stream = decoder_of(container, self._track, decoding)
            if span.start is None and span.end is None:
                decoding.limits.check_count(name, stream.frames, stream.width, stream.height)
            self._packets = stream.frames
            self._end = end_by_header(container, stream)
            first = self._first(container, stream, name)
            self.info = _info(container, stream, first, self._end, location, name)
        self._look_at = InterlaceWatch(name, remark)
        if not decoding.deinterlace:
            self._look_at(first)

    def frames(self, report: Callable[[str], None]) -> Generator[Frame]:
        """Yields the frames of the span; `report` is told in one line of everything that is amiss.

        Raises:
            MediaError: if the span holds no frame that can be decoded.
        """
        span, convert, damage, timeline = self._span, RGBConverter(), Damage(), Timeline()
        delivered, wanted, read_until = 0, 0, Fraction(0)
        for index, picture in self._numbered(damage):
            duration = self._duration(picture)
            time = timeline(self._time(index, picture), duration)
            if span.ended_by(time):
                break
            read_until = max(read_until, (time or Fraction(0)) + (duration or Fraction(0)))
            if span.begins_after(time):
                continue
            if excess := self._excess(picture, wanted):
                report(f"{self.info.name} was given up after {delivered} frames: {excess}")
                break
            if wanted % span.every == 0:
                self._look_at(picture)  # some become interlaced on the way
                yield Frame(
                    image=convert(picture),
                    index=index,
                    time=None if time is None else float(time),
                    duration=span.shown_for(time, duration, self.info.duration),
                )
                delivered += 1
            wanted += 1
        else:
            if self._is_cut_off(damage, read_until):
                length = "unknown" if self.info.duration is None else f"{self.info.duration:.3f}"
                report(f"{self.info.name} is cut off: got {float(read_until):.3f} of {length} seconds")
        for problem in damage.problems(self.info.name):
            report(problem)
        if not delivered:
            raise span.nothing_in(self.info.name, self.info.duration)

    def close(self) -> None:
        """Nothing is held between readings."""

    def _opened(self) -> InputContainer:
        return open_container(self._location, self._decoding)

    def _first(self, container: InputContainer, stream: av.VideoStream, name: str) -> av.VideoFrame:
        damage = Damage()
        first = next(decoded_frames(container, stream, damage), None)
        limits = self._decoding.limits
        if first is None:
            limits.check_frame(name, stream.width, stream.height)
            raise MediaError(
                f"got {name}, of which no frame can be decoded ({damage.reason or 'it is empty'}); expected a video "
                f"that is whole and of at most {limits.frame_pixels:,} pixels a frame (see --max-pixels)"
            )
        limits.check_frame(name, first.width, first.height)
        return first

    def _numbered(self, damage: Damage) -> Iterator[tuple[int, av.VideoFrame]]:
        """Pictures with their number in the file, from some point at or before the span's start on."""
        entry = self._entry()
        if entry is not None:
            with self._opened() as container:
                stream = decoder_of(container, self._track, self._decoding)
                container.seek(entry.pts, stream=stream)
                pictures = dropwhile(
                    lambda picture: picture.pts is None or picture.pts < entry.pts,
                    decoded_frames(container, stream, damage),
                )
                first = next(pictures, None)
                # What was amiss before the key frame is nobody's concern.
                damage.forget()
                if first is not None and first.pts == entry.pts:
                    damage.whole = False
                    yield from enumerate(self._progressive(chain([first], pictures)), entry.index)
                    return
        with self._opened() as container:
            stream = decoder_of(container, self._track, self._decoding)
            yield from enumerate(self._progressive(decoded_frames(container, stream, damage)))

    def _progressive(self, pictures: Iterable[av.VideoFrame]) -> Iterable[av.VideoFrame]:
        return deinterlaced(pictures) if self._decoding.deinterlace else pictures

    def _excess(self, picture: av.VideoFrame, count: int) -> str | None:
        """Why a picture is beyond the limits, after `count` others; None if it is not."""
        limits, width, height = self._decoding.limits, picture.width, picture.height
        if count >= limits.most_frames(width, height):
            return limits.expected_count(width, height)
        try:
            limits.check_frame("a frame", width, height)
        except MediaError as error:
            return str(error)
        return None

    def _is_cut_off(self, damage: Damage, read_until: Fraction) -> bool:
        """Whether the header promises more than the file holds."""
        lacks_packets = damage.whole and damage.packets < self._packets
        if self._end is None:
            return lacks_packets
        # Packets alone prove nothing: an edit list may leave some of them out on purpose.
        return self.info.origin + read_until + (Fraction(1, 1000) if lacks_packets else _TOLERANCE) < self._end

    def _entry(self) -> Entry | None:
        if not self._span.start or self.info.time_base is None:
            return None
        start_pts = math.ceil((as_fraction(self._span.start) + self.info.origin) / self.info.time_base)
        if self._decoding.deinterlace:
            start_pts -= 1  # an earlier frame to enter at, for the first wanted one has to look back at another
        with self._opened() as container:
            return find_entry(container, decoder_of(container, self._track, self._decoding), start_pts)

    def _time(self, index: int, picture: av.VideoFrame) -> Fraction | None:
        """Seconds from the first frame; by the average rate where the file has no timestamps."""
        time = seconds(timestamp(picture), picture.time_base)
        if time is not None:
            return time - self.info.origin
        return None if self.info.fps is None else index / self.info.fps

    def _duration(self, picture: av.VideoFrame) -> Fraction | None:
        """Seconds that the picture is shown; by the average rate where the file does not say."""
        return seconds(picture.duration or None, picture.time_base) or (1 / self.info.fps if self.info.fps else None)


def _info(
    container: InputContainer,
    stream: av.VideoStream,
    first: av.VideoFrame,
    end: Fraction | None,
    location: str,
    name: str,
) -> VideoInfo:
    """What the header and the first picture tell; only that knows the upright size and where time begins."""
    height, width = RGBConverter()(first).shape[:2]
    aspect = stream.sample_aspect_ratio or Fraction(1)
    origin = seconds(timestamp(first), first.time_base) or Fraction(0)
    return VideoInfo(
        name=name,
        width=width,
        height=height,
        fps=stream.average_rate or stream.guessed_rate or None,
        frame_count=stream.frames or None,
        duration=None if end is None or end <= origin else float(end - origin),
        time_base=stream.time_base,
        pixel_aspect=1 / aspect if orientation(first)[0] else aspect,
        origin=origin,
        sound=location if container.streams.audio else None,
    )
