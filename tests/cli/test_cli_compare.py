"""``vidseg compare`` from the command line: refusals, loaded models, and trainings that are killed and gone on with."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import tiny
from trees import camvid_tree
from vidseg.checkpoints import load, save_checkpoint
from vidseg.cli import compare as command
from vidseg.compare import STEPS
from vidseg.data import open_dataset

Run = Callable[..., tuple[int, str, str]]
SMALL = {
    "schedule.warmup": 1,
    "model.encoder.widths": [8, 16, 24, 32],
    "model.encoder.depths": [1, 1, 1, 1],
    "model.encoder.heads": [1, 2, 3, 4],
    "model.head_channels": 16,
    "augmentation.crop_size": [32, 32],
    "augmentation.base_size": [48, 32],
    "preprocessing.short": 32,
    "preprocessing.long": 48,
    "runtime.workers": 0,
    "runtime.device": "cpu",
    "output.log_every": 1,
}
PER_FRAME = {"name": "SegFormer", "recipe": "segformer_b0_camvid"}
CFFM = {"name": "CFFM", "recipe": "cffm_b0_davis", "after": "SegFormer", "fields": {"model.heads": 2}}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the data set `data` and untrained models `first`, `second` and `other`."""
    monkeypatch.chdir(tmp_path)
    camvid_tree(tmp_path / "data", frames=20)
    classes = open_dataset("data", "camvid", "val").class_map
    for seed, name in enumerate(("first", "second")):
        model = tiny.segformer(3, seed=seed)
        save_checkpoint(tmp_path / name, model, class_map=classes, preprocessing=model.preprocessing)
    other = tiny.segformer(4)
    save_checkpoint(tmp_path / "other", other, class_map=other.class_map, preprocessing=other.preprocessing)
    return tmp_path


def write_plan(*systems: dict, **more) -> str:
    said = {"data": {"root": "data", "layout": "camvid"}, "tc": "none", "rounds": 2, "report": None, "threads": 1}
    Path("plan.yaml").write_text(yaml.safe_dump(said | {"systems": list(systems)} | more))
    return "plan.yaml"


def loaded(*names: str) -> list[dict]:
    return [{"name": name, "model": name} for name in names]


def found() -> dict:
    return json.loads(Path("out/compare.json").read_text())


def test_the_help_names_the_steps_that_there_are() -> None:
    assert tuple(command.STEPS.split(",")) == STEPS


@pytest.mark.parametrize(
    ("systems", "words", "hint"),
    [
        (loaded("first"), ("--only", "third"), "got --only third; expected systems of the plan: first"),
        (loaded("first"), ("--steps", "rest"), "got steps rest; expected some of train, score"),
        (loaded("first"), ("--steps", "score", "--tables-only"), "got --tables-only and --steps"),
        ([{"name": "A"}], (), "systems[0]: got none; expected one of recipe"),
        ([{"name": "A", "recipe": "cffm_b0_vpsw"}], (), "systems[0] A: got recipe 'cffm_b0_vpsw'; did you mean"),
        ([PER_FRAME | {"fields": {"model.dept": 2}}], (), "systems[0] SegFormer: got option --model.dept"),
    ],
)
def test_a_plan_that_cannot_be_used_is_one_line_and_nothing_is_written(
    run: Run, place: Path, systems: list[dict], words: tuple[str, ...], hint: str
) -> None:
    code, out, err = run("compare", write_plan(*systems), "-o", "out", *words)
    assert code == 2
    assert out == ""
    assert hint in err.splitlines()[-1]
    assert not Path("out").exists()


def test_loaded_models_are_scored_timed_and_not_scored_twice(run: Run, place: Path) -> None:
    steadied = {"name": "steadied", "weights_of": "first", "steady": 0.5}
    words = ("compare", write_plan(*loaded("first", "second"), steadied, baseline="first"), "-o", "out")
    code, out, err = run(*words)
    assert code == 0, err
    record = found()
    assert [one["name"] for one in record["systems"]] == ["first", "second", "steadied"]
    for one in record["systems"]:
        assert one["timing"]["runs"] == 2
        assert one["described"]["parameters"] == sum(p.numel() for p in load("first").parameters())
        assert 0 <= one["seeds"][0]["protocols"]["vspw"]["mIoU"] <= 1
    assert record["timing"]["frame_size"] == [24, 32]
    assert str(place) not in json.dumps(record)
    assert "minus first" in Path("out/compare.md").read_text()
    assert "compare.html" in out
    # What one seed says is what `vidseg evaluate` says.
    scores = json.loads(Path("out/second/loaded/scores.json").read_text())
    assert scores["command"].startswith("vidseg evaluate --data data --layout camvid --split val --model second")

    files = [*Path("out").glob("*/loaded/scores.json"), Path("out/timing.json")]
    assert len(files) == 4
    times = [file.stat().st_mtime_ns for file in files]
    code, _, err = run(*words)
    assert code == 0
    assert "scoring" not in err
    assert "timing" not in err
    assert [file.stat().st_mtime_ns for file in files] == times

    # Other weights under the same name: scored again, and timed again with all others.
    model = tiny.segformer(3, seed=5)
    classes = open_dataset("data", "camvid", "val").class_map
    save_checkpoint(place / "second", model, class_map=classes, preprocessing=model.preprocessing)
    code, _, err = run(*words, "--tables-only")
    assert (code, found()["systems"][1]["seeds"], found()["timing"]) == (0, [], None)
    code, _, err = run(*words, "--only", "second")
    assert "second: scoring" in err
    assert "first: scoring" not in err
    assert found()["timing"] is None
    code, _, err = run(*words)
    assert "scoring" not in err
    assert "round 2 of 2" in err


def test_what_fails_is_said_and_the_others_go_on(run: Run, place: Path) -> None:
    after = {"name": "steadied", "weights_of": "other", "steady": 0.5}
    plan = write_plan(*loaded("other"), after, *loaded("absent", "first"))
    code, _, err = run("compare", plan, "-o", "out", "--steps", "score")
    assert code == 1
    other, steadied, absent, first = found()["systems"]
    assert "expected the same classes" in other["failure"]
    assert "other is not finished" in steadied["failure"]
    assert "got 'absent'" in absent["failure"]
    assert (first["failure"], len(first["seeds"])) == (None, 1)
    assert sum("failed, the others go on" in line for line in err.splitlines()) == 3


def test_an_error_without_words_of_its_own_is_kept_in_a_file(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("vidseg.compare.scoring.evaluate_model", broken)
    code, _, err = run("compare", write_plan(*loaded("first")), "-o", "out", "--steps", "score")
    assert code == 1
    assert "ZeroDivisionError: of all things; see out/first/failure.txt" in err
    assert "in broken" in Path("out/first/failure.txt").read_text()


def test_untrained_systems_take_all_of_their_weights_from_another(run: Run, place: Path) -> None:
    start = {"name": "start", "model": "first"}
    same = PER_FRAME | {"after": "start", "train": False}
    cffm = CFFM | {"after": "start", "train": False}
    code, _, _ = run("compare", write_plan(start, same, cffm, budget=SMALL), "-o", "out", "--steps", "train,score")
    assert code == 1
    begun, taken, lacking = found()["systems"]
    assert taken["seeds"][0]["protocols"] == begun["seeds"][0]["protocols"]
    assert "got no weights for blocks" in lacking["failure"]


def iterations_done(system: str) -> list[int]:
    path = Path("out") / system / "seed-0" / "run" / "progress.csv"
    if not path.exists():
        return []
    # A run that is writing may have written half a line.
    lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [int(row["iteration"]) for row in csv.DictReader(lines)]


@pytest.mark.slow
def test_trainings_are_stopped_and_killed_and_gone_on_with(run: Run, place: Path) -> None:
    budget = {"iterations": 30, "batch_size": 2, **SMALL}
    words = ("compare", write_plan(CFFM, PER_FRAME, budget=budget, report={"videos": 1, "frames": 4}), "-o", "out")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def stop(system: str, sign: signal.Signals) -> int:
        process = subprocess.Popen([sys.executable, "-m", "vidseg", *words], env=environment, stderr=subprocess.PIPE)
        while len(iterations_done(system)) < 5:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(sign)
        _, said = process.communicate(timeout=300)
        if sign == signal.SIGTERM:
            assert b"the same command goes on" in said
        return process.returncode

    assert stop("SegFormer", signal.SIGTERM) == 143
    assert stop("CFFM", signal.SIGKILL) == -signal.SIGKILL
    assert iterations_done("SegFormer") == list(range(1, 31))
    code, _, err = run(*words)
    assert code == 0, err
    assert "SegFormer, seed 0: training" not in err
    assert iterations_done("CFFM") == list(range(1, 31))
    cffm, per_frame = found()["systems"]
    for one in (cffm, per_frame):
        assert one["timing"] is not None
        assert Path("out", one["report"]).exists()
        assert one["seeds"][0]["training"]["iteration"] == 30
    assert f"--initial_weights=out/{per_frame['name']}/seed-0/run/last" in cffm["seeds"][0]["commands"][0]

    # Another budget is said and trains over nothing.
    write_plan(CFFM, PER_FRAME, budget=budget | {"optimizer.learning_rate": "1e-2"})
    code, _, err = run(*words)
    assert code == 1
    assert "another configuration in out/SegFormer/seed-0/run (optimizer.learning_rate" in err
    assert "SegFormer is not finished" in err
