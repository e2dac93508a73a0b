"""The inner side of a process of its own: runs one task and talks to its parent over two pipes.

Whoever starts it (`vidseg.video.child`) writes the pickled task to stdin, then orders, one a line. What the task has to
say goes to stdout: pickled messages, some followed by pixels as they are.

The process ends with its parent, however that ends: the end of stdin is noticed. It writes no core dump, ignores the
terminal's Ctrl-C, which is its parent's to obey, and may not take more memory than `memory_limit`.
"""

import contextlib
import io
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO, TextIO

import numpy as np

from vidseg.errors import MediaError, VidsegError
from vidseg.types import RGB
from vidseg.video.pulse import on_beat

# kind and value; "alive", "warning" and "failed" are common to all tasks.
Message = tuple[str, Any]
# Seconds between two signs of life.
_BEAT = 1.0


class Channel:
    """What a task talks through. Threads may share it.

    Args:
        out: to the parent.
        orders: from the parent.
    """

    def __init__(self, out: BinaryIO, orders: BinaryIO) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._spoke = time.monotonic()
        self._waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._on_order: dict[str, Callable[[], None]] = {}
        threading.Thread(target=self._listen, args=(orders,), name="vidseg-orders", daemon=True).start()

    def send(self, kind: str, value: Any = None, pixels: RGB | None = None) -> None:
        """Hands a message over, and pixels; waits while the parent has no time for them."""
        with self._lock:
            pickle.dump((kind, value), self._out)
            if pixels is not None:
                self._out.write(np.ascontiguousarray(pixels).data)
            self._out.flush()
            self._spoke = time.monotonic()

    def beat(self) -> None:
        """Tells, not too often, that work goes on."""
        if time.monotonic() - self._spoke > _BEAT:
            self.send("alive")

    def wait_for_order(self) -> str:
        """The next order that has no function of its own."""
        return self._waiting.get()

    def on_order(self, order: str, function: Callable[[], None]) -> None:
        """Has `function` called, in another thread, when `order` comes."""
        self._on_order[order] = function

    def _listen(self, orders: BinaryIO) -> None:
        for line in orders:
            order = line.decode().strip()
            if order in self._on_order:
                self._on_order[order]()
            else:
                self._waiting.put(order)
        os._exit(0)  # nobody is there any more


Task = Callable[[Channel], None]


def main() -> None:
    """Runs the task that comes on stdin, and ends the process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # What libraries print goes where errors go: stdout is the channel.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    limit = _limit_memory()
    name, task = pickle.load(sys.stdin.buffer)
    channel = Channel(out, sys.stdin.buffer)
    on_beat(channel.beat)
    _forward_warnings(channel)
    with contextlib.suppress(BrokenPipeError):  # the parent went first
        try:
            task(channel)
        except BrokenPipeError:
            raise
        except MemoryError:
            room = "what there is" if limit is None else f"{limit / 2**30:.1f} GB"
            channel.send("failed", MediaError(f"got {name}, which takes more memory than {room}; do: leave it out"))
        except Exception as error:
            channel.send("failed", _portable(error))
    os._exit(0)


def memory_limit() -> int:
    """Bytes of address space that such a process may have: half of the machine's memory, but at least 4 GiB."""
    return max(4 * 2**30, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)


def _limit_memory() -> int | None:
    if sys.platform != "linux":  # macOS takes the limit and does not keep it; Windows has none of this kind
        return None
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = memory_limit() if hard == resource.RLIM_INFINITY else min(memory_limit(), hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    return limit


def _forward_warnings(channel: Channel) -> None:
    """Whether a warning is shown, and how often, is decided in the parent."""

    def forward(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        channel.send("warning", (message, category, filename, lineno))

    warnings.simplefilter("always")
    warnings.showwarning = forward


def _portable(error: Exception) -> Exception:
    """The error itself if it survives the journey; a trace goes along unless it is one of those raised on purpose."""
    if not isinstance(error, VidsegError | OSError):
        error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.load(io.BytesIO(pickle.dumps(error)))
    except Exception as reason:
        substitute = RuntimeError(f"{type(error).__name__}: {error}")
        substitute.add_note(f"({type(error).__name__} cannot be sent on: {reason})")
        return substitute
    return error
