"""``vidseg bench``: how fast a model is on this machine, and against what."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vidseg.cli.export import PRECISIONS
from vidseg.cli.main import DONE
from vidseg.cli.parser import Parser, add_steady_options, steady_of
from vidseg.errors import InputError
from vidseg.files import write_json

# Of fewer runs a median says what the machine did in that second.
_ENOUGH = 5
# Takes so long that it is measured once, whatever the time.
_ONCE = "joint"


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "bench",
        "Times a model on this machine's CPU, from decoded RGB to the class of every pixel, streaming: by stage, and "
        "in turns with the model as published, with transformers' SegFormer and with the encoder alone. Takes about "
        "three minutes.",
        "vidseg bench --model cffm-b0-freedoom --num-classes 124 --json bench.json",
    )
    parser.add_argument(
        "--model",
        required=True,
        metavar="M",
        help="a bundled name (see vidseg models), a directory, or hf://owner/name",
    )
    parser.add_argument("--size", default="480x853", metavar="HxW", help="of the frames (default: 480x853)")
    parser.add_argument(
        "--num-classes", type=int, metavar="K", help="compute this many; those that the model lacks never win"
    )
    parser.add_argument("--video", metavar="V", help="a video to run on (default: the bundled sample)")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: each runtime's own choice)")
    parser.add_argument("--contenders", metavar="A,B", help="measure only these, by their names in the report")
    parser.add_argument("--seconds", type=float, default=170, help="time for all but a sweep (default: 170)")
    parser.add_argument(
        "--soak",
        type=int,
        default=40,
        metavar="N",
        help="watch memory over this many frames, 0: not at all (default: 40)",
    )
    parser.add_argument(
        "--sweep",
        nargs="?",
        const="",
        metavar="A,B",
        help="measure cost against size, classes, frames (of a clip) and backbone, too, or against some of these: "
        "half an hour or more for all",
    )
    parser.add_argument(
        "--all",
        metavar="PAGE.md",
        help="measure all that this command can, the whole sweep, steadying and vidseg segment on a file by the wall "
        "clock, too, and write a page of it with its plots: an hour or more",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="exact",
        help="time the model in int8 or bf16, too, calibrated for this run; its labels are compared, not vouched for "
        "(default: exact)",
    )
    parser.add_argument("--calibrate", metavar="V", help="the video for that, 22 frames or more (default: --video)")
    add_steady_options(parser)
    parser.add_argument("--json", metavar="F", help="write all figures; vidseg.bench.page makes a page of them")
    return parser


def run(args: Any) -> int:
    """Prints the table of contenders, the ratios and the stages."""
    if args.seconds <= 0:
        raise InputError(f"got --seconds {args.seconds:g}; expected more than 0")
    if args.all is not None and not args.all.endswith(".md"):
        raise InputError(f"got --all {args.all}; expected a page's file, e.g. --all benchmarks.md")
    from vidseg.bench.end_to_end import FRAMES
    from vidseg.bench.page import write_page
    from vidseg.bench.run import IN_TURN, STEADY, BenchConfig, benchmark
    from vidseg.bench.sizes import parse_size
    from vidseg.bench.sweep import sweep
    from vidseg.steady import Steady

    steady = steady_of(args)
    names = tuple(args.contenders.split(",")) if args.contenders else IN_TURN
    if steady is not None or args.all:
        names += tuple(name for name in STEADY if name not in names)
    config = BenchConfig(
        model=args.model,
        size=parse_size(args.size),
        num_classes=args.num_classes,
        video=args.video,
        threads=args.threads,
        seconds=args.seconds,
        soak_frames=args.soak,
        segment_frames=FRAMES if args.all else 0,
        contenders=names,
        steady=steady or Steady(),
        flow=args.flow,
        precision=args.precision,
        calibrate=args.calibrate,
    )
    with Console(stderr=True).status("loading") as status:
        # First, because a mistyped factor shows there.
        swept = None
        if args.sweep is not None or args.all:
            swept = sweep(config, status.update, only=tuple(args.sweep.split(",")) if args.sweep else None)
        report = benchmark(config, status.update)
        if swept is not None:
            report["sweep"] = swept
    _print(report)
    if args.json:
        write_json(args.json, report)
    if args.all:
        write_page([report], Path(args.all))
    return DONE


def _print(report: dict[str, Any]) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    height, width = report["frame_size"]
    machine = report["environment"]
    table = Table(
        "contender",
        title=f"{report['model']}, {height}x{width}, {report['num_classes']} classes, {report['border_share']:.1%} of "
        f"pixels on borders; {machine['cpu']}, {machine['torch_threads']} threads",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for head in ("median ms", "p95 ms", "frames/s", "runs"):
        table.add_column(head, justify="right")
    for name, timing in report["end_to_end"].items():
        rate = f"{1 / timing['median']:.2f}"
        table.add_row(name, _ms(timing["median"]), _ms(timing["p95"]), rate, str(timing["runs"]))
    console.print(table)
    fewest = min((timing["runs"] for name, timing in report["end_to_end"].items() if name != _ONCE), default=_ENOUGH)
    if fewest < _ENOUGH:
        runs = "1 run" if fewest == 1 else f"{fewest} runs"
        console.print(f"medians of {runs}: too few to quote; do: a larger --seconds")
    for name, reason in report["absent"].items():
        console.print(f"not measured: {name} ({reason})")
    console.print(_line("ratios", {n: "-" if v is None else f"{v:.2f}" for n, v in report["ratios"].items()}))
    console.print(_line("stages, ms", {name: _ms(timing["median"]) for name, timing in report["stages"].items()}))
    if report["label_agreement"] is not None:
        console.print(f"labels equal to the naive model's: {report['label_agreement']:.4%} or more")
    if report["precision"] is not None:
        name, kept = report["precision"]["precision"], report["precision"]["agreement"]
        console.print(f"{name}: labels as exact's on {kept:.4%} of frames kept aside in calibration")
        if f"ours_{name}" in report["label_agreements"]:
            console.print(
                f"{name}: labels equal to the naive model's: {report['label_agreements'][f'ours_{name}']:.4%}"
            )
    console.print(f"state: {report['state_bytes'] / 1e6:.1f} MB")
    for turn, row in (report["segment"] or {}).items():
        console.print(
            f"vidseg segment on a file, {turn}: {row['seconds']:.1f} s, {row['frames_per_second']:.2f} frames/s by the "
            "wall clock"
        )
    if report["memory"]:
        memory = report["memory"]
        console.print(
            f"memory over {memory['frames']} frames ({memory['runtime']}): peak {memory['peak'] / 1e6:.0f} MB, "
            f"growth {memory['growth'] / 1e6:.1f} MB"
        )


def _line(title: str, values: dict[str, str]) -> str:
    return f"{title}: {', '.join(f'{name} {value}' for name, value in values.items())}"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f}"
