"""``vidseg segment``: a video goes in, a class for every pixel of every frame comes out."""

import os
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vidseg.cli.batch import Batch
from vidseg.cli.main import report
from vidseg.cli.parser import Parser, add_model_options
from vidseg.cli.progress import progress_bar
from vidseg.cli.segmenting import (
    add_output_options,
    add_reading_options,
    check_output_options,
    overlay_style,
    reading_options,
    segmenter_options,
    settings,
)
from vidseg.cli.temporal import DEFAULT, add_tc_option, chosen_flow
from vidseg.errors import InputError
from vidseg.video.animation import is_animation
from vidseg.video.outputs import output_kind
from vidseg.video.sources import IMAGE_SUFFIXES

# What outputs do not depend on, as far as they are complete; the model is known by its weights.
_WITHOUT_EFFECT = frozenset(
    {"inputs", "outputs", "model", "preprocessing", "threads", "on_lag", "reconnect", "skip_done", "json", "tc"}
)

if TYPE_CHECKING:
    from vidseg.stream import JobReport, OverlayStyle, Segmenter, Segmenters


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "segment",
        "A class for every pixel of every frame of a video, with the context of the frames before.",
        "vidseg segment in.mp4 -o overlay.mp4 -o masks/ --model cffm-b0-freedoom",
    )
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="IN",
        help="a video file, a folder of images, a quoted glob of images, a camera index, rtsp:// or http://",
    )
    parser.add_argument(
        "-o",
        "--output",
        dest="outputs",
        action="append",
        required=True,
        metavar="OUT",
        help=".mp4 (overlay), folder (one mask PNG per frame), .npz (label arrays), .csv (class shares), .zip "
        "(annotations that CVAT imports) or .fiftyone.zip; may be repeated; '{name}' stands for the input's name where "
        "there are several",
    )
    add_model_options(parser)
    add_reading_options(parser)
    parser.add_argument("--start", type=float, metavar="SECONDS", help="leave out what comes before")
    parser.add_argument("--end", type=float, metavar="SECONDS", help="leave out what comes from then on")
    parser.add_argument("--fps", type=float, help="frames a second of images, or asked of a camera")
    parser.add_argument(
        "--on-lag",
        choices=("wait", "drop"),
        default="wait",
        help="what a live source does when frames come too fast: wait, or drop the oldest (default: wait)",
    )
    parser.add_argument("--reconnect", type=int, default=5, metavar="N", help="tries to get a lost stream back")
    add_output_options(parser)
    parser.add_argument(
        "--skip-done",
        action="store_true",
        help="leave out inputs that an earlier run with --skip-done completed from the same source with the same model "
        "and options, as a small record tells (.OUT.done.json beside the first output)",
    )
    add_tc_option(parser, "with --json dis where it is installed, not for live sources")
    parser.add_argument("--json", metavar="F", help="write a report: what became of each input, and a summary")
    return parser


def run(args: Any) -> int:
    """Segments every input; one that cannot be read does not stop the others."""
    targets = output_paths(args.inputs, args.outputs)
    if args.tc not in (DEFAULT, "none") and args.json is None:
        raise InputError(f"got --tc {args.tc} without --json, where it is told; expected both; add --json F")
    kinds = {output_kind(output) for output in args.outputs}
    check_output_options(args, kinds, overlay="-o overlay.mp4", masks="-o masks")
    # Imported late, so that a mistyped option is answered at once.
    from vidseg.checkpoints import load
    from vidseg.runtime import describe_precision, guarantee_of, resolve_device
    from vidseg.stream import Ledger, Segmenters

    resolve_device(args.device)  # a wrong one is said once, not for every input
    precision = describe_precision(guarantee_of(args.precision))
    model = load(args.model, preprocessing=args.preprocessing)
    assert model.class_map is not None  # every checkpoint has one
    style = overlay_style(args, model.class_map)
    says = args.runtime == "auto"
    engines = Segmenters(
        model, args.policy, made=_say_runtime if says else lambda segmenter: None, **segmenter_options(args)
    )
    ledger = Ledger(model, settings(args, _WITHOUT_EFFECT)) if args.skip_done else None
    flow, why_not = chosen_flow(args.tc if args.json else "none")
    batch = Batch(args.model, targets, ledger, args.json, precision=precision, unsteady=why_not)
    return batch.work(lambda source, outputs: _segment(engines, source, outputs, style, flow, args))


def output_paths(inputs: Sequence[str], outputs: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Each input with its own outputs.

    ``{name}`` in an output stands for the input's name. Where there are several inputs and an output lacks it, a folder
    gets one subfolder an input; a file cannot serve them all.

    Raises:
        InputError: if two inputs would write to one place, an output is an input, or frames are given one by one.
    """
    images = [source for source in inputs if _is_still(Path(source))]
    if len(images) > 1:
        # Most likely the shell spelled out a pattern, and as videos of one frame each they would have no context.
        raise InputError(
            f"got {len(images)} image files, {images[0]} the first; expected one input a video; do: quote the pattern, "
            "or give the folder (with --policy none for pictures that are no video)"
        )
    targets = []
    taken: dict[Path, str] = {}
    for source in inputs:
        own = []
        for output in outputs:
            if "{name}" not in output and len(inputs) > 1:
                if output_kind(output) != "masks":
                    raise InputError(
                        f"got one output {output} for {len(inputs)} inputs; expected one each; do: "
                        f"-o {Path(output).with_name(Path(output).name.replace('.', '-{name}.', 1))}"
                    )
                output = f"{output}/{{name}}"
            path = output.replace("{name}", _name_of(source))
            place = Path(path).resolve()
            if place == Path(source).resolve():
                raise InputError(f"got output {path}, which is the input; expected another place")
            if place in taken:
                raise InputError(
                    f"got output {path} for {taken[place]} and for {source}; expected places of their own; "
                    "rename one or segment them one by one"
                )
            taken[place] = source
            own.append(path)
        targets.append((source, own))
    return targets


def _say_runtime(segmenter: "Segmenter") -> None:
    guarantee = "" if segmenter.guarantee is None else f", {segmenter.guarantee}"
    report(f"runtime: {segmenter.runtime_name}{guarantee}")


def _segment(
    engines: "Segmenters", source: str, outputs: list[str], style: "OverlayStyle", flow: str | None, args: Any
) -> "JobReport":
    from vidseg.flow import flow_estimator
    from vidseg.stream import segment_to_files
    from vidseg.video import read_isolated

    with read_isolated(
        source,
        fps=None if args.fps is None else Fraction(args.fps).limit_denominator(1001),
        start=args.start,
        end=args.end,
        on_lag=args.on_lag,
        reconnect=args.reconnect,
        **reading_options(args),
    ) as reader:
        at_once = reader.remarks
        for remark in at_once:
            report(remark)
        segmenter = engines.at(reader.info.fps, is_live=reader.info.is_live)
        # A live source may lose frames by it, so there it must be wanted.
        is_measured = flow is not None and (args.tc != DEFAULT or not reader.info.is_live)
        estimator = flow_estimator(flow) if flow is not None and is_measured else None
        with progress_bar(reader.info.name, reader.expected_frames) as advance:
            done = segment_to_files(segmenter, reader, outputs, style=style, progress=advance, flow=estimator)
    for remark in done.remarks[len(at_once) :]:
        report(remark)
    for problem in done.problems:
        report(f"warning: {problem}")
    dropped = f", {done.dropped} dropped" if done.dropped else ""
    compiling = f" after {done.compile_seconds:.1f} s of compilation" if done.compile_seconds else ""
    rate = f"{done.frames_per_second:.1f} frames/s{compiling}"
    print(
        f"{done.source}: {done.frames} frames{dropped}, {rate} -> {', '.join(outputs)}",
        file=sys.stderr,
    )
    return done


def _name_of(source: str) -> str:
    if source.isdecimal() and not Path(source).exists():
        return f"camera{source}"
    if "://" in source:
        try:
            return urlsplit(source).hostname or "stream"
        except ValueError:  # it is no address; opening it will say so
            return "stream"
    path = Path(os.path.abspath(source))
    while _is_pattern(path):
        path = path.parent  # a pattern is named after the folder that it looks in
    return path.name if path.is_dir() else path.stem


def _is_still(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not _is_pattern(path) and not is_animation(path)


def _is_pattern(path: Path) -> bool:
    return any(character in path.name for character in "*?[") and not path.exists()
