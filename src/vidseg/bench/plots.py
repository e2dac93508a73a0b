"""Plots as SVG: seconds a frame against the values of a factor, and points of two scores in panels.

The same input gives the same bytes.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 172, 40, 48
_PANEL, _PANEL_HEIGHT = 300, 280
# Okabe and Ito's colours, told apart with every colour vision.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")


def line_plot(title: str, xlabel: str, values: Sequence[str], series: Mapping[str, Sequence[float | None]]) -> str:
    """An SVG document.

    Args:
        title: above the plot.
        xlabel: under it.
        values: names of the places on the x axis, evenly spaced.
        series: positive seconds at each place, None where there are none; by name.
    """
    points = [y for line in series.values() for y in line if y is not None]
    low, high = (math.floor(math.log10(min(points))), math.ceil(math.log10(max(points)))) if points else (-1, 0)
    high = max(high, low + 1)

    def x_of(index: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (index + 0.5) / len(values)

    def y_of(seconds: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - math.log10(seconds)) / (high - low)

    parts = [_text(LEFT, TOP - 16, title, size=15, anchor="start")]
    for exponent in range(low, high + 1):
        y = y_of(10.0**exponent)
        parts.append(_line(LEFT, y, WIDTH - RIGHT, y))
        parts.append(_text(LEFT - 8, y + 4, f"{10.0**exponent:g} s", anchor="end"))
    parts += [_text(x_of(index), HEIGHT - BOTTOM + 20, value) for index, value in enumerate(values)]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, xlabel))
    for row, (name, line) in enumerate(series.items()):
        colour = COLOURS[row % len(COLOURS)]
        places = [(x_of(index), y_of(y)) for index, y in enumerate(line) if y is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in places]
        y = TOP + 10 + 22 * row
        parts.append(f'<circle cx="{WIDTH - RIGHT + 18}" cy="{y}" r="5" fill="{colour}"/>')
        parts.append(_text(WIDTH - RIGHT + 30, y + 4, name, anchor="start"))
    return _document(WIDTH, HEIGHT, parts)


def scatter(
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]],
    styles: Mapping[str, tuple[str, bool]],
    *,
    xlabel: str,
    ylabel: str,
) -> str:
    """An SVG document of panels side by side, each with linear axes of its own.

    Args:
        panels: points (x, y) of each series, by the panel's title; every panel has at least one point.
        styles: a series' colour and whether its dots are filled, by name; the legend's order.
        xlabel: under every panel.
        ylabel: beside the first.
    """
    bottom, middle = _PANEL_HEIGHT - BOTTOM, (_PANEL_HEIGHT - BOTTOM + TOP) / 2
    parts = [f'<g transform="rotate(-90 16 {middle:g})">{_text(16, middle, ylabel)}</g>']
    for column, (title, series) in enumerate(panels.items()):
        left, right = column * _PANEL + LEFT, (column + 1) * _PANEL - 8
        xs, ys = zip(*(point for points in series.values() for point in points), strict=True)
        xticks, yticks = _ticks(min(xs), max(xs)), _ticks(min(ys), max(ys))
        x_of = _axis(xticks, left, right)
        y_of = _axis(yticks, bottom, TOP)
        parts += [_text(left, TOP - 16, title, size=15, anchor="start")]
        parts += [_text((left + right) / 2, _PANEL_HEIGHT - 8, xlabel)]
        for x in xticks:
            parts.append(_line(x_of(x), TOP, x_of(x), bottom))
            parts.append(_text(x_of(x), bottom + 20, f"{x:g}"))
        for y in yticks:
            parts.append(_line(left, y_of(y), right, y_of(y)))
            parts.append(_text(left - 8, y_of(y) + 4, f"{y:g}", anchor="end"))
        for name, (colour, filled) in styles.items():
            parts += [_dot(x_of(x), y_of(y), colour, filled=filled) for x, y in series.get(name, ())]
    shown = [name for name in styles if any(series.get(name) for series in panels.values())]
    for row, name in enumerate(shown):
        colour, filled = styles[name]
        x, y = len(panels) * _PANEL + 18, TOP + 10 + 22 * row
        parts += [_dot(x, y, colour, filled=filled), _text(x + 12, y + 4, name, anchor="start")]
    return _document(len(panels) * _PANEL + RIGHT, _PANEL_HEIGHT, parts)


def _axis(ticks: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (end - start) * (value - ticks[0]) / (ticks[-1] - ticks[0])


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from below `low` to above `high`, about five of them."""
    rough = max(high - low, 1e-9) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    return [round(index * step, 10) for index in range(first, last + 1)]


def _document(width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def _dot(x: float, y: float, colour: str, *, filled: bool) -> str:
    inside = colour if filled else "white"
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{inside}" stroke="{colour}" stroke-width="2"/>'


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'
