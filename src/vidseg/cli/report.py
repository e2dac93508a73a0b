"""``vidseg report``: results of `vidseg evaluate --json` beside each other, in one HTML file."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse import ArgumentError

from vidseg.cli import evaluate
from vidseg.cli.html import add_html_options, html_config, write_html
from vidseg.cli.main import DONE
from vidseg.cli.parser import Parser
from vidseg.errors import InputError

if TYPE_CHECKING:
    from vidseg.evaluate import LabelMaps


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "report",
        "Writes one HTML file that shows results of vidseg evaluate --json beside each other: scores, and some videos "
        "with labels, errors and flicker of every model in step. It opens from disk, without network. Masks are read, "
        "and models run, as the commands in the results say.",
        "vidseg report cffm.json segformer.json --html report.html",
    )
    parser.add_argument(
        "results", nargs="+", metavar="A.json", help="what vidseg evaluate --json wrote, of one data set"
    )
    add_html_options(parser, required=True)
    parser.add_argument("--data", metavar="ROOT", help="the data set's folder, if it is not where it was")
    parser.add_argument("--names", metavar="A,B", help="what the results are called (default: the models' names)")
    return parser


def run(args: Any) -> int:
    """Reads the results, writes the file and says where it is."""
    config = html_config(args, build_parser().get_defaults())
    from vidseg.data import open_dataset
    from vidseg.report import Entry, read_result, short_names

    results = [read_result(path) for path in args.results]
    commands = [_command(result, path) for result, path in zip(results, args.results, strict=True)]
    names = short_names(results, [Path(path).stem for path in args.results])
    if args.names is not None:
        names = [name.strip() for name in args.names.split(",")]
        if len(names) != len(results):
            raise InputError(f"got {len(names)} names for {len(results)} results; expected one each")
    first = commands[0]
    root = args.data or first.data
    if "://" not in root and not Path(root).is_dir():
        raise InputError(
            f"got no folder {root}, the data set of {args.results[0]}; expected it where it was, seen from here; "
            "say where it is: --data ROOT"
        )
    dataset = open_dataset(root, first.layout, first.split)
    entries = [
        Entry(name=name, result=result, maps=_maps(command, result, dataset.spec))
        for name, result, command in zip(names, results, commands, strict=True)
    ]
    write_html(args.html, entries, dataset, config, _command_line(args))
    return DONE


def _command_line(args: Any) -> str:
    defaults = build_parser().get_defaults()
    words = ["vidseg", "report", *args.results]
    for name, value in vars(args).items():
        if name != "results" and value is not None and value != defaults.get(name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _command(result: Mapping[str, Any], path: str) -> Any:
    """The options of the command that made a result.

    Raises:
        InputError: if it was not made by one.
    """
    if not str(result.get("command", "")).startswith("vidseg evaluate "):
        raise InputError(f"got {path} without its command; expected what vidseg evaluate --json wrote")
    try:
        return evaluate.build_parser().parse_args(shlex.split(result["command"])[2:])
    except (ArgumentError, ValueError) as error:
        raise InputError(f"got {path} with a command of another version ({error}); evaluate again") from error


def _maps(command: Any, result: Mapping[str, Any], spec: Any) -> "LabelMaps":
    from vidseg.evaluate import ModelLabels, PredictedLabels, weights_sha256

    if command.predictions is not None:
        return PredictedLabels(command.predictions)
    if (now := weights_sha256(command.model)) != result["model"]["weights_sha256"]:
        raise InputError(
            f"got model {command.model} with weights {now[:12]}…; expected those that were scored, "
            f"{result['model']['weights_sha256'][:12]}…; evaluate it again"
        )
    return ModelLabels(command.model, evaluate.engine_config(command), spec)
