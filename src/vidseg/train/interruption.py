"""Stopping in good order: on SIGINT and SIGTERM, and where what started several processes is gone."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Remembers the signal that asked the run to stop.

    Attributes:
        signal: its number; 0 while there is none.
    """

    def __init__(self) -> None:
        self.signal = 0
        # Who started a process by itself may well end before it.
        self._launcher = os.getppid() if "RANK" in os.environ else None

    def asked(self) -> int:
        """The signal; of a process whose launcher was killed, which could pass none on, SIGTERM."""
        gone = self._launcher is not None and os.getppid() != self._launcher
        return self.signal or (int(signal.SIGTERM) if gone else 0)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number


@contextmanager
def caught_signals() -> Iterator[Interruption]:
    """While the body runs, signals are noted instead of ending the process.

    Python delivers signals to its main thread only; in another thread nothing is caught.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = {number: signal.signal(number, interruption._note) for number in SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
