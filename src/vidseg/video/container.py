"""Video files, local or behind a URL that can be sought."""

import math
import re
from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from itertools import chain, dropwhile
from pathlib import Path

import av
from av.container import InputContainer

from vidseg.errors import MediaError
from vidseg.types import Frame
from vidseg.video.demux import Damage, decoded_frames, open_container, seconds, timestamp, video_stream
from vidseg.video.info import VideoInfo
from vidseg.video.pixels import RGBConverter, orientation
from vidseg.video.redact import redacted
from vidseg.video.seeking import Entry, find_entry
from vidseg.video.span import Span, as_fraction

# By how much the length in the header may exceed what was decoded before the file counts as cut off, seconds;
# where the header counts frames, a millisecond.
_TOLERANCE = Fraction(1, 2)


class FileSource:
    """The frames of a video file; every call of `frames` reads it anew.

    A frame's `index` counts the frames that can be decoded, in order of presentation.

    Args:
        location: path or URL.
        span: which frames.

    Raises:
        MediaError: if it cannot be opened or nothing in it can be decoded.
    """

    def __init__(self, location: str, span: Span) -> None:
        self._location = location
        self._span = span
        name = redacted(location) if "://" in location else Path(location).name
        with open_container(location) as container:
            stream = video_stream(container, name)
            self._packets = stream.frames
            self._length = _length(container, stream)
            self.info = _probed(container, stream, location, name)

    def frames(self, report: Callable[[str], None]) -> Generator[Frame]:
        """Yields the frames of the span; `report` is told in one line of everything that is amiss.

        Raises:
            MediaError: if the span holds no frame that can be decoded.
        """
        span, convert, damage = self._span, RGBConverter(), Damage()
        delivered, wanted, read_until = 0, 0, Fraction(0)
        for index, picture in self._numbered(damage):
            time, duration = self._time(index, picture), self._duration(picture)
            if span.ended_by(time):
                break
            read_until = max(read_until, (time or Fraction(0)) + (duration or Fraction(0)))
            if span.begins_after(time):
                continue
            if wanted % span.every == 0:
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
                length = "unknown" if self._length is None else f"{float(self._length):.3f}"
                report(f"{self.info.name} is cut off: got {float(read_until):.3f} of {length} seconds")
        for problem in damage.problems(self.info.name):
            report(problem)
        if not delivered:
            raise span.nothing_in(self.info.name, self.info.duration)

    def close(self) -> None:
        """Nothing is held between readings."""

    def _numbered(self, damage: Damage) -> Iterator[tuple[int, av.VideoFrame]]:
        """Pictures with their number in the file, from some point at or before the span's start on."""
        entry = self._entry()
        if entry is not None:
            with open_container(self._location) as container:
                stream = video_stream(container, self.info.name)
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
                    yield from enumerate(chain([first], pictures), entry.index)
                    return
        with open_container(self._location) as container:
            yield from enumerate(decoded_frames(container, video_stream(container, self.info.name), damage))

    def _is_cut_off(self, damage: Damage, read_until: Fraction) -> bool:
        """Whether the header promises more than the file holds."""
        lacks_packets = damage.whole and damage.packets < self._packets
        if self._length is None:
            return lacks_packets
        # Packets alone prove nothing: an edit list may leave some of them out on purpose.
        return read_until + (Fraction(1, 1000) if lacks_packets else _TOLERANCE) < self._length

    def _entry(self) -> Entry | None:
        if not self._span.start or self.info.time_base is None:
            return None
        start_pts = math.ceil((as_fraction(self._span.start) + self.info.origin) / self.info.time_base)
        with open_container(self._location) as container:
            return find_entry(container, video_stream(container, self.info.name), start_pts)

    def _time(self, index: int, picture: av.VideoFrame) -> Fraction | None:
        """Seconds from the first frame; by the average rate where the file has no timestamps."""
        time = seconds(timestamp(picture), picture.time_base)
        if time is not None:
            return time - self.info.origin
        return None if self.info.fps is None else index / self.info.fps

    def _duration(self, picture: av.VideoFrame) -> Fraction | None:
        """Seconds that the picture is shown; by the average rate where the file does not say."""
        return seconds(picture.duration or None, picture.time_base) or (1 / self.info.fps if self.info.fps else None)


def _probed(container: InputContainer, stream: av.VideoStream, location: str, name: str) -> VideoInfo:
    """Decodes the first picture, for only that tells the upright size and where time begins."""
    damage = Damage()
    first = next(decoded_frames(container, stream, damage), None)
    if first is None:
        raise MediaError(
            f"got {name}, of which no frame can be decoded ({damage.reason or 'it is empty'}); "
            "expected a video that is whole"
        )
    height, width = RGBConverter()(first).shape[:2]
    aspect = stream.sample_aspect_ratio or Fraction(1)
    length = _length(container, stream)
    return VideoInfo(
        name=name,
        width=width,
        height=height,
        fps=stream.average_rate or stream.guessed_rate or None,
        frame_count=stream.frames or None,
        duration=None if length is None else float(length),
        time_base=stream.time_base,
        pixel_aspect=1 / aspect if orientation(first)[0] else aspect,
        origin=seconds(timestamp(first), first.time_base) or Fraction(0),
        sound=location if container.streams.audio else None,
    )


def _length(container: InputContainer, stream: av.VideoStream) -> Fraction | None:
    """Seconds of video by the header; None if it does not tell."""
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    # Matroska's, HH:MM:SS.nanoseconds; anybody may have written anything there.
    if tag := re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", "")):
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])
    if container.duration and not container.streams.audio:  # else it might be the length of the sound
        return Fraction(container.duration, av.time_base)
    return None
