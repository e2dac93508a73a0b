"""Temporal consistency against its definition read pixel by pixel, and in scenes whose motion is known."""

import doctest
import pickle
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

import vidseg.metrics.temporal
from vidseg.errors import InputError
from vidseg.flow import DISFlow
from vidseg.metrics import TemporalConsistency

CLASSES = 4
SIZE = (18, 26)


class KnownFlow:
    """Gives, instead of looking at the frames, what it is told: (forward, backward) of each pair, [2,H,W] each."""

    name = "known"

    def __init__(self, *pairs: tuple[Tensor, Tensor]) -> None:
        self._pairs: Iterator[tuple[Tensor, Tensor]] = iter(pairs)

    def __call__(self, present_B3HW: Tensor, previous_B3HW: Tensor) -> Tensor:
        return torch.stack(next(self._pairs))


def still(size: tuple[int, int] = SIZE) -> tuple[Tensor, Tensor]:
    return torch.zeros(2, *size), torch.zeros(2, *size)


def moved(x: float, y: float, size: tuple[int, int] = SIZE) -> tuple[Tensor, Tensor]:
    """Everything was (x, y) away, seen from the present frame."""
    forward = torch.tensor([float(x), float(y)]).view(2, 1, 1).expand(2, *size)
    return forward, -forward


def picture(size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.zeros((*size, 3), np.uint8)


def mean_iou(pairs: list[tuple[int, int]]) -> float | None:
    ious = []
    for c in range(CLASSES):
        either = sum(c in pair for pair in pairs)
        if either:
            ious.append(sum(pair == (c, c) for pair in pairs) / either)
    return float(np.mean(ious)) if ious else None


def bilinear(channel: np.ndarray, x: float, y: float) -> float:
    H, W = channel.shape
    x, y = min(max(x, 0), W - 1), min(max(y, 0), H - 1)
    x0, y0 = min(int(x), W - 2), min(int(y), H - 2)
    top = channel[y0, x0] * (1 - x + x0) + channel[y0, x0 + 1] * (x - x0)
    bottom = channel[y0 + 1, x0] * (1 - x + x0) + channel[y0 + 1, x0 + 1] * (x - x0)
    return float(top * (1 - y + y0) + bottom * (y - y0))


def by_pixels(
    labels: np.ndarray, flows: list[tuple[Tensor, Tensor]]
) -> tuple[dict[str, float | None], list[float | None]]:
    """TC of a video under both protocols, and its agreements, one pixel after the other."""
    exact: list[tuple[int, int]] = []
    vspw: list[tuple[int, int]] = []
    agreements: list[float | None] = [None]
    H, W = labels.shape[1:]
    for before, now, (forward, backward) in zip(labels[:-1], labels[1:], flows, strict=True):
        (fx, fy), (bx, by) = forward.numpy(), backward.numpy()
        this: list[tuple[int, int]] = []
        for y, x in np.ndindex(H, W):
            at_x, at_y = x + fx[y, x], y + fy[y, x]
            if -0.5 <= at_x <= W - 0.5 and -0.5 <= at_y <= H - 0.5:
                back = bilinear(bx, at_x, at_y), bilinear(by, at_x, at_y)
                miss = (fx[y, x] + back[0]) ** 2 + (fy[y, x] + back[1]) ** 2
                lengths = fx[y, x] ** 2 + fy[y, x] ** 2 + back[0] ** 2 + back[1] ** 2
                if miss <= 0.01 * lengths + 0.5:
                    column, row = min(max(round(at_x), 0), W - 1), min(max(round(at_y), 0), H - 1)
                    this.append((int(before[row, column]), int(now[y, x])))
            at_x, at_y = x + bx[y, x], y + by[y, x]
            after = 0
            if -0.5 <= at_x <= W - 0.5 and -0.5 <= at_y <= H - 0.5:
                after = int(now[min(max(round(at_y), 0), H - 1), min(max(round(at_x), 0), W - 1)])
            vspw.append((int(before[y, x]), after))
        if len(this) < 0.2 * H * W:
            agreements.append(None)
            continue
        known = [pair for pair in this if max(pair) < CLASSES]
        agreements.append(float(np.mean([a == b for a, b in known])) if known else None)
        exact += known
    return {"vspw": mean_iou([pair for pair in vspw if max(pair) < CLASSES]), "exact": mean_iou(exact)}, agreements


@pytest.mark.parametrize("seed", range(4))
def test_the_definition_pixel_by_pixel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES - seed % 2, (4, *SIZE))
    labels[1:] = np.where(rng.random((3, *SIZE)) < 0.5, labels[:-1], labels[1:])
    labels[rng.random(labels.shape) < 0.1] = 255
    flows = []
    for noise in (0.3, 4.0, 0.4):  # of the second pair nothing is found again
        there = rng.normal(0, 2, (2, 1, 1)) + rng.normal(0, noise, (2, *SIZE))
        back = -there.mean(axis=(1, 2), keepdims=True) + rng.normal(0, noise, (2, *SIZE))
        flows.append((torch.from_numpy(there).float(), torch.from_numpy(back).float()))
    consistency = TemporalConsistency(CLASSES, KnownFlow(*flows))
    given = [consistency.update(picture(), frame.astype(np.uint8)) for frame in labels]
    scores, agreements = by_pixels(labels, flows)
    assert consistency.tally.scores() == pytest.approx(scores)
    assert given == consistency.tally.agreements == pytest.approx(agreements)
    assert (consistency.tally.pairs, consistency.tally.cuts) == (2, 1)


def test_without_motion_it_is_plain_agreement_of_labels() -> None:
    rng = np.random.default_rng(0)
    before, now = rng.integers(0, CLASSES, (2, *SIZE))
    consistency = TemporalConsistency(CLASSES, KnownFlow(still()))
    consistency.update(picture(), before)
    assert consistency.update(picture(), now) == pytest.approx((before == now).mean())
    expected = mean_iou(list(zip(before.flatten().tolist(), now.flatten().tolist(), strict=True)))
    assert consistency.tally.scores() == pytest.approx({"vspw": expected, "exact": expected})
    assert consistency.tally.agreement() == consistency.tally.agreements[1]


def test_labels_that_move_with_things_are_consistent() -> None:
    labels = np.random.default_rng(0).integers(1, CLASSES, SIZE)
    consistency = TemporalConsistency(CLASSES, KnownFlow(moved(-5, 3)))
    consistency.update(picture(), labels)
    assert consistency.update(picture(), np.roll(labels, (-3, 5), (0, 1))) == 1
    scores = consistency.tally.scores()
    assert scores["exact"] == 1  # what came in from outside does not count
    assert scores["vspw"] is not None
    assert scores["vspw"] < 1  # there it is class 0


def test_what_was_hidden_does_not_count() -> None:
    """A square moves over ground of another class, and what it uncovers gets a class of its own."""
    before, now = np.zeros((2, *SIZE), int)
    before[4:10, 4:10] = 1
    now[4:10, 10:16] = 1
    now[4:10, 4:10] = 2
    forward, backward = still()
    forward[0, 4:10, 10:16] = -6
    backward[0, 4:10, 4:10] = 6
    consistency = TemporalConsistency(CLASSES, KnownFlow((forward, backward)))
    consistency.update(picture(), before)
    assert consistency.update(picture(), now) == 1
    assert consistency.tally.scores()["exact"] == 1
    assert int(consistency.tally.confusion[1].sum()) == SIZE[0] * SIZE[1] - 36


def test_a_pair_of_which_too_little_was_visible_counts_under_vspw_only() -> None:
    labels = np.zeros(SIZE, int)
    for columns, counts in ((5, False), (6, True)):  # of 26
        forward, _ = moved(-(SIZE[1] - columns), 0)
        consistency = TemporalConsistency(CLASSES, KnownFlow((forward, -forward), still()))
        consistency.update(picture(), labels)
        assert consistency.update(picture(), labels) == (1 if counts else None)
        assert (consistency.tally.pairs, consistency.tally.cuts) == (int(counts), int(not counts))
        sums = consistency.tally.confusion.sum(dim=(1, 2)).tolist()
        assert sums == [SIZE[0] * SIZE[1], SIZE[0] * columns if counts else 0]
        assert consistency.update(picture(), labels) == 1  # what follows is compared again


def test_pixels_that_are_no_class_do_not_count() -> None:
    before, now = np.zeros((2, *SIZE), np.uint8)
    before[0], now[1] = 255, 255
    consistency = TemporalConsistency(1, KnownFlow(still(), still()))
    consistency.update(picture(), before)
    assert consistency.update(picture(), now) == 1
    assert consistency.tally.confusion.flatten().tolist() == [(SIZE[0] - 2) * SIZE[1]] * 2
    assert consistency.update(picture(), np.full(SIZE, 255, np.uint8)) is None


def test_pairs_do_not_reach_over_gaps_restarts_and_changes_of_size() -> None:
    consistency = TemporalConsistency(2, KnownFlow(still(), still((20, 30))))
    labels, larger = np.zeros(SIZE, int), np.zeros((20, 30), int)
    consistency.update(picture(), labels)
    consistency.skip()
    consistency.update(picture(), labels)
    consistency.restart()
    consistency.update(picture(), labels)
    consistency.update(picture(), labels)
    consistency.update(picture((20, 30)), larger)
    consistency.update(picture((20, 30)), larger)
    assert consistency.tally.agreements == [None, None, None, None, 1.0, None, 1.0]
    assert consistency.tally.pairs == 2


def test_nothing_compared_has_no_score() -> None:
    consistency = TemporalConsistency(2, KnownFlow())
    consistency.update(picture(), np.zeros(SIZE, int))
    assert consistency.tally.scores() == {"vspw": None, "exact": None}
    assert consistency.tally.agreement() is None


def test_large_frames_are_compared_at_the_working_size() -> None:
    sizes = []

    class Watching:
        name = "watching"

        def __call__(self, present_B3HW: Tensor, previous_B3HW: Tensor) -> Tensor:
            sizes.append(tuple(present_B3HW.shape[-2:]))
            return torch.zeros(2, 2, *sizes[-1])

    for size, expected in (((540, 960), (270, 480)), ((960, 20), (480, 16)), ((8, 8), (16, 16)), ((9, 480), (16, 480))):
        labels = np.arange(size[0] * size[1]).reshape(size) * 3 // (size[0] * size[1])
        consistency = TemporalConsistency(3, Watching())
        for _ in range(2):
            consistency.update(picture(size), labels)
        assert sizes.pop() == expected
        assert consistency.tally.scores() == {"vspw": 1, "exact": 1}
        assert int(consistency.tally.confusion[1].sum()) == expected[0] * expected[1]


def test_a_real_flow_follows_a_picture() -> None:
    pytest.importorskip("cv2")
    rng = np.random.default_rng(0)
    scene = np.kron(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
    classes = np.kron(rng.integers(0, CLASSES, (20, 24)), np.ones((8, 8), int))
    moving, frozen = (TemporalConsistency(CLASSES, DISFlow()) for _ in range(2))
    for t in range(4):
        window = slice(2 * t, 2 * t + 96), slice(3 * t, 3 * t + 128)
        moving.update(scene[window], classes[window])
        frozen.update(scene[window], classes[:96, :128])
    right, wrong = moving.tally.scores()["exact"], frozen.tally.scores()["exact"]
    assert right is not None
    assert wrong is not None
    assert right > 0.9 > 0.7 > wrong


def test_a_tally_travels_between_processes() -> None:
    consistency = TemporalConsistency(2, KnownFlow(still()))
    for _ in range(2):
        consistency.update(picture(), np.zeros(SIZE, int))
    arrived = pickle.loads(pickle.dumps(consistency.tally))
    assert arrived.scores() == consistency.tally.scores()
    assert arrived.agreements == [None, 1.0]


def test_wrong_use_is_named() -> None:
    with pytest.raises(InputError, match="num_classes=0"):
        TemporalConsistency(0, KnownFlow())
    with pytest.raises(InputError, match=r"got labels of \(3, 3\) for a frame of \(18, 26\)"):
        TemporalConsistency(2, KnownFlow()).update(picture(), np.zeros((3, 3), int))
    with pytest.raises(InputError, match="take the argmax first"):
        TemporalConsistency(2, KnownFlow()).update(picture(), np.zeros(SIZE))


def test_the_example_in_the_documentation() -> None:
    pytest.importorskip("cv2")
    failed, attempted = doctest.testmod(vidseg.metrics.temporal)
    assert (failed, attempted > 0) == (0, True)
