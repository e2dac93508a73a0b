"""Protocol `vspw` against what the released evaluation script gives for generated videos."""

import json

import numpy as np
import pytest

from vidseg.metrics import VideoSegmentationMetrics

NAMES = {
    "mIoU": "mIoU",
    "wIoU": "wIoU",
    "pixel_acc": "pixel_accuracy",
    "mean_acc": "mean_accuracy",
    "VC8": "mVC8",
    "VC16": "mVC16",
}

# Values of the released script, so that any clone guards them.
CLEAN = (
    [
        {"seed": 1, "frames": 24, "height": 64, "width": 96, "classes": 124, "flip": 0.02},
        {"seed": 2, "frames": 20, "height": 64, "width": 96, "classes": 124, "flip": 0.05},
        {"seed": 3, "frames": 16, "height": 64, "width": 96, "classes": 124, "flip": 0.01},
        {"seed": 4, "frames": 30, "height": 48, "width": 64, "classes": 124, "flip": 0.0},
    ],
    {"mIoU": 0.9462974002749439, "VC8": 0.8716163194444445, "VC16": 0.8251869658119659},
)
VOID = (
    [
        {"seed": 41, "frames": 24, "height": 64, "width": 96, "classes": 124, "flip": 0.02, "void": 0.15},
        {"seed": 42, "frames": 20, "height": 64, "width": 96, "classes": 124, "flip": 0.05, "still": False},
        {"seed": 43, "frames": 16, "height": 64, "width": 96, "classes": 124, "flip": 0.01, "void": 0.1},
        {"seed": 44, "frames": 30, "height": 48, "width": 64, "classes": 124, "flip": 0.0, "void": 0.3},
    ],
    {"mIoU": 0.9270330970812904, "VC8": 0.9373798365777458, "VC16": 0.9009924734356553},
)


def generated(has_void, *, seed, frames, height, width, classes, flip, void=0.0, still=True):
    """Frames of (prediction, ground truth): 8x8 blocks that shift one pixel every third frame, or change
    class in every frame; the prediction is the ground truth with a share of pixels replaced by chance."""
    random = np.random.default_rng(seed)
    blocks = random.integers(1 if has_void else 0, classes + 1, (height // 8, width // 8))
    if has_void:
        blocks[random.random(blocks.shape) < void] = 0
    stored = blocks.repeat(8, axis=0).repeat(8, axis=1)
    for t in range(frames):
        if not still:
            stored = (stored + t) % classes + 1
        elif t % 3 == 0:
            stored = np.roll(stored, 1, axis=1)
        replaced = random.random((height, width)) < flip
        chance = random.integers(0, classes, (height, width))
        prediction = np.where(replaced, chance, np.maximum(stored - 1, 0)).astype(np.uint8)
        # On disk 0 is void and v is class v - 1.
        target = np.where(stored == 0, 255, stored - 1).astype(np.uint8)
        yield prediction, target


def scores(videos, has_void):
    metrics = VideoSegmentationMetrics(num_classes=124)
    for index, video in enumerate(videos):
        metrics.update_video(str(index), generated(has_void, **video))
    return metrics.compute()["protocols"]["vspw"]


def assert_equal(computed, official):
    for name, value in official.items():
        assert computed[NAMES[name]] == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize(("known", "has_void"), [(CLEAN, False), (VOID, True)])
def test_known_values(known, has_void):
    videos, official = known
    assert_equal(scores(videos, has_void), official)


@pytest.mark.golden
@pytest.mark.parametrize(("file", "has_void"), [("vspw_metrics", False), ("vspw_metrics_void", True)])
def test_golden_files(goldens, file, has_void):
    golden = json.loads((goldens / f"{file}.json").read_text())
    computed = scores(golden["videos"], has_void)
    assert set(golden["official"]) == set(NAMES)
    assert_equal(computed, golden["official"])
    assert computed["videos"] == 3
