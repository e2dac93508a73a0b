"""What the commands that write reports have in common."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidseg.cli.parser import Parser
from vidseg.cli.progress import progress_bar
from vidseg.errors import InputError

if TYPE_CHECKING:
    from vidseg.data import VideoDataset
    from vidseg.report import Entry, ReportConfig


def add_html_options(parser: Parser, *, required: bool = False) -> None:
    """--html and how much is shown."""
    parser.add_argument(
        "--html", required=required, metavar="F", help="write a report that opens in a browser, without network"
    )
    parser.add_argument(
        "--html-videos", type=int, default=10, metavar="N", help="videos shown in the report (default: 10)"
    )
    parser.add_argument(
        "--html-frames", type=int, default=90, metavar="N", help="consecutive frames of each at most (default: 90)"
    )
    parser.add_argument("--html-lines", type=int, default=240, metavar="N", help="height of the frames (default: 240)")


def html_config(args: Any, defaults: Any) -> "ReportConfig | None":
    """How much is shown; None where no report is asked for.

    Raises:
        InputError: for an option that cannot be used, or a place that cannot be written to.
    """
    if args.html is None:
        if idle := [name for name in ("html_videos", "html_frames", "html_lines") if args[name] != defaults[name]]:
            options = ", ".join(f"--{name.replace('_', '-')}" for name in idle)
            raise InputError(f"got {options} without --html; expected a report to be written; add --html F")
        return None
    from vidseg.report import ReportConfig

    if Path(args.html).is_dir():
        raise InputError(f"got --html {args.html}, which is a folder; expected a file; name one in it")
    return ReportConfig(videos=args.html_videos, frames=args.html_frames, lines=args.html_lines)


def write_html(
    path: str, entries: "Sequence[Entry]", dataset: "VideoDataset", config: "ReportConfig | None", command: str
) -> None:
    """Writes the report, with progress, and says where it is."""
    from vidseg.report import write_report

    with progress_bar(f"writing {path}", None) as advance:
        size = write_report(path, entries, dataset, config, command=command, progress=advance)
    print(f"wrote {path} ({size / 1e6:.1f} MB)")
