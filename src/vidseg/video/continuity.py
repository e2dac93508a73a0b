"""Connections that break and come back: one clock over all of them, and what was missed between."""

import time
from collections.abc import Iterator
from fractions import Fraction

import av

from vidseg.video.demux import seconds, timestamp

TICK = Fraction(1, 90000)  # of the clock that times are given in, seconds; that of RTP and MPEG
_GAPS_NAMED = 5  # of a connection that was lost more often, the message gives the first ones only


class Outages:
    """When a live source's connection was lost; written by the thread that receives, read by the one that ends it.

    Attributes:
        given_up: all attempts to connect again failed.
    """

    def __init__(self) -> None:
        self.given_up = False
        self._last: Fraction | None = None  # frame's time, seconds
        self._is_lost = False
        self._gaps: list[tuple[Fraction, Fraction]] = []  # times of the frames before and after

    def delivered(self, moment: Fraction) -> None:
        """A frame came."""
        if self._is_lost and self._last is not None:
            self._gaps.append((self._last, moment))
        self._is_lost = False
        self._last = moment

    def lost(self) -> None:
        """The connection broke, maybe again before a frame came."""
        self._is_lost = True

    def problems(self, name: str, attempts: int) -> Iterator[str]:
        """A line each for the end and for the gaps."""
        if self.given_up:
            yield f"{name} ended; {attempts} attempts to reconnect failed"
        elif self._is_lost:
            since = f" at {float(self._last):.1f} s" if self._last is not None else ""
            yield f"{name}: the connection was lost{since} and was not back when the reading was ended"
        if self._gaps:
            times = "once" if len(self._gaps) == 1 else f"{len(self._gaps)} times"
            starts = ", ".join(f"{float(before):.1f}" for before, _ in self._gaps[:_GAPS_NAMED])
            more = ", …" if len(self._gaps) > _GAPS_NAMED else ""
            missing = float(sum(after - before for before, after in self._gaps))
            yield f"{name}: the connection was lost {times} (at {starts}{more} s); {missing:.1f} s are missing"


class Clock:
    """Strictly growing times over connections whose timestamps begin anew."""

    def __init__(self) -> None:
        self._begun: float | None = None
        self._last: Fraction | None = None
        self._offset: Fraction | None = None
        self._is_stamped = True
        self._period = TICK

    def connected(self, *, is_stamped: bool, fps: Fraction | None) -> None:
        """The timestamps that follow begin anew, at any value.

        Args:
            is_stamped: whether there will be any; else pictures have the times at which they come.
            fps: what the source says of its rate.
        """
        self._offset = None
        self._is_stamped = is_stamped
        self._period = max(TICK, 1 / fps) if fps else TICK

    def time(self, picture: av.VideoFrame) -> Fraction:
        """Seconds from the first picture."""
        now = time.monotonic()
        if self._begun is None:
            self._begun = now
        elapsed = Fraction(round((now - self._begun) / TICK)) * TICK
        stamp = seconds(timestamp(picture), picture.time_base)
        if stamp is None or not self._is_stamped:
            moment = elapsed
        else:
            if self._offset is None:
                # What waited while the connection was made comes at once, and the first picture may have no stamp.
                after_last = Fraction(0) if self._last is None else self._last + self._period
                self._offset = max(elapsed, after_last) - stamp
            moment = stamp + self._offset
        if self._last is not None and moment <= self._last:
            moment = self._last + TICK
        self._last = moment
        return moment
