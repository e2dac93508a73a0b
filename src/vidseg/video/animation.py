"""Animated images (WebP, APNG), read as the videos that they are.

Other animations are FFmpeg's: GIF and AVIF come as video files. Pages of a TIFF are no animation.
"""

import os
import struct
from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from vidseg.errors import MediaError
from vidseg.types import RGB, Frame
from vidseg.video.images import upright_rgb
from vidseg.video.info import VideoInfo
from vidseg.video.limits import DEFAULT_LIMITS, Limits
from vidseg.video.pillow import UNREADABLE, open_image
from vidseg.video.pulse import beat
from vidseg.video.span import Span

_TICK = Fraction(1, 1000)  # in which times are written, seconds
_UNSAID = Fraction(1, 10)  # how long browsers show a picture of which the file says 0, seconds


def is_animation(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> bool:
    """Whether an image file holds several pictures with times of their own.

    A file that cannot be read is none; reading it as an image says why.
    """
    try:
        with open_image(path, limits) as image:
            return image.format in _DELAYS and getattr(image, "n_frames", 1) > 1
    except (MediaError, *UNREADABLE):
        return False


class AnimationSource:
    """The pictures of an animated image, each at its time.

    Args:
        location: path.
        span: which of them.
        limits: the most that is decoded.

    Raises:
        MediaError: if it cannot be read or is beyond the limits.
    """

    def __init__(self, location: str, span: Span, limits: Limits) -> None:
        self._location = location
        self._span = span
        self._limits = limits
        with open_image(location, limits) as image:
            width, height = image.size
            with open(location, "rb") as file:
                self._delays = [delay or _UNSAID for delay in _DELAYS[image.format or ""](file)]
        name = Path(location).name
        limits.check_count(name, len(self._delays), width, height)
        total = sum(self._delays, Fraction(0))
        if not total:
            raise MediaError(f"got {name}, whose pictures have no times; expected an animation that is whole")
        self.info = VideoInfo(
            name=name,
            width=width,
            height=height,
            fps=(len(self._delays) / total).limit_denominator(1001),
            frame_count=len(self._delays),
            duration=float(total),
            time_base=_TICK,
        )

    def frames(self, report: Callable[[str], None]) -> Generator[Frame]:
        """Yields the frames of the span; `report` is told in one line if not all can be decoded.

        Raises:
            MediaError: if the span holds no frame that can be decoded.
        """
        span, total = self._span, self.info.duration
        times = [Fraction(0), *accumulate(self._delays)]
        delivered = wanted = 0
        for index, image in enumerate(self._pictures(report)):
            time, duration = times[index], self._delays[index]
            if span.ended_by(time):
                break
            if span.begins_after(time):
                continue
            if wanted % span.every == 0:
                shown = span.shown_for(time, duration, total)
                yield Frame(image=image, index=index, time=float(time), duration=shown)
                delivered += 1
            wanted += 1
        if not delivered:
            raise span.nothing_in(self.info.name, total)

    def close(self) -> None:
        """Nothing is held between readings."""

    def _pictures(self, report: Callable[[str], None]) -> Iterator[RGB]:
        count = 0
        try:
            with open_image(self._location, self._limits) as image:
                # A PNG may begin with a picture that is no part of the animation, for programs that know none.
                first = 1 if image.info.get("default_image") else 0
                for number in range(first, first + len(self._delays)):
                    beat()
                    image.seek(number)
                    yield upright_rgb(image, self._location)
                    count += 1
        except (EOFError, *UNREADABLE) as error:
            reason = "the file ends" if isinstance(error, EOFError) else error
            report(f"{self.info.name} is damaged: got {count} of {len(self._delays)} frames ({reason})")


def _webp_delays(file: BinaryIO) -> Iterator[Fraction]:
    """Seconds that each picture is shown, from the file's ANMF chunks (https://developers.google.com/speed/webp)."""
    file.seek(12)
    while len(header := file.read(8)) == 8:
        kind, size = struct.unpack("<4sI", header)
        begin = file.tell()
        if kind == b"ANMF" and len(fields := file.read(15)) == 15:
            yield int.from_bytes(fields[12:], "little") * _TICK
        file.seek(begin + size + size % 2)


def _png_delays(file: BinaryIO) -> Iterator[Fraction]:
    """Seconds that each picture is shown, from the file's fcTL chunks (https://www.w3.org/TR/png-3)."""
    file.seek(8)
    while len(header := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", header)
        begin = file.tell()
        if kind == b"fcTL" and len(fields := file.read(24)) == 24:
            numerator, denominator = struct.unpack(">HH", fields[20:])
            yield Fraction(numerator, denominator or 100)
        file.seek(begin + size + 4)


_DELAYS = {"WEBP": _webp_delays, "PNG": _png_delays}
