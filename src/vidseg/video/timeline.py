"""Times that only go forward."""

from fractions import Fraction


class Timeline:
    """Lets time go on where a file's timestamps begin anew, as in transport streams that were joined end to end.

    Steps back by less than two frames are no new beginning; some files swap or repeat a timestamp.
    """

    def __init__(self) -> None:
        self._shift = Fraction(0)
        self._last: Fraction | None = None

    def __call__(self, time: Fraction | None, duration: Fraction | None) -> Fraction | None:
        """The time of a frame.

        Args:
            time: by the file, seconds; None if it has none.
            duration: of the frame by itself, seconds; None if unknown.
        """
        if time is None:
            return None
        moment, step = time + self._shift, duration or Fraction(0)
        if self._last is not None and moment < self._last - 2 * step:
            self._shift += self._last + step - moment
            moment = self._last + step
        self._last = moment if self._last is None else max(self._last, moment)
        return moment
