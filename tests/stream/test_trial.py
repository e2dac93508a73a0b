"""Videos to calibrate on and to judge by."""

import pytest
import torch

import tiny
from vidseg.errors import InputError
from vidseg.runtime import build_runtime
from vidseg.runtime.graph import StepGraph
from vidseg.stream import Segmenter
from vidseg.stream.trial import FRAMES, MOST_SAMPLES, STRETCHES, VideoTrial, stretches

VIDEO = [frame.image for frame in tiny.video(50)]


@pytest.mark.parametrize(
    ("num_frames", "capacity", "expected"),
    [
        (22, 9, [(0, 11), (11, 11)]),
        (50, 9, [(0, 17), (25, 17)]),
        (4, 0, [(0, 2), (2, 2)]),
        (48, 0, [(8 * k, 8) for k in range(6)]),
    ],
)
def test_stretches_are_spread_and_every_other_one_is_kept_aside(
    num_frames: int, capacity: int, expected: list[tuple[int, int]]
) -> None:
    found = stretches(num_frames, capacity)
    assert [(one.start, one.length) for one in found] == expected
    assert [one.is_aside for one in found] == [k % 2 == 1 for k in range(len(found))]
    assert max(one.start + one.length for one in found) <= num_frames


def test_a_long_video_is_seen_all_over() -> None:
    found = stretches(6000, 9)
    assert [one.start for one in found] == [1000 * k for k in range(STRETCHES)]
    assert {one.length for one in found} == {9 + FRAMES}


def test_a_video_too_short_is_refused() -> None:
    with pytest.raises(InputError, match="got a video of 21 frames to calibrate on; expected 22 or more, 11 of them"):
        stretches(21, 9)


def test_samples_are_what_the_stream_gave_its_steps() -> None:
    model = tiny.cffm()
    trial = VideoTrial(model, VIDEO, len(VIDEO), "blocks")
    assert trial.network_size == (64, 96)
    assert trial.calibrated_on == 17
    assert len(trial.samples("start")) == 3
    assert len(trial.samples("step")) == 14
    assert max(len(trial.samples(step)) for step in model.steps()) <= MOST_SAMPLES
    # The first step with references looks back to frames 0, 1 and 2.
    graph = StepGraph(model, "step", channels_last=False)
    inputs = graph.unflatten(trial.samples("step")[0])
    start = StepGraph(model, "start", channels_last=False)
    with torch.no_grad():
        for k, context in zip(range(3), inputs.references, strict=True):
            expected = model.steps()["start"].function(start.unflatten(trial.samples("start")[k])).context
            for got, wanted in zip(context, expected, strict=True):
                torch.testing.assert_close(got, wanted, rtol=0, atol=1e-4)


def test_a_twin_is_judged_equal_and_another_model_is_not() -> None:
    model, other = tiny.cffm(), tiny.cffm(seed=1)
    trial = VideoTrial(model, VIDEO, len(VIDEO), "blocks")
    twin = trial.judge(build_runtime("torch", model, "cpu"), build_runtime("torch", model, "cpu"))
    assert twin.agreement == 1
    assert twin.frames == 17
    assert twin.exact_seconds > 0
    assert trial.judge(build_runtime("torch", model, "cpu"), build_runtime("torch", other, "cpu")).agreement < 0.9


def test_other_sizes_are_made_by_the_short_side_or_refused() -> None:
    model = tiny.segformer()
    assert VideoTrial(model, VIDEO, len(VIDEO), "blocks", (32, 64)).network_size == Segmenter(
        model, size=32
    ).preprocessing.network_size(*VIDEO[0].shape[:2])
    with pytest.raises(InputError, match="expected 96x96, as --size says"):
        VideoTrial(model, VIDEO, len(VIDEO), "blocks", (96, 96))


def test_videos_that_break_off_or_change_their_size_are_refused() -> None:
    model = tiny.segformer()
    with pytest.raises(InputError, match="ended before its time"):
        VideoTrial(model, VIDEO[:30], 50, "blocks")
    turned = [*VIDEO[:25], *(image.transpose(1, 0, 2) for image in VIDEO[25:])]
    with pytest.raises(InputError, match="change their size"):
        VideoTrial(model, turned, 50, "blocks")
