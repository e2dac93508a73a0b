"""``vidseg evaluate``: how good a model, or anyone's mask files, are on a data set."""

import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console

from vidseg.cli.html import add_html_options, html_config, write_html
from vidseg.cli.main import DONE, PARTLY, report
from vidseg.cli.parser import Parser, add_model_options, steady_of
from vidseg.cli.progress import progress_bar
from vidseg.cli.score_tables import score_tables
from vidseg.cli.temporal import add_tc_option, chosen_flow
from vidseg.errors import InputError
from vidseg.files import write_json

if TYPE_CHECKING:
    from vidseg.evaluate import EngineConfig, LabelMaps

# What says how a model is run, and so means nothing to mask files.
_ENGINE_OPTIONS = (
    "device",
    "runtime",
    "precision",
    "threads",
    "size",
    "policy",
    "preprocessing",
    "tta",
    "scales",
    "steady",
    "flow",
)

_ROWS = 30
# Where the output is no terminal: wide enough that no number is cut.
_WIDTH = 240

Number = TypeVar("Number", int, float)


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "evaluate",
        "Scores a model, or anyone's mask files, on a data set: mIoU, accuracies, video consistency VC, correct "
        "consistency CC and temporal consistency TC, by the protocols 'vspw' (as published tables count) and 'exact' "
        "(as the definitions say).",
        "vidseg evaluate --data VSPW_480p --layout vspw --model cffm-b0 --json scores.json",
    )
    parser.add_argument("--data", required=True, metavar="ROOT", help="the data set's folder")
    parser.add_argument(
        "--layout",
        required=True,
        metavar="L",
        help="of the folder: vspw, cityscapes, camvid, kitti-step, freedoom or folder",
    )
    parser.add_argument("--split", default="val", help="which part of it (default: val)")
    parser.add_argument("--videos", metavar="A,B", help="only these of its videos")
    parser.add_argument(
        "--predictions", metavar="DIR", help="score the class ids in DIR/<video>/<frame>.png, without a model"
    )
    add_model_options(parser, required=False)
    parser.add_argument(
        "--tta", choices=("none", "flip"), default="none", help="average with the flipped video (default: none)"
    )
    parser.add_argument(
        "--scales", default="1", metavar="S,S", help="average over these factors on the input size (default: 1)"
    )
    parser.add_argument(
        "--vc", default="8,16", metavar="N,N", help="numbers of frames of the consistency windows (default: 8,16)"
    )
    add_tc_option(parser, "dis where it is installed")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="share the videos (default: 1)")
    parser.add_argument("--json", metavar="F", help="write all scores and what is needed to repeat them")
    add_html_options(parser)
    return parser


def run(args: Any) -> int:
    """Prints the scores; 1 if damaged files of the data set had to be left out."""
    _check_source(args)
    report_config = html_config(args, build_parser().get_defaults())
    windows = numbers(args.vc, int, "--vc")
    config = engine_config(args)
    videos = None if args.videos is None else [name.strip() for name in args.videos.split(",")]
    # Imported late, so that a mistyped option is answered at once.
    from vidseg.data import open_dataset
    from vidseg.evaluate import ModelLabels, PredictedLabels, evaluate_model, evaluate_predictions, select_videos
    from vidseg.steady import REFERENCE_RATE

    flow, why_not = chosen_flow(args.tc)
    options: dict[str, Any] = {"windows": windows, "flow": flow, "processes": args.processes}
    dataset = open_dataset(args.data, args.layout, args.split)
    if config.steady is not None and any(video.rate is None for video in dataset.videos):
        report(
            f"steadied as if there were {REFERENCE_RATE:g} frames a second: the data set does not say how many; "
            'write "fps" into its classes.json'
        )
    with progress_bar(f"evaluating {args.split}", None) as advance:
        if args.predictions is not None:
            evaluation = evaluate_predictions(args.predictions, dataset, videos=videos, progress=advance, **options)
        else:
            chosen = dataset if videos is None else select_videos(dataset, videos)
            evaluation = evaluate_model(args.model, chosen, config, progress=advance, **options)
    result = {"command": command_line(args), **evaluation.to_dict()}
    if flow is None:
        result["temporal_consistency"] = {"absent": why_not}
    _print_report(result)
    if args.json:
        write_json(args.json, result)
    if report_config is not None:
        from vidseg.report import Entry, short_names

        if args.predictions is not None:
            maps: LabelMaps = PredictedLabels(args.predictions)
        else:
            maps = ModelLabels(args.model, config, dataset.spec)
        entry = Entry(name=short_names([result], ["model"])[0], result=result, maps=maps)
        write_html(args.html, [entry], dataset, report_config, result["command"])
    return PARTLY if result["data"]["left_out_as_damaged"] else DONE


def engine_config(args: Any) -> "EngineConfig":
    """How a model is run, of the options of this command.

    Raises:
        InputError: for one that cannot be used.
    """
    from vidseg.evaluate import EngineConfig

    return EngineConfig(
        device=args.device,
        runtime=args.runtime,
        precision=args.precision,
        policy=args.policy,
        size=args.size,
        threads=args.threads,
        flip=args.tta == "flip",
        scales=numbers(args.scales, float, "--scales"),
        steady=steady_of(args),
        flow=args.flow,
        preprocessing=args.preprocessing,
    )


def numbers(text: str, kind: Callable[[str], Number], option: str) -> tuple[Number, ...]:
    """The numbers in a list with commas.

    Raises:
        InputError: if it is something else.
    """
    try:
        return tuple(kind(word) for word in text.split(","))
    except ValueError:
        raise InputError(f"got {option} {text!r}; expected numbers with commas between, e.g. 8,16") from None


def command_line(args: Any) -> str:
    """The command that says the same: every option that differs from its default."""
    defaults = build_parser().get_defaults()
    words = ["vidseg", "evaluate"]
    for name, value in vars(args).items():
        if value is not None and value != defaults.get(name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _check_source(args: Any) -> None:
    if (args.model is None) == (args.predictions is None):
        found = "neither --model nor" if args.model is None else "both --model and"
        raise InputError(f"got {found} --predictions; expected one of them")
    if args.predictions is None:
        return
    defaults = build_parser().get_defaults()
    if idle := [f"--{name}" for name in _ENGINE_OPTIONS if getattr(args, name) != defaults[name]]:
        raise InputError(f"got {', '.join(idle)} with --predictions; expected them with --model only; leave them out")


def _print_report(result: dict[str, Any]) -> None:
    data = result["data"]
    # Names are shown as they are, whatever marks are in them.
    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False, markup=False, emoji=False)
    console.print(
        f"{data['name']}, split {data['split']}: videos: {data['videos']}, frames: {data['frames']}, "
        f"with ground truth: {data['labelled_frames']}"
    )
    for table in score_tables(result, rows=_ROWS):
        console.print()
        console.print(table)
    temporal = result["temporal_consistency"]
    if "absent" in temporal:
        console.print(f"\nwithout temporal consistency TC: {temporal['absent']}")
    else:
        console.print(f"\nTC: by flow {temporal['flow']}, at a long side of at most {temporal['long_side']} pixels")
    console.print(
        f"{result['frames']} frames in {result['seconds']:.1f} s ({result['frames_per_second']:.1f} frames/s, with "
        "reading and scoring)"
    )
