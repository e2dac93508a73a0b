"""One HTML file out of a page's template, styles, scripts and contents.

The file needs nothing else: a content security policy forbids it the network, and any script or style but its own.
Everything that comes from data travels as JSON and is put on the page as text, never as markup.
"""

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Asset:
    """A file that comes with the package.

    Attributes:
        room: the module whose folder `assets` holds it.
        name: its path in there.
    """

    room: str
    name: str

    def text(self) -> str:
        """What it holds."""
        return resources.files(self.room).joinpath("assets", *self.name.split("/")).read_text(encoding="utf-8")


def one_file(
    page: Asset,
    *,
    styles: Sequence[Asset],
    scripts: Sequence[Asset],
    title: str,
    contents: Mapping[str, Any],
    **more: str,
) -> str:
    """The whole file.

    Args:
        page: the template, with the names of its parts in double braces: title, policy, style, contents, script.
        styles: in the order in which they build on each other.
        scripts: likewise; they share one module scope.
        title: of the page.
        contents: what the scripts lay out, as JSON has it.
        more: markup for other parts of the template, by name.
    """
    style = "\n".join(asset.text() for asset in styles)
    script = "\n".join(asset.text() for asset in scripts)
    parts = {
        "title": html.escape(title),
        "policy": html.escape(
            "default-src 'none'; img-src blob: data:; base-uri 'none'; form-action 'none'; "
            f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
        ),
        "style": style,
        "contents": _json_in_html(contents),
        "script": script,
        **more,
    }
    pieces = page.text().split("{{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        filled += [parts[name], rest]
    return "".join(filled)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json_in_html(value: Any) -> str:
    """JSON in which no tag can begin or end, so it may stand inside a script element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
