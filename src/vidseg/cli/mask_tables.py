"""What ``vidseg masks`` prints: colours found, classes with their shares, and what is unknown."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from vidseg.data.mask_conversion import Plan
    from vidseg.data.mask_survey import MaskSurvey

# Rows of a table that are printed; --json has all.
_ROWS = 20
_WIDTH = 110


def print_colours(survey: "MaskSurvey") -> None:
    """The colours that masks hold, the most frequent first."""
    from vidseg.data.mask_survey import colours_dict

    table = Table("colour", "hex", box=None, pad_edge=False)
    for head in ("share", "pixels", "masks"):
        table.add_column(head, justify="right")
    table.add_column("seems to be")
    rows = colours_dict(survey)
    for row in rows[:_ROWS]:
        kind = "edges only" if row["edges_only"] else "a class"
        cells = row["colour"], row["hex"], _share(row["share"]), f"{row['pixels']:,}", str(row["masks"]), kind
        table.add_row(*map(str, cells))
    _print(table, more=len(rows) - _ROWS, what="colours")


def print_plan(plan: "Plan") -> None:
    """The classes with their shares, and what is unknown."""
    pixels, survey = plan.pixels_by_label(), plan.survey
    table = Table("id", "class", box=None, pad_edge=False)
    table.add_column("share", justify="right")
    table.add_column("from")
    sources: dict[int, list[str]] = {}
    for code, label in plan.labels.items():
        sources.setdefault(label, []).append(plan.words.get(code, "unknown").partition(" (")[0])
    names = [*enumerate(plan.class_map.names), (plan.class_map.ignore, "(no label)")]
    for label, name in names:
        share = _share(pixels[label] / survey.pixels) if pixels[label] else "-"
        table.add_row(str(label), name, share, _shortened(dict.fromkeys(sources.get(label, []))))
    _print(table)
    if plan.unknown:
        _print_unknown(plan)
    if transparent := survey.notes["transparent"]:
        print(f"transparent pixels, counted as black: {transparent:,} ({_share(transparent / survey.pixels)})")
    if snapped := survey.notes["snapped"]:
        print(f"greys taken for black or white: {snapped:,} pixels ({_share(snapped / survey.pixels)})")
    for name in plan.class_map.names:
        if name.lower().strip("_") in ("void", "ignore", "ignored", "unlabelled", "unlabeled"):
            print(f"remark: {name} is kept as a class; for pixels without a label add: --void {name}")


def _print_unknown(plan: "Plan") -> None:
    table = Table("unknown", "nearest known", box=None, pad_edge=False)
    for head in ("distance", "pixels", "share", "masks"):
        table.add_column(head, justify="right")
    table.add_column("becomes")
    table.add_column("e.g.", overflow="fold")
    ids: dict[int | None, str] = {None: "?", -1: "no label", **dict(enumerate(plan.class_map.names))}
    for unknown in plan.unknown[:_ROWS]:
        occurrence = unknown.occurrence
        table.add_row(
            unknown.label,
            "" if unknown.nearest is None else plan.words[unknown.nearest],
            "" if unknown.distance is None else f"{unknown.distance:.1f}",
            f"{occurrence.pixels:,}",
            _share(occurrence.pixels / plan.survey.pixels),
            str(occurrence.frames),
            ids[unknown.becomes],
            "/".join(Path(occurrence.example).parts[-2:]),
        )
    print()
    _print(table, more=len(plan.unknown) - _ROWS, what="unknown ones")
    changed = sum(one.occurrence.pixels for one in plan.unknown if one.becomes is not None)
    if changed:
        share = _share(changed / plan.survey.pixels)
        print(f"unknown pixels that were given a class, or no label: {changed:,} ({share})")
    print()


def describe_unsettled(plan: "Plan") -> str:
    """One line on what nobody said the class of."""
    unsettled = plan.unsettled
    pixels = sum(one.occurrence.pixels for one in unsettled)
    first = unsettled[0]
    distances = [one.distance for one in unsettled if one.distance is not None]
    near = f"--nearest D (up to {max(distances):.0f} here), " if distances else ""
    overlap = any(one.label == "in several classes" for one in unsettled)
    ways = "--overlap first, last or ignore" if overlap else f"{near}--unknown ignore or --unknown NAME"
    grey = "; for greys --nearest D" if any(one.label.startswith("grey ") for one in unsettled) else ""
    return (
        f"error: got {len(unsettled)} unknown colour(s) or value(s) in {pixels:,} pixels "
        f"({_share(pixels / plan.survey.pixels)}), e.g. {first.label} in {first.occurrence.example}; expected those of "
        f"the classes; nothing was written; correct the table, add --class NAME=C, or say what they are: {ways}{grey}"
    )


def _print(table: Table, more: int = 0, what: str = "") -> None:
    # Names are shown as they are, whatever marks are in them.
    Console(width=_WIDTH, highlight=False, markup=False, emoji=False).print(table)
    if more > 0:
        print(f"… and {more:,} more {what}; --json has all")


def _shortened(words: Iterable[str], limit: int = 4) -> str:
    listed = list(words)
    return ", ".join(listed[:limit]) + (f" and {len(listed) - limit} more" if len(listed) > limit else "")


def _share(share: float) -> str:
    return f"{100 * share:.2f} %" if share >= 0.0001 else "<0.01 %"
