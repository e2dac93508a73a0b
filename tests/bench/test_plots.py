"""Plots are drawn inside their frames, each panel on axes of its own."""

import re

from vidseg.bench.plots import scatter

STYLES = {"a": ("#000", True), "b": ("#fff", False)}


def dots(drawing: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawing)]


def test_points_lie_inside_their_panel_and_keep_their_order() -> None:
    panels = {"first": {"a": [(31.0, 5.0), (44.5, 6.0), (47.25, 9.5)], "b": []}, "second": {"b": [(0.1, 0.2)]}}
    drawing = scatter(panels, STYLES, xlabel="x", ylabel="y")
    found = dots(drawing)
    first, second = found[:3], found[3]
    assert len(found) == 4 + len(STYLES)
    assert [x for x, _ in first] == sorted(x for x, _ in first)
    assert [y for _, y in first] == sorted((y for _, y in first), reverse=True)
    assert all(64 <= x <= 292 and 40 <= y <= 232 for x, y in first)
    assert 364 <= second[0] <= 592
    assert drawing == scatter(panels, STYLES, xlabel="x", ylabel="y")


def test_titles_are_escaped() -> None:
    assert "a &lt; b" in scatter({"a < b": {"a": [(1.0, 1.0)]}}, STYLES, xlabel="x", ylabel="y")
