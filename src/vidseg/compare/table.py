"""The table of a comparison: columns, rows and what stands in them, for Markdown and the page alike.

The best of a column is marked, and with it all that are as good within the spread over seeds.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from vidseg.bench.page import table as markdown_table
from vidseg.compare.published import FIGURES
from vidseg.compare.spread import is_beyond, mean_and_spread

Record = Mapping[str, Any]
NONE = "–"
SCORES = ("mIoU", "wIoU", "mVC8", "mVC16", "mTC")


@dataclass(frozen=True, kw_only=True)
class Column:
    """What is told of every system.

    Attributes:
        key: unique.
        title: over the column.
        digits: after the point.
        best: which values are the best; None where none is.
        theirs: whether the figures are the authors'.
    """

    key: str
    title: str
    digits: int
    best: Literal["most", "least"] | None = None
    theirs: bool = False


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One figure.

    Attributes:
        value: the mean over seeds; None where there is none.
        spread: their sample standard deviation; None of one seed, and of what does not depend on the seed.
        best: whether it is marked.
    """

    value: float | None = None
    spread: float | None = None
    best: bool = False

    def text(self, digits: int) -> str:
        """In Markdown."""
        if self.value is None:
            return NONE
        spread = "" if self.spread is None else f" ± {self.spread:.{digits}f}"
        return f"**{self.value:.{digits}f}{spread}**" if self.best else f"{self.value:.{digits}f}{spread}"


_OURS = (
    Column(key="parameters", title="parameters, M", digits=2),
    *(Column(key=name, title=name, digits=2, best="most") for name in SCORES),
    Column(key="fps", title="frames/s", digits=2, best="most"),
    Column(key="multiply_adds", title="multiply-adds, G", digits=2, best="least"),
)
_THEIR_TITLES = {"parameters": "parameters, M", "fps": "frames/s"}
_MEGA, _GIGA = 1e6, 1e9


def columns_of(record: Record) -> list[Column]:
    """The columns that any system has a figure for; mIoU and frames/s always."""
    systems = record["systems"]
    always = ("mIoU", "fps")
    ours = [
        column
        for column in _OURS
        if column.key in always
        or any(values_of(system, column.key, name) for system in systems for name in ("vspw", "exact"))
    ]
    theirs = [
        Column(key=f"their_{name}", title=f"{_THEIR_TITLES.get(name, name)}, theirs", digits=1, theirs=True)
        for name in FIGURES
        if any(name in system["published"] for system in systems)
    ]
    return ours + theirs


def values_of(system: Record, key: str, protocol: str) -> dict[int | None, float]:
    """A system's figures of a column, by seed; scores are percent."""
    if key.startswith("their_"):
        value = system["published"].get(key.removeprefix("their_"))
        return {} if value is None else {None: float(value)}
    if key in SCORES:
        found = {seed["seed"]: seed["protocols"][protocol].get(key) for seed in system["seeds"]}
        return {seed: 100 * value for seed, value in found.items() if value is not None}
    sources: dict[str, tuple[str, Callable[[Record], float]]] = {
        "parameters": ("described", lambda made: made["parameters"] / _MEGA),
        "multiply_adds": ("described", lambda made: made["complexity"]["multiply_adds"]["stream"]["total"] / _GIGA),
        "fps": ("timing", lambda timing: 1 / timing["seconds_per_frame"]),
    }
    part, figure = sources[key]
    return {} if system[part] is None else {None: figure(system[part])}


def cells_of(record: Record, column: Column, protocol: str) -> list[Cell]:
    """A column, from the first system to the last."""
    values = [tuple(values_of(system, column.key, protocol).values()) for system in record["systems"]]
    made = [mean_and_spread(found) if found else (None, None) for found in values]
    means = [mean for mean, _ in made if mean is not None]
    if column.best is None or len(means) < 2:
        return [Cell(value=mean, spread=spread) for mean, spread in made]
    leader = made[[mean for mean, _ in made].index(max(means) if column.best == "most" else min(means))]
    return [
        Cell(value=mean, spread=spread, best=mean is not None and _as_good((mean, spread), leader))
        for mean, spread in made
    ]


def _as_good(one: tuple[float, float | None], leader: tuple[float | None, float | None]) -> bool:
    """Whether a mean is the best one, or away from it by no more than the larger of their spreads."""
    assert leader[0] is not None
    return abs(one[0] - leader[0]) <= max(one[1] or 0.0, leader[1] or 0.0)


def markdown(record: Record) -> list[str]:
    """Lines: the table and what is to be known of it, the differences from the baseline if there is one, latencies."""
    heads = [f"*{column.title}*" if column.theirs else column.title for column in columns_of(record)]
    lines = markdown_table(("method", "backbone", *heads), _rows(record))
    return [*lines, *notes(record), "", *_differences(record), *_latencies(record)]


def backbone_of(system: Record) -> str:
    """What encodes its frames."""
    return NONE if system["described"] is None else str(system["described"]["backbone"])


def notes(record: Record) -> list[str]:
    """What one must know of the figures, a sentence a line."""
    data, timing = record["data"], record["timing"]
    said = [
        f"Scores are percent, protocol `{record['protocol']}`, on {data['name']}, split {data['split']} "
        f"({data['videos']} videos, {data['labelled_frames']} labelled frames){_seeds(record)}."
    ]
    if timing is not None:
        machine = timing["machine"]
        height, width = timing["frame_size"]
        said.append(
            f"Frames a second of {height}x{width}, all systems in turns in one run: {machine['cpu']}, "
            f"{machine['torch_threads']} of {machine['cores']} cores, {timing['runtime']}."
        )
    said.append("Multiply-adds are those of a frame of a stream, the mean over key frames and others.")
    scored = [system for system in record["systems"] if system["seeds"]]
    if scored and not any(values_of(system, "mIoU", record["protocol"]) for system in scored):
        said.append("Protocol `vspw` leaves out videos of up to 16 frames, which here are all: say `protocol: exact`.")
    for system in record["systems"]:
        if system["failure"] is not None:
            said.append(f"{system['name']} is not finished: {system['failure']}")
        elif not system["seeds"]:
            said.append(f"{system['name']} has not been scored yet.")
        if system["untimed"] is not None:
            said.append(f"{system['name']} was not timed: {system['untimed']}")
    return said


def _seeds(record: Record) -> str:
    """How many seeds the figures are of; nothing where nobody has more than one."""
    counts = sorted({len(system["seeds"]) for system in record["systems"] if system["seeds"]})
    if not counts or counts[-1] == 1:
        return ""
    return f"; mean ± standard deviation over {counts[-1]} seeds" + ("" if len(counts) == 1 else " where there are any")


def _differences(record: Record) -> list[str]:
    """Each system's scores minus the baseline's, seed by seed; bold beyond the seeds' spread."""
    if record["baseline"] is None:
        return []
    base = next(system for system in record["systems"] if system["name"] == record["baseline"])
    columns = [column for column in columns_of(record) if column.key in SCORES]
    rows = []
    for system in record["systems"]:
        if system is not base:
            texts = (_difference(system, base, column, record["protocol"]) for column in columns)
            rows.append((system["name"], *texts))
    return markdown_table((f"minus {base['name']}", *(column.title for column in columns)), rows)


def _difference(system: Record, base: Record, column: Column, protocol: str) -> str:
    ours, theirs = values_of(system, column.key, protocol), values_of(base, column.key, protocol)
    if not ours or not theirs:
        return NONE
    if shared := [seed for seed in ours if seed in theirs]:
        differences = [ours[seed] - theirs[seed] for seed in shared]
    else:  # one of them was not trained here, so there are no pairs
        differences = [mean_and_spread(tuple(ours.values()))[0] - mean_and_spread(tuple(theirs.values()))[0]]
    mean, spread = mean_and_spread(differences)
    text = f"{mean:+.{column.digits}f}" + ("" if spread is None else f" ± {spread:.{column.digits}f}")
    return f"**{text}**" if is_beyond(differences, ours.values(), theirs.values()) else text


def _latencies(record: Record) -> list[str]:
    timed = [system for system in record["systems"] if system["timing"] is not None]
    if not timed:
        return []
    names = ("mean", "median", "p95", "worst")
    rows = [
        (
            system["name"],
            *(f"{1000 * system['timing'][name]:.1f}" for name in names),
            f"{system['timing']['state_bytes'] / _MEGA:.2f}",
        )
        for system in timed
    ]
    return markdown_table(("latency of a frame, ms", *names, "state of a stream, MB"), rows)


def plain_columns(record: Record) -> list[dict[str, Any]]:
    """The columns as JSON has them, with their cells by protocol."""
    return [
        asdict(column)
        | {"cells": {name: [asdict(cell) for cell in cells_of(record, column, name)] for name in ("vspw", "exact")}}
        for column in columns_of(record)
    ]


def rows_for_terminal(record: Record) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heads and rows without marks."""
    rows = [tuple(text.strip("*") for text in row) for row in _rows(record)]
    return ("method", "backbone", *(column.title for column in columns_of(record))), rows


def _rows(record: Record) -> list[tuple[str, ...]]:
    """A line of texts for each system."""
    columns = columns_of(record)
    cells = [[cell.text(column.digits) for cell in cells_of(record, column, record["protocol"])] for column in columns]
    systems = zip(record["systems"], zip(*cells, strict=True), strict=True)
    return [(system["name"], backbone_of(system), *texts) for system, texts in systems]
