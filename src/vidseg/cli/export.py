"""``vidseg export``: a model's step as files that programs without torch can run."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from vidseg.cli.main import DONE, PARTLY, report
from vidseg.cli.parser import Parser, add_preprocessing_option, add_strength_option, steady_of
from vidseg.errors import InputError

if TYPE_CHECKING:
    from vidseg.models import VideoModel
    from vidseg.runtime import Lowering

FORMATS = ("onnx", "openvino", "openvino-int8")
PRECISIONS = ("exact", "bf16", "int8")
_LEAST_AGREEMENT = 99.0


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "export",
        "Write a model's step, with its state as named inputs and outputs, for ONNX Runtime or OpenVINO; or, for "
        "vidseg's own commands as well, in less than float32, if a video of yours keeps its labels.",
        "vidseg export cffm-b0-freedoom exported/ --format onnx",
    )
    parser.add_argument("model", metavar="M", help="a bundled name, a directory, or hf://owner/name")
    parser.add_argument("output", metavar="OUT", help="folder: graphs, config.json and parity.json")
    parser.add_argument("--format", choices=FORMATS, help="of the graphs (default: with --precision, openvino)")
    add_preprocessing_option(parser)
    parser.add_argument(
        "--size",
        metavar="HxW",
        help="the one size of the network's input, e.g. 480x864 (default: any size; with --calibrate, what the model "
        "makes of the video)",
    )
    add_strength_option(parser)
    lowered = parser.add_argument_group("less than float32")
    lowered.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="exact",
        help="int8: products of quantised weights and activations, by the extra 'int8'; bf16: where the processor has "
        "it (default: exact)",
    )
    lowered.add_argument(
        "--calibrate",
        metavar="V",
        help="a video like those to come: int8's ranges are taken from parts of it, labels are compared with exact's "
        "on the others",
    )
    lowered.add_argument(
        "--min-agreement",
        type=float,
        default=_LEAST_AGREEMENT,
        metavar="PERCENT",
        help="of pixels that must keep their label, else nothing is written (default: 99)",
    )
    lowered.add_argument("--data", metavar="ROOT", help="a data set, to tell mIoU before and after")
    lowered.add_argument("--layout", metavar="L", help="of the data set, as for vidseg evaluate")
    lowered.add_argument("--split", default="val", help="which part of it (default: val)")
    return parser


def run(args: Any) -> int:
    """Exports; findings are logits further from torch's than the tolerance, or a lower precision that is slower."""
    size = parse_size(args.size)
    _check_precision_options(args)
    from vidseg.checkpoints import load
    from vidseg.runtime import export_model
    from vidseg.stream.policy import default_policy

    model = load(args.model, preprocessing=args.preprocessing)
    policy = default_policy(model.reference_offsets)
    start_rule = [policy.references(t) for t in range(policy.capacity)]
    with Console(stderr=True).status("loading") as status:
        lowering = None if args.precision == "exact" else _lowering(model, size, args, status.update)
        export = export_model(
            model,
            args.output,
            args.format or "openvino",
            start_rule=start_rule,
            size=size,
            steady=steady_of(args),
            lowering=lowering,
        )
    for entry in export.parity if export.guarantee is None else ():
        height, width = entry.size
        print(
            f"{entry.graph:5} {height}x{width}: logits differ from torch's by {entry.max_difference:.1e} at most, "
            f"labels agree on {entry.label_agreement:.4%}"
        )
    print(f"{Path(args.output)}: {', '.join(export.files)}")
    if export.passed is False:
        report("warning: the logits are further from torch's than they should be; see parity.json")
        return PARTLY
    if export.guarantee is None:
        return DONE
    print(export.guarantee)
    if left := export.guarantee.left_exact:
        print(f"left exact: {len(left)} of {len(left) + export.guarantee.products} products; see config.json")
    if args.data is not None:
        _compare_scores(args)
    if export.guarantee.speedup < 1:
        report(f"warning: {args.precision} is slower than exact on this processor; it may be faster on another")
        return PARTLY
    return DONE


def parse_size(text: str | None) -> tuple[int, int] | None:
    """(height, width) from ``480x864``; None for None.

    Raises:
        InputError: for anything else.
    """
    if text is None:
        return None
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise InputError(f"got --size {text}; expected height x width in pixels, e.g. 480x864")
    return int(height), int(width)


def _check_precision_options(args: Any) -> None:
    if args.precision == "exact":
        idle = [f"--{name}" for name in ("calibrate", "data", "layout") if getattr(args, name) is not None]
        if args.min_agreement != _LEAST_AGREEMENT:
            idle.append("--min-agreement")
        if idle:
            raise InputError(f"got {', '.join(idle)} for an exact export; expected them with --precision int8 or bf16")
        if args.format is None:
            raise InputError(f"got no --format; expected one of {', '.join(FORMATS)}")
        return
    if args.format not in (None, "openvino"):
        raise InputError(f"got --format {args.format} with --precision {args.precision}; expected openvino")
    if args.calibrate is None:
        raise InputError(f"got --precision {args.precision} without a video to compare labels on; add --calibrate V")
    if (args.data is None) != (args.layout is None):
        raise InputError("got only one of --data and --layout; expected both or none")
    if not 0 <= args.min_agreement <= 100:
        raise InputError(f"got --min-agreement {args.min_agreement:g}; expected 0 to 100 per cent of the pixels")


def _lowering(model: "VideoModel", size: tuple[int, int] | None, args: Any, progress: Any) -> "Lowering":
    from vidseg.runtime import Lowering, require_precision
    from vidseg.stream.trial import VideoTrial, count_frames
    from vidseg.video import read_video

    require_precision(args.precision)  # said before minutes are spent
    with read_video(args.calibrate) as reader:
        progress("reading the video")
        count = count_frames(reader)
        progress("running exact in torch")
        trial = VideoTrial(model, reader, count, Path(reader.info.name).name, size)
    return Lowering(precision=args.precision, trial=trial, threshold=args.min_agreement / 100, progress=progress)


def _compare_scores(args: Any) -> None:
    """Prints exact's mIoU beside that of what was written, which keeps them."""
    from vidseg.data import open_dataset
    from vidseg.evaluate import EngineConfig, evaluate_model
    from vidseg.files import read_json, write_json

    dataset = open_dataset(args.data, args.layout, args.split)
    scores = {}
    for precision in ("exact", f"{args.precision}={args.output}"):
        config = EngineConfig(precision=precision, preprocessing=args.preprocessing)
        scores[precision] = evaluate_model(args.model, dataset, config).scores["protocols"]["exact"]["mIoU"]
    before, after = scores.values()
    print(f"mIoU on {dataset.tree.name}, {args.split}: exact {before:.2%}, {args.precision} {after:.2%}")
    path = Path(args.output) / "config.json"
    written = read_json(path)
    written["precision"]["mIoU"] = {"exact": before, args.precision: after, "data": dataset.tree.name}
    write_json(path, written)
