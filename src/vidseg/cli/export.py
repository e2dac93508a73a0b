"""``vidseg export``: a model's step as files that programs without torch can run."""

from pathlib import Path
from typing import Any

from vidseg.cli.main import DONE, PARTLY, report
from vidseg.cli.parser import Parser, add_preprocessing_option
from vidseg.errors import InputError

FORMATS = ("onnx", "openvino", "openvino-int8")


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "export",
        "Write a model's step, with its state as named inputs and outputs, for ONNX Runtime or OpenVINO.",
        "vidseg export cffm-b0-freedoom exported/ --format onnx",
    )
    parser.add_argument("model", metavar="M", help="a bundled name, a directory, or hf://owner/name")
    parser.add_argument("output", metavar="OUT", help="folder: graphs, config.json and parity.json")
    parser.add_argument("--format", required=True, choices=FORMATS, help="of the graphs")
    add_preprocessing_option(parser)
    parser.add_argument(
        "--size", metavar="HxW", help="the one size of the network's input, e.g. 480x864 (default: any size)"
    )
    return parser


def run(args: Any) -> int:
    """Exports; findings are logits further from torch's than the tolerance."""
    size = parse_size(args.size)
    from vidseg.checkpoints import load
    from vidseg.runtime import export_model
    from vidseg.stream.policy import default_policy

    model = load(args.model, preprocessing=args.preprocessing)
    policy = default_policy(model.reference_offsets)
    start_rule = [policy.references(t) for t in range(policy.capacity)]
    export = export_model(model, args.output, args.format, start_rule=start_rule, size=size)
    for entry in export.parity:
        height, width = entry.size
        print(
            f"{entry.graph:5} {height}x{width}: logits differ from torch's by {entry.max_difference:.1e} at most, "
            f"labels agree on {entry.label_agreement:.4%}"
        )
    print(f"{Path(args.output)}: {', '.join(export.files)}")
    if export.passed is False:
        report("warning: the logits are further from torch's than they should be; see parity.json")
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
