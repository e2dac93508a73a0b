"""Tables that are made once a size and device and then kept, for a while.

What a CUDA graph has recorded reads them at their addresses for as long as it is replayed, so whoever records one asks
which tables were handed out meanwhile and keeps these alive, whatever is dropped here.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class _Lists(threading.local):
    """A thread's lists that grow while they are in force, innermost last."""

    def __init__(self) -> None:
        self.growing: list[list[object]] = []


_lists = _Lists()
_forget: list[Callable[[], None]] = []


def kept(maxsize: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A decorator: the function's results for the `maxsize` arguments that were used last are kept."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        cached = lru_cache(maxsize)(function)
        _forget.append(cached.cache_clear)

        @wraps(function)
        def hand_out(*args: P.args, **kwargs: P.kwargs) -> T:
            result = cached(*args, **kwargs)  # type: ignore[arg-type]  # hashable, as a cache's keys are
            for handed_out in _lists.growing:
                handed_out.append(result)
            return result

        return hand_out

    return decorate


def forget_all() -> None:
    """Drops all tables that nobody else keeps."""
    for forget in _forget:
        forget()


@contextmanager
def handed_out() -> Iterator[list[object]]:
    """The tables that this thread asks for inside, in a list that grows."""
    tables: list[object] = []
    _lists.growing.append(tables)
    try:
        yield tables
    finally:
        _lists.growing.pop()
