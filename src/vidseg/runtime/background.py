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
from dataclasses import dataclass, field
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
        self._cache = cache
        self._translate = translate
        self._load = load
        self._lock = threading.Lock()
        self._under_way = _UnderWay()
        self._asked: dict[str, Future[Compiled]] = {}
        weakref.finalize(self, self._under_way.end)

    def compiled(self, key: str, graph: StepGraph, example: Sequence[Tensor]) -> "Future[Compiled]":
        """What holds the graph once it is ready to run, or the error that says why it cannot be had."""
        with self._lock:
            if key not in self._asked:
                self._asked[key] = Future()
                self._under_way.wanted.append(_Job(key, graph, example))
                if self._under_way.thread is None:
                    self._under_way.thread = threading.Thread(target=self._work, name="vidseg-compiling", daemon=True)
                    self._under_way.thread.start()
            return self._asked[key]

    def _work(self) -> None:
        with ExitStack() as stack:
            process = None
            while (job := self._next()) is not None:
                try:
                    if process is None:
                        process = stack.enter_context(_started())
                        self._under_way.watch(process)
                    self._asked[job.key].set_result(self._made(process, job))
                except Exception as error:  # said by whoever asked for the graph
                    self._asked[job.key].set_exception(error)
                if process is not None and process.poll() is not None:
                    process = None  # it crashed; the next graph has another

    def _next(self) -> _Job | None:
        with self._lock:
            if self._under_way.wanted:
                return self._under_way.wanted.pop()
            self._under_way.thread = None
            return None

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


@dataclass
class _UnderWay:
    """What has to end with the interpreter; apart from the compiler, which ends it."""

    wanted: list[_Job] = field(default_factory=list)
    thread: threading.Thread | None = None
    process: "subprocess.Popen[bytes] | None" = None
    has_ended: bool = False

    def watch(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        if self.has_ended:
            process.kill()

    def end(self) -> None:
        self.has_ended = True
        thread, process = self.thread, self.process
        self.wanted.clear()
        if thread is not None and thread is not threading.current_thread():
            if process is not None:
                process.kill()
            thread.join(_GRACE)


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
