"""The page of a comparison: the table, and speed against accuracy and consistency, in one HTML file.

It opens from disk, without network. Rows lead to the systems' reports beside it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidseg.compare.table import backbone_of, notes, plain_columns
from vidseg.files import atomic_file
from vidseg.report import Asset, one_file

# In the order in which they build on each other; they share one module scope.
_SCRIPTS = (
    Asset("vidseg.report", "js/dom.js"),
    Asset("vidseg.report", "js/format.js"),
    Asset("vidseg.report", "js/settings.js"),
    Asset("vidseg.compare", "js/contents.js"),
    Asset("vidseg.compare", "js/plot.js"),
    Asset("vidseg.compare", "js/table.js"),
    Asset("vidseg.compare", "js/main.js"),
)
_STYLES = (Asset("vidseg.report", "page.css"), Asset("vidseg.compare", "page.css"))


def write_page(path: Path, record: Mapping[str, Any]) -> None:
    """Writes the page of what `vidseg.compare.record.record_of` gives."""
    page = one_file(
        Asset("vidseg.compare", "page.html"),
        styles=_STYLES,
        scripts=_SCRIPTS,
        title=f"Comparison on {record['data']['name']}",
        contents=contents(record),
    )
    with atomic_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def contents(record: Mapping[str, Any]) -> dict[str, Any]:
    """All that the page says, as values that JSON has."""
    return {
        "title": f"{len(record['systems'])} systems on {record['data']['name']}",
        "data": {key: value for key, value in record["data"].items() if key not in ("classes", "fingerprint")}
        | {"classes": len(record["data"]["classes"])},
        "protocol": record["protocol"],
        # Marks of Markdown are not for the page.
        "notes": [note.replace("`", "") for note in notes(record)],
        "columns": plain_columns(record),
        "systems": [_system(system) for system in record["systems"]],
        "made": {
            "vidseg": record["vidseg"],
            "command": record["command"],
            "date": record["date"],
            "machine": record["machine"],
        },
    }


def _system(system: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": system["name"],
        "backbone": backbone_of(system),
        "report": system["report"],
        "latency": system["timing"],
        "models": [
            {"seed": one["seed"], "weights_sha256": one["weights_sha256"], "commands": one["commands"]}
            for one in system["seeds"]
        ],
    }
