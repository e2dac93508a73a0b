"""One HTML file out of the page's template, style, scripts and contents.

The file needs nothing else: a content security policy forbids it the network, and any script or style but its own.
Everything that comes from data travels as JSON and is put on the page as text, never as markup.
"""

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

# In the order in which they build on each other; they share one module scope.
SCRIPTS = (
    "dom.js",
    "format.js",
    "contents.js",
    "colours.js",
    "clip.js",
    "layers.js",
    "panels.js",
    "probe.js",
    "timeline.js",
    "legend.js",
    "player.js",
    "keys.js",
    "scores.js",
    "classes.js",
    "videos.js",
    "confusion.js",
    "provenance.js",
    "main.js",
)


def build_page(contents: Mapping[str, Any], clips: Sequence[str]) -> str:
    """The whole file.

    Args:
        contents: what `vidseg.report.contents` gives.
        clips: the data of each clip, in base64.
    """
    style = _asset("page.css")
    script = "\n".join(_asset(f"js/{name}") for name in SCRIPTS)
    parts = {
        "title": html.escape(contents["title"]),
        "policy": html.escape(
            "default-src 'none'; img-src blob: data:; base-uri 'none'; form-action 'none'; "
            f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
        ),
        "style": style,
        "contents": _json_in_html(contents),
        "clips": "\n".join(
            f'<script type="text/plain" id="clip-{index}">{data}</script>' for index, data in enumerate(clips)
        ),
        "script": script,
    }
    page = _asset("page.html")
    pieces = page.split("{{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        filled += [parts[name], rest]
    return "".join(filled)


def _asset(name: str) -> str:
    return resources.files("vidseg.report").joinpath("assets", *name.split("/")).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json_in_html(value: Any) -> str:
    """JSON in which no tag can begin or end, so it may stand inside a script element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
