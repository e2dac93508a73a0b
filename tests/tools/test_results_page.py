"""docs/results.md: its tables are made of the committed records alone, and what is worked out of them is right."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

import results
from benchmark.plan import RUNS
from benchmark.steps import config_of, model_sha256
from benchmark.tables import Row, Table, lines_of, percent, read_records, runs_table, scores_by_seed
from vidseg.checkpoints import find_checkpoint
from vidseg.errors import InputError
from vidseg.train.comparison import differences

ROOT = Path(__file__).parents[2]
RUNS_FOLDER = ROOT / "docs" / "runs"
RECORDS = RUNS_FOLDER / "benchmark"
OTHERS = [*RUNS_FOLDER.glob("earlier/*.json"), *RUNS_FOLDER.glob("superseded/*.json")]
NAMES = ("mIoU", "wIoU", "mVC8", "mVC16", "mCC8", "mCC16")


def record(seed: int, value: float) -> dict:
    """Scores that all are `value`, clean ones a tenth more; one class has it, one does not occur."""
    scores = {}
    for scoring, score in (("damaged", value), ("clean", value + 0.1)):
        scores[scoring] = {
            "protocols": {protocol: dict.fromkeys(NAMES, score) for protocol in ("vspw", "exact")},
            "per_class": [
                {"name": name, "vspw": {"IoU": found}, "exact": {"IoU": found}}
                for name, found in (("wall", score), ("sky", None))
            ],
        }
    return {"seed": seed, "scores": scores}


def of(**values: tuple[float, ...]) -> dict:
    """Records of runs by name, one a seed."""
    return {f"{run}-s{seed}": record(seed, value) for run, found in values.items() for seed, value in enumerate(found)}


def rows(scoring: str = "damaged") -> tuple[Row, ...]:
    return (
        Row(label="A", run="a", scoring=scoring),
        Row(label="B", run="b", scoring=scoring),
        Row(label="difference", run="b", scoring=scoring, minus="a"),
    )


def table(records: dict, **changes) -> list[str]:
    given = {"head": "what", "rows": rows(), "columns": ("seeds", "mIoU", "mVC8")} | changes
    return [line for line in lines_of(Table(**given), records) if line]


def test_filling_the_pages_again_changes_nothing(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "runs").symlink_to(RUNS_FOLDER)
    pages = ("docs/results.md", "docs/systems.md", "README.md")
    for name in pages:
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    results.main(tmp_path)
    for name in (*pages, "docs/results.svg"):
        same = (tmp_path / name).read_bytes() == (ROOT / name).read_bytes()
        assert same, f"{name} is not what make tables writes: run it and commit"


def test_without_records_every_table_is_said_to_be_missing(tmp_path):
    (tmp_path / "docs").mkdir()
    for name in ("docs/results.md", "README.md"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    results.main(tmp_path)
    page = (tmp_path / "docs" / "results.md").read_text(encoding="utf-8")
    assert all(f"| `{run.name}` | not run yet |" in page for run in RUNS)
    assert page.count(": not run yet.\n") == page.count("<!-- table: ") - 1


def test_a_strange_file_among_the_records_is_refused(tmp_path):
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InputError, match=r"other\.json"):
        read_records(tmp_path)


def test_mean_and_spread_over_seeds_and_the_paired_difference():
    found = of(a=(0.30, 0.32, 0.34), b=(0.35, 0.36, 0.40))
    assert table(found)[2:] == [
        "| A | 3 | 32.00 ± 2.00 | 32.00 ± 2.00 |",
        "| B | 3 | 37.00 ± 2.65 | 37.00 ± 2.65 |",
        "| difference | 3 | **+5.00 ± 1.00** | **+5.00 ± 1.00** |",
    ]
    assert table(found, rows=rows("clean"))[2].startswith("| A | 3 | 42.00 ± 2.00 |")
    assert table(found, judged=False)[-1] == "| difference | 3 | +5.00 ± 1.00 | +5.00 ± 1.00 |"


@pytest.mark.parametrize(("shift", "is_bold"), [(0.01, False), (-0.01, False), (-0.05, True)])
def test_a_difference_within_the_spread_is_not_bold(shift, is_bold):
    values = (0.30, 0.32, 0.34)
    last = table(of(a=values, b=tuple(value + shift for value in values)))[-1]
    assert ("**" in last) == is_bold
    assert f"{100 * shift:+.2f}" in last


def test_one_seed_has_no_spread_and_only_whole_pairs_count():
    found = table(of(a=(0.3, 0.9), b=(0.4,)))
    assert found[2].startswith("| A | 2 | 60.00 ± 42.43 |")
    assert found[4] == "| difference | 1 | +10.00 | +10.00 |"


def test_what_has_no_record_was_not_run_and_what_is_undefined_is_a_dash():
    found = of(a=(0.3,))
    found["a-s0"]["scores"]["damaged"]["protocols"]["vspw"]["mVC8"] = None
    assert table(found)[2:] == [
        "| A | 1 | 30.00 | – |",
        "| B | not run yet | – | – |",
        "| difference | not run yet | – | – |",
    ]
    assert table(found, rows=rows("damaged-steady")) == table({}) == ["what: not run yet."]


def test_figures_from_elsewhere_stand_beside_ours():
    row = Row(label="A", run="a-s0", scoring="damaged", beside=("35.4",))
    found = table(of(a=(0.3, 0.9)), rows=(row,), columns=("mIoU",), beside=("*theirs*",))
    assert found == ["| what | mIoU | *theirs* |", "| --- | ---: | ---: |", "| A | 30.00 | 35.4 |"]


def test_classes_are_lines_without_those_that_do_not_occur():
    found = table(of(a=(0.3, 0.5), b=(0.5, 0.7)), columns=None, protocol="exact")
    assert found == [
        "| what | A | B | difference |",
        "| --- | ---: | ---: | ---: |",
        "| wall | 40.0 ± 14.1 | 60.0 ± 14.1 | **+20.0 ± 0.0** |",
    ]


def test_a_run_is_not_taken_for_a_longer_name():
    found = of(a=(0.3,)) | {"a-start": record(0, 0.9), "a_b-s0": record(0, 0.8)}
    assert percent(scores_by_seed(found, "a", "damaged")[0], "mIoU", "vspw") == 30
    assert percent(scores_by_seed(found, "a-start", "damaged")[0], "mIoU", "vspw") == 90


def test_every_planned_run_is_among_those_of_the_tables():
    named = {row.run for spec in results.tables().values() for row in spec.rows}
    known = {run.name for run in RUNS} | {run.name.rpartition("-s")[0] for run in RUNS}
    assert named <= known
    for run in RUNS:
        assert run.name in named or run.name.rpartition("-s")[0] in named or run.name.endswith("-start")


def test_foreground_iou_against_label_maps():
    rng = np.random.default_rng(0)
    truth, said = rng.integers(0, 4, (2, 500))
    confusion = np.zeros((4, 4), int)
    np.add.at(confusion, (truth, said), 1)
    expected = 100 * ((truth > 0) & (said > 0)).sum() / ((truth > 0) | (said > 0)).sum()
    found = percent({"confusion": {"exact": confusion.tolist()}}, "foreground IoU", "exact")
    assert found == pytest.approx(expected)


def test_runs_are_listed_with_their_budget():
    records = read_records(RECORDS)
    lines = runs_table(records, "runs")
    assert len([line for line in lines if line]) == 2 + len(RUNS)
    line = next(line for line in lines if "segformer_b0_freedoom-s0" in line)
    assert line.startswith(
        "| [segformer_b0_freedoom-s0](runs/segformer_b0_freedoom-s0.json) | 1,500 | 0.0001, 0.0003 |"
    )


def test_tables_go_between_their_marks_and_the_text_stays(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: a -->\nold\n<!-- end -->\nbetween\n<!-- table: b -->\n<!-- end -->\nafter\n")
    blocks = {"table: a": ["| A |", ""], "table: b": ["| B |", ""], "table: c": ["| C |", ""]}
    results.fill(page, blocks)
    filled = page.read_text()
    first, second = (f"<!-- table: {name} -->\n\n| {name.upper()} |\n\n<!-- end -->\n" for name in "ab")
    assert filled == f"before\n{first}between\n{second}after\n"
    results.fill(page, blocks)
    assert page.read_text() == filled


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no marks\n", "without a mark"),
        ("<!-- table: other -->\n<!-- end -->\n", "got mark 'table: other'"),
        ("<!-- table: a -->\nold\n", "<!-- end --> below it"),
        ("<!-- table: a -->\nold\n<!-- table: a -->\n<!-- end -->\n", "<!-- end --> below it"),
    ],
)
def test_marks_that_make_no_sense_are_refused_and_nothing_is_written(tmp_path, text, message):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(InputError, match=message):
        results.fill(page, {"table: a": ["| A |", ""]})
    assert page.read_text() == text


def test_the_picture_shows_the_pairs_that_were_run():
    records = of(segformer_b0_freedoom=(0.3, 0.4), cffm_b0_freedoom=(0.5, 0.6))
    drawing = results.picture(records)
    assert "Rendered, damaged" in drawing
    assert "CamVid" not in drawing
    # Four runs, and a legend without what was not run.
    assert drawing.count("<circle") == 4 + 2
    assert results.picture({}).startswith("<svg")


@pytest.mark.parametrize(
    "path", sorted([*RECORDS.glob("*.json"), *OTHERS]), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_a_committed_record_is_small_whole_and_knows_no_machine(path):
    text = path.read_text(encoding="utf-8")
    assert len(text) < 100_000
    assert not re.search(r'["\s=]/\w', text), "an absolute path"
    kept = json.loads(text)
    assert kept["name"] == path.stem
    found = [sha256 for sha256 in kept["checkpoints"].values() if sha256 is not None]
    assert kept["checkpoints"]["last"] in found
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in found)


@pytest.mark.parametrize("path", sorted(RECORDS.glob("*.json")), ids=lambda path: path.stem)
def test_a_committed_record_is_of_a_planned_run(path):
    kept = json.loads(path.read_text(encoding="utf-8"))
    (run,) = [run for run in RUNS if run.name == path.stem]
    # Records from before models could be steadied have the plain scores alone.
    plain = {scoring.name for scoring in run.scorings if not scoring.steady}
    assert plain <= set(kept["scores"]) <= {scoring.name for scoring in run.scorings}
    assert not differences(kept["config"], json.loads(json.dumps(asdict(config_of(run)))), free=())


@pytest.mark.parametrize("path", sorted(RECORDS.glob("*_freedoom*-s*.json")), ids=lambda path: path.stem)
def test_a_committed_run_started_from_what_is_bundled_today(path):
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["checkpoints"]["initial"] == model_sha256(find_checkpoint(kept["config"]["initial_weights"]))
