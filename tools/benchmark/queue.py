"""Works off runs, several at a time: skips what is finished, resumes what was interrupted.

Needs POSIX: a run's children hold a lock on its folder, so that a new queue waits for what a killed one left running.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmark.plan import Run
from benchmark.record import has_record, summary, write_record
from benchmark.steps import TRAINING, Step, folder_of, next_step
from vidseg.errors import VidsegError
from vidseg.train.interruption import Interruption, caught_signals

Say = Callable[[str], None]

_POLL = 0.2
"""Seconds between looks at the children."""


def work_off(runs: Sequence[Run], *, jobs: int, records: Path, say: Say) -> int:
    """Brings all runs to their end, in order, as far as that is possible.

    A run that fails does not keep the others from their turn. On SIGINT or SIGTERM the children are asked to stop,
    which saves what they have.

    Args:
        runs: in the order in which they are to begin.
        jobs: how many processes work at once, with one thread each.
        records: the folder of what is kept of each run.
        say: is told what happens, a line at a time.

    Returns:
        0 if all that can be run here is finished; 1 if something failed; 128 and the signal if one came.
    """
    with caught_signals() as interruption:
        queue = _Queue(runs, jobs, records, say)
        try:
            return queue.work(interruption)
        finally:
            queue.stop()


@dataclass
class _Job:
    """A run that has its turn."""

    run: Run
    lock: IO[str]
    step: Step | None = None
    child: subprocess.Popen[bytes] | None = None


class _Queue:
    def __init__(self, runs: Sequence[Run], jobs: int, records: Path, say: Say) -> None:
        self._waiting = list(runs)
        self._all = {run.name for run in runs}
        self._jobs, self._records, self._say = jobs, records, say
        self._active: list[_Job] = []
        self._trained: set[str] = set()
        self._finished: set[str] = set()
        self._failed: set[str] = set()
        self._locked: set[str] = set()

    def work(self, interruption: Interruption) -> int:
        self._leave_out()
        while self._waiting or self._active:
            if interruption.signal:
                self.stop()
                self._say("interrupted; everything is saved, the same command goes on")
                return 128 + interruption.signal
            self._begin()
            for job in list(self._active):
                self._look_at(job)
            time.sleep(_POLL)
        self._say(f"{len(self._finished)} runs finished, {len(self._failed)} failed")
        return 1 if self._failed else 0

    def stop(self) -> None:
        """Asks the children to stop and waits until they have."""
        for job in self._active:
            if job.child is not None and job.child.poll() is None:
                job.child.terminate()
        for job in self._active:
            if job.child is not None:
                job.child.wait()
            job.lock.close()
        self._active.clear()

    def _leave_out(self) -> None:
        for run in list(self._waiting):
            if absent := {scoring.data for scoring in run.scorings if not Path(scoring.data).exists()}:
                self._say(f"{run.name}: left out, there is no {' and no '.join(sorted(absent))}")
                self._waiting.remove(run)
                self._all.remove(run.name)

    def _begin(self) -> None:
        """Starts what comes next, while processes are free."""
        for run in list(self._waiting):
            if run.after in self._failed:
                self._say(f"{run.name}: left out, it starts from the weights of {run.after}, which failed")
                self._waiting.remove(run)
                self._failed.add(run.name)
                continue
            # What starts from weights that are not in the queue takes them as they are on disk.
            if run.after in self._all - self._trained:
                continue
            if len(self._active) == self._jobs:
                return
            if (lock := self._lock(run)) is None:
                continue
            self._waiting.remove(run)
            job = _Job(run, lock)
            self._active.append(job)
            self._go_on(job)

    def _lock(self, run: Run) -> IO[str] | None:
        folder = folder_of(run)
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            if run.name not in self._locked:
                self._say(f"{run.name}: another queue, or what one left running, has it; its turn comes after")
            self._locked.add(run.name)
            return None
        return lock

    def _go_on(self, job: _Job) -> None:
        """Starts the next command of a run, or ends it."""
        run, before = job.run, job.step
        try:
            job.step = next_step(run)
            if job.step is None:
                # A run that was finished before is recorded once.
                if before is not None or not has_record(run, self._records):
                    write_record(run, self._records)
                self._say(f"{run.name}: finished; {summary(run)}")
                self._trained.add(run.name)
                self._end(job, self._finished)
                return
        except VidsegError as error:
            self._say(f"{run.name}: failed: {error}")
            self._end(job, self._failed)
            return
        if job.step.name != TRAINING:
            self._trained.add(run.name)
            if any(other.after == run.name for other in self._waiting):
                # Weights that others wait for are scored when those have begun.
                self._waiting.append(run)
                self._end(job, self._trained)
                return
        if job.step == before:
            self._say(f"{run.name}: failed: {job.step.name} ended well but left nothing; see {_log_of(run)}")
            self._end(job, self._failed)
            return
        self._say(f"{run.name}: {job.step.name}")
        with _log_of(run).open("ab") as log:
            log.write(f"$ {job.step.shown}\n".encode())
            log.flush()
            job.child = subprocess.Popen(
                (sys.executable, "-m", *job.step.words),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                pass_fds=[job.lock.fileno()],
                # Ctrl-C reaches the queue alone, which asks them to stop once.
                start_new_session=True,
            )

    def _look_at(self, job: _Job) -> None:
        assert job.child is not None
        assert job.step is not None
        code = job.child.poll()
        if code is None:
            return
        if code == 0:
            self._go_on(job)
            return
        reason = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        log = _log_of(job.run)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        self._say(f"{job.run.name}: {job.step.name} failed ({reason}), the others go on; {log} ends: {lines[-1]}")
        self._end(job, self._failed)

    def _end(self, job: _Job, into: set[str]) -> None:
        into.add(job.run.name)
        self._active.remove(job)
        job.lock.close()


def _log_of(run: Run) -> Path:
    return folder_of(run) / "log.txt"
