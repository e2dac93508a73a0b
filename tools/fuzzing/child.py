"""One case in a process of its own, with limits of time and memory."""

import faulthandler
import gc
import json
import os
import resource
import sys
import traceback
import warnings
from pathlib import Path

import torch

# What commands import late; here the server does it once for all children.
import vidseg.checkpoints
import vidseg.cli.convert
import vidseg.cli.doctor
import vidseg.cli.evaluate
import vidseg.cli.info
import vidseg.cli.segment
import vidseg.data.doctor
import vidseg.evaluate
import vidseg.stream  # noqa: F401
from fuzzing.judging import RIGHT, Outcome, Verdict, judge
from fuzzing.pickles import EXECUTED
from fuzzing.subjects import make_case

CPU_SECONDS = 30
_ROOM = 1 << 30  # bytes of address space beyond what is in use before the case begins
_LARGEST_FILE = 1 << 28

VERDICT, INPUT = "verdict.json", "input"

# What the server imported is never collected: the collector of a child would copy all its pages.
gc.collect()
gc.freeze()


def run_case(seed: int, index: int, material: str, folder: str) -> None:
    """Makes a case, runs and judges it, and writes the verdict.

    What libraries say past Python goes to ``libraries.txt``: it is for a terminal, and is no answer.

    Args:
        seed: of the campaign.
        index: of the case.
        material: absolute path of the valid inputs.
        folder: of the case; becomes the working directory.
    """
    os.setsid()
    os.chdir(folder)
    with open("libraries.txt", "w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    faulthandler.enable()
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what libraries think of odd inputs while they are made is no answer
        case = make_case(seed, index, Path(material), Path(INPUT))
    with _limits():
        try:
            answer = case.call()
        except MemoryError:
            Path("stderr.txt").write_text(traceback.format_exc())
            outcome: Outcome = "refused" if case.hungry else "memory"
            _hand_over(Verdict(outcome=outcome, reason=f"more than {_ROOM >> 20} MB were wanted", what=case.what))
            return
    Path("stdout.txt").write_text(answer.out, errors="backslashreplace")
    Path("stderr.txt").write_text(answer.err, errors="backslashreplace")
    verdict = judge(case, answer, EXECUTED)
    if verdict.outcome == "refused" and "too little memory" in answer.err and not case.hungry:
        verdict = Verdict(outcome="memory", reason=verdict.reason, what=case.what)
    said_past_python = Path("libraries.txt").read_text(errors="replace").strip()
    if verdict.outcome in RIGHT and said_past_python:
        line = said_past_python.splitlines()[-1]
        verdict = Verdict(outcome="unclear", reason=f"a library wrote to the terminal: {line}", what=case.what)
    _hand_over(verdict)


def _hand_over(verdict: Verdict) -> None:
    temporary = Path(VERDICT + ".new")
    temporary.write_text(json.dumps(verdict.to_dict()))
    temporary.replace(VERDICT)


class _limits:  # noqa: N801  # reads as a statement
    """Limits of memory, time and file size on this process while the block runs."""

    def __enter__(self) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else 0
        used = pages * resource.getpagesize()
        times = os.times()
        self._before = {
            resource.RLIMIT_AS: used + _ROOM if used else resource.RLIM_INFINITY,
            resource.RLIMIT_CPU: int(times.user + times.system) + CPU_SECONDS,
            resource.RLIMIT_FSIZE: _LARGEST_FILE,
            resource.RLIMIT_CORE: 0,
        }
        for kind, soft in self._before.items():
            resource.setrlimit(kind, (soft, resource.getrlimit(kind)[1]))

    def __exit__(self, *_: object) -> None:
        for kind in self._before:
            hard = resource.getrlimit(kind)[1]
            resource.setrlimit(kind, (hard, hard))
