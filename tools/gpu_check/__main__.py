"""Runs the steps one after the other, each in a process of its own, and sums them up; see `tools/gpu_check.sh`."""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gpu_check import record
from gpu_check.environment import with_ffmpeg
from gpu_check.plan import DRY, STEPS, Plan
from gpu_check.summary import summarise, table

# Between asking a step to end and ending it.
_GRACE = 8


def main(words: Sequence[str] | None = None) -> int:
    """0 if every step did what it is for, else 1; whether targets are met is in the summary."""
    parser = argparse.ArgumentParser(prog="tools/gpu_check.sh", description=__doc__)
    parser.add_argument("out", type=Path, help="folder for one JSON a step and summary.json")
    parser.add_argument("--dry", action="store_true", help="on the CPU with tiny sizes")
    parser.add_argument("--only", nargs="+", choices=STEPS, default=list(STEPS), metavar="STEP", help=", ".join(STEPS))
    args = parser.parse_args(words)
    plan = DRY if args.dry else Plan()
    args.out.mkdir(parents=True, exist_ok=True)
    problems = {}
    for step in args.only:
        began = time.perf_counter()
        print(f"{step}, at most {plan.seconds[step]} s", flush=True)
        record.path_of(args.out, step).unlink(missing_ok=True)  # figures of an earlier run are not this one's
        problem = run(step, args.out, dry=args.dry, seconds=plan.seconds[step])
        if problem is not None:
            problems[step] = problem
        took = time.perf_counter() - began
        print(f"{step}: {problem or 'done'}, {took:.0f} s", flush=True)
        record.write(
            record.path_of(args.out, step),
            record.read(args.out, step)
            | {"step": step, "dry": args.dry, "problem": problem, "step_seconds": round(took, 1)},
        )
    summary = summarise(args.out, dry=args.dry)
    record.write(args.out / "summary.json", summary)
    print("\n".join(table(summary)))
    return int(bool(problems))


def run(step: str, out: Path, *, dry: bool, seconds: float) -> str | None:
    """Runs a step; what went wrong in one line, or None. Its words stand in OUT/log.txt."""
    command = [sys.executable, "-m", "gpu_check.step", step, str(out), "--seconds", str(seconds)]
    if dry:
        command.append("--dry")
    with (out / "log.txt").open("a", encoding="utf-8") as log, with_ffmpeg() as environment:
        log.write(f"== {step}\n")
        log.flush()
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                _kill(process)
            return f"stopped after {seconds:.0f} s"
        except BaseException:
            _kill(process)
            raise
    if code == 0:
        return None
    return record.read(out, step).get("error") or f"ended with exit code {code}; see log.txt"


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Ends a step with the workers that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


if __name__ == "__main__":
    sys.exit(main())
