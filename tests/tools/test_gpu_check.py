"""The check of a GPU: its smallest part, dry; what a step leaves that fails or is stopped; the tables of its JSON."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import tiny
from gpu_check import __main__ as driver
from gpu_check import record, step, summary
from gpu_check.bench import bench
from gpu_check.environment import with_ffmpeg
from gpu_check.naive_training import frame_by_frame
from gpu_check.plan import DRY, STEPS, Plan

CPU = torch.device("cpu")


def test_all_steps_take_less_than_eight_minutes() -> None:
    assert set(Plan().seconds) == set(step.DO) == set(STEPS)
    assert sum(Plan().seconds.values()) + len(STEPS) * driver._GRACE <= 480


def test_a_dry_bench_has_rows_and_says_what_it_is_of(tmp_path: Path) -> None:
    kept = record.Record(tmp_path, "bench")
    plan = replace(DRY, backbones=("b0",), arithmetics=("fp32",), cell_seconds=0)
    bench(kept, plan, CPU, time.perf_counter() + 600)
    found = record.read(tmp_path, "bench")
    assert [row["system"] for row in found["rows"]] == ["cffm", "segformer", "naive", "transformers"]
    assert found["failed"] == found["not_reached"] == []


def test_a_bench_without_time_says_what_it_did_not_reach(tmp_path: Path) -> None:
    bench(record.Record(tmp_path, "bench"), DRY, CPU, time.perf_counter() - 1)
    found = record.read(tmp_path, "bench")
    assert found["rows"] == []
    assert {"backbone": "b0", "size": "64x96", "system": "cffm", "runtime": "torch", "arithmetic": "bf16"} in found[
        "not_reached"
    ]


def test_a_cell_that_fails_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_for_cffm(cell, device, *, seconds):
        if cell.system == "cffm":
            raise RuntimeError("no\nkernel")
        return cell.to_dict()

    monkeypatch.setattr("gpu_check.bench.measure", fail_for_cffm)
    bench(record.Record(tmp_path, "bench"), DRY, CPU, time.perf_counter() + 600)
    found = record.read(tmp_path, "bench")
    assert {row["error"] for row in found["failed"]} == {"RuntimeError: no kernel"}
    assert {row["system"] for row in found["rows"]} == {"segformer", "naive", "transformers"}


def test_a_step_that_fails_or_is_stopped_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"tests": "raise SystemExit(3)", "bench": "import time; time.sleep(60)", "video": "pass"}
    popen = subprocess.Popen

    def instead(command, **options):
        return popen([sys.executable, "-c", words[command[3]]], **options)

    monkeypatch.setattr(driver.subprocess, "Popen", instead)
    monkeypatch.setattr(driver, "DRY", replace(DRY, seconds=dict.fromkeys(STEPS, 1)))
    for name in (*words, "training"):  # of an earlier run, on a GPU
        record.write(record.path_of(tmp_path, name), {"dry": False, "error": "of old", "environment": {}})
    assert driver.main([str(tmp_path), "--dry", "--only", *words]) == 1
    found = json.loads((tmp_path / "summary.json").read_text())
    assert found["problems"] == {"tests": "ended with exit code 3; see log.txt", "bench": "stopped after 1 s"}
    assert found["steps"]["video"]["problem"] is None
    assert "error" not in found["steps"]["video"]
    assert set(found["steps"]) == set(words)
    assert found["environment"] is None


def rows(**rates: float) -> list[dict]:
    """Bench rows of a B0 in bf16 at 480p, by system."""
    cell = {"backbone": "b0", "size": "480x853", "arithmetic": "bf16", "runtime": "cuda-graphs", "compile_seconds": 2}
    times = {"median": 0.001, "p95": 0.002}
    return [
        cell | {"system": system, "frames_per_second": rate, "seconds": times, "peak_mebibytes": 900}
        for system, rate in rates.items()
    ]


def test_targets_are_of_the_best_figures_and_a_dry_run_has_none(tmp_path: Path) -> None:
    found = rows(cffm=500, segformer=800) + rows(cffm=700)
    training = [
        {"loop": loop, "batch_size": size, "batches": "ready", "clips_per_second": rate}
        for loop, size, rate in (("naive", 2, 5), ("vidseg", 2, 20), ("naive", 8, 6), ("vidseg", 8, 18))
    ]
    for name, value in {
        "bench": {"rows": found},
        "video": {"to_labels": [{"frames_per_second": 200.0}]},
        "training": {"rows": training},
    }.items():
        record.write(record.path_of(tmp_path, name), value)
    measured = {
        row["what"].split(",")[0]: (row["measured"], row["met"])
        for row in summary.summarise(tmp_path, dry=False)["targets"]
    }
    assert measured == {
        "CFFM-B0": (700, True),
        "the same from an mp4": (200, False),
        "CFFM-B5": (None, None),
        "CFFM-B0's rate by its own SegFormer's": (700 / 800, True),
        "training by the naive loop": (3, False),
    }
    assert {row["met"] for row in summary.summarise(tmp_path, dry=True)["targets"]} == {None}


def test_tables_are_made_of_runs_on_a_gpu_only() -> None:
    dry = {"dry": True, "environment": None, "targets": [], "steps": {}}
    for found in summary.tables({}), summary.tables({"dry": dry}):
        assert set(map(tuple, found.values())) == {("Not run on a GPU yet.",)}
    real = dry | {
        "dry": False,
        "environment": {
            "card": "A Card",
            "driver": "1.2",
            "versions": {"torch": "2.11", "av": None},
            "date": "2026-11-28T",
        },
        "targets": [{"what": "rate", "least": 600, "measured": 700.126, "met": True}],
        "steps": {"bench": {"rows": rows(cffm=500)}},
    }
    found = summary.tables({"h100": real, "dry": dry})
    assert found["table: gpu targets"] == [
        "`h100`: A Card, driver 1.2; torch 2.11; 2026-11-28.",
        "",
        "| on an H100 | target | measured | met |",
        "| --- | --- | --- | --- |",
        "| rate | 600 | 700.13 | yes |",
    ]
    assert found["table: gpu rates"][-1] == (
        "| cffm b0 | 480x853 | bf16 | cuda-graphs | 500.0 | 1.00 | 2.00 | 900 | 2.0 |"
    )
    assert found["table: gpu training"][-1] == "Loop: not measured."


def test_the_naive_step_computes_what_the_model_does() -> None:
    model, clip = tiny.cffm(), torch.rand(2, 4, 3, 64, 96) * 255
    with torch.no_grad():
        got, expected = frame_by_frame(model, clip), model(clip)
    torch.testing.assert_close(got.final, expected.final, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(got.frames, expected.frames, atol=1e-4, rtol=1e-4)


def test_torchcodec_is_shown_an_ffmpeg() -> None:
    with with_ffmpeg() as environment:
        places = [Path(place) for place in environment["LD_LIBRARY_PATH"].split(":")]
        names = {path.name for place in places for path in place.glob("libav*.so.*")}
    assert any(name.startswith("libavcodec.so.") for name in names)


@pytest.mark.slow
def test_the_script_runs_steps_dry(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "tools" / "gpu_check.sh"
    # The others take minutes on a CPU; what they do is tested by itself.
    steps = ("tests", "video")
    done = subprocess.run(
        [script, str(tmp_path), "--dry", "--only", *steps],
        capture_output=True,
        text=True,
        env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "summary.json").read_text())
    assert found["dry"] is True
    assert found["problems"] == {}
    assert set(found["steps"]) == set(steps)
