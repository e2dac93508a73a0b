"""Many streams through one segmenter, each with a thread and a bounded queue of its own."""

import threading
from collections.abc import Generator, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing
from types import TracebackType
from typing import Literal

from vidseg.errors import InputError
from vidseg.models import State
from vidseg.stream.pipeline import prefetch
from vidseg.stream.segmenter import Segmenter, StreamState
from vidseg.stream.slots import Slots
from vidseg.types import RGB, Frame, Segmentation

OnLag = Literal["wait", "drop"]


class StreamPool:
    """Opens streams that share a segmenter.

    Example::

        segmenter = vidseg.Segmenter(model, max_batch=8)
        with vidseg.StreamPool(segmenter, limit=16) as pool, pool.open(on_lag="drop") as camera:
            future = camera.submit(frame)  # from any thread
            future.result().labels  # or: await asyncio.wrap_future(future)

    States never mix; a frame that cannot be segmented is an error of its own future, and its stream goes on with the
    next. Streams are served in turn, and together as far as the segmenter's `max_batch` allows. Used as a context
    manager it ends its streams: leaving the block waits for what was handed in, an exception drops what waits.

    Args:
        segmenter: serves them all; others may use it beside the pool.
        limit: how many may be open at once.

    Raises:
        InputError: for a limit below 1.
    """

    def __init__(self, segmenter: Segmenter, *, limit: int = 16) -> None:
        if limit < 1:
            raise InputError(f"got limit={limit}; expected 1 stream or more")
        self.segmenter = segmenter
        self._slots = Slots(limit, "streams", "close one first, or make the pool with a larger limit")
        self._open: set[PooledStream] = set()
        self._lock = threading.Lock()
        self._closed = False

    def open(self, *, on_lag: OnLag = "wait", waiting: int = 4, prior: "State | None" = None) -> "PooledStream":
        """A new stream, which has seen nothing.

        Args:
            on_lag: what `submit` does when `waiting` frames wait already: wait for a place, as suits files, or drop the
                oldest of them, as suits live sources.
            waiting: how many frames may wait; 1 or more.
            prior: see `Segmenter.start`.

        Raises:
            InputError: if there are as many as allowed already, the pool is closed, or for another word or number.
        """
        if on_lag not in ("wait", "drop") or waiting < 1:
            raise InputError(f"got on_lag={on_lag!r}, waiting={waiting}; expected wait or drop, and 1 frame or more")
        state = self.segmenter.start(prior)
        with self._lock:
            if self._closed:
                raise InputError("got a new stream for a pool that is closed; expected an open one; make another pool")
            self._slots.take()
            stream = PooledStream(self, state, on_lag, waiting)
            self._open.add(stream)
        return stream

    def close(self, *, drop: bool = False) -> None:
        """Ends all streams; see `PooledStream.close`. May be called again."""
        with self._lock:
            self._closed = True
            streams = list(self._open)
        for stream in streams:
            stream.close(drop=drop)

    def _gone(self, stream: "PooledStream") -> None:
        with self._lock:
            if stream in self._open:
                self._open.remove(stream)
                self._slots.give_back()

    def __enter__(self) -> "StreamPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(drop=error is not None)


class PooledStream:
    """One stream of a pool; made by `StreamPool.open`. Threads may share it: frames are taken in the order they come.

    Callbacks of a frame's future run in the stream's own thread, so there nothing can wait for it: `submit` refuses
    what would have to wait for a place, and `close` returns at once, while what was handed in goes on.

    Attributes:
        dropped: how many frames were dropped because they came too fast; their futures are cancelled.
    """

    def __init__(self, pool: StreamPool, state: StreamState, on_lag: OnLag, waiting: int) -> None:
        self.dropped = 0
        self._pool = pool
        self._state = state
        self._prior = state.prior
        self._on_lag = on_lag
        self._limit = waiting
        self._waiting: list[Future[Segmentation]] = []
        self._room = threading.Condition()
        self._closed = False
        self._thread_id: int | None = None  # once it works
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vidseg-stream", initializer=self._begin)

    def submit(self, frame: Frame | RGB) -> "Future[Segmentation]":
        """Hands in the stream's next frame.

        Args:
            frame: a frame, or its HxWx3 uint8 RGB image; not to be written to until the result is there.

        Returns:
            What will hold the segmentation, or the error that `Segmenter.step` raised, after which the stream goes on
            as if the frame had not been. It is cancelled if the frame is dropped.

        Raises:
            InputError: if the stream is closed, or in a callback that would have to wait for a place.
        """
        with self._room:
            if self._on_lag == "drop":
                while len(self._waiting) >= self._limit:
                    self._waiting.pop(0).cancel()
                    self.dropped += 1
            else:
                if self._is_own_thread() and not self._closed and len(self._waiting) >= self._limit:
                    raise InputError(
                        f"got a frame in a callback of a stream where {self._limit} wait already, which nobody would "
                        "take meanwhile; expected fewer; submit from another thread, or open with on_lag='drop'"
                    )
                self._room.wait_for(lambda: self._closed or len(self._waiting) < self._limit)
            self._check_open()
            future: Future[Segmentation] = Future()
            self._waiting.append(future)
            self._thread.submit(self._work, future, frame)
        return future

    def step(self, frame: Frame | RGB) -> Segmentation:
        """Segments the stream's next frame, and waits for it.

        Raises:
            StateError: for a frame of another size than the stream's.
            CancelledError: if the frame is dropped for one of another thread.
            InputError: if the stream is closed, or in a callback.
        """
        if self._is_own_thread():
            raise InputError("got a frame to wait for in a callback of its stream; expected another thread; do: submit")
        return self.submit(frame).result()

    def segment(self, frames: Iterable[Frame | RGB]) -> Generator[Segmentation]:
        """Segments a video, as a generator some frames ahead of its user; dropped ones are left out."""
        with closing(prefetch(map(self.submit, frames), depth=self._limit)) as futures:
            for future in futures:
                try:
                    segmentation = future.result()
                except CancelledError:
                    continue
                yield segmentation

    def restart(self) -> None:
        """Starts the memory anew before the next frame that is handed in; its size may be another one.

        Raises:
            InputError: if the stream is closed.
        """
        with self._room:
            self._check_open()
            self._thread.submit(self._renew)

    def close(self, *, drop: bool = False) -> None:
        """Ends the stream and makes room for another; waits for what was handed in, except in a callback.

        May be called again.

        Args:
            drop: leave out the frames that wait; their futures are cancelled.
        """
        with self._room:
            self._closed = True
            while drop and self._waiting:
                self._waiting.pop().cancel()
            self._room.notify_all()
        self._thread.shutdown(wait=not self._is_own_thread())
        self._pool._gone(self)

    def _work(self, future: "Future[Segmentation]", frame: Frame | RGB) -> None:
        with self._room:
            if not future.set_running_or_notify_cancel():
                # Dropped, or cancelled by whoever got it.
                if future in self._waiting:
                    self._waiting.remove(future)
                    self._room.notify_all()
                return
            self._waiting.remove(future)
            self._room.notify_all()
        try:
            self._state, segmentation = self._pool.segmenter.step(self._state, frame)
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(segmentation)

    def _begin(self) -> None:
        self._thread_id = threading.get_ident()

    def _renew(self) -> None:
        self._state = self._pool.segmenter.start(self._prior)

    def _is_own_thread(self) -> bool:
        return threading.get_ident() == self._thread_id

    def _check_open(self) -> None:
        if self._closed:
            raise InputError("got a frame for a stream that is closed; expected an open one; do: pool.open()")

    def __enter__(self) -> "PooledStream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(drop=error is not None)


__all__ = ["PooledStream", "StreamPool"]
