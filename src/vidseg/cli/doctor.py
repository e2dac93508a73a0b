"""``vidseg doctor``: whether a data set is whole, and what to do where it is not."""

from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table

from vidseg.cli.parser import Parser
from vidseg.cli.progress import progress_bar
from vidseg.files import write_json


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "doctor",
        "Reads every file of a data set and says what is wrong with it and what to do. Exit code 0: clean, or remarks "
        "only; 1: findings that would change a result; 2: unreadable.",
        "vidseg doctor VSPW_480p --layout vspw --split train --split val",
    )
    parser.add_argument("root", metavar="ROOT", help="the data set's folder, or its address in a store")
    parser.add_argument(
        "--layout",
        required=True,
        metavar="L",
        help="of the folder: vspw, cityscapes, camvid, kitti-step, freedoom or folder",
    )
    parser.add_argument("--split", action="append", help="which part of it; may be repeated (default: all)")
    parser.add_argument("--workers", type=int, metavar="N", help="files read at a time (default: one a processor)")
    parser.add_argument("--json", metavar="F", help="write the report, with the labelled pixels of every class")
    return parser


def run(args: Any) -> int:
    """Prints a line a finding and a summary of the splits."""
    from vidseg.data.doctor import examine
    from vidseg.data.findings import exit_code

    with progress_bar("examining", None) as advance:
        report = examine(args.root, args.layout, args.split or (), workers=args.workers, progress=advance)
    for finding in report.findings:
        print(finding)
    table = Table("split", box=None, pad_edge=False)
    for head in ("videos", "frames", "with masks", "classes shown"):
        table.add_column(head, justify="right")
    for split in report.splits:
        shown = sum(pixels > 0 for pixels in split.class_pixels.values())
        counts = split.videos, split.frames, split.labelled_frames, f"{shown} of {len(split.class_pixels)}"
        table.add_row(split.name, *map(str, counts))
    if report.splits:
        Console(highlight=False, markup=False, emoji=False).print(table)
    severities = Counter(finding.severity for finding in report.findings)
    print(", ".join(f"{count} {severity}(s)" for severity, count in severities.items()) or "clean")
    if args.json:
        write_json(args.json, report.to_dict())
    return exit_code(report)
