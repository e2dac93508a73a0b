"""TC of a split: how videos are put together, whoever computed them, and what is said where there is none."""

import json
import pickle

import numpy as np
import pytest
import torch
from torch import Tensor
from torch import distributed as dist
from torch import multiprocessing as mp

from vidseg.errors import InputError
from vidseg.metrics import TemporalConsistency, VideoSegmentationMetrics, VideoTally

CLASSES = 5
SIZE = (16, 20)
LENGTHS = {"alpha": 20, "beta": 17, "gamma": 3, "one": 1}


class Still:
    name = "still"

    def __call__(self, present_B3HW: Tensor, previous_B3HW: Tensor) -> Tensor:
        return torch.zeros(len(present_B3HW), 2, *SIZE)


def labels_of(name: str) -> np.ndarray:
    rng = np.random.default_rng(sorted(LENGTHS).index(name))
    labels = rng.integers(0, CLASSES - 1, (LENGTHS[name], *SIZE))
    for t in range(1, len(labels)):
        labels[t] = np.where(rng.random(SIZE) < 0.2, labels[t], labels[t - 1])
    return labels


def add(metrics: VideoSegmentationMetrics, name: str) -> VideoTally:
    tally = metrics.video(name)
    consistency = TemporalConsistency(CLASSES, Still())
    for labels in labels_of(name):
        tally.update(labels, labels)
        consistency.update(np.zeros((*SIZE, 3), np.uint8), labels)
    tally.temporal = consistency.tally
    metrics.update(tally)
    return tally


def metrics_of(names: list[str]) -> VideoSegmentationMetrics:
    metrics = VideoSegmentationMetrics(CLASSES, windows=(2,))
    for name in names:
        add(metrics, name)
    return metrics


def mean_iou(videos: list[np.ndarray]) -> float:
    before = np.concatenate([labels[:-1].flatten() for labels in videos])
    now = np.concatenate([labels[1:].flatten() for labels in videos])
    classes = np.union1d(before, now)
    return float(np.mean([((before == c) & (now == c)).sum() / ((before == c) | (now == c)).sum() for c in classes]))


def test_by_protocol_one_matrix_or_the_mean_over_videos() -> None:
    result = metrics_of(list(LENGTHS)).compute()
    json.dumps(result, allow_nan=False)
    videos = {name: labels_of(name) for name in LENGTHS}
    assert result["protocols"]["vspw"]["mTC"] == pytest.approx(mean_iou([videos["alpha"], videos["beta"]]))
    each = {name: mean_iou([videos[name]]) for name in ("alpha", "beta", "gamma")}
    assert result["protocols"]["exact"]["mTC"] == pytest.approx(np.mean(list(each.values())))
    rows = {row["name"]: row for row in result["per_video"]}
    for name, expected in each.items():
        assert rows[name]["exact"]["TC"] == pytest.approx(expected)
    assert rows["alpha"]["vspw"]["TC"] == pytest.approx(each["alpha"])
    assert rows["gamma"]["vspw"] is None
    assert rows["one"]["exact"]["TC"] is None
    assert [rows[name]["pairs"] for name in LENGTHS] == [19, 16, 2, 0]


def test_without_it_nothing_is_said_of_it() -> None:
    metrics = VideoSegmentationMetrics(CLASSES)
    metrics.update_video("alpha", [(labels, labels) for labels in labels_of("alpha")])
    result = metrics.compute()
    assert "mTC" not in result["protocols"]["exact"]
    assert "TC" not in result["per_video"][0]["exact"]
    assert "pairs" not in result["per_video"][0]


def test_merging_metrics_that_travelled_between_processes() -> None:
    names = list(LENGTHS)
    merged = metrics_of(names[:2])
    merged.merge_state(pickle.loads(pickle.dumps(metrics_of(names[2:]))))
    assert merged.compute() == metrics_of(names).compute()
    assert merged.compute() == metrics_of(names[::-1]).compute()


def compute_in_process(rank: int, store: str, shares: list[list[str]], expected: dict) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=len(shares))
    assert metrics_of(shares[rank]).compute() == expected
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("shares", [[["alpha", "one"], ["beta", "gamma"]], [list(LENGTHS), []]])
def test_two_processes_equal_one(tmp_path, shares) -> None:
    expected = metrics_of(list(LENGTHS)).compute()
    mp.spawn(compute_in_process, (tmp_path / "store", shares, expected), nprocs=2)


def test_other_classes_are_refused() -> None:
    metrics = VideoSegmentationMetrics(CLASSES)
    tally = metrics.video("a")
    tally.update(np.zeros(SIZE, int), np.zeros(SIZE, int))
    tally.temporal = TemporalConsistency(CLASSES + 1, Still()).tally
    with pytest.raises(InputError, match="got TC for 6 classes in a video of 5"):
        metrics.update(tally)
