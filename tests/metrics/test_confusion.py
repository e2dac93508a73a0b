"""Scores of the confusion matrix against torchmetrics' own and a count class by class."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.classification import MulticlassConfusionMatrix

from vidseg.errors import InputError
from vidseg.metrics import SegmentationScores


def by_sets(prediction, target, num_classes):
    """The four scores from sets of pixels, class by class."""
    known = target < num_classes
    prediction, target = prediction[known], target[known]
    if not target.size:
        return dict.fromkeys(("mIoU", "wIoU", "pixel_accuracy", "mean_accuracy"))
    present = [c for c in range(num_classes) if (target == c).any()]
    iou = [((prediction == c) & (target == c)).sum() / ((prediction == c) | (target == c)).sum() for c in present]
    weights = [(target == c).mean() for c in present]
    return {
        "mIoU": np.mean(iou),
        "wIoU": np.dot(weights, iou),
        "pixel_accuracy": (prediction == target).mean(),
        "mean_accuracy": np.mean([(prediction[target == c] == c).mean() for c in present]),
    }


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.2, 1.0]))
def test_scores_equal_a_count_by_sets(num_classes, seed, ignored):
    random = np.random.default_rng(seed)
    target = random.integers(0, num_classes, (3, 5, 6))
    target[random.random(target.shape) < ignored] = 255
    prediction = np.where(random.random(target.shape) < 0.5, target % num_classes, 0)
    scores = SegmentationScores(num_classes)
    for frame in zip(prediction, target, strict=True):
        scores.update(*frame)
    computed = scores.compute()
    expected = by_sets(prediction, target, num_classes)
    assert {name: computed[name] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_the_matrix_is_torchmetrics_own_with_ignored_pixels():
    random = np.random.default_rng(3)
    target, prediction = random.integers(0, 7, (2, 4, 50, 60))
    target[random.random(target.shape) < 0.1] = 255
    oracle = MulticlassConfusionMatrix(num_classes=7, ignore_index=255)
    ours = SegmentationScores(7)
    for p, t in zip(prediction, target, strict=True):
        oracle.update(torch.as_tensor(p), torch.as_tensor(t))
        ours.update(p, t)
    assert ours.confusion.dtype == torch.int64
    torch.testing.assert_close(ours.confusion, oracle.compute())


def test_classes_without_ground_truth_have_no_iou_but_cost_precision_elsewhere():
    scores = SegmentationScores(3)
    scores.update(np.array([[0, 0, 1, 2]]), np.array([[0, 0, 0, 255]]))
    computed = scores.compute()
    assert computed["IoU"] == [pytest.approx(2 / 3), None, None]
    assert computed["mIoU"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.int64, np.uint32])
def test_every_integer_dtype_of_numpy_and_torch(dtype):
    target = np.array([[0, 1, 2, 3]], dtype)[:, ::-1]
    target.flags.writeable = False
    scores = SegmentationScores(4)
    scores.update(target, target)
    scores.update(torch.tensor([[0, 1, 2, 3]]).to(torch.uint16), target[:, ::-1])
    assert scores.compute()["mIoU"] == 1


def test_sixteen_bit_class_ids():
    labels = np.full((3, 3), 299, np.uint16)
    labels[0] = 65535
    scores = SegmentationScores(300)
    scores.update(np.where(labels == 65535, 0, labels), labels)
    assert scores.confusion[299, 299] == scores.confusion.sum() == 6


@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        (np.zeros((2, 2), int), np.zeros((2, 3), int), "resize the prediction"),
        (np.zeros((0, 2), int), np.zeros((0, 2), int), "with pixels"),
        (np.full((2, 2), 255), np.zeros((2, 2), int), "prediction of 255"),
        (np.full((2, 2), -1), np.zeros((2, 2), int), "prediction of -1"),
        (np.zeros((2, 2)), np.zeros((2, 2), int), "argmax"),
        (torch.zeros(2, 2), torch.zeros(2, 2).long(), "argmax"),
    ],
)
def test_wrong_labels_are_named(prediction, target, message):
    with pytest.raises(InputError, match=message):
        SegmentationScores(3).update(prediction, target)


def test_a_prediction_may_be_anything_where_there_is_no_ground_truth():
    scores = SegmentationScores(3)
    scores.update(np.array([[255, 1]]), np.array([[255, 1]]))
    assert scores.compute()["pixel_accuracy"] == 1


def test_no_classes_is_an_error():
    with pytest.raises(InputError, match="num_classes=0"):
        SegmentationScores(0)
