"""``vidseg demo``: a model's own labels beside its steadied ones, on real video; or on the rendered sample, scored."""

from collections.abc import Iterator
from fractions import Fraction
from importlib import resources
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from vidseg.cli.demo_rendered import run_rendered
from vidseg.cli.main import DONE
from vidseg.cli.parser import Parser, add_steady_options
from vidseg.cli.progress import progress_bar
from vidseg.errors import InputError
from vidseg.files import write_json

if TYPE_CHECKING:
    from vidseg.stream import Segmenter, SteadinessMeter
    from vidseg.types import RGB
    from vidseg.video import VideoReader

MODEL = "segformer-lite0-everyday"
PLAIN, STEADIED = "frame by frame", "steadied"


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "demo",
        "Segments a few seconds of real video that come along, or a video of yours, twice: as the model says, "
        "and steadied along the motion. Prints how steady both are and how fast, and writes a video: the frame, the "
        "model's classes, the steadied ones. With --rendered, the models of rendered video on its labelled sample "
        "(walks through maps that they have not seen), with their scores.",
        "vidseg demo -o demo.mp4",
    )
    parser.add_argument("video", nargs="?", metavar="IN", help="a video of yours (default: the bundled clip)")
    parser.add_argument("-o", "--output", default="vidseg-demo.mp4", metavar="OUT", help="the video to write")
    parser.add_argument(
        "--model", metavar="M", help=f"a bundled name, a directory, or hf://owner/name (default: {MODEL})"
    )
    parser.add_argument("--rendered", action="store_true", help="score the models of rendered video on their sample")
    add_steady_options(parser)
    parser.add_argument("--json", metavar="F", help="write all figures")
    return parser


def run(args: Any) -> int:
    """One of the two."""
    if not args.output.endswith(".mp4"):
        raise InputError(f"got output {args.output}; expected a video; name it .mp4")
    if args.rendered:
        if args.video or args.model:
            given = "a video" if args.video else "--model"
            raise InputError(f"got {given} with --rendered, which has its own; leave one of them out")
        return run_rendered(args)
    if args.steady == 0:
        raise InputError("got --steady 0; expected a strength above 0: this shows what steadying does")
    return _run_real(args)


def _run_real(args: Any) -> int:
    from vidseg.checkpoints import load
    from vidseg.flow import flow_estimator
    from vidseg.steady import Steady
    from vidseg.stream import Segmenter, SteadinessMeter
    from vidseg.video import read_video

    name = args.model or MODEL
    model = load(name)
    steady = Steady() if args.steady is None else Steady(strength=args.steady)
    flow = flow_estimator(args.flow or steady.flow)
    segmenters = {
        PLAIN: Segmenter(model, flow=flow if model.needs_flow else None),
        STEADIED: Segmenter(model, flow=flow, steady=steady),
    }
    meters = {way: SteadinessMeter(model.num_classes, flow) for way in segmenters}
    seconds = dict.fromkeys(segmenters, 0.0)
    with read_video(args.video or _sample()) as reader:
        frames = _write_video(args.output, reader, segmenters, meters, seconds)
    figures = {
        way: {
            "model": name,
            "runtime": segmenter.runtime_name,
            "flow": meters[way].result().flow,
            "TC": meters[way].result().scores["exact"],
            "agreement": meters[way].result().agreement,
            "steps_per_second": frames / (seconds[way] - segmenter.compile_seconds),
        }
        for way, segmenter in segmenters.items()
    }
    _print_table(name, figures)
    if args.json:
        write_json(args.json, {"frames": frames, **figures})
    print(f"wrote {args.output}")
    return DONE


def _write_video(
    path: str,
    reader: "VideoReader",
    segmenters: "dict[str, Segmenter]",
    meters: "dict[str, SteadinessMeter]",
    seconds: dict[str, float],
) -> int:
    """Writes the video; gives the number of frames."""
    from vidseg.types import Frame
    from vidseg.video import OverlayWriter, VideoInfo

    rate = reader.info.fps or Fraction(15)
    pictures = _pictures(reader, segmenters, meters, seconds)
    first = next(pictures, None)
    if first is None:
        raise InputError(f"got {reader.info.name} without a frame; expected a video; check the file")
    info = VideoInfo(name=path, width=first.shape[1], height=first.shape[0], fps=rate, time_base=1 / rate)
    with OverlayWriter(path, info) as writer, progress_bar(f"writing {path}", None) as advance:
        for index, picture in enumerate(chain([first], pictures)):
            frame = Frame(image=picture, index=index, time=float(index / rate), duration=float(1 / rate))
            writer.write(picture, frame)
            advance(index + 1)
    return index + 1


def _pictures(
    reader: "VideoReader",
    segmenters: "dict[str, Segmenter]",
    meters: "dict[str, SteadinessMeter]",
    seconds: dict[str, float],
) -> "Iterator[RGB]":
    """Of each frame: itself and its classes both ways, under captions; adds up the steps' seconds."""
    from vidseg.viz import overlay, side_by_side

    states = {way: segmenter.start() for way, segmenter in segmenters.items()}
    for frame in reader:
        shown = [frame.image]
        for way, segmenter in segmenters.items():
            began = perf_counter()
            states[way], segmentation = segmenter.step(states[way], frame)
            seconds[way] += perf_counter() - began
            meters[way].update(segmentation)
            shown.append(overlay(frame.image, segmentation.labels, segmenter.class_map))
        yield side_by_side(shown, captions=["frame", *segmenters])


def _print_table(name: str, figures: dict[str, dict[str, Any]]) -> None:
    table = Table(
        "labels",
        "TC",
        "pixels that move along",
        "frames/s",
        box=None,
        pad_edge=False,
        title=name,
        title_justify="left",
        caption="TC: temporal consistency under motion; frames/s: of the model's steps, without compilation, reading "
        "and writing",
        caption_justify="left",
    )
    for way, row in figures.items():
        scores = [f"{row[key]:.3f}" if row[key] is not None else "-" for key in ("TC", "agreement")]
        table.add_row(way, *scores, f"{row['steps_per_second']:.1f}")
    Console().print(table)


def _sample() -> Path:
    return Path(str(resources.files("vidseg"))) / "assets" / "real" / "people.mp4"
