"""Fills the tables of docs/results.md and of README.md, and draws docs/results.svg, from what the queue kept.

Tables of docs/systems.md, where it is, are filled from docs/runs/compare/NAME.json, which `vidseg compare` wrote.

``make tables``, or ``python tools/results.py`` in the root of a checkout. The text of the pages is written by hand; a
table goes between its mark, ``<!-- table: NAME -->``, and ``<!-- end -->``. The same records give the same bytes.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.plan import FINE, SEEDS, STEADY
from benchmark.tables import Records, Row, Table, lines_of, percent, read_records, runs_table, scores_by_seed
from vidseg.bench.plots import COLOURS, scatter
from vidseg.compare.table import markdown
from vidseg.errors import InputError
from vidseg.files import atomic_file

_SCORES = ("seeds", "mIoU", "wIoU", "mVC8", "mVC16", "mCC8", "mCC16")
_THREE = ("mIoU", "mVC8", "mVC16")
_README = "results: written by make tables"
# How a pair's rows are called that are scored in another way, by the ending of the scoring's name.
_NOTES = {"": "", STEADY: ", steadied", FINE: ", 360 lines"}


@dataclass(frozen=True)
class Pair:
    """A per-frame baseline and CFFM, as the page calls and finds them."""

    title: str
    baseline: str
    cffm: str
    scoring: str

    def rows(self, suffix: str = "") -> tuple[Row, Row, Row]:
        """Baseline, CFFM and their difference, scored as the suffix says."""
        size, note = self.cffm.split("_")[1].capitalize(), _NOTES[suffix]
        scoring = self.scoring + suffix
        return (
            Row(label=f"SegFormer-{size}{note}", run=self.baseline, scoring=scoring),
            Row(label=f"CFFM-{size}{note}", run=self.cffm, scoring=scoring),
            Row(label=f"difference{note}", run=self.cffm, scoring=scoring, minus=self.baseline),
        )


_BUNDLED = ("segformer_b0_freedoom", "cffm_b0_freedoom")
_EQUAL = ("segformer_b0_freedoom_tuned", "cffm_b0_freedoom_fresh_long")
PAIRS = {
    "camvid": Pair("CamVid", "segformer_lite0_camvid", "cffm_lite0_camvid", "camvid"),
    "davis": Pair("DAVIS", "segformer_lite0_davis", "cffm_lite0_davis", "davis"),
    "damaged": Pair("Rendered, damaged", *_BUNDLED, "damaged"),
    "clean": Pair("Rendered, clean", *_BUNDLED, "clean"),
    "equal-damaged": Pair("Rendered, damaged, equal start", *_EQUAL, "damaged"),
    "equal-clean": Pair("Rendered, clean, equal start", *_EQUAL, "clean"),
}
_FOUND = ("camvid", "davis", "damaged")
# The label, the run, and mIoU, mVC8 and mVC16 of the paper's model.
_ABLATIONS = (
    ("references 9, 6, 3; 1 layer", "cffm_b0_freedoom_adapted", "38.5, 88.6, 84.1 (B1)"),
    ("references 3, 2, 1", "cffm_b0_freedoom_references321_adapted", "37.7, 88.3, 83.6 (B1)"),
    ("reference 3", "cffm_b0_freedoom_references3_adapted", "37.4, 87.4, 82.4 (B1)"),
    ("reference 6", "cffm_b0_freedoom_references6_adapted", "37.7, 88.0, 83.3 (B1)"),
    ("reference 9", "cffm_b0_freedoom_references9_adapted", "37.9, 88.4, 83.9 (B1)"),
    ("2 layers", "cffm_b0_freedoom_depth2_adapted", "35.7, 87.7, 83.0 (B0; 1 layer: 35.4, 87.7, 82.9)"),
    ("no references: SegFormer", "segformer_b0_freedoom_adapted", "36.5, 84.7, 79.9 (B1)"),
)


def main(root: Path = Path()) -> None:
    """The pages of a checkout."""
    docs = root / "docs"
    records = read_records(docs / "runs" / "benchmark")
    blocks = {f"table: {name}": lines_of(table, records) for name, table in tables().items()}
    fill(docs / "results.md", blocks | {"table: runs": runs_table(records, "runs/benchmark")})
    fill(root / "README.md", {_README: lines_of(summary(), records)})
    if compared := comparisons(docs / "runs" / "compare"):
        fill(docs / "systems.md", compared)
    with atomic_file(docs / "results.svg") as temporary:
        temporary.write_text(picture(records), encoding="utf-8")


def tables() -> dict[str, Table]:
    """The tables of scores that a page can ask for, by the names in their marks."""
    made = {}
    for name, pair in PAIRS.items():
        columns = (*_SCORES, "mTC", "foreground IoU") if name == "davis" else _SCORES
        rows = (*pair.rows(), *pair.rows(STEADY), *(pair.rows(FINE) if name == "camvid" else ()))
        made[name] = Table(head=f"{pair.title}, `vspw`", rows=rows, columns=columns)
        made[f"{name}-exact"] = replace(made[name], head=f"{pair.title}, `exact`", protocol="exact")
        head = f"IoU, {pair.title}, `exact`"
        made[f"{name}-classes"] = Table(head=head, rows=pair.rows(), columns=None, protocol="exact")
    found = [
        replace(row, label=f"{PAIRS[name].title}: {row.label}")
        for name in _FOUND
        for row in (*PAIRS[name].rows(), PAIRS[name].rows(STEADY)[1])
    ]
    made["findings"] = Table(head="Validation video, `vspw`", rows=tuple(found), columns=("seeds", *_THREE))
    ablations = [
        Row(label=label, run=f"{run}-s{SEEDS[0]}", scoring="damaged", beside=(theirs,))
        for label, run, theirs in _ABLATIONS
    ]
    head, beside = "Rendered, damaged, `vspw`, seed 0", ("mIoU, mVC8, mVC16 on VSPW, *theirs*",)
    made["ablations"] = Table(head=head, rows=tuple(ablations), columns=_THREE, beside=beside)
    return made


def comparisons(folder: Path) -> dict[str, list[str]]:
    """The tables of all comparisons in a folder, by the names in their marks."""
    records = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    return {f"table: {name}": markdown(record) for name, record in records.items()}


def summary() -> Table:
    """The question in three rows, for the README, beside the paper's B0."""
    theirs = (("32.9", "82.7", "77.3"), ("35.4", "87.7", "82.9"), ("+2.5", "+5.0", "+5.6"))
    rows = zip(PAIRS["damaged"].rows(), theirs, strict=True)
    return Table(
        head=f"damaged frames, `vspw`, percent, {len(SEEDS)} seeds",
        rows=tuple(replace(row, beside=beside) for row, beside in rows),
        columns=_THREE,
        beside=tuple(f"{name} on VSPW, *theirs*" for name in _THREE),
        judged=False,
    )


def picture(records: Records) -> str:
    """Consistency against accuracy, a dot for each seed, of all pairs among the findings that have been run."""
    orange, blue = COLOURS[:2]
    styles = {
        "SegFormer": (orange, True),
        "SegFormer, steadied": (orange, False),
        "CFFM": (blue, True),
        "CFFM, steadied": (blue, False),
    }
    panels = {}
    for pair in (PAIRS[name] for name in _FOUND):
        (base, cffm, _), (steady_base, steady_cffm, _) = pair.rows(), pair.rows(STEADY)
        rows = zip(styles, (base, steady_base, cffm, steady_cffm), strict=True)
        series = {name: _dots(records, row) for name, row in rows}
        for name in ("SegFormer", "CFFM"):
            # Where steadying did nothing, as at a frame a second, its dots would hide the others.
            plain = series[name]
            series[f"{name}, steadied"] = [dot for dot in series[f"{name}, steadied"] if dot not in plain]
        if any(series.values()):
            panels[pair.title] = series
    return scatter(panels, styles, xlabel="mIoU, %", ylabel="mVC16, %")


def fill(page: Path, blocks: Mapping[str, Sequence[str]]) -> None:
    """Puts every table that a page has a mark for between its mark and the next end.

    Raises:
        InputError: if a mark names no table, or has no end, or the page has no mark at all.
    """
    text = page.read_text(encoding="utf-8")

    def filled(match: re.Match[str]) -> str:
        if match[1] not in blocks or not text.startswith("<!-- end", match.end()):
            known = ", ".join(blocks)
            raise InputError(f"got mark '{match[1]}' in {page}; expected one of {known}, and <!-- end --> below it")
        return "\n".join([f"<!-- {match[1]} -->", "", *blocks[match[1]], ""])

    result, count = re.subn(rf"(?s)<!-- (table: [^\n]+?|{_README}) -->\n.*?(?=<!-- |\Z)", filled, text)
    if count == 0:
        raise InputError(f"got {page} without a mark; expected <!-- table: NAME --> and <!-- end --> around each table")
    with atomic_file(page) as temporary:
        temporary.write_text(result, encoding="utf-8")


def _dots(records: Records, row: Row) -> list[tuple[float, float]]:
    scored = scores_by_seed(records, row.run, row.scoring).values()
    points = [(percent(scores, "mIoU", "vspw"), percent(scores, "mVC16", "vspw")) for scores in scored]
    return [(x, y) for x, y in points if x is not None and y is not None]


if __name__ == "__main__":
    main()
