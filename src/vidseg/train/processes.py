"""One training in several processes of this machine: started together, interrupted together, with one exit code.

What `torchrun` does for one machine and more, but for the end: `torchrun` answers an interrupt with a stack trace and
exit code 1 whatever its processes say, and a process that fails is killed before its message is seen.
"""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO

from vidseg.errors import InputError, TrainingError
from vidseg.train.interruption import SIGNALS, Interruption, caught_signals

# How long the others may take to notice that one has failed; they cannot finish without it.
_GRACE = 10.0
_PERIOD, _MOMENT = 0.1, 1.0  # seconds: between looks at the processes; that an answer to a signal takes
_INTERRUPTED = tuple(128 + number for number in SIGNALS)


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How the processes ended.

    Attributes:
        code: exit code of the first one that failed; 0 if none did.
        said: what that one said on stderr, unless rank 0, whose words go to the terminal, ended in the same way.
    """

    code: int
    said: str = ""


def train_in_processes(command: Sequence[str], processes: int) -> Ending:
    """Runs a command once a rank, with the environment that `torchrun` gives, and waits for all.

    Only rank 0 speaks. SIGINT and SIGTERM are passed on, and the processes are given all the time they want to save.

    Args:
        command: what each runs, e.g. ``[python, -m, vidseg, train, …]``.
        processes: how many, 2 or more.

    Raises:
        InputError: if this is such a process itself.
        TrainingError: if one was killed.
    """
    if "RANK" in os.environ:
        raise InputError("got --processes in a process that torchrun started; expected one of them; leave one out")
    with ExitStack() as stack:
        interruption = stack.enter_context(caught_signals())
        errors = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(processes)]
        port = _free_port()
        started = [
            subprocess.Popen(
                command,
                env=os.environ | _environment(rank, processes, port),
                stdout=None if rank == 0 else subprocess.DEVNULL,
                stderr=None if rank == 0 else errors[rank],
            )
            for rank in range(processes)
        ]
        try:
            first = _wait(started, interruption)
        finally:
            for process in started:
                process.kill()  # nothing, if it has ended
                process.wait()
        code = 0 if first is None else started[first].returncode
        if first is not None and code < 0:
            raise TrainingError(
                f"got process {first} of {processes} killed by signal {-code}; expected it to go on; it may have run "
                "out of memory; everything up to the last save is stored, go on with --resume"
            )
        # Mostly all fail alike, or are interrupted together: then rank 0 has said it.
        alike = started[0].returncode == code
        return Ending(code=code, said="" if first is None or alike else _read(errors[first]))


def _wait(processes: Sequence["subprocess.Popen[bytes]"], interruption: Interruption) -> int | None:
    """Waits until all have ended, or one has failed and the others had time to notice; the first failure's rank."""
    first: int | None = None
    until = float("inf")
    while any(process.poll() is None for process in processes) and time.monotonic() < until:
        if interruption.signal:
            number, interruption.signal = interruption.signal, 0
            # A terminal's Ctrl-C has reached all of them, and one that is about to end should not get it twice.
            time.sleep(_MOMENT)
            for process in processes:
                process.send_signal(number)  # nothing, if it has ended
        failed = [rank for rank, process in enumerate(processes) if process.poll()]
        if failed and first is None:
            first = failed[0]
            # Who was interrupted has agreed with the others on where to stop.
            if processes[first].returncode not in _INTERRUPTED:
                until = time.monotonic() + _GRACE
        time.sleep(_PERIOD)
    return (
        first if first is not None else next((rank for rank, process in enumerate(processes) if process.poll()), None)
    )


def _environment(rank: int, processes: int, port: int) -> dict[str, str]:
    threads = max(1, (os.cpu_count() or 1) // processes)
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "GROUP_WORLD_SIZE": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
