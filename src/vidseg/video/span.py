"""Which frames of a video are wanted."""

import math
from dataclasses import dataclass
from fractions import Fraction

from vidseg.errors import InputError, MediaError
from vidseg.video.info import VideoInfo


@dataclass(frozen=True, kw_only=True)
class Span:
    """The frames with ``start <= time < end``, of these the first and then every `every`-th.

    Attributes:
        start: seconds from the start of the source; None for its beginning.
        end: seconds from the start of the source; None for its end.
        every: 1 for all frames.
    """

    start: float | None = None
    end: float | None = None
    every: int = 1

    def __post_init__(self) -> None:
        for name, value in (("start", self.start), ("end", self.end)):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise InputError(f"got {name}={value}; expected seconds from the start of the video, 0 or more")
        if self.end is not None and self.end <= (self.start or 0):
            raise InputError(f"got start={self.start}, end={self.end}; expected an end after the start, in seconds")
        if self.every < 1:
            raise InputError(f"got every={self.every}; expected 1 (all frames) or more")

    def require_clock(self, name: str) -> None:
        """Raises `InputError` if seconds were asked of a source that has none."""
        if self.start is not None or self.end is not None:
            raise InputError(
                f"got start or end for {name}, which has no clock; expected a frame rate to count by; do: give fps"
            )

    def expected_frames(self, info: VideoInfo) -> int | None:
        """About how many frames of a source are wanted; None if that cannot be told."""
        if self.start is None and self.end is None and info.frame_count is not None:
            return math.ceil(info.frame_count / self.every)
        stop = min((value for value in (self.end, info.duration) if value is not None), default=None)
        if stop is None or info.fps is None:
            return None
        return max(0, math.ceil((as_fraction(stop) - as_fraction(self.start or 0)) * info.fps / self.every))

    def nothing_in(self, name: str, duration: float | None) -> MediaError:
        """The error for a source without a frame in the span."""
        length = "" if duration is None else f", which lasts {duration:.3f} s,"
        end = "its end" if self.end is None else f"{self.end} s"
        return MediaError(
            f"got no frame of {name}{length} from {self.start or 0} s to {end}; expected at least one; "
            "do: widen start and end"
        )

    def begins_after(self, time: Fraction | None) -> bool:
        """Whether a frame of that time lies before the span; a frame without time is in it."""
        return time is not None and self.start is not None and time < as_fraction(self.start)

    def ended_by(self, time: Fraction | None) -> bool:
        """Whether a frame of that time lies behind the span."""
        return time is not None and self.end is not None and time >= as_fraction(self.end)

    def shown_for(self, time: Fraction | None, duration: Fraction | None, total: float | None) -> float | None:
        """Seconds that a delivered frame stands for: up to the next wanted one, within span and source.

        Args:
            time: of the frame, seconds.
            duration: of the frame by itself, seconds; None if unknown.
            total: of the source, seconds; None if unknown.
        """
        if duration is None or time is None:
            return None
        stop = time + duration * self.every
        if total is not None:
            # A header may understate the length: a frame is never shorter than it says by itself.
            stop = min(stop, max(as_fraction(total), time + duration))
        if self.end is not None:
            stop = min(stop, as_fraction(self.end))
        return float(stop - time)


def as_fraction(seconds: float) -> Fraction:
    """The simple fraction that a decimal number of seconds stands for (0.04 is 1/25)."""
    return Fraction(seconds).limit_denominator(1_000_000)
