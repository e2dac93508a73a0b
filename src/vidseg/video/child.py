"""The outer side of a process of its own, in which foreign files are decoded.

FFmpeg and the image libraries are large, and written in C: what a crafted or damaged file makes of them may be a crash
or an endless loop. In a child process that is the end of the child, and an error here like any other.

A plain process instead of `multiprocessing`, which would run the caller's main module again, and torch with it. Pixels
go through a pipe instead of shared memory: it is two copies either way, and a pipe has no name that could stay behind
after ``kill -9``, takes frames of any size, and holds up a child that is ahead.
"""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
import weakref
from contextlib import suppress
from io import BufferedReader
from typing import IO, cast

import numpy as np

if sys.platform != "win32":
    import fcntl

from vidseg.errors import MediaError
from vidseg.types import RGB
from vidseg.video.channel import Message, Task

PATIENCE = 60.0
"""Seconds without a sign of life after which a process counts as hung."""

_TICK = 1.0
# As much as Linux lets everybody have; 64 KB, its default, cost twice the time in switching to and fro.
_WIDE_PIPE = 2**20
_LONGEST_QUOTE = 200


class Child:
    """A process that runs `task`. Ended by `end`, or when nobody refers to it any more.

    Args:
        task: picklable, with a module that does not need torch.
        name: what it works on, for messages.
        patience: seconds of work without a sign of life that are taken for a hang.
    """

    def __init__(self, task: Task, name: str, patience: float = PATIENCE) -> None:
        self._name = name
        self._frames = 0
        self._watch = _Watch(patience)
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(
            # -P: no module of the working directory goes before those of Python.
            [sys.executable, "-P", "-c", "from vidseg.video.channel import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
        )
        self._orders = cast(IO[bytes], self._process.stdin)
        self._messages = cast(BufferedReader, self._process.stdout)
        self._end = weakref.finalize(self, _end, self._process, self._watch, self._said)
        self._watch.start(self._process)
        try:
            self._tell(pickle.dumps((name, task)))
        except BaseException:
            self.end()
            raise

    def order(self, order: str) -> None:
        """Tells the task something; if it has ended, that is noticed when its next message is received."""
        self._tell(f"{order}\n".encode())

    def receive(self) -> Message:
        """The next message of the task; its warnings are given out here.

        Raises:
            MediaError: if the process crashed, hung or was killed.
            Exception: what the task raised.
        """
        while True:
            with self._watch:
                message = self._load()
            match message:
                case ("alive", _):
                    continue
                case ("warning", (text, category, filename, lineno)):
                    warnings.warn_explicit(text, category, filename, lineno)
                case ("failed", error):
                    raise error
                case _:
                    return message

    def receive_pixels(self, height: int, width: int) -> RGB:
        """The HxWx3 pixels that follow a message."""
        image = np.empty((height, width, 3), np.uint8)
        with self._watch:
            if self._messages.readinto(image.data.cast("B")) < image.nbytes:
                raise self._death()
        self._frames += 1
        return image

    def widen(self) -> None:
        """Makes the way for pixels cheaper, where the system can; some more of them are then under way."""
        if sys.platform == "linux":
            with suppress(OSError):  # there is a limit to the sum of a user's pipes
                fcntl.fcntl(self._messages, fcntl.F_SETPIPE_SZ, _WIDE_PIPE)

    def kill(self) -> None:
        """Ends the process from any thread: whoever receives from it gets an error."""
        self._process.kill()

    def end(self) -> None:
        """Ends the process, if it still runs, and gives back what it took; may be called again."""
        self._end()

    def _tell(self, data: bytes) -> None:
        with suppress(BrokenPipeError):  # it is dead, and why is found out on receiving
            self._orders.write(data)
            self._orders.flush()

    def _load(self) -> Message:
        try:
            return cast(Message, pickle.load(self._messages))
        except (EOFError, pickle.UnpicklingError) as error:
            raise self._death() from error

    def _death(self) -> MediaError:
        """What became of the process, in one line."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:  # it closed its end and goes on
            self._process.kill()
            code = self._process.wait()
        do = "expected one that can be decoded; do: leave it out, or convert it with another program"
        where = f"{self._name}, on which the decoder, after {self._frames} frames,"
        if self._watch.hung:
            return MediaError(f"got {where} did nothing for {self._watch.patience:g} seconds; {do}")
        how = _signal_name(-code) if code < 0 else f"exit code {code}"
        return MediaError(f"got {where} crashed ({how}{self._last_words()}); {do}")

    def _last_words(self) -> str:
        self._said.seek(0)
        lines = self._said.read()[-10_000:].decode(errors="replace").split("\n")
        words = next((" ".join(line.split()) for line in reversed(lines) if line.strip()), "")
        return f": {words[:_LONGEST_QUOTE]}" if words else ""


def _signal_name(number: int) -> str:
    if number == signal.SIGKILL:
        return "SIGKILL, most likely for want of memory"
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _end(process: "subprocess.Popen[bytes]", watch: "_Watch", said: IO[bytes]) -> None:
    process.kill()
    process.wait()
    watch.end()
    for pipe in (process.stdin, process.stdout, said):
        if pipe is not None:
            with suppress(OSError):  # what could not be told to a dead process
                pipe.close()


class _Watch:
    """Kills a process that says nothing while it is waited for.

    A context manager around each wait. Time is counted in ticks, so that a machine that slept, or a job that was
    stopped with Ctrl-Z, is not taken for a hang.
    """

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.hung = False
        self._waits = 0  # odd while something is waited for
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, process: "subprocess.Popen[bytes]") -> None:
        self._thread = threading.Thread(target=self._run, args=(process,), name="vidseg-watch", daemon=True)
        self._thread.start()

    def __enter__(self) -> None:
        self._waits += 1

    def __exit__(self, *_: object) -> None:
        self._waits += 1

    def end(self) -> None:
        self._ended.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self, process: "subprocess.Popen[bytes]") -> None:
        silent, before = 0.0, 0
        tick = min(_TICK, self.patience / 4)
        while not self._ended.wait(tick):
            waits = self._waits
            silent = silent + tick if waits == before and waits % 2 else 0.0
            before = waits
            if silent >= self.patience:
                self.hung = True
                process.kill()
                return
