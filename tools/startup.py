"""How long `vidseg segment` takes from start to finished file on clips of two seconds.

Without a cache of graphs, with an empty one, and with the one that the run before left; for one or several source
trees, in turns.

CPU seconds are those of the command and its processes, so they mean something on a machine that others use, too.

    git worktree add ../before COMMIT
    python tools/startup.py CLIP... --tree before=../before/src --tree after=src --json startup.json
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from vidseg.bench.machine import environment

# How a run finds the cache: "off" as ever before there was one.
STATES = ("off", "first", "second")
FLOOR = "import openvino, torch"


def main(words: Sequence[str] | None = None) -> int:
    """Runs, writes and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", metavar="CLIP")
    parser.add_argument("--tree", action="append", metavar="NAME=SRC", help="a source tree; may be repeated")
    parser.add_argument("--seconds", type=float, default=2, help="of each clip (default: 2)")
    parser.add_argument("--states", nargs="+", choices=STATES, default=list(STATES))
    parser.add_argument("--model", default="cffm-b0-freedoom")
    parser.add_argument("--options", default="", help="further ones of `segment`, in one word")
    parser.add_argument("--json", metavar="F", help="write every run")
    args = parser.parse_args(words)
    trees = dict(tree.split("=", 1) for tree in args.tree or ["this=src"])
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        floor = timed([sys.executable, "-c", FLOOR], os.environ)
        for clip in args.clips:
            for state in args.states:
                for tree, source in trees.items():
                    # A clip has caches of its own: graphs of one size would serve the next, too.
                    cache = "off" if state == "off" else str(Path(folder) / f"{Path(clip).stem}-{tree}")
                    rows.append(
                        {"clip": Path(clip).name, "tree": tree, "cache": state} | run(clip, source, cache, args)
                    )
                    print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
                    if args.json:
                        facts = {"environment": environment(None), "floor": floor}
                        Path(args.json).write_text(json.dumps(facts | {"settings": vars(args), "runs": rows}, indent=1))
    print(f"{FLOOR}: {floor['seconds']} s, {floor['cpu_seconds']} of the CPU\n\n{table(rows)}")
    return 0


def run(clip: str, source: str, cache: str, args: argparse.Namespace) -> dict[str, Any]:
    """One run of the command."""
    environment = {**os.environ, "PYTHONPATH": str(Path(source).resolve()), "VIDSEG_CACHE": cache}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "vidseg", "segment", clip, "-o", f"{folder}/out.mp4", "--model", args.model]
        command += ["--end", str(args.seconds), "--json", str(report), "--tc", "none", *args.options.split()]
        times = timed(command, environment)
        (row,) = json.loads(report.read_text())["videos"]
    return times | {key: row[key] for key in ("frames", "first_frame_after", "compile_seconds")}


def timed(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """Seconds of a command, by the clock and of the CPU."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2)}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line a tree and state, medians over the clips."""
    lines = [
        "| tree | cache | clips | seconds | CPU seconds | to the first labels |",
        "| --- | --- " + "| ---: " * 4 + "|",
    ]
    for tree, state in dict.fromkeys((row["tree"], row["cache"]) for row in rows):
        own = [row for row in rows if (row["tree"], row["cache"]) == (tree, state)]
        figures = (median(row[key] for row in own) for key in ("seconds", "cpu_seconds", "first_frame_after"))
        lines.append(f"| {tree} | {state} | {len(own)} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
