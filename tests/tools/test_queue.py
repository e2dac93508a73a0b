"""The benchmark's queue: real runs, interrupted, killed and gone on with; and what its plan says."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import tiny_plan

from benchmark.plan import ABLATIONS, CAMVID, RUNS, SEEDS, STEADY
from benchmark.queue import work_off
from benchmark.record import has_record, initial_sha256
from benchmark.steps import config_of, folder_of, next_step, scoring_step, train_step
from reproduce import selected
from trees import camvid_tree
from vidseg.checkpoints import bundled_models
from vidseg.checkpoints.imagenet import installed_weights
from vidseg.models import CFFMConfig
from vidseg.train import TrainConfig

BUNDLED = ("segformer_b0_freedoom", "cffm_b0_freedoom")
EQUAL = ("segformer_b0_freedoom_tuned", "cffm_b0_freedoom_fresh_long")
REAL = {data: (f"segformer_lite0_{data}", f"cffm_lite0_{data}") for data in ("camvid", "davis")}
ROOT = Path(__file__).parents[2]
RECORDS = Path("records")


@pytest.fixture
def place(tmp_path, monkeypatch):
    camvid_tree(tmp_path / "data" / "mini")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@cache
def all_configs() -> dict[str, TrainConfig]:
    return {run.name: config_of(run) for run in RUNS}


def iterations_done(name: str) -> list[int]:
    path = Path("runs") / name / "progress.csv"
    if not path.exists():
        return []
    # A run that is writing may have written half a line.
    lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [int(row["iteration"]) for row in csv.DictReader(lines)]


def wait_for(condition) -> None:
    until = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < until, "nothing happened for ten minutes"
        time.sleep(0.05)


def work(runs) -> tuple[int, list[str]]:
    said: list[str] = []
    return work_off(runs, jobs=2, records=RECORDS, say=said.append), said


def interrupt_at(count: int, runs) -> tuple[int, list[str]]:
    def stop() -> None:
        wait_for(lambda: len(iterations_done("first")) >= count)
        os.kill(os.getpid(), signal.SIGTERM)

    watcher = threading.Thread(target=stop)
    watcher.start()
    try:
        return work(runs)
    finally:
        watcher.join()


@pytest.mark.slow
def test_interrupted_killed_and_gone_on_with(place):
    code, said = interrupt_at(3, tiny_plan.RUNS)
    assert code == 128 + signal.SIGTERM
    assert not list(RECORDS.glob("first*"))
    log = (place / "runs" / "first" / "log.txt").read_text()
    assert "go on with --resume" in log

    # The queue is killed; its child goes on, and the next queue waits for it.
    done = len(iterations_done("first"))
    paths = os.pathsep.join(map(str, (ROOT / "src", ROOT / "tools", ROOT / "tests")))
    command = [sys.executable, str(ROOT / "tests" / "tools" / "tiny_plan.py")]
    queue = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": paths})
    wait_for(lambda: len(iterations_done("first")) > done)
    queue.kill()
    queue.wait()
    code, said = work(tiny_plan.RUNS)
    assert code == 1  # the broken ones
    assert any("another queue" in line for line in said)
    assert any(line.startswith("broken: training failed (exit code 2)") for line in said)
    assert any(line.startswith("after-broken: left out") for line in said)
    assert any(line.startswith("elsewhere: left out, there is no data/absent") for line in said)
    assert iterations_done("first") == list(range(1, 41))

    record = json.loads((RECORDS / "second.json").read_text())
    assert record["checkpoints"]["initial"] == json.loads((RECORDS / "first.json").read_text())["checkpoints"]["last"]
    for scoring in ("mini", "mini-steady"):
        assert 0 < record["scores"][scoring]["protocols"]["exact"]["mIoU"] <= 1
        assert (record["scores"][scoring]["engine"]["steady"] is not None) == scoring.endswith("steady")
    assert record["training_seconds"] > 0
    assert str(place) not in (RECORDS / "second.json").read_text()
    assert (RECORDS / "first-progress.csv").read_text() == (place / "runs" / "first" / "progress.csv").read_text()

    before = (RECORDS / "first.json").stat().st_mtime_ns
    code, said = work((tiny_plan.FIRST, tiny_plan.SECOND))
    assert code == 0
    assert [line.partition(";")[0] for line in said[:2]] == ["first: finished", "second: finished"]
    assert (RECORDS / "first.json").stat().st_mtime_ns == before

    # Another configuration under the same name is no reason to call it finished, nor to train over it.
    changed = replace(tiny_plan.FIRST, fields=(*tiny_plan.FIRST.fields, ("optimizer.learning_rate", "1e-2")))
    code, said = work((changed,))
    assert code == 1
    assert "another configuration in runs/first" in said[0]


def test_runs_without_their_data_are_left_out(place):
    code, said = work((tiny_plan.ELSEWHERE,))
    assert code == 0
    assert said[0] == "elsewhere: left out, there is no data/absent"
    assert not (place / "runs").exists()


def test_a_record_without_a_planned_score_is_not_whole(place):
    run = tiny_plan.FIRST
    folder = folder_of(run) / "last"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"weights_sha256": "a" * 64}))
    record = {"checkpoints": {"last": "a" * 64}, "scores": {"mini": {}, "mini-steady": {}}}
    RECORDS.mkdir()
    path = RECORDS / "first.json"
    path.write_text(json.dumps(record))
    assert has_record(run, RECORDS)
    del record["scores"]["mini-steady"]
    path.write_text(json.dumps(record))
    assert not has_record(run, RECORDS)


def test_a_record_tells_which_imagenet_weights_were_installed(place):
    start = replace(tiny_plan.FIRST, recipe="segformer_lite0_camvid", fields=())
    package = installed_weights("tf_efficientnet_lite0")
    expected = None if package is None else hashlib.sha256(package.read_bytes()).hexdigest()
    assert initial_sha256(config_of(start)) == expected


def test_the_plan_can_be_run_as_it_stands():
    names = [run.name for run in RUNS]
    assert len(set(names)) == len(names)
    for run in RUNS:
        config = all_configs()[run.name]
        assert config.output.folder == f"runs/{run.name}"
        assert (config.runtime.seed, config.data.clips.seed) == (run.seed, run.seed)
        assert {config.data.root} == {scoring.data for scoring in run.scorings}
        if run.after is not None:
            assert run.after in names[: names.index(run.name)]
            assert config.initial_weights == f"runs/{run.after}/last"
        else:
            assert config.initial_weights in ("imagenet", *bundled_models())
    for recipe in (*BUNDLED, *EQUAL, *(name for pair in REAL.values() for name in pair)):
        assert {f"{recipe}-s{seed}" for seed in SEEDS} <= set(names)
    assert sum(run.recipe.removeprefix("cffm_b0_freedoom_") in ABLATIONS for run in RUNS) == len(ABLATIONS)


def test_every_run_is_scored_plain_and_steadied():
    for run in RUNS:
        of_its_size = [scoring for scoring in run.scorings if scoring.size is None]
        plain = [scoring for scoring in of_its_size if not scoring.steady]
        steadied = [replace(scoring, name=scoring.name + STEADY, steady=True) for scoring in plain]
        assert sorted(of_its_size, key=str) == sorted([*plain, *steadied], key=str)
    step, steadied_step, fine_step = (scoring_step(RUNS[0], scoring) for scoring in CAMVID)
    assert "--steady" not in step.words
    assert "--size" not in step.words
    assert steadied_step.words[steadied_step.words.index("--steady") + 1].startswith("--")
    assert fine_step.words[fine_step.words.index("--size") + 1] == "360"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("pair", [BUNDLED, *REAL.values()], ids=["bundled", *REAL])
def test_a_pair_differs_in_the_model_alone(pair, seed):
    configs = all_configs()
    baseline, cffm = (configs[f"{name}-s{seed}"] for name in pair)
    assert isinstance(cffm.model, CFFMConfig)
    assert cffm.model.reference_offsets == cffm.data.clips.reference_offsets
    assert (baseline.loss.final_weight, baseline.loss.frame_weight) == (0, 1)
    loss = replace(baseline.loss, final_weight=cffm.loss.final_weight, frame_weight=cffm.loss.frame_weight)
    same = replace(baseline, model=cffm.model, loss=loss, output=cffm.output)
    if pair == BUNDLED:
        # Each goes on from the model of its kind.
        assert (baseline.initial_weights, cffm.initial_weights) == ("segformer-b0-freedoom", "cffm-b0-freedoom")
        same = replace(same, initial_weights=cffm.initial_weights)
    assert same == cffm


@pytest.mark.parametrize("data", REAL)
def test_real_video_starts_from_single_frames_over_imagenet_features(data):
    start = all_configs()[f"segformer_lite0_{data}-start"]
    assert start.initial_weights == "imagenet"
    assert start.data.clips.reference_offsets == ()
    assert start.runtime.batch_size == 8
    assert start.optimizer.learning_rate == start.optimizer.learning_rate * start.optimizer.head_factor == 1e-3


@pytest.mark.parametrize("seed", SEEDS)
def test_equal_start_differs_in_the_model_and_the_rate_of_the_head(seed):
    configs = all_configs()
    baseline, cffm = (configs[f"{name}-s{seed}"] for name in EQUAL)
    assert baseline.initial_weights == cffm.initial_weights == "segformer-b0-freedoom"
    assert (baseline.data.clips, baseline.schedule) == (cffm.data.clips, cffm.schedule)
    assert baseline.optimizer == replace(cffm.optimizer, head_factor=baseline.optimizer.head_factor)
    bundled = configs[f"{BUNDLED[1]}-s{seed}"]
    assert (cffm.model, cffm.optimizer) == (bundled.model, bundled.optimizer)


def test_ablations_differ_from_the_whole_model_in_the_model_alone():
    configs = all_configs()
    whole = configs["cffm_b0_freedoom_adapted-s0"]
    for ablation in ABLATIONS:
        config = configs[f"cffm_b0_freedoom_{ablation}_adapted-s0"]
        assert config.model != whole.model
        clips = replace(config.data.clips, reference_offsets=whole.data.clips.reference_offsets)
        data = replace(config.data, clips=clips)
        assert replace(config, model=whole.model, data=data, output=whole.output) == whole


def test_the_first_thing_to_do_is_to_train(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert next_step(RUNS[0]) == train_step(RUNS[0])
    assert train_step(RUNS[0]).words[:2] == ("vidseg", "train")


def test_runs_bring_the_run_whose_weights_they_start_from():
    names = [run.name for run in selected("*_lite0_camvid-s0")]
    assert names == ["segformer_lite0_camvid-start", "segformer_lite0_camvid-s0", "cffm_lite0_camvid-s0"]
    assert selected("nothing") == []
