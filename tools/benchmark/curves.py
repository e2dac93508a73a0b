"""Curves of runs as SVG: a value against the iteration, on linear axes. The same input gives the same bytes."""

import math
from collections.abc import Mapping, Sequence

from vidseg.bench.plots import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH

Points = Sequence[tuple[float, float]]

# SegFormer's and CFFM's; runs of one recipe share a colour.
COLOURS = {"SegFormer-B0": "#D55E00", "CFFM-B0": "#0072B2", "from scratch": "#777777"}


def curves(title: str, ylabel: str, series: Sequence[tuple[str, Points]]) -> str:
    """An SVG document.

    Args:
        title: above the plot.
        ylabel: what is on the y axis.
        series: (a name in COLOURS, points); at least one with at least one point.
    """
    xs = [x for _, points in series for x, _ in points]
    ys = [y for _, points in series for _, y in points]
    xticks, yticks = _ticks(0, max(xs)), _ticks(min(ys), max(ys))

    def x_of(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * x / xticks[-1]

    def y_of(y: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (yticks[-1] - y) / (yticks[-1] - yticks[0])

    parts = [_text(LEFT, TOP - 16, title, anchor="start", size=15)]
    for y in yticks:
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y_of(y):.1f}" y2="{y_of(y):.1f}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 8, y_of(y) + 4, f"{y:g}", anchor="end"))
    parts += [_text(x_of(x), HEIGHT - BOTTOM + 20, f"{x:g}") for x in xticks]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, f"iteration (y: {ylabel})"))
    for name, points in series:
        path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="1.5"/>')
        if len(points) < 10:
            dots = (f'<circle cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="3" fill="{COLOURS[name]}"/>' for x, y in points)
            parts += dots
    shown = [name for name in COLOURS if any(name == other for other, _ in series)]
    for row, name in enumerate(shown):
        y = TOP + 10 + 22 * row
        parts.append(f'<circle cx="{WIDTH - RIGHT + 18}" cy="{y}" r="5" fill="{COLOURS[name]}"/>')
        parts.append(_text(WIDTH - RIGHT + 30, y + 4, name, anchor="start"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def smoothed(rows: Sequence[Mapping[str, float]], name: str, over: int) -> list[tuple[float, float]]:
    """(iteration, mean of the last `over` rows' values)."""
    values = [row[name] for row in rows]
    return [
        (row["iteration"], math.fsum(values[max(0, end - over) : end]) / min(over, end))
        for end, row in enumerate(rows, start=1)
    ]


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from below `low` to above `high`, about five of them."""
    rough = max(high - low, 1e-9) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    return [round(index * step, 10) for index in range(first, last + 1)]


def _text(x: float, y: float, text: str, *, anchor: str = "middle", size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{text}</text>'
