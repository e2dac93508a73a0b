"""docs/results.md: made of the committed records alone, and what it works out of them is right."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

import results
from benchmark import tables
from benchmark.curves import COLOURS, curves
from benchmark.page import _speed, write_page
from benchmark.plan import RUNS
from benchmark.results import Results, foreground_iou, read_earlier, read_results, spread
from benchmark.steps import config_of, model_sha256
from vidseg.checkpoints import find_checkpoint
from vidseg.errors import InputError
from vidseg.train.comparison import differences

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "docs" / "runs" / "benchmark"
EARLIER = ROOT / "docs" / "runs" / "earlier"


def record(recipe: str, seed: int, value: float, *, group: str = "pairs") -> dict:
    """Scores that all are `value`, clean ones a tenth more."""
    scores = {}
    for scoring, score in (("damaged", value), ("clean", value + 0.1)):
        scores[scoring] = {
            "protocols": {protocol: dict.fromkeys(tables.SCORES, score) for protocol in ("vspw", "exact")}
        }
    return {"recipe": recipe, "seed": seed, "group": group, "scores": scores}


def of(*records: dict) -> Results:
    return Results(records={str(index): each for index, each in enumerate(records)}, absent=(), curves={})


def test_regenerating_the_page_changes_nothing(tmp_path):
    (tmp_path / "docs").mkdir()
    for name in ("docs/runs", "src"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "README.md").write_bytes((ROOT / "README.md").read_bytes())
    results.main(tmp_path)
    hint = "run make tables and commit what it writes"
    assert (tmp_path / "docs" / "results.md").read_bytes() == (ROOT / "docs" / "results.md").read_bytes(), hint
    assert (tmp_path / "README.md").read_bytes() == (ROOT / "README.md").read_bytes(), hint
    drawn = {path.name: path.read_bytes() for path in (tmp_path / "docs" / "results").glob("*")}
    assert drawn == {path.name: path.read_bytes() for path in (ROOT / "docs" / "results").glob("*")}, hint


def test_without_records_every_run_is_said_to_be_missing(tmp_path):
    (tmp_path / "notes.md").write_text("## What was found\n\nNothing.\n")
    write_page(tmp_path, tmp_path / "none", [], [], tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if "**Not run yet**" in line]
    assert all(f"`{run.name}`" in line for run in RUNS)
    assert "## What was found\n\nNothing.\n" in page


def test_a_strange_file_among_the_records_is_refused(tmp_path):
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InputError, match=r"other\.json"):
        read_results(tmp_path)


def test_mean_and_spread_over_seeds_and_the_paired_difference():
    base, ours = "segformer_b0_freedoom", "cffm_b0_freedoom"
    found = of(
        *(record(base, seed, value) for seed, value in enumerate((0.30, 0.32, 0.34))),
        *(record(ours, seed, value) for seed, value in enumerate((0.35, 0.36, 0.40))),
    )
    main = "\n".join(tables.main_table(found, "damaged", "vspw", {"m": dict.fromkeys(tables.SCORES, 0.25)}))
    assert "| `m`, where the pair starts | 1 | 25.00 | 25.00 |" in main
    assert "| CFFM-B0, fresh mining blocks | 0 | not run yet |" in main
    assert "| SegFormer-B0 | 3 | 32.00 ± 2.00 |" in main
    assert "| CFFM-B0 | 3 | 37.00 ± 2.65 |" in main
    summary = "\n".join(tables.summary_table(found))
    assert "| damaged frames, `vspw`, percent, 3 seeds | mIoU |" in summary
    assert "| CFFM-B0 | 37.00 ± 2.65 | 37.00 ± 2.65 | 37.00 ± 2.65 | 35.4 | 87.7 | 82.9 |" in summary
    assert "| difference | +5.00 ± 1.00 | +5.00 ± 1.00 | +5.00 ± 1.00 | +2.5 | +5.0 | +5.6 |" in summary
    difference = tables.difference_table(found, "clean", "vspw")
    assert "| on VSPW, *theirs* | +2.5 | +1.7 | +5.0 | +5.6 | – | – |" in difference
    assert any(line.startswith("| seed 2 | +6.00 |") for line in difference)
    assert any(line.startswith("| mean ± std | +5.00 ± 1.00 |") for line in difference)
    assert any(line.startswith("| larger of the two models' std over seeds | 2.65 |") for line in difference)
    assert any(line.startswith("| more than that spread? | yes |") for line in difference)


@pytest.mark.parametrize(("shift", "verdict"), [(0.01, "no"), (-0.01, "no"), (-0.05, "yes, below")])
def test_a_difference_within_the_spread_is_none(shift, verdict):
    base, ours = "segformer_b0_freedoom", "cffm_b0_freedoom"
    values = (0.30, 0.32, 0.34)
    found = of(
        *(record(base, seed, value) for seed, value in enumerate(values)),
        *(record(ours, seed, value + shift) for seed, value in enumerate(values)),
    )
    assert any(
        line.startswith(f"| more than that spread? | {verdict} |")
        for line in tables.difference_table(found, "damaged", "exact")
    )


def test_one_seed_has_no_spread_and_only_whole_pairs_count():
    found = of(
        record("segformer_b0_freedoom", 0, 0.3),
        record("cffm_b0_freedoom", 0, 0.4),
        record("segformer_b0_freedoom", 1, 0.9),
    )
    difference = tables.difference_table(found, "damaged", "exact")
    assert any(line.startswith("| mean ± std | +10.00 |") for line in difference)
    assert any(line.startswith("| more than that spread? | – |") for line in difference)
    assert spread([1.0]).std is None


def test_ablations_take_fresh_blocks_for_the_papers_setting():
    found = of(
        record("cffm_b0_freedoom", 0, 0.9),
        record("cffm_b0_freedoom", 0, 0.4, group="fresh"),
        record("segformer_b0_freedoom", 1, 0.9),
        record("segformer_b0_freedoom", 0, 0.3),
        record("cffm_b0_freedoom_depth2", 0, 0.5, group="ablations"),
    )
    lines = tables.ablation_tables(found)
    assert any(line.startswith("| 1 | 35.4 | 87.7 | 82.9 | 40.00 |") for line in lines)
    assert any(line.startswith("| 2 | 35.7 | 87.7 | 83.0 | 50.00 |") for line in lines)
    assert any(line.startswith("| 9 | 37.9 | 88.4 | 83.9 | not run yet |") for line in lines)
    assert any(line.startswith("| no references: SegFormer-B0 | – | – | – | 30.00 |") for line in lines)


def test_earlier_rounds_are_told_apart():
    found = [
        record("segformer_b0_freedoom", 0, 0.3),
        record("segformer_b0_freedoom", 0, 0.5, group="shuffled"),
        *(record("cffm_b0_freedoom", seed, value, group="cold") for seed, value in enumerate((0.1, 0.3))),
        record("cffm_b0_freedoom", 0, 0.7, group="long"),
        record("cffm_b0_freedoom_assembling", 0, 0.8, group="ablations"),
    ]
    lines = tables.earlier_table(found)
    assert any(line.startswith("| SegFormer-B0, CFFM's batches | 1 | 30.00 |") for line in lines)
    assert any(line.startswith("| SegFormer-B0, frames of eight clips a batch | 1 | 50.00 |") for line in lines)
    assert any("anew | 2 | 20.00 ± 14.14 |" in line for line in lines)
    assert any("rate 4e-4 | 1 | 70.00 |" in line for line in lines)
    assert any("assembling alone | 1 | 80.00 |" in line for line in lines)
    assert any("references 3, 2, 1 | 0 | not run yet |" in line for line in lines)


def test_every_earlier_record_is_shown():
    shown = sum(int(line.split("|")[2]) for line in tables.earlier_table(read_earlier(EARLIER))[2:-1])
    assert shown == len(list(EARLIER.glob("*.json"))) > 0


def test_foreground_iou_against_label_maps():
    rng = np.random.default_rng(0)
    truth, said = rng.integers(0, 4, (2, 500))
    confusion = np.zeros((4, 4), int)
    np.add.at(confusion, (truth, said), 1)
    expected = 100 * ((truth > 0) & (said > 0)).sum() / ((truth > 0) | (said > 0)).sum()
    scores = {"davis": {"confusion": {"exact": confusion.tolist()}}}
    assert foreground_iou({"scores": scores}, "davis") == pytest.approx(expected)


def test_speed_is_of_the_backbone_that_was_timed():
    environment = {"cores": 2, "cpu": "C"}
    report = {"frame_size": [4, 6], "num_classes": 3, "environment": environment}
    timing = {"end_to_end": {"ours_torch": {"median": 0.5}}}
    lines = _speed([report | timing | {"model": f"cffm-{size}-random"} for size in ("b0", "b1")])
    assert "| CFFM-B0, torch | 4x6, 3 classes, 2 cores | 2.00 | C |" in lines
    assert "| CFFM-B1, torch | 4x6, 3 classes, 2 cores | 2.00 | C |" in lines


def test_a_drawing_that_is_no_longer_made_goes(tmp_path):
    (tmp_path / "notes.md").write_text("")
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "old.svg").write_text("")
    write_page(tmp_path, tmp_path / "none", [], [], tmp_path / "page.md")
    assert not list((tmp_path / "page").iterdir())


def test_curves_are_drawn_inside_their_frame():
    name = next(iter(COLOURS))
    drawing = curves("t", "%", [(name, [(20, 31.0), (500, 44.5), (1000, 47.25)])])
    points = re.search(r'points="([^"]+)"', drawing).group(1).split()
    xs, ys = zip(*(map(float, point.split(",")) for point in points), strict=True)
    assert list(xs) == sorted(xs)
    assert list(ys) == sorted(ys, reverse=True)
    assert 0 < min(xs) < max(xs) < 720
    assert 0 < min(ys) < max(ys) < 400


@pytest.mark.parametrize(
    "path",
    sorted([*RECORDS.glob("*.json"), *EARLIER.glob("*.json")]),
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_a_committed_record_is_small_whole_and_knows_no_machine(path):
    text = path.read_text(encoding="utf-8")
    assert len(text) < 60_000
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
    assert set(kept["scores"]) == {scoring.name for scoring in run.scorings}
    assert not differences(kept["config"], json.loads(json.dumps(asdict(config_of(run)))), free=())


@pytest.mark.parametrize("path", sorted(RECORDS.glob("*_freedoom*-s*.json")), ids=lambda path: path.stem)
def test_a_committed_run_started_from_what_is_bundled_today(path):
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["checkpoints"]["initial"] == model_sha256(find_checkpoint(kept["config"]["initial_weights"]))
