"""Run lengths against windows compared frame by frame, as the definition reads."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vidseg.errors import InputError
from vidseg.metrics import VideoSegmentationMetrics

CLASSES = 3
WINDOWS = (1, 2, 3, 5, 8)


def brute_force_windows(prediction, target, n, *, ignored_can_agree):
    """VC and correct consistency of every window with constant ground truth; None for the others."""
    target = np.where(target < CLASSES, target.astype(int), -1)
    windows = []
    for start in range(len(target) - n + 1):
        g, p = target[start : start + n], prediction[start : start + n]
        constant = (g == g[0]).all(axis=0)
        if not ignored_can_agree:
            constant &= g[0] >= 0
        consistent = (p == p[0]).all(axis=0)
        right = ((p == g) & (g >= 0)).all(axis=0)
        area = constant.sum()
        windows.append(((constant & consistent).sum() / area, (constant & right).sum() / area) if area else None)
    return windows


def brute_force(videos, n, protocol):
    """Mean VC and correct consistency of a split; None where no window counts."""
    per_video = []
    for prediction, target in videos:
        frames = len(target)
        if protocol == "vspw":
            if frames <= 16:
                continue
            windows = brute_force_windows(prediction, target, n, ignored_can_agree=True)
            windows = windows[: max(0, frames - n)]
        else:
            windows = brute_force_windows(prediction, target, n, ignored_can_agree=False)
        per_video.append([window for window in windows if window is not None])
    if protocol == "vspw":
        means = [window for windows in per_video for window in windows]
    else:
        means = [np.mean(windows, axis=0) for windows in per_video if windows]
    return tuple(np.mean(means, axis=0)) if means else (None, None)


@st.composite
def splits(draw):
    """Videos of small frames whose labels change now and then, some ignored, some all ignored."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    videos = []
    for _ in range(draw(st.integers(1, 3))):
        frames = draw(st.sampled_from([1, 2, 3, 7, 15, 16, 17, 18, 24]))
        shape = (frames, draw(st.integers(1, 4)), draw(st.integers(1, 4)))
        change = draw(st.sampled_from([0.0, 0.05, 0.3, 1.0]))
        ignored = draw(st.sampled_from([0.0, 0.3, 1.0]))

        def labels(shape=shape, change=change):
            fresh, changes = random.integers(0, CLASSES, shape), random.random(shape) < change
            for t in range(1, len(fresh)):
                fresh[t] = np.where(changes[t], fresh[t], fresh[t - 1])
            return fresh

        prediction, target = labels(), labels()
        if draw(st.booleans()):
            prediction = np.where(random.random(shape) < 0.9, target, prediction)
        # Ignored for the whole video and for single frames, under several values.
        where = (random.random(shape[1:]) < ignored) | (random.random(shape) < ignored / 4)
        target = np.where(where, random.choice([CLASSES, 200, 255], shape), target)
        videos.append((prediction.astype(np.uint8), target.astype(np.uint8)))
    return videos


@settings(max_examples=60, deadline=None)
@given(splits())
def test_every_window_and_protocol_equals_the_definition(videos):
    metrics = VideoSegmentationMetrics(CLASSES, windows=WINDOWS)
    for index, (prediction, target) in enumerate(videos):
        metrics.update_video(f"{index:02d}", zip(prediction, target, strict=True))
    result = metrics.compute()
    for protocol in ("vspw", "exact"):
        for n in WINDOWS:
            computed = result["protocols"][protocol][f"mVC{n}"], result["protocols"][protocol][f"mCC{n}"]
            assert computed == pytest.approx(brute_force(videos, n, protocol), abs=1e-12), (protocol, n)
            for row, video in zip(result["per_video"], videos, strict=True):
                skipped = row[protocol] is None
                assert skipped == (protocol == "vspw" and len(video[0]) <= 16)
                if not skipped:
                    alone = row[protocol][f"VC{n}"], row[protocol][f"CC{n}"]
                    assert alone == pytest.approx(brute_force([video], n, protocol), abs=1e-12)


def test_a_constant_wrong_prediction_is_consistent_but_not_correct():
    metrics = VideoSegmentationMetrics(2)
    metrics.update_video("a", [(np.ones((4, 4), int), np.zeros((4, 4), int))] * 20)
    for protocol in metrics.compute()["protocols"].values():
        assert protocol["mVC8"] == protocol["mVC16"] == 1
        assert protocol["mCC8"] == protocol["mCC16"] == 0


def test_a_reused_buffer_does_not_hide_a_change():
    for buffer in (np.zeros((2, 2), np.int32), torch.zeros(2, 2, dtype=torch.int32)):
        metrics = VideoSegmentationMetrics(2, windows=(2,))
        video, target = metrics.video("a"), buffer * 0
        for value in (0, 1):
            buffer[:] = value
            video.update(buffer, target)
        metrics.update(video)
        assert metrics.compute()["protocols"]["exact"]["mVC2"] == 0


def test_videos_under_way_at_once_do_not_mix():
    random = np.random.default_rng(0)
    data = {name: random.integers(0, 3, (20, 2, 4, 5)) for name in "ab"}
    together, alone = VideoSegmentationMetrics(3), VideoSegmentationMetrics(3)
    videos = {name: together.video(name) for name in data}
    for t in range(20):
        for name, frames in data.items():
            videos[name].update(*frames[t])
    for name, frames in data.items():
        together.update(videos[name])
        alone.update_video(name, frames)
    assert together.compute() == alone.compute()


def test_the_frame_size_may_change_between_videos_only():
    metrics = VideoSegmentationMetrics(3)
    for name, size in (("a", (4, 5)), ("b", (6, 7))):
        metrics.update_video(name, [(np.zeros(size, int),) * 2])
    video = metrics.video("c")
    video.update(np.zeros((4, 5), int), np.zeros((4, 5), int))
    with pytest.raises(InputError, match="begin a new video"):
        video.update(np.zeros((4, 6), int), np.zeros((4, 6), int))


@pytest.mark.parametrize("seed", range(5))
def test_no_window_reaches_over_a_frame_without_ground_truth(seed):
    random = np.random.default_rng(seed)
    prediction, target = random.integers(0, 2, (2, 30, 2, 3))
    labelled = random.random(30) < 0.8
    metrics = VideoSegmentationMetrics(CLASSES, windows=(1, 2, 3))
    video = metrics.video("a")
    for t in range(30):
        if labelled[t]:
            video.update(prediction[t], target[t])
        else:
            video.skip()
    metrics.update(video)
    result = metrics.compute()["protocols"]
    for n in (1, 2, 3):
        whole = [t for t in range(30 - n + 1) if labelled[t : t + n].all()]
        windows = brute_force_windows(prediction, target, n, ignored_can_agree=False)
        for protocol, starts in (("exact", whole), ("vspw", [t for t in whole if t + n < 30])):
            expected = np.mean([windows[t] for t in starts if windows[t] is not None], axis=0)
            computed = result[protocol][f"mVC{n}"], result[protocol][f"mCC{n}"]
            assert computed == pytest.approx(tuple(expected), abs=1e-12), (protocol, n)
    assert result["vspw"]["frames"] == 30


def test_labels_that_lie_apart_have_no_video_consistency():
    metrics = VideoSegmentationMetrics(2, windows=(2,))
    video = metrics.video("a")
    for _ in range(10):
        video.update(np.ones((2, 2), int), np.ones((2, 2), int))
        video.skip()
    metrics.update(video)
    for scores in metrics.compute()["protocols"].values():
        assert (scores["mIoU"], scores["mVC2"], scores["mCC2"]) == (1, None, None)
