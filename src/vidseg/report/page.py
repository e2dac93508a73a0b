"""A report's page: its template, style and scripts, and what they are filled with."""

from collections.abc import Mapping, Sequence
from typing import Any

from vidseg.report.one_file import Asset, one_file

# In the order in which they build on each other; they share one module scope.
SCRIPTS = (
    "dom.js",
    "format.js",
    "settings.js",
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
    data = (f'<script type="text/plain" id="clip-{index}">{data}</script>' for index, data in enumerate(clips))
    return one_file(
        _asset("page.html"),
        styles=[_asset("page.css")],
        scripts=[_asset(f"js/{name}") for name in SCRIPTS],
        title=contents["title"],
        contents=contents,
        clips="\n".join(data),
    )


def _asset(name: str) -> Asset:
    return Asset("vidseg.report", name)
