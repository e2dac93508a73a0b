"""The benchmark's queue: real runs, interrupted, killed and gone on with; and what its plan says."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_plan

from benchmark.plan import ABLATIONS, RUNS, SEEDS, START
from benchmark.queue import work_off
from benchmark.steps import config_of, next_step, train_step
from reproduce import selected
from trees import camvid_tree
from vidseg.checkpoints import bundled_models
from vidseg.models import CFFMConfig

ROOT = Path(__file__).parents[2]
RECORDS = Path("records")


@pytest.fixture
def place(tmp_path, monkeypatch):
    camvid_tree(tmp_path / "data" / "mini")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def iterations_done(name: str) -> list[int]:
    path = Path("runs") / name / "progress.csv"
    if not path.exists():
        return []
    # A run that is writing may have written half a line.
    lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [int(row["iteration"]) for row in csv.DictReader(lines)]


def wait_for(condition) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until, "nothing happened for two minutes"
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
    assert 0 < record["scores"]["mini"]["protocols"]["exact"]["mIoU"] <= 1
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


def test_a_start_that_only_absent_data_needs_is_left_out(place):
    code, said = work((tiny_plan.FIRST, replace(tiny_plan.ELSEWHERE, after="first")))
    assert code == 0
    assert said[:2] == [
        "elsewhere: left out, there is no data/absent",
        "first: left out, nothing that is here starts from its weights",
    ]
    assert not (place / "runs").exists()


def test_the_plan_can_be_run_as_it_stands():
    names = [run.name for run in RUNS]
    assert len(set(names)) == len(names)
    for run in RUNS:
        config = config_of(run)
        assert config.output.folder == f"runs/{run.name}"
        assert (config.runtime.seed, config.data.clips.seed) == (run.seed, run.seed)
        assert config.data.root in {scoring.data for scoring in run.scorings}
        if run.after is not None:
            assert run.after in names[: names.index(run.name)]
            assert config.initial_weights == f"runs/{run.after}/last"
        elif run.name != START:
            assert config.initial_weights in bundled_models()
    assert sum(run.group == "pairs" for run in RUNS) == 2 * len(SEEDS)
    assert sum(run.group == "ablations" for run in RUNS) == len(ABLATIONS)


@pytest.mark.parametrize("group", ["pairs", "camvid", "davis"])
def test_a_pair_differs_in_the_model_alone(group):
    pair = [config_of(run) for run in RUNS if run.group == group and run.seed == 0]
    baseline, cffm = sorted(pair, key=lambda config: isinstance(config.model, CFFMConfig))
    assert isinstance(cffm.model, CFFMConfig)
    assert (baseline.loss.final_weight, baseline.loss.frame_weight) == (0, 1)
    loss = replace(baseline.loss, final_weight=cffm.loss.final_weight, frame_weight=cffm.loss.frame_weight)
    same = replace(baseline, model=cffm.model, loss=loss, output=cffm.output)
    if group == "pairs":
        # Each goes on from the model of its kind.
        assert (baseline.initial_weights, cffm.initial_weights) == ("segformer-b0-freedoom", "cffm-b0-freedoom")
        same = replace(same, initial_weights=cffm.initial_weights)
    assert same == cffm


def test_fresh_blocks_differ_from_the_pair_in_their_start_alone():
    configs = {run.name: config_of(run) for run in RUNS}
    fresh, pair, baseline = (
        configs[f"{name}-s0"] for name in ("cffm_b0_freedoom_fresh", "cffm_b0_freedoom", "segformer_b0_freedoom")
    )
    assert fresh.initial_weights == baseline.initial_weights
    data = replace(fresh.data, val_split=pair.data.val_split)
    assert replace(fresh, initial_weights=pair.initial_weights, data=data, output=pair.output) == pair
    longer = configs["cffm_b0_freedoom_fresh_long-s0"]
    assert longer.schedule.iterations > fresh.schedule.iterations
    assert replace(longer, schedule=fresh.schedule, output=fresh.output) == fresh


def test_the_first_thing_to_do_is_to_train(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert next_step(RUNS[0]) == train_step(RUNS[0])
    assert train_step(RUNS[0]).arguments[1:4] == ("-m", "vidseg", "train")
    (start,) = [run for run in RUNS if run.name == START]
    assert train_step(start).arguments[1:3] == ("-m", "torch.distributed.run")


def test_runs_bring_the_run_whose_weights_they_start_from():
    names = [run.name for run in selected("*_b0_camvid-s0")]
    assert names == [START, "segformer_b0_camvid-s0", "cffm_b0_camvid-s0"]
    assert selected("nothing") == []
