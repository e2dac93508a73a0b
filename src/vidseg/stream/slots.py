"""How many may do something at once."""

import threading

from vidseg.errors import InputError


class Slots:
    """A fixed number of places; whoever finds none is told so instead of waiting.

    Args:
        limit: how many.
        what: is limited, in the plural.
        advice: what to do when there are no more.
    """

    def __init__(self, limit: int, what: str, advice: str) -> None:
        self._limit = limit
        self._what = what
        self._advice = advice
        self._taken = 0
        self._lock = threading.Lock()

    def take(self) -> None:
        """Takes a place.

        Raises:
            InputError: if all are taken.
        """
        with self._lock:
            if self._taken >= self._limit:
                raise InputError(f"got one more than {self._limit} {self._what} at once; {self._advice}")
            self._taken += 1

    def give_back(self) -> None:
        """Frees a place that was taken."""
        with self._lock:
            self._taken -= 1
