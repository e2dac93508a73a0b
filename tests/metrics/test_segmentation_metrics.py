"""The whole of a split's numbers: shape of the result, protocols' videos, merging of processes."""

import doctest
import json
import pickle

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

import vidseg.metrics.segmentation
from vidseg.errors import InputError
from vidseg.metrics import SegmentationScores, VideoSegmentationMetrics

LENGTHS = {"delta": 17, "alpha": 20, "short": 16, "ünïcode": 24, "one": 1}


def video(name):
    random = np.random.default_rng(sorted(LENGTHS).index(name))
    target = np.repeat(random.integers(0, 5, (1, 6, 8)), LENGTHS[name], axis=0)
    target[:, :2] = 255
    prediction = np.where(random.random(target.shape) < 0.1, 0, target % 5)
    return zip(prediction.astype(np.uint8), target.astype(np.uint8), strict=True)


def metrics_of(names):
    metrics = VideoSegmentationMetrics(5)
    for name in names:
        metrics.update_video(name, video(name))
    return metrics


def test_result_is_json_and_complete():
    result = metrics_of(LENGTHS).compute()
    json.dumps(result, allow_nan=False)
    assert set(result["protocols"]) == {"vspw", "exact"}
    for scores in result["protocols"].values():
        assert {"mIoU", "wIoU", "pixel_accuracy", "mean_accuracy", "mVC8", "mVC16", "mCC8", "mCC16"} <= set(scores)
        assert all(0 <= value <= 1 for name, value in scores.items() if name not in ("videos", "frames"))
    assert [row["name"] for row in result["per_video"]] == sorted(LENGTHS)
    assert [row["frames"] for row in result["per_video"]] == [LENGTHS[name] for name in sorted(LENGTHS)]
    assert len(result["per_class"]) == 5
    assert np.array(result["confusion"]["exact"]).shape == (5, 5)


def test_protocol_vspw_skips_short_videos_for_miou_too():
    result = metrics_of(LENGTHS).compute()
    for protocol, names in (("vspw", ["alpha", "delta", "ünïcode"]), ("exact", list(LENGTHS))):
        pictures = SegmentationScores(5)
        for name in names:
            for frame in video(name):
                pictures.update(*frame)
        expected = pictures.compute()
        scores = result["protocols"][protocol]
        assert scores["mIoU"] == expected["mIoU"]
        assert [row[protocol]["IoU"] for row in result["per_class"]] == expected["IoU"]
        assert result["confusion"][protocol] == pictures.confusion.tolist()
        assert (scores["videos"], scores["frames"]) == (len(names), sum(LENGTHS[name] for name in names))
        assert sum(row[protocol]["pixels"] for row in result["per_class"]) == scores["frames"] * 32


def test_a_videos_own_scores():
    result = metrics_of(["alpha"]).compute()
    (row,) = result["per_video"]
    for score in ("mIoU", "wIoU", "pixel_accuracy", "mean_accuracy"):
        assert row[score] == result["protocols"]["exact"][score]
    assert row["exact"]["VC8"] == result["protocols"]["exact"]["mVC8"]


def test_undefined_scores_are_none():
    metrics = VideoSegmentationMetrics(2)
    metrics.update_video("void", [(np.zeros((2, 2), int), np.full((2, 2), 255))] * 3)
    result = metrics.compute()
    json.dumps(result, allow_nan=False)
    counts = {"videos", "frames"}
    for scores in result["protocols"].values():
        assert all(value is None for name, value in scores.items() if name not in counts)
    assert result["per_video"][0]["vspw"] is None
    assert result["per_video"][0]["exact"]["VC8"] is None
    assert result["per_class"][0]["exact"] == {"pixels": 0, "IoU": None, "accuracy": None}


def test_the_order_of_videos_does_not_matter_and_reset_forgets():
    metrics = metrics_of(LENGTHS)
    first = metrics.compute()
    assert metrics_of(reversed(LENGTHS)).compute() == first
    metrics.reset()
    for name in LENGTHS:
        metrics.update_video(name, video(name))
    assert metrics.compute() == first


def test_merging_metrics_that_travelled_between_processes():
    names = list(LENGTHS)
    merged = metrics_of(names[:2])
    assert len(merged.compute()["per_video"]) == 2
    merged.merge_state(pickle.loads(pickle.dumps(metrics_of(names[2:]))))
    assert merged.compute() == metrics_of(names).compute()


def compute_in_process(rank, store, shares, expected):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=len(shares))
    metrics = metrics_of(shares[rank])
    assert metrics.compute() == expected
    # Computing leaves each process with its own share.
    metrics.update_video("later" if rank else "sooner", video("one"))
    assert len(metrics.compute()["per_video"]) == len(expected["per_video"]) + 2
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("shares", [[["alpha", "one", "short"], ["ünïcode", "delta"]], [list(LENGTHS), []]])
def test_two_processes_equal_one(tmp_path, shares):
    expected = metrics_of(LENGTHS).compute()
    mp.spawn(compute_in_process, (tmp_path / "store", shares, expected), nprocs=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.update(m.video("empty")), "without frames"),
        (lambda m: m.update(VideoSegmentationMetrics(4).video("other")), "expected 5"),
        (lambda m: m.update(VideoSegmentationMetrics(5, windows=(3,)).video("other")), "windows"),
        (lambda m: (m.update_video("alpha", video("alpha")), m.compute()), "'alpha' more than once"),
        (lambda _: VideoSegmentationMetrics(5, windows=(8, 8)), "different numbers"),
        (lambda _: VideoSegmentationMetrics(5, windows=(0,)), "1 or more"),
        (lambda _: VideoSegmentationMetrics(0), "num_classes=0"),
    ],
)
def test_wrong_use_is_named(call, message):
    metrics = metrics_of(["alpha"])
    with pytest.raises(InputError, match=message):
        call(metrics)


def test_the_example_in_the_documentation():
    failed, attempted = doctest.testmod(vidseg.metrics.segmentation)
    assert (failed, attempted > 0) == (0, True)
