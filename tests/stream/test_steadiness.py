"""How steady labels are while a video is segmented: the metric's numbers, broken at cuts, in the job's report."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import tiny
from trees import stripes, write_image
from vidseg.metrics import TemporalConsistency
from vidseg.stream import Segmenter, SteadinessMeter, segment_to_files
from vidseg.types import ClassMap, Frame, Segmentation
from vidseg.video import read_video

CLASSES = ClassMap(names=("a", "b"), palette=((0, 0, 0), (255, 255, 255)))


class Still:
    name = "still"

    def __call__(self, present_B3HW: Tensor, previous_B3HW: Tensor) -> Tensor:
        return torch.zeros(len(present_B3HW), 2, *present_B3HW.shape[-2:])


def segmentation(index: int, brightness: int, right: int) -> Segmentation:
    """A plain frame whose first `right` columns of 20 are of class 1."""
    image = np.full((16, 20, 3), brightness, np.uint8)
    labels = np.zeros((16, 20), np.uint8)
    labels[:, :right] = 1
    return Segmentation(labels=labels, class_map=CLASSES, frame=Frame(image=image, index=index, time=index / 10))


class StillWithACut(Still):
    """Where the frames differ, the flows of both ways have nothing to do with each other."""

    def __call__(self, present_B3HW: Tensor, previous_B3HW: Tensor) -> Tensor:
        is_cut = not torch.equal(present_B3HW, previous_B3HW)
        return super().__call__(present_B3HW, previous_B3HW) + 2 * is_cut


def test_it_passes_over_cuts_and_tells_where_labels_break() -> None:
    meter = SteadinessMeter(2, StillWithACut())
    for index, (brightness, right) in enumerate([(40, 5), (40, 5), (40, 10), (220, 20), (220, 20), (220, 19)]):
        meter.update(segmentation(index, brightness, right))
    found = meter.result()
    assert (found.flow, found.pairs, found.cuts) == ("still", 4, 1)
    assert found.agreement == pytest.approx((1 + 0.75 + 1 + 0.95) / 4)
    assert [(one.frame, one.agreement) for one in found.lowest] == [(2, 0.75), (5, 0.95), (1, 1.0), (4, 1.0)]
    assert found.lowest[0].time == 0.2
    assert found.seconds > 0


def test_of_long_videos_the_ten_worst_frames_are_told() -> None:
    meter = SteadinessMeter(2, Still())
    for index in range(40):
        meter.update(segmentation(index, 40, index % 2 * (index // 4)))
    lowest = meter.result().lowest
    assert len(lowest) == 10
    assert [one.agreement for one in lowest] == sorted(one.agreement for one in lowest)
    assert lowest[0].frame in (37, 38, 39)


def test_a_job_reports_what_the_metric_gives(tmp_path: Path) -> None:
    for index in range(4):
        write_image(tmp_path / "images" / f"{index}.png", stripes(index, size=(40, 96))[0])
    segmenter = Segmenter(tiny.cffm())
    seen: list[Segmentation] = []
    with read_video(tmp_path / "images") as reader:
        report = segment_to_files(segmenter, reader, [tmp_path / "masks"], watch=seen.append, flow=Still())
    consistency = TemporalConsistency(segmenter.class_map.num_classes, Still())
    for one in seen:
        consistency.update(one.frame.image, one.labels)
    found = report.steadiness
    assert found is not None
    assert found.pairs == 3
    assert found.scores == consistency.tally.scores()
    with read_video(tmp_path / "images") as reader:
        assert segment_to_files(segmenter, reader, [tmp_path / "more"]).steadiness is None


def test_a_flow_that_fails_fails_the_job(tmp_path: Path) -> None:
    class Broken(Still):
        def __call__(self, present_B3HW: Tensor, previous_B3HW: Tensor) -> Tensor:
            raise RuntimeError("broken")

    for index in range(3):
        write_image(tmp_path / "images" / f"{index}.png", stripes(index, size=(40, 96))[0])
    with read_video(tmp_path / "images") as reader, pytest.raises(RuntimeError, match="broken"):
        segment_to_files(Segmenter(tiny.cffm()), reader, [tmp_path / "masks"], flow=Broken())
    assert not (tmp_path / "masks").exists()
