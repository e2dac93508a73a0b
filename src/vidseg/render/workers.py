"""Several processes render at once; none outlives the call, however it ends.

Each process works in a scratch folder of its own, because the engine writes files where it stands. The caller's
processes must be startable by `multiprocessing`'s spawn: scripts need ``if __name__ == "__main__":``.
"""

import multiprocessing
import os
import queue
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

from vidseg.errors import VidsegError
from vidseg.render.clip_files import write_clip
from vidseg.render.director import Shot
from vidseg.render.maps import ClipPlan

_PATIENCE = 20.0  # seconds for a process to close its engine; it looks up once a frame


class _Stopped(Exception):  # noqa: N818  (control flow, never shown)
    """The caller has gone or wants no more."""


def render_clips(
    plans: list[ClipPlan], folder: Path, shot: Shot, degraded: bool, settings: str, workers: int
) -> Iterator[str]:
    """Writes each clip to a folder of its name in `folder`; yields the names as they are finished.

    Args:
        plans: the clips.
        folder: of the videos.
        shot: see `write_clip`, as the next two.
        degraded: see there.
        settings: see there.
        workers: number of processes.

    Raises:
        VidsegError: what a process raised, or if it died.
    """
    if not plans:
        return
    folder = folder.resolve()  # the processes work elsewhere
    context = multiprocessing.get_context("spawn")  # forking a threaded process may deadlock
    stop, finished = context.Event(), context.Queue()
    workers = min(workers, len(plans))
    with tempfile.TemporaryDirectory(prefix="vidseg-render-") as scratch:
        processes = [
            context.Process(
                target=_work,
                args=(plans[k::workers], folder, shot, degraded, settings, scratch, stop, finished),
                daemon=True,
            )
            for k in range(workers)
        ]
        try:
            for process in processes:
                process.start()
            for _ in plans:
                yield _next(finished, processes)
        finally:
            stop.set()
            for process in processes:
                if process.pid is not None:
                    process.join(_PATIENCE)
                    process.terminate()
                    process.join()
                    _end_engines(process.pid)


def _next(finished: "Queue[str | VidsegError]", processes: list[multiprocessing.context.SpawnProcess]) -> str:
    while True:
        dead = [process for process in processes if process.exitcode]
        try:
            result = finished.get(timeout=0.5)
        except queue.Empty:
            if dead:
                raise VidsegError(
                    f"got a render process that died with exit code {dead[0].exitcode}; expected 0; see its "
                    "traceback above, or run again: finished videos are kept"
                ) from None
            continue
        if isinstance(result, VidsegError):
            raise result
        return result


def _work(
    plans: list[ClipPlan],
    folder: Path,
    shot: Shot,
    degraded: bool,
    settings: str,
    scratch: str,
    stop: Event,
    finished: "Queue[str | VidsegError]",
) -> None:
    if sys.platform != "win32":
        os.setsid()  # a process group of its own: the terminal's Ctrl-C must not kill engines under our hands
    caller = multiprocessing.parent_process()
    assert caller is not None, "runs as a child process only"

    def check() -> None:
        if stop.is_set() or not caller.is_alive():
            raise _Stopped

    with tempfile.TemporaryDirectory(dir=scratch) as own:
        os.chdir(own)
        try:
            for plan in plans:
                write_clip(folder / plan.name, plan, shot, degraded=degraded, settings=settings, check=check)
                finished.put(plan.name)
        except _Stopped:
            finished.cancel_join_thread()
        except VidsegError as error:
            finished.put(error)
        finally:
            os.chdir(tempfile.gettempdir())  # a folder that a process stands in cannot be removed everywhere
    if not caller.is_alive():  # it can no longer clean up
        shutil.rmtree(scratch, ignore_errors=True)
        _end_engines(os.getpid())


def _end_engines(worker: int) -> None:
    """Kills what is left of a worker's process group: an engine may survive being closed, and ignores SIGTERM."""
    if sys.platform != "win32":
        with suppress(ProcessLookupError):
            os.killpg(worker, signal.SIGKILL)
