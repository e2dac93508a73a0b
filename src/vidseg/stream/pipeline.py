"""Letting decoding, network and encoding overlap: iteration in a thread of its own, with a bounded queue."""

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")

_END = object()


def prefetch(items: Iterable[T], depth: int = 4) -> Generator[T]:
    """Iterates over `items` in a thread, at most `depth` ahead of the consumer.

    An exception of the source is raised where its item would have come. Closing the generator waits for the item that
    the thread is at and stops it there; whoever may stop early closes it, for a traceback can keep it alive.
    """
    waiting: queue.Queue[object] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def run() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_END)
        except BaseException as error:  # handed on to the consumer, whatever it is
            put(_Failure(error))

    def take() -> object:
        # In slices, because Windows lets no Ctrl-C through to an endless wait.
        while True:
            try:
                return waiting.get(timeout=0.5)
            except queue.Empty:
                continue

    thread = threading.Thread(target=run, name="vidseg-prefetch", daemon=True)
    thread.start()
    try:
        while (item := take()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item  # type: ignore[misc]  # the queue holds T, the end mark and failures only
    finally:
        stopped.set()
        thread.join()


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class Background(Generic[T]):
    """Calls a function for each item in a thread, in order, at most `depth` behind the producer.

    Used as a context manager: leaving the block waits for the last item; an exception in the block drops what waits.
    A failure of the function is raised at the next `put` or at the end.
    """

    def __init__(self, function: Callable[[T], None], depth: int = 4) -> None:
        self._function = function
        self._waiting: queue.Queue[object] = queue.Queue(maxsize=depth)
        self._error: BaseException | None = None
        self._dropping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vidseg-background", daemon=True)

    def put(self, item: T) -> None:
        """Hands over an item; waits while `depth` items are waiting."""
        self._raise()
        self._waiting.put(item)

    def _run(self) -> None:
        while (item := self._waiting.get()) is not _END:
            if self._dropping.is_set():
                continue
            try:
                self._function(item)  # type: ignore[arg-type]  # the queue holds T and the end mark only
            except BaseException as error:  # raised in the producer's thread
                self._error = error
                self._dropping.set()

    def _raise(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def __enter__(self) -> "Background[T]":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._dropping.set()
        try:
            self._finish()
        except BaseException:
            # Interrupted while waiting: what the function works on is given up next, so it must be at rest by then.
            self._dropping.set()
            self._finish()
            raise
        if error is None:
            self._raise()

    def _finish(self) -> None:
        self._waiting.put(_END)
        self._thread.join()
