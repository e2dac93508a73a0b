"""Where context helps: mean mIoU of single frames, by what had befallen them.

    python tools/by_damage.py data/freedoom A.json B.json --json docs/runs/experiments/by_damage.json

A and B are what `vidseg evaluate --data data/freedoom --layout freedoom` wrote for two models. Frames without their
full context, the first of each video, do not count. A frame's mIoU is the mean over the classes in it, so these means
are no scores of the data set; their differences tell where one model gains.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from vidseg.errors import InputError
from vidseg.files import write_json

_ALL = "all"


def main() -> None:
    """Reads the command line, prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that vidseg render made")
    parser.add_argument("scores", type=Path, nargs=2, help="of two models, on the damaged frames")
    parser.add_argument("--skip", type=int, default=9, help="frames at the start of each video (default: 9)")
    parser.add_argument("--json", metavar="F", help="write the table")
    args = parser.parse_args()
    results = [json.loads(path.read_text(encoding="utf-8")) for path in args.scores]
    rows = by_damage(args.data, results, skip=args.skip)
    for row in rows:
        first, second = row["mIoU"]
        print(f"{row['frames_with']:18} {row['count']:5} {first:.4f} {second:.4f} {second - first:+.4f}")
    if args.json:
        commands = [result["command"] for result in results]
        write_json(args.json, {"commands": commands, "skipped_at_start": args.skip, "rows": rows})


def by_damage(data: Path, results: Sequence[dict[str, Any]], *, skip: int) -> list[dict[str, Any]]:
    """Rows of "frames_with", "count" and each result's mean "mIoU".

    Raises:
        InputError: if a result is not one of these frames.
    """
    groups: dict[str, list[list[float]]] = {}
    names = [set(result["per_frame"]) for result in results]
    if odd := set.union(*names) - set.intersection(*names):
        raise InputError(f"got scores of {min(odd)} in some results only; expected the same videos; score them again")
    for name in sorted(names[0]):
        record = json.loads((data / "data" / name / "video.json").read_text(encoding="utf-8"))
        curves = [result["per_frame"][name]["mIoU"] for result in results]
        for curve in curves:
            if len(curve) != record["frames"]:
                raise InputError(f"got {len(curve)} frames of {name}; expected {record['frames']}; score them again")
        for index, kinds in enumerate(record["degradations"]):
            values = [curve[index] for curve in curves]
            if index < skip or None in values:
                continue
            count = "nothing" if not kinds else f"{kinds[0]} alone" if len(kinds) == 1 else "several kinds"
            for group in (_ALL, count, *(["any damage"] if kinds else [])):
                groups.setdefault(group, []).append(values)
    return [
        {
            "frames_with": group,
            "count": len(rows),
            "mIoU": [round(fmean(column), 6) for column in zip(*rows, strict=True)],
        }
        for group, rows in sorted(groups.items())
    ]


if __name__ == "__main__":
    main()
