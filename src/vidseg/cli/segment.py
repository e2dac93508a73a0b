"""``vidseg segment``: a video goes in, a class for every pixel of every frame comes out."""

import os
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vidseg.cli.corpus import Corpus
from vidseg.cli.main import report
from vidseg.cli.parser import Parser, add_model_options, steady_of
from vidseg.cli.progress import progress_bar
from vidseg.cli.temporal import DEFAULT, add_tc_option, chosen_flow
from vidseg.errors import InputError
from vidseg.types import ClassMap
from vidseg.video.animation import is_animation
from vidseg.video.limits import DEFAULT_LIMITS as _LIMITS
from vidseg.video.limits import Limits
from vidseg.video.outputs import output_kind
from vidseg.video.sources import IMAGE_SUFFIXES

# What outputs do not depend on, as far as they are complete; the model is known by its weights.
_WITHOUT_EFFECT = frozenset(
    {"inputs", "outputs", "model", "preprocessing", "threads", "on_lag", "reconnect", "skip_done", "json", "tc"}
)

if TYPE_CHECKING:
    from vidseg.models import VideoModel
    from vidseg.stream import JobReport, OverlayStyle, Policy, Segmenter

    EngineMaker = Callable[[Policy | None, bool], Segmenter]


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
    parser.add_argument("--reset-on-cut", action="store_true", help="start the memory anew at a scene cut")
    parser.add_argument("--start", type=float, metavar="SECONDS", help="leave out what comes before")
    parser.add_argument("--end", type=float, metavar="SECONDS", help="leave out what comes from then on")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every N-th frame (default: 1)")
    parser.add_argument(
        "--stream",
        type=int,
        metavar="N",
        help="of several video streams in a file, the one of this number among all its streams, as ffprobe counts "
        "(default: the one that a player would show: no still, then the largest, then the longest)",
    )
    parser.add_argument("--deinterlace", action="store_true", help="make progressive frames of interlaced ones")
    parser.add_argument(
        "--on-size-change",
        choices=("stop", "restart"),
        default="stop",
        help="where frames change their size: stop there, or start the memory anew; masks then have the size of their "
        "frames, an .mp4 keeps its first size and later frames are fitted into it (default: stop)",
    )
    parser.add_argument(
        "--max-pixels",
        type=int,
        default=_LIMITS.frame_pixels,
        metavar="N",
        help="refuse larger frames, for a few bytes can claim to be billions (default: 89 million, 2.7 times 8K)",
    )
    parser.add_argument(
        "--max-file-pixels",
        type=int,
        default=_LIMITS.file_pixels,
        metavar="N",
        help="give up a file of more pixels in all its frames (default: 20 million million, 11 hours of 4K)",
    )
    parser.add_argument("--fps", type=float, help="frames a second of images, or asked of a camera")
    parser.add_argument(
        "--on-lag",
        choices=("wait", "drop"),
        default="wait",
        help="what a live source does when frames come too fast: wait, or drop the oldest (default: wait)",
    )
    parser.add_argument("--reconnect", type=int, default=5, metavar="N", help="tries to get a lost stream back")
    parser.add_argument("--confidence", action="store_true", help="store the winner's probability with the labels")
    parser.add_argument("--opacity", type=float, default=0.5, help="of the overlay, 0–1 (default: 0.5)")
    parser.add_argument("--outlines", action="store_true", help="draw the borders of regions into the overlay")
    parser.add_argument("--legend", action="store_true", help="name the classes present in the overlay")
    parser.add_argument("--classes", metavar="A,B", help="show only these in the overlay: names or ids")
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
    _check_overlay_options(args)
    # Imported late, so that a mistyped option is answered at once.
    from vidseg.checkpoints import load
    from vidseg.runtime import guarantee_of, resolve_device
    from vidseg.stream import Ledger, OverlayStyle

    resolve_device(args.device)  # a wrong one is said once, not for every input
    guarantee = guarantee_of(args.precision)
    model = load(args.model, preprocessing=args.preprocessing)
    assert model.class_map is not None  # every checkpoint has one
    style = OverlayStyle(
        opacity=args.opacity,
        outlines=args.outlines,
        legend=args.legend,
        classes=class_ids(args.classes, model.class_map),
    )
    engine = _engine_maker(model, args)
    ledger = Ledger(model, _settings(args)) if args.skip_done else None
    flow, why_not = chosen_flow(args.tc if args.json else "none")
    corpus = Corpus(args.model, targets, ledger, args.json, guarantee=guarantee, unsteady=why_not)
    return corpus.work(lambda source, outputs: _segment(engine, source, outputs, style, flow, args))


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


def class_ids(text: str | None, class_map: ClassMap) -> frozenset[int] | None:
    """Ids for a list of class names or ids, separated by commas; None for None.

    Raises:
        InputError: for an unknown class, naming the nearest.
    """
    if text is None:
        return None
    ids = set()
    for word in (word.strip() for word in text.split(",")):
        if word in class_map.names:
            ids.add(class_map.names.index(word))
        elif word.isdecimal() and int(word) < class_map.num_classes:
            ids.add(int(word))
        else:
            nearest = get_close_matches(word, class_map.names, n=1)
            hint = f"; did you mean '{nearest[0]}'?" if nearest else f": {', '.join(class_map.names[:12])}, …"
            raise InputError(f"got class '{word}'; expected a name or id of the model's classes{hint}")
    return frozenset(ids)


def _engine_maker(model: "VideoModel", args: Any) -> "EngineMaker":
    """Makes one segmenter a policy, and one for live sources: policies in seconds differ from video to video."""
    from vidseg.flow import flow_estimator
    from vidseg.stream import CutDetector, Segmenter

    flow = None if args.flow is None else flow_estimator(args.flow)
    made: dict[tuple[Policy | None, bool], Segmenter] = {}

    def engine(policy: "Policy | None", is_live: bool) -> Segmenter:
        key = (policy, is_live)
        if key not in made:
            made[key] = Segmenter(
                model,
                args.device,
                args.runtime,
                policy,
                size=args.size,
                threads=args.threads,
                precision=args.precision,
                confidence=args.confidence,
                cut_detector=CutDetector() if args.reset_on_cut else None,
                flow=flow,
                steady=steady_of(args),
                background=is_live,  # a file can wait, and its end must not come before the graph is kept
            )
            if args.runtime == "auto":
                guarantee = made[key].guarantee
                report(f"runtime: {made[key].runtime_name}{'' if guarantee is None else f', {guarantee}'}")
        return made[key]

    return engine


def _segment(
    engine: "EngineMaker", source: str, outputs: list[str], style: "OverlayStyle", flow: str | None, args: Any
) -> "JobReport":
    from vidseg.flow import flow_estimator
    from vidseg.stream import parse_policy, segment_to_files
    from vidseg.video import read_isolated

    with read_isolated(
        source,
        fps=None if args.fps is None else Fraction(args.fps).limit_denominator(1001),
        start=args.start,
        end=args.end,
        every=args.every,
        on_lag=args.on_lag,
        reconnect=args.reconnect,
        stream=args.stream,
        deinterlace=args.deinterlace,
        on_size_change="keep" if args.on_size_change == "restart" else "stop",
        limits=Limits(frame_pixels=args.max_pixels, file_pixels=args.max_file_pixels),
    ) as reader:
        at_once = reader.remarks
        for remark in at_once:
            report(remark)
        segmenter = engine(parse_policy(args.policy, reader.info.fps), reader.info.is_live)
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


def _settings(args: Any) -> dict[str, Any]:
    """Every option that outputs depend on, by its name on the command line."""
    return {f"--{name.replace('_', '-')}": value for name, value in vars(args).items() if name not in _WITHOUT_EFFECT}


def _check_overlay_options(args: Any) -> None:
    kinds = {output_kind(output) for output in args.outputs}
    styled = args.outlines or args.legend or args.classes is not None or args.opacity != 0.5
    if styled and "overlay" not in kinds:
        raise InputError(
            "got --opacity, --outlines, --legend or --classes without an overlay; expected an .mp4 output; "
            "add -o overlay.mp4"
        )
    if args.confidence and not kinds & {"masks", "arrays"}:
        raise InputError("got --confidence without an output that stores it; expected a folder or .npz; add -o masks")
    if args.on_size_change == "restart" and kinds & {"arrays", "cvat"}:
        raise InputError(
            "got --on-size-change restart with an .npz or .zip, which takes one size only; do: -o masks instead"
        )


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
