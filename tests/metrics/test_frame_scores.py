"""The scores of single frames against the definitions, computed frame by frame."""

import numpy as np

from vidseg.metrics import VideoSegmentationMetrics, VideoTally

CLASSES = 4


def frame_iou(prediction: np.ndarray, target: np.ndarray) -> float | None:
    known = target < CLASSES
    ious = [
        ((prediction == c) & (target == c)).sum() / (((prediction == c) & known) | (target == c)).sum()
        for c in range(CLASSES)
        if (target == c).any()
    ]
    return float(np.mean(ious)) if ious else None


def test_every_frame_by_the_definitions() -> None:
    rng = np.random.default_rng(0)
    predictions = rng.integers(0, CLASSES, (9, 6, 8))
    targets = np.where(rng.random((9, 6, 8)) < 0.2, 255, rng.integers(0, CLASSES, (9, 6, 8)))
    targets[4] = 255  # a frame of which nothing is known
    tally = VideoTally("v", CLASSES, (2,))
    for prediction, target in zip(predictions, targets, strict=True):
        tally.update(prediction, target)
    for found, prediction, target in zip(tally.frame_ious, predictions, targets, strict=True):
        expected = frame_iou(prediction, target)
        assert found == expected if expected is None else abs(found - expected) < 1e-12
    expected = [None]
    for t in range(1, 9):
        same = (targets[t] == targets[t - 1]) & (targets[t] < CLASSES)
        kept = predictions[t] == predictions[t - 1]
        expected.append((same & kept).sum() / same.sum() if same.any() else None)
    assert tally.frame_consistencies == expected
    assert expected[4] is expected[5] is None

    # Their mean is what the exact protocol gives for n = 2.
    metrics = VideoSegmentationMetrics(CLASSES, windows=(2,))
    metrics.update(tally)
    mean = np.mean([value for value in tally.frame_consistencies if value is not None])
    assert abs(metrics.compute()["per_video"][0]["exact"]["VC2"] - mean) < 1e-12


def test_frames_without_ground_truth_have_no_scores() -> None:
    tally = VideoTally("v", CLASSES, (2,))
    frame = np.zeros((2, 2), int)
    tally.update(frame, frame)
    tally.skip()
    tally.update(frame, frame)
    tally.update(frame, frame)
    assert tally.frame_ious == [1.0, None, 1.0, 1.0]
    assert tally.frame_consistencies == [None, None, None, 1.0]
