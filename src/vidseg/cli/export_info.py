"""What ``vidseg info`` says of an export."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vidseg.errors import InputError


def export_config(folder: str) -> Mapping[str, Any] | None:
    """The description that an export keeps; None for what is no export."""
    from vidseg.runtime import read_export

    try:
        return read_export(Path(folder))
    except InputError:
        return None


def print_export(config: Mapping[str, Any]) -> None:
    """A table of what the description says."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("export", config["format"])
    size = config["network_size"]
    table.add_row("network's input", "any size" if size is None else f"{size[0]}x{size[1]}")
    table.add_row("classes", f"{len(config['classes'])}: {', '.join(config['classes'])}")
    table.add_row("graphs", ", ".join(entry["file"] for entry in config["graphs"].values()))
    for name, value in _precision_rows(config.get("precision")):
        table.add_row(name, value)
    Console(markup=False, highlight=False).print(table)


def _precision_rows(kept: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    if kept is None:
        return [("precision", "exact")]
    rows = [
        ("precision", kept["precision"]),
        (
            "agreement",
            f"{kept['agreement']:.2%} of pixels labelled as exact, {kept['threshold']:.2%} asked for; on "
            f"{kept['frames']} frames of {kept['video']} kept aside",
        ),
        ("rate", f"{kept['speedup']:.2f} times exact's on {kept['cpu']}"),
    ]
    if kept["products"]:
        left = kept["left_exact"]
        total = kept["products"] + len(left)
        rows.append(("int8 products", f"{kept['products']} of {total}, calibrated on {kept['calibrated_on']} frames"))
        if left:
            rows.append(("left exact", ", ".join(left)))
    if scores := kept.get("mIoU"):
        before, after = scores["exact"], scores[kept["precision"]]
        rows.append(("mIoU", f"{after:.2%}, exact {before:.2%}, on {scores['data']}"))
    return rows
