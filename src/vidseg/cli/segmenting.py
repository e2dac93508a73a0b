"""Options of the commands that segment videos, and what they mean: how videos are read, and how outputs look."""

from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from vidseg.cli.parser import Parser, steady_of
from vidseg.errors import InputError
from vidseg.types import ClassMap
from vidseg.video.limits import DEFAULT_LIMITS as _LIMITS
from vidseg.video.limits import Limits

if TYPE_CHECKING:
    from vidseg.stream import OverlayStyle


def add_reading_options(parser: Parser) -> None:
    """What of a video is read, and how."""
    parser.add_argument("--reset-on-cut", action="store_true", help="start the memory anew at a scene cut")
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


def reading_options(args: Any) -> dict[str, Any]:
    """The options of `add_reading_options`, as `vidseg.video.read_video` takes them."""
    return {
        "every": args.every,
        "stream": args.stream,
        "deinterlace": args.deinterlace,
        "on_size_change": "keep" if args.on_size_change == "restart" else "stop",
        "limits": Limits(frame_pixels=args.max_pixels, file_pixels=args.max_file_pixels),
    }


def add_output_options(parser: Parser) -> None:
    """What outputs hold, and how overlays look."""
    parser.add_argument("--confidence", action="store_true", help="store the winner's probability with the labels")
    parser.add_argument("--opacity", type=float, default=0.5, help="of the overlay, 0–1 (default: 0.5)")
    parser.add_argument("--outlines", action="store_true", help="draw the borders of regions into the overlay")
    parser.add_argument("--legend", action="store_true", help="name the classes present in the overlay")
    parser.add_argument("--classes", metavar="A,B", help="show only these in the overlay: names or ids")


def segmenter_options(args: Any) -> dict[str, Any]:
    """The options that `vidseg.stream.Segmenters` takes, but for the policy; for other processes, too.

    Raises:
        InputError: for a strength of steadying that is out of range, or an unknown precision.
    """
    from vidseg.runtime import parse_precision
    from vidseg.stream import CutDetector

    lowered = parse_precision(args.precision)
    return {
        "device": args.device,
        "runtime": args.runtime,
        # Other processes may have another working directory.
        "precision": args.precision if lowered is None else f"{lowered[0]}={lowered[1].absolute()}",
        "size": args.size,
        "threads": args.threads,
        "confidence": args.confidence,
        "cut_detector": CutDetector() if args.reset_on_cut else None,
        "flow": args.flow,
        "steady": steady_of(args),
    }


def overlay_style(args: Any, class_map: ClassMap) -> "OverlayStyle":
    """How overlays look, by the options of `add_output_options`.

    Raises:
        InputError: for an unknown class.
    """
    from vidseg.stream import OverlayStyle

    return OverlayStyle(
        opacity=args.opacity,
        outlines=args.outlines,
        legend=args.legend,
        classes=class_ids(args.classes, class_map),
    )


def check_output_options(args: Any, kinds: AbstractSet[str], *, overlay: str, masks: str) -> None:
    """Refuses options that no output heeds.

    Args:
        args: the command line.
        kinds: of outputs, as `vidseg.video.outputs.output_kind` names them.
        overlay: what to say on the command line for an overlay.
        masks: the same for masks.

    Raises:
        InputError: naming the output that is missing.
    """
    styled = args.outlines or args.legend or args.classes is not None or args.opacity != 0.5
    if styled and "overlay" not in kinds:
        raise InputError(
            "got --opacity, --outlines, --legend or --classes without an overlay; expected an .mp4 output; "
            f"add {overlay}"
        )
    if args.confidence and not kinds & {"masks", "arrays"}:
        raise InputError(f"got --confidence without an output that stores it; expected a folder or .npz; add {masks}")
    if args.on_size_change == "restart" and kinds & {"arrays", "cvat"}:
        raise InputError(
            f"got --on-size-change restart with an .npz or .zip, which takes one size only; do: {masks} instead"
        )


def settings(args: Any, without: AbstractSet[str]) -> dict[str, Any]:
    """Every option that outputs depend on, by its name on the command line.

    Args:
        args: the command line.
        without: names of the options on which they do not depend.
    """
    return {f"--{name.replace('_', '-')}": value for name, value in vars(args).items() if name not in without}


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
