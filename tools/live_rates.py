"""Whether a live stream is kept up with: many runs of `vidseg segment` on a test stream of 320x240 at 15 frames/s.

The stream comes from `rtsp_server.py`, on this machine; `--on-lag drop` loses what is not kept up with. Rates are
those of the command's own report: from the first labels to the last, without compilation. For a control, `--spin` has
OpenMP's threads wait as they do by default, without `vidseg.threads`.

    python tools/live_rates.py --runs 20 --json live.json
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import av

from rtsp_server import serving

FPS = 15


def main(words: Sequence[str] | None = None) -> int:
    """Runs, writes and prints; 1 if a run did not keep up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="of each runtime (default: 20)")
    parser.add_argument("--seconds", type=float, default=40, help="of the stream, compilation included (default: 40)")
    parser.add_argument("--runtimes", nargs="+", default=["torch", "openvino"], metavar="R")
    parser.add_argument("--model", default="segformer-b0-freedoom")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--least", type=float, default=14, help="frames/s that count as keeping up (default: 14)")
    parser.add_argument("--spin", action="store_true", help="the control: OpenMP's threads spin while they wait")
    parser.add_argument("--json", metavar="F", help="write every run")
    args = parser.parse_args(words)
    rows = []
    for runtime in args.runtimes:
        for number in range(args.runs):
            row = run(runtime, args)
            rows.append(row)
            print(f"{runtime} {number + 1}/{args.runs}: {json.dumps(row)}", file=sys.stderr, flush=True)
            if args.json:  # after every run, for an interrupted series is one, too
                Path(args.json).write_text(json.dumps({"settings": vars(args), "cores": os.cpu_count(), "runs": rows}))
    print(table(rows, args.least))
    return int(any(row["frames_per_second"] < args.least for row in rows))


def run(runtime: str, args: argparse.Namespace) -> dict[str, Any]:
    """One run of the command with a server of its own; its report's numbers."""
    environment = dict(os.environ)
    if args.spin:
        environment["GOMP_SPINCOUNT"] = "300000"  # the default of GNU's OpenMP
    with tempfile.TemporaryDirectory() as folder, serving(fps=FPS) as server:
        video, report = Path(folder) / "live.mp4", Path(folder) / "report.json"
        command = [sys.executable, "-m", "vidseg", "segment", server.address, "-o", str(video), "--on-lag", "drop"]
        command += ["--size", str(args.size), "--model", args.model, "--runtime", runtime]
        command += ["--end", str(args.seconds), "--json", str(report)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60 + 10 * args.seconds)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
        (row,) = json.loads(report.read_text())["videos"]
        with av.open(str(video)) as container:
            times = [frame.pts or 0 for frame in container.decode(video=0)]
    return {
        "runtime": runtime,
        "first_frame_after": round(row["first_frame_after"], 2),
        "frames_per_second": round(row["frames_per_second"], 2),
        "frames": row["frames"],
        "dropped": row["dropped"],
        "complete": len(times) == row["frames"] and all(after > before for before, after in pairwise(times)),
    }


def table(rows: Sequence[dict[str, Any]], least: float) -> str:
    """Markdown: a line a runtime."""
    lines = [
        f"| runtime | runs | of them ≥ {least:g} frames/s | frames/s: lowest, median, highest | "
        "seconds to the first labels: median, longest | files complete |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for runtime in dict.fromkeys(row["runtime"] for row in rows):
        own = [row for row in rows if row["runtime"] == runtime]
        rates = [row["frames_per_second"] for row in own]
        starts = [row["first_frame_after"] for row in own]
        lines.append(
            f"| {runtime} | {len(own)} | {sum(rate >= least for rate in rates)} | "
            f"{min(rates):.1f}, {median(rates):.1f}, {max(rates):.1f} | {median(starts):.1f}, {max(starts):.1f} | "
            f"{sum(row['complete'] for row in own)} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
