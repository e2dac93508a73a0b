"""``vidseg info``: what a model is."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from vidseg.cli.main import DONE
from vidseg.cli.parser import Parser
from vidseg.files import write_json


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser("info", "Says what a model is: size, classes, training, scores.", "vidseg info cffm-b0-freedoom")
    parser.add_argument("model", metavar="M", help="a bundled name, a directory, or hf://owner/name")
    parser.add_argument("--json", metavar="F", help="write all of it")
    return parser


def run(args: Any) -> int:
    """Prints what a checkpoint holds."""
    from vidseg.checkpoints import describe, load
    from vidseg.models import architecture_of

    record = describe(args.model)
    model = load(args.model)
    parameters = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    report = {
        "model": args.model,
        "architecture": architecture_of(record.config),
        "config": asdict(record.config),
        "parameters": {"total": sum(parameters.values())} | {name: n for name, n in parameters.items() if n},
        "reference_offsets": list(model.reference_offsets),
        "preprocessing": asdict(record.preprocessing),
        **record.class_map.to_dict(),
        "training": record.training,
        "metrics": record.metrics,
        "license": record.license,
        "source_sha256": record.source_sha256,
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("architecture", report["architecture"])
    table.add_row("parameters", "\n".join(f"{n:>11,}  {name}" for name, n in report["parameters"].items()))
    table.add_row("references", ", ".join(f"-{offset}" for offset in model.reference_offsets) or "none")
    size = record.preprocessing
    table.add_row("input", f"within {size.short}x{size.long}, multiples of {size.multiple}, {size.interpolation}")
    table.add_row("classes", f"{record.class_map.num_classes}: {', '.join(record.class_map.names)}")
    for name in ("training", "metrics"):
        for key, value in (report[name] or {}).items():
            table.add_row(f"{name}: {key}", f"{value:.4g}" if isinstance(value, float) else str(value))
    table.add_row("license", record.license or "not stated")
    Console().print(table)
    if args.json:
        write_json(args.json, report)
    return DONE
