"""Compiling beside the stream: a process of low priority fills the cache of graphs while frames run in torch.

A process and not a thread, because tracing is Python and would take turns with the stream. It ends with its parent; if
that is killed, after the graph that it is at. What it compiles is read back in a thread, so that the stream is not held
up by that either.
"""

import os
import pickle
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import BinaryIO

from torch import Tensor

from vidseg.errors import InputError
from vidseg.runtime.compiling import Compiled
from vidseg.runtime.graph import StepGraph
from vidseg.runtime.graph_cache import GraphCache

Translate = Callable[[StepGraph, Sequence[Tensor]], bytes]
"""Compiles a graph for arguments of the shapes of an example, into what is kept of it; picklable."""

# A quarter of a core that torch wants, too; at 10 it would be a tenth, and minutes.
_NICENESS = 5
# A graph under way is read back before the interpreter goes: the library would be called while it is taken down.
_GRACE = 10.0
# Between looks whether who waits for its turn is still wanted.
_PATIENCE = 0.1
# One compiles at a time, whatever the number of segmenters: the stream needs the other cores.
_turn = threading.Lock()


@dataclass(frozen=True)
class _Job:
    """A graph that is wanted under a key."""

    key: str
    graph: StepGraph
    example: Sequence[Tensor]


class BackgroundCompiler:
    """Compiles graphs one by one, the last that was asked for first: a stream needs that one next.

    Args:
        cache: where they go.
        translate: makes what is kept, in the other process.
        load: makes a graph that was kept ready to run, in a thread; None where it cannot.
    """

    def __init__(self, cache: GraphCache, translate: Translate, load: Callable[[str], Compiled | None]) -> None:
        self._work = _Work(cache, translate, load)
        weakref.finalize(self, self._work.end)

    def compiled(self, key: str, graph: StepGraph, example: Sequence[Tensor]) -> "Future[Compiled]":
        """What holds the graph once it is ready to run, or the error that says why it cannot be had.

        It is kept here for as long as it is under way; who asks later has it tried again.
        """
        return self._work.ask(_Job(key, graph, example))


class _Work:
    """What the thread does; apart from the compiler, which ends it when nobody uses that any more, or Python ends."""

    def __init__(self, cache: GraphCache, translate: Translate, load: Callable[[str], Compiled | None]) -> None:
        self._cache = cache
        self._translate = translate
        self._load = load
        self._lock = threading.RLock()  # the thread itself may be the one that finds the compiler gone
        self._asked: dict[str, Future[Compiled]] = {}
        self._wanted: list[_Job] = []
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._has_ended = False

    def ask(self, job: _Job) -> "Future[Compiled]":
        with self._lock:
            if job.key not in self._asked:
                self._asked[job.key] = Future()
                self._wanted.append(job)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="vidseg-compiling", daemon=True)
                    self._thread.start()
            return self._asked[job.key]

    def end(self) -> None:
        self._has_ended = True
        thread, process = self._thread, self._process
        with self._lock:
            while self._wanted:
                self._asked.pop(self._wanted.pop().key).cancel()
        if thread is not None and thread is not threading.current_thread():
            if process is not None:
                process.kill()
            thread.join(_GRACE)

    def _run(self) -> None:
        with ExitStack() as stack:
            while self._turn_comes():
                try:
                    if (job := self._next()) is None:
                        return
                    self._do(job, stack)
                finally:
                    _turn.release()

    def _turn_comes(self) -> bool:
        """Waits until no other compiler of this process is at work; false if this one has ended meanwhile."""
        while not _turn.acquire(timeout=_PATIENCE):
            if self._has_ended:
                return False
        return True

    def _next(self) -> _Job | None:
        with self._lock:
            if self._wanted:
                return self._wanted.pop()
            self._thread = self._process = None  # the stack ends that
            return None

    def _do(self, job: _Job, stack: ExitStack) -> None:
        future = self._asked[job.key]
        try:
            if self._process is None:
                self._process = stack.enter_context(_started())
            if self._has_ended:
                self._process.kill()
            future.set_result(self._made(self._process, job))
        except Exception as error:  # said by whoever asked for the graph
            future.set_exception(error)
        with self._lock:
            del self._asked[job.key]
        if self._process is not None and self._process.poll() is not None:
            self._process = None  # it crashed; the next graph has another

    def _made(self, process: "subprocess.Popen[bytes]", job: _Job) -> Compiled:
        """Has the process compile, and reads the result back.

        Raises:
            InputError: if one of both does not work.
        """
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            words = pickle.dumps((self._cache, job.key, self._translate, job.graph, job.example))
        except (pickle.PicklingError, AttributeError, TypeError) as error:  # whichever of them pickle takes for it
            raise InputError(f"got a model that cannot be handed to another process ({error})") from error
        try:
            process.stdin.write(words)
            process.stdin.flush()
            problem = pickle.load(process.stdout)
        except (EOFError, OSError) as error:
            raise InputError(f"got exit code {process.wait()} of the process that compiles") from error
        if problem:
            raise InputError(problem)
        compiled = self._load(job.key)
        if compiled is None:
            raise InputError(f"got nothing back from {self._cache.folder}")
        return compiled


def _started() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        # -P: no module of the working directory goes before those of Python.
        [sys.executable, "-P", "-c", "from vidseg.runtime.background import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
    )


def main() -> None:
    """In the process: compiles what comes on stdin, until nobody is there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the parent's to obey
    if sys.platform != "win32":
        os.nice(_NICENESS)
    # What libraries print goes where errors go: stdout has the answers.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with suppress(EOFError, BrokenPipeError):
        while True:
            _serve(sys.stdin.buffer, out)
    os._exit(0)


def _serve(jobs: BinaryIO, out: BinaryIO) -> None:
    cache, key, translate, graph, example = pickle.load(jobs)
    try:
        cache.put(key, translate(graph, example))
        problem = ""
    except Exception as error:
        problem = " ".join(f"{error}".split()) or type(error).__name__
    pickle.dump(problem, out)
    out.flush()
