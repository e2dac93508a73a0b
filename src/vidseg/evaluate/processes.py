"""Several processes score a split's videos at once; none outlives the call, however it ends.

The caller's program must be startable by `multiprocessing`'s spawn: scripts need ``if __name__ == "__main__":``.
"""

import multiprocessing
import pickle
import queue
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import Queue

from vidseg.data import VideoRecord
from vidseg.errors import VidsegError, VidsegWarning
from vidseg.evaluate.scoring import Advance, Scorer
from vidseg.metrics import VideoTally

# What a process says: so many frames are done; a pickled tally; what went wrong.
_Message = int | bytes | VidsegError


def score_in_processes(
    make_scorers: Sequence[Callable[[], Scorer]], videos: Sequence[VideoRecord], advance: Advance
) -> Iterator[VideoTally]:
    """Yields the tally of every video, in the order in which they are finished.

    Args:
        make_scorers: one a process; picklable, called there.
        videos: dealt out by length, so that all processes have about as much to do.
        advance: told of every so many frames done.

    Raises:
        VidsegError: what a process raised, or if it died.
    """
    context = multiprocessing.get_context("spawn")  # forking a threaded process may deadlock
    finished: Queue[_Message] = context.Queue()
    processes = [
        # Pickled here: the queues' own way shares tensors through files that must not vanish meanwhile.
        context.Process(target=_work, args=(pickle.dumps(make), share, finished), daemon=True)
        for make, share in zip(make_scorers, dealt_out(videos, len(make_scorers)), strict=True)
    ]
    try:
        for process in processes:
            process.start()
        missing = len(videos)
        while missing:
            message = _next(finished, processes)
            if isinstance(message, VidsegError):
                raise message
            if isinstance(message, int):
                advance(message)
            else:
                missing -= 1
                yield pickle.loads(message)
    finally:
        for process in processes:
            if process.pid is not None:
                process.terminate()
                process.join()


def dealt_out(videos: Sequence[VideoRecord], shares: int) -> list[list[VideoRecord]]:
    """The videos in so many shares of about equal length, always the same ones."""
    by_length = sorted(videos, key=lambda video: len(video.frames), reverse=True)
    return [by_length[k::shares] for k in range(shares)]


def _next(finished: "Queue[_Message]", processes: Sequence[SpawnProcess]) -> _Message:
    while True:
        dead = [process for process in processes if process.exitcode]
        try:
            return finished.get(timeout=0.5)
        except queue.Empty:
            if dead:
                raise VidsegError(
                    f"got an evaluation process that died with exit code {dead[0].exitcode}; expected 0; it may have "
                    "run out of memory: try fewer --processes"
                ) from None


def _work(pickled_make: bytes, videos: Sequence[VideoRecord], finished: "Queue[_Message]") -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is for the caller, who ends this process
    warnings.simplefilter("ignore", VidsegWarning)  # the caller has given them once
    caller = multiprocessing.parent_process()
    assert caller is not None, "runs as a child process only"
    try:
        scorer: Scorer = pickle.loads(pickled_make)()
        for video in videos:
            if not caller.is_alive():
                finished.cancel_join_thread()
                return
            finished.put(pickle.dumps(scorer.score(video, finished.put)))
    except VidsegError as error:
        finished.put(error)
    except Exception as error:
        # Of a kind that might not survive the way to the caller.
        finished.put(
            VidsegError(
                f"got {type(error).__name__} in an evaluation process ({error}); expected none; "
                "run with --processes 1 to see where it comes from"
            )
        )
