"""Plots as SVG: seconds a frame, on a logarithmic axis, against the values of a factor."""

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 172, 40, 48
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
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
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
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'
