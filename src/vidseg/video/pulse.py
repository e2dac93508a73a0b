"""A sign of life on the way to the next frame, for whoever watches over a decoding process.

Between two frames much may be read and decoded that nobody asked for: what lies before the start, what cannot be read.
"""

from collections.abc import Callable

_listeners: list[Callable[[], None]] = []


def beat() -> None:
    """Says that something was read or decoded."""
    for listener in _listeners:
        listener()


def on_beat(listener: Callable[[], None]) -> None:
    """Has `listener` called at every `beat` of this process, for good."""
    _listeners.append(listener)
