"""A campaign: case after case in children of one server that has imported everything, until time is up."""

import json
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.context import BaseContext
from pathlib import Path

from fuzzing.child import INPUT, VERDICT, run_case
from fuzzing.judging import RIGHT, Verdict
from fuzzing.known import known
from fuzzing.material import make_material
from fuzzing.subjects import kind_of

# Wall time of a case on a machine that does much else; CPU time is limited more tightly in the child.
WALL_SECONDS = 180.0


@dataclass(kw_only=True)
class Tally:
    """What came of a campaign.

    Attributes:
        outcomes: how often a kind of case ended in which way.
        failures: the cases that ended wrongly, by index.
        known: those of them that are known, with the reason why they may wait.
    """

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: dict[int, Verdict] = field(default_factory=dict)
    known: dict[int, str] = field(default_factory=dict)

    def add(self, index: int, verdict: Verdict) -> None:
        """Counts a case."""
        self.outcomes[kind_of(index), verdict.outcome] += 1
        if verdict.outcome in RIGHT:
            return
        if reason := known(kind_of(index), verdict):
            self.known[index] = reason
        else:
            self.failures[index] = verdict

    @property
    def cases(self) -> int:
        """How many there were."""
        return self.outcomes.total()

    def summary(self) -> str:
        """One line: cases by kind, cases by outcome."""
        kinds, ends = Counter[str](), Counter[str]()
        for (kind, outcome), count in self.outcomes.items():
            kinds[kind] += count
            ends[outcome] += count
        by_kind = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
        by_end = ", ".join(f"{outcome} {count}" for outcome, count in ends.most_common())
        known_too = f" ({len(self.known)} of them known)" if self.known else ""
        wrong = len(self.failures) + len(self.known)
        return f"{self.cases} cases ({by_kind}): {by_end}; wrong: {wrong}{known_too}"


def run_campaign(
    seed: int,
    *,
    seconds: float = 0.0,
    only: int | None = None,
    keep: Path | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Tally:
    """Runs cases 0, 1, 2 … of a seed until time is up, or one case alone.

    Args:
        seed: case i of a seed is always the same.
        seconds: how long; at least one case is run.
        only: the index of the one case to run.
        keep: folder for the inputs and answers of wrong cases; the one case is always kept.
        tell: is told of every wrong case, one line each.
    """
    tally = Tally()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fuzzing.campaign"])
    with tempfile.TemporaryDirectory(prefix="vidseg-fuzz-") as name:
        place = Path(name)
        make_material(place / "material")
        # The server imports everything before its first child; that is nobody's time.
        first = context.Process(target=int)
        first.start()
        first.join()
        until = time.monotonic() + seconds
        index = 0 if only is None else only
        while True:
            folder = place / "case"
            folder.mkdir()
            verdict = ended(context, run_case, (seed, index, str(place / "material"), str(folder)), folder)
            tally.add(index, verdict)
            if index in tally.failures or index in tally.known:
                tell(f"{seed}/{index} {kind_of(index)}: {verdict.outcome}: {verdict.reason} [{verdict.what}]")
            if keep is not None and (index in tally.failures or index in tally.known or only is not None):
                kept = keep / f"{kind_of(index).replace('/', '-')}-{seed}-{index}"
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(folder, kept, symlinks=True)
            shutil.rmtree(folder)
            index += 1
            if only is not None or time.monotonic() >= until:
                return tally


def ended(
    context: BaseContext,
    function: Callable[..., None],
    arguments: tuple[object, ...],
    folder: Path,
    wall_seconds: float = WALL_SECONDS,
) -> Verdict:
    """Runs a case in a child and says how it ended, also where the child could not say so itself.

    Args:
        context: makes the child.
        function: what it runs, `run_case`; becomes the leader of a process group.
        arguments: of the function.
        folder: where the function leaves its verdict.
        wall_seconds: after which it counts as hanging.
    """
    process = context.Process(target=function, args=arguments)  # type: ignore[attr-defined]  # each context has it
    process.start()
    process.join(wall_seconds)
    hung = process.is_alive()
    assert process.pid is not None
    process.kill()
    # With whatever it started.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.join()
    code = process.exitcode or 0
    process.close()
    if (folder / VERDICT).is_file():
        return Verdict(**json.loads((folder / VERDICT).read_text()))
    made = sorted(path.name for path in (folder / INPUT).glob("*"))
    if hung:
        return Verdict(outcome="hang", reason=f"no answer within {wall_seconds:.0f} s", what=str(made))
    if -code == signal.SIGXCPU:
        return Verdict(outcome="hang", reason="no answer within the limit of CPU time", what=str(made))
    said = (folder / "libraries.txt").read_text(errors="replace") if (folder / "libraries.txt").exists() else ""
    if code < 0:
        return Verdict(outcome="crash", reason=f"{signal.Signals(-code).name}; {said[-300:]}", what=str(made))
    return Verdict(outcome="stack trace", reason=f"of the fuzzer itself: {said[-2000:]}", what=str(made))
