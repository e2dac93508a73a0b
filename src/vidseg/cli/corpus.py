"""``vidseg corpus``: many videos, from and to any store, on this machine or on a Ray cluster."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidseg.cli.main import DONE, PARTLY, USAGE, interrupted, report
from vidseg.cli.parser import Parser, add_model_options
from vidseg.cli.segmenting import (
    add_output_options,
    add_reading_options,
    check_output_options,
    overlay_style,
    reading_options,
    segmenter_options,
    settings,
)
from vidseg.cli.tallying import Show, shown, summary, to_dict
from vidseg.cli.temporal import add_tc_option, chosen_flow
from vidseg.errors import InputError
from vidseg.files import locked, write_json

if TYPE_CHECKING:
    from vidseg.corpus import Assignment, Corpus, Kind
    from vidseg.corpus.dispatch import Workers
    from vidseg.corpus.manifest import Record
    from vidseg.models import VideoModel
    from vidseg.places import Place

# What is written, and the kind of output as `vidseg segment` knows it.
_KINDS: "dict[Kind, str]" = {"masks": "masks", "mp4": "overlay", "npz": "arrays"}
_TABLE = "table"
# What outputs do not depend on, as far as they are there.
_WITHOUT_EFFECT = frozenset(
    {"inputs", "out", "model", "preprocessing", "threads", "write", "column", "ray", "workers", "retries", "json"}
)
_RETRIES = 2


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "corpus",
        "Segments many videos, from and to any store, on this machine or on a Ray cluster; given again, it goes on.",
        "vidseg corpus s3://bucket/videos -o s3://bucket/labels --model cffm-b0-freedoom --ray auto",
    )
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="IN",
        help="a video, a folder (searched to any depth), a quoted pattern, a list of addresses (.txt), or a Parquet "
        "file with a column of them; on disk or in any store that fsspec knows: s3://, gs://, hf://datasets/, …",
    )
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="a folder, on disk or in a store")
    parser.add_argument(
        "--write",
        default="masks",
        metavar="KINDS",
        help="beside the table of all frames: masks (PNG), mp4 (overlays), npz (label arrays), several with commas, or "
        "table for the table alone (default: masks)",
    )
    parser.add_argument(
        "--column", metavar="C", help="of Parquet files: the addresses (default: uri, or the only text)"
    )
    add_model_options(parser)
    add_reading_options(parser)
    parser.add_argument("--fps", type=float, help="frames a second of folders of images")
    parser.add_argument(
        "--split-at-cuts",
        type=float,
        metavar="SECONDS",
        help="cut longer videos at scene cuts into independent parts of at least this length, with outputs each "
        "(default: not at all)",
    )
    add_output_options(parser)
    add_tc_option(parser, "dis where it is installed")
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="work on a Ray cluster: auto, HOST:PORT, ray://HOST:PORT, or local for one of this machine (default: in "
        "this process)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="on Ray: each has a GPU, or --threads cores (default: up to 4); (default: as many as there is room for)",
    )
    parser.add_argument(
        "--retries",
        type=int,
        metavar="N",
        help=f"on Ray: how often a video goes to another worker after its own died (default: {_RETRIES})",
    )
    parser.add_argument("--json", metavar="F", help="write a summary, with the reasons of what failed")
    return parser


def run(args: Any) -> int:
    """Segments what is not done; what fails stops nothing else."""
    kinds = _kinds(args.write)
    check_output_options(args, {_KINDS[kind] for kind in kinds}, overlay="--write mp4", masks="--write masks")
    _check(args)
    # Imported late, so that a mistyped option is answered at once.
    from vidseg.checkpoints import load
    from vidseg.corpus import Assignment, Corpus, Manifest, find_videos
    from vidseg.corpus.frame_table import require_pyarrow
    from vidseg.places import place_of
    from vidseg.runtime import describe_precision, guarantee_of, resolve_device
    from vidseg.stream import parse_policy
    from vidseg.stream.ledger import Conditions

    parse_policy(args.policy, Fraction(25))  # of no video yet: a wrong one is said before any work
    require_pyarrow()
    if args.ray is None:
        resolve_device(args.device)
    precision = describe_precision(guarantee_of(args.precision))
    flow, _ = chosen_flow(args.tc)
    out = place_of(args.out)
    with _alone(out):
        manifest = Manifest(out)
        videos = find_videos(args.inputs, column=args.column, names=manifest.names, out=out)
        if args.ray is not None and (
            private := [place for place in (out, *(v.place for v in videos)) if place.is_private]
        ):
            raise InputError(f"got {private[0].uri} with --ray, which only this process sees; expected a shared store")
        model = load(args.model, preprocessing=args.preprocessing)
        assert model.class_map is not None  # every checkpoint has one
        assignment = Assignment(
            out=out,
            model_name=_name_of(args.model),
            kinds=kinds,
            policy=args.policy,
            segmenter=segmenter_options(args),
            reading=reading_options(args),
            fps=None if args.fps is None else Fraction(args.fps).limit_denominator(1001),
            style=overlay_style(args, model.class_map),
            tc=flow,
            shortest_part=args.split_at_cuts,
        )
        conditions = Conditions(model, {**settings(args, _WITHOUT_EFFECT), "--tc": flow or "none"})
        corpus = Corpus(videos, assignment, conditions, manifest, say=report)
        about = {"model": args.model, "precision": precision, "out": out.uri}
        return _work(corpus, lambda show: _workers(model, assignment, args, show), about, args)


def _work(corpus: "Corpus", hire: "Callable[[Show], Workers]", about: Mapping[str, Any], args: Any) -> int:
    tally, stopped_by = corpus.tally, None
    with ExitStack() as stack:
        show = stack.enter_context(shown(tally))
        records: Iterator[Record | None] = iter(())
        if corpus.left:
            workers = stack.enter_context(closing(hire(show)))
            records = corpus.work(workers, retries=_RETRIES if args.retries is None else args.retries)
        try:
            for record in records:
                if record is not None and record["status"] == "failed":
                    report(f"error: {record['video']}: {record['error']}")
                show(0)
        except (KeyboardInterrupt, SystemExit) as stop:
            stopped_by = stop
        finally:
            report(summary(tally))
            if args.json is not None:
                write_json(args.json, {**about, **to_dict(tally)})
    if stopped_by is not None:
        return interrupted(stopped_by, "what is finished is kept; the same command goes on")
    if tally.failed == tally.videos:
        return USAGE
    return PARTLY if tally.failed or tally.partly or tally.skipped_partly else DONE


def _workers(model: "VideoModel", assignment: "Assignment", args: Any, show: Show) -> "Workers":
    from vidseg.corpus import OneProcess, RayWorkers, Worker
    from vidseg.runtime import EXACT

    if args.ray is None:
        return OneProcess(Worker(model, assignment), show)
    return RayWorkers(
        model,
        assignment,
        args.ray,
        workers=args.workers,
        cores=args.threads,
        gpu=None if args.device == "auto" and args.precision == EXACT else args.device == "cuda",
        say=report,
    )


def _kinds(text: str) -> "tuple[Kind, ...]":
    words = [word.strip() for word in text.split(",")]
    if unknown := [word for word in words if word not in (*_KINDS, _TABLE)]:
        raise InputError(f"got --write {unknown[0]!r}; expected some of {', '.join((*_KINDS, _TABLE))}")
    return tuple(kind for kind in _KINDS if kind in words)


def _check(args: Any) -> None:
    if args.ray is None and (args.workers is not None or args.retries is not None):
        raise InputError("got --workers or --retries without --ray; expected both; add --ray local")
    if args.ray is not None and args.device not in ("auto", "cpu", "cuda"):
        raise InputError(f"got --device {args.device} with --ray, which deals out GPUs; expected auto, cpu or cuda")
    for name, least in (("workers", 1), ("retries", 0), ("threads", 1)):
        if (value := getattr(args, name)) is not None and value < least:
            raise InputError(f"got --{name} {value}; expected {least} or more")
    for name in ("every", "size"):
        if (value := getattr(args, name)) is not None and value < 1:
            raise InputError(f"got --{name} {value}; expected 1 or more")
    if args.fps is not None and not 0 < args.fps < math.inf:
        raise InputError(f"got --fps {args.fps}; expected frames per second, more than 0")
    if args.split_at_cuts is not None and not 0 < args.split_at_cuts < math.inf:
        raise InputError(f"got --split-at-cuts {args.split_at_cuts}; expected seconds, more than 0")


@contextmanager
def _alone(out: "Place") -> Iterator[None]:
    """Keeps two runs from doing the same work, where that can be known: in a folder of this machine."""
    from vidseg.corpus.manifest import FOLDER

    if out.local is None:
        yield
        return
    with locked(out.local / FOLDER / "lock") as is_ours:
        if not is_ours:
            raise InputError(f"got -o {out.uri}, to which another vidseg corpus is writing; expected one at a time")
        yield


def _name_of(model: str) -> str:
    """A model's name without the machine's folders, as the table is partitioned by it."""
    return model.removeprefix("hf://") if model.startswith("hf://") else Path(model).resolve().name
