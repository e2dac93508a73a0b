"""Sources that do to their process what a broken decoder does. Importable without torch and pytest, as readers are."""

import ctypes
import os
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable, Generator
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from vidseg.errors import VidsegWarning
from vidseg.types import Frame
from vidseg.video import VideoInfo, VideoReader
from vidseg.video.pulse import beat
from vidseg.video.span import Span


class DecoySource:
    """Ten frames; what is to happen happens before frame `at`."""

    def __init__(self, deed: Callable[[], object], at: int, *, is_live: bool = False, after: str = "") -> None:
        self.info = VideoInfo(
            name="decoy", width=70, height=50, fps=Fraction(3), is_live=is_live, time_base=Fraction(1, 3)
        )
        self._deed, self._at, self._after = deed, at, after
        self._stopped = False

    def frames(self, report: Callable[[str], None]) -> Generator[Frame]:
        report("looks odd")
        try:
            index = 0
            while not self._stopped and (index < 10 or self.info.is_live):
                if index == self._at:
                    self._deed()
                yield Frame(image=np.full((50, 70, 3), index % 256, np.uint8), index=index, time=index / 3)
                index += 1
        finally:
            report(f"ended {self._after}".strip())

    def close(self) -> None:
        self._stopped = True


def open_decoy(deed: Callable[[], object], at: int = 3, *, is_live: bool = False) -> VideoReader:
    if at < 0:
        deed()
    return VideoReader(DecoySource(deed, at, is_live=is_live), Span())


def nothing() -> None:
    pass


def segfault() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def read_at_null() -> None:
    ctypes.string_at(0)


def abort() -> None:
    os.write(2, b"malloc(): corrupted top size\n")
    os.abort()


def leave() -> None:
    os._exit(3)


def hang() -> None:
    time.sleep(1000)


def spin() -> None:
    while True:
        pass


def take_long_but_live() -> None:
    for _ in range(40):
        time.sleep(0.1)
        beat()


def take_all_memory() -> None:
    """Of what it may ask for; none of it is touched."""
    hoard = []
    while True:
        hoard.append(np.empty(2**30, np.uint8))


def raise_lookup_error() -> None:
    raise LookupError("a bug")


class UnsendableError(Exception):
    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")


def raise_unsendable() -> None:
    raise UnsendableError(1, 2)


def warn() -> None:
    warnings.warn("odd colours", VidsegWarning, stacklevel=1)


def print_much() -> None:
    sys.stdout.write("no part of the channel")
    sys.stdout.flush()
    os.write(1, b"\x80" * 1000)


def require_isolation() -> None:
    """No torch, no core dumps, a bound on memory."""
    assert "torch" not in sys.modules
    assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def note_process(path: Path) -> None:
    path.write_text(str(os.getpid()))


def note_and_hang(path: Path) -> None:
    note_process(path)
    hang()


def crash_task(*_: object) -> None:
    segfault()


def decoy(deed: Callable[[], object], at: int = 3, **options: bool) -> Callable[[], VideoReader]:
    return partial(open_decoy, deed, at, **options)
