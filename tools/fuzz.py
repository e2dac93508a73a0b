"""Damaged and hostile inputs, made by a seed, through vidseg's public entry points: ``tools/fuzz.py --seconds 60``.

Prints a line for every case that ended wrongly (a stack trace, a hang, a crash, too much memory, code run, silent
success on garbage, an unclear message, something left behind) and one summary line; exits with 1 if there was one.
``--case I`` runs one case again, ``--keep DIR`` keeps inputs and answers of wrong ones. Needs the extra ``dev`` and a
clone, whose tests bring the tiny models and data sets that the damage is done to.
"""

import argparse
import os
import sys
from pathlib import Path

# One thread a process: children are forked, and there are many.
os.environ.setdefault("OMP_NUM_THREADS", "1")
_ROOT = Path(__file__).resolve().parents[1]
_PLACES = [str(_ROOT / "tools"), str(_ROOT / "tests")]
sys.path[:0] = _PLACES
# For the server that forks the children: it is told of no other path.
os.environ["PYTHONPATH"] = os.pathsep.join([*_PLACES, os.environ.get("PYTHONPATH", "")])

from fuzzing.campaign import run_campaign  # noqa: E402  # the path comes first


def main() -> int:
    """Runs a campaign."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="case i of a seed is always the same (default: 0)")
    parser.add_argument("--case", type=int, metavar="I", help="run only this case")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep inputs and answers of wrong cases there")
    args = parser.parse_args()
    tally = run_campaign(
        args.seed, seconds=args.seconds, only=args.case, keep=args.keep, tell=lambda line: print(line, flush=True)
    )
    print(f"seed {args.seed}: {tally.summary()}")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
