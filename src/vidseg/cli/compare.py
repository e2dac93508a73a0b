"""``vidseg compare``: systems side by side, trained, scored and timed by one plan file."""

import shlex
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vidseg.cli.main import DONE, PARTLY, Terminated, interrupted, report
from vidseg.cli.parser import Parser
from vidseg.cli.progress import Advance, progress_bar
from vidseg.cli.temporal import chosen_flow
from vidseg.cli.train import show_event
from vidseg.errors import InputError

# Of `vidseg.compare`, which is not imported before it is needed; a test holds them together.
STEPS = "train,score,time,report"
# Where the output is no terminal: wide enough that no number is cut.
_WIDTH = 240


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "compare",
        "Compares systems by a plan: trains what is to be trained under one budget, scores all on one data set, times "
        "them in turns, and writes one table as JSON, Markdown and a page with plots. The same command goes on where "
        "it was stopped, and does nothing twice.",
        "vidseg compare plan.yaml -o compared",
    )
    parser.add_argument("plan", metavar="PLAN", help="a YAML or JSON file, see docs/compare.md")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="the folder of everything that is written")
    parser.add_argument(
        "--only", metavar="A,B", help="go on with these systems alone, and what they start from; nothing is timed"
    )
    parser.add_argument("--steps", default=STEPS, metavar="A,B", help=f"do only some of {STEPS} (default: all)")
    parser.add_argument("--tables-only", action="store_true", help="write the tables anew, of what is there")
    return parser


def run(args: Any) -> int:
    """Compares, prints the table and says where the files are; 1 if a system could not be finished."""
    from vidseg.compare import compare, read_plan

    if args.tables_only and args.steps != STEPS:
        raise InputError("got --tables-only and --steps; expected one of them")
    out = Path(args.output)
    if out.exists() and not out.is_dir():
        raise InputError(f"got -o {out}, which is a file; expected a folder")
    plan = read_plan(args.plan)
    tc, why_not = chosen_flow(plan.tc)
    if tc is None and plan.tc != "none":
        report(f"without temporal consistency TC: {why_not}")
    shown = _Shown()
    try:
        with progress_bar("comparing", None) as shown.advance:
            outcome = compare(
                plan,
                out,
                steps=() if args.tables_only else _words(args.steps),
                only=None if args.only is None else _words(args.only),
                tc=tc,
                command=_command_line(args),
                say=report,
                events=shown.event,
                progress=shown.progress,
            )
    except (KeyboardInterrupt, Terminated) as stop:
        return interrupted(stop, "what is finished is kept; the same command goes on")
    _print(outcome.record)
    print("wrote " + ", ".join(str(out / f"compare.{kind}") for kind in ("html", "md", "json")))
    return PARTLY if outcome.failures else DONE


class _Shown:
    """What is shown of the progress."""

    advance: Advance

    def event(self, event: Any) -> None:
        """Of a training."""
        show_event(event, self.advance)

    def progress(self, what: str, done: int, total: int) -> None:
        """Of all else."""
        self.advance(done, total)


def _words(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := part.strip())]


def _command_line(args: Any) -> str:
    words = ["vidseg", "compare", args.plan, "-o", args.output]
    if args.only is not None:
        words += ["--only", args.only]
    if args.steps != STEPS:
        words += ["--steps", args.steps]
    return shlex.join([*words, *(["--tables-only"] if args.tables_only else [])])


def _print(record: dict[str, Any]) -> None:
    from vidseg.compare.table import notes, rows_for_terminal

    heads, rows = rows_for_terminal(record)
    # Names are shown as they are, whatever marks are in them.
    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False, markup=False, emoji=False)
    table = Table(box=None, pad_edge=False)
    for index, head in enumerate(heads):
        table.add_column(head, justify="left" if index < 2 else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for note in notes(record):
        console.print(note)
