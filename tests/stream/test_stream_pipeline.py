"""Threads that let work overlap: order, failures, early ends."""

import itertools
import threading

import pytest

from vidseg.stream import Background, prefetch


def _threads() -> int:
    return sum(thread.name.startswith("vidseg") for thread in threading.enumerate())


def test_prefetch_keeps_order() -> None:
    assert list(prefetch(range(100), depth=3)) == list(range(100))
    assert _threads() == 0


def test_prefetch_raises_where_the_source_failed() -> None:
    def source():
        yield 1
        raise ValueError("broken")

    items = prefetch(source())
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)
    assert _threads() == 0


def test_prefetch_stops_when_closed_and_stays_bounded() -> None:
    taken = itertools.count()
    items = prefetch(taken, depth=2)
    assert next(items) == 0
    items.close()
    assert _threads() == 0
    assert next(taken) <= 5


def test_background_keeps_order_and_finishes() -> None:
    done: list[int] = []
    with Background(done.append, depth=2) as background:
        for item in range(50):
            background.put(item)
    assert done == list(range(50))
    assert _threads() == 0


def test_background_raises_the_failure_of_its_function() -> None:
    def fail(item: int) -> None:
        raise OSError("disk full")

    def produce() -> None:
        with Background(fail) as background:
            for item in range(100):
                background.put(item)

    with pytest.raises(OSError, match="disk full"):
        produce()
    assert _threads() == 0


def test_background_drops_what_waits_when_the_producer_fails() -> None:
    release = threading.Event()
    done: list[int] = []

    def slow(item: int) -> None:
        release.wait()
        done.append(item)

    def produce() -> None:
        with Background(slow, depth=10) as background:
            for item in range(5):
                background.put(item)
            threading.Timer(0.1, release.set).start()
            raise KeyError("producer")

    with pytest.raises(KeyError):
        produce()
    assert len(done) <= 1
    assert _threads() == 0


def test_background_interrupted_while_it_finishes_is_at_rest_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    join, begun, done = threading.Thread.join, threading.Event(), []

    def interrupted_once(thread: threading.Thread, timeout: float | None = None) -> None:
        monkeypatch.setattr(threading.Thread, "join", join)
        assert begun.wait(timeout=20)
        raise KeyboardInterrupt

    def work(item: int) -> None:
        begun.set()
        done.append(item)

    def produce() -> None:
        with Background(work) as background:
            background.put(1)
            monkeypatch.setattr(threading.Thread, "join", interrupted_once)

    with pytest.raises(KeyboardInterrupt):
        produce()
    assert done == [1]
    assert _threads() == 0
