"""``vidseg models``: what comes with the package."""

from typing import Any

from rich.console import Console
from rich.table import Table

from vidseg.cli.main import DONE
from vidseg.cli.parser import Parser
from vidseg.files import write_json


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser("models", "Lists the bundled models.", "vidseg models")
    parser.add_argument("--json", metavar="F", help="write the list")
    return parser


def run(args: Any) -> int:
    """Prints a row a model."""
    from vidseg.checkpoints import bundled_models, describe
    from vidseg.models import architecture_of

    rows: list[dict[str, Any]] = []
    for name in bundled_models():
        record = describe(name)
        rows.append(
            {
                "name": name,
                "architecture": architecture_of(record.config),
                "classes": record.class_map.num_classes,
                "license": record.license,
                "metrics": record.metrics,
            }
        )
    table = Table("name", "architecture", "classes", "mIoU", "license", box=None, pad_edge=False)
    for row in rows:
        score = (row["metrics"] or {}).get("mIoU")
        table.add_row(
            row["name"],
            row["architecture"],
            str(row["classes"]),
            "-" if score is None else f"{score:.3f}",
            row["license"] or "-",
        )
    Console(markup=False).print(table)
    if args.json:
        write_json(args.json, rows)
    return DONE
