"""Clip arithmetic, mostly against its definition on random timelines."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vidseg.data.clips import (
    ClipConfig,
    Timeline,
    draw_direction,
    draw_target,
    possible_targets,
    reference_positions,
    sample_generator,
)
from vidseg.errors import DataError, InputError


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    numbers = tuple(sorted(draw(st.sets(st.integers(0, 60), min_size=1, max_size=30))))
    labelled = tuple(draw(st.lists(st.booleans(), min_size=len(numbers), max_size=len(numbers))))
    return Timeline(numbers=numbers, labelled=labelled, rate=draw(st.sampled_from([1.0, 15.0, 24.0, 29.97])))


offset_sets = st.sets(st.integers(1, 12), max_size=4).map(lambda found: tuple(sorted(found, reverse=True)))


@given(timelines(), offset_sets, st.sampled_from(["list", "frame"]), st.booleans())
def test_targets_are_exactly_the_labelled_frames_whose_references_exist(
    timeline: Timeline, offsets: tuple[int, ...], unit: str, reverse: bool
) -> None:
    sign = 1 if reverse else -1
    places = range(len(timeline)) if unit == "list" else timeline.numbers
    expected = tuple(
        position
        for position in range(len(timeline))
        if timeline.labelled[position] and all(places[position] + sign * offset in places for offset in offsets)
    )
    targets = possible_targets(timeline, offsets, unit, reverse=reverse)
    assert targets == expected
    for target in targets:
        found = reference_positions(timeline, target, offsets, unit, reverse=reverse)
        assert [places[position] for position in found] == [places[target] + sign * offset for offset in offsets]


@given(timelines(), offset_sets, st.sampled_from(["list", "frame", "seconds"]))
def test_backwards_is_forwards_in_the_mirrored_video(timeline: Timeline, offsets: tuple[int, ...], unit: str) -> None:
    last = len(timeline) - 1
    mirrored = Timeline(
        numbers=tuple(timeline.numbers[-1] - number for number in reversed(timeline.numbers)),
        labelled=timeline.labelled[::-1],
        rate=timeline.rate,
    )
    for target in range(len(timeline)):
        backwards = reference_positions(timeline, target, offsets, unit, reverse=True)
        forwards = reference_positions(mirrored, last - target, offsets, unit)
        if unit != "seconds":
            assert backwards == tuple(None if at is None else last - at for at in forwards)
            continue
        # Two frames may be equally near: then the times agree, not the positions.
        rate = timeline.rate or 0
        for offset, one, other in zip(offsets, backwards, forwards, strict=True):
            assert (one is None) == (other is None)
            if one is not None and other is not None:
                wanted = timeline.numbers[target] + offset * rate
                assert abs(timeline.numbers[one] - wanted) == pytest.approx(
                    abs(timeline.numbers[last - other] - wanted)
                )


@given(st.integers(1, 60), offset_sets)
def test_seconds_at_whole_frames_are_list_offsets(frames: int, offsets: tuple[int, ...]) -> None:
    timeline = Timeline(numbers=tuple(range(frames)), labelled=(True,) * frames, rate=15.0)
    seconds = tuple(offset / 15 for offset in offsets)
    for target in range(frames):
        assert reference_positions(timeline, target, seconds, "seconds") == reference_positions(
            timeline, target, offsets, "list"
        )


def test_seconds_take_the_nearest_frame_of_another_rate() -> None:
    timeline = Timeline(numbers=tuple(range(48)), labelled=(True,) * 48, rate=24.0)
    assert reference_positions(timeline, 40, (0.6, 0.4, 0.2), "seconds") == (26, 30, 35)
    assert possible_targets(timeline, (0.6, 0.4, 0.2), "seconds")[0] == 14


def test_seconds_need_a_frame_rate() -> None:
    with pytest.raises(DataError, match=r"fps.*classes\.json"):
        reference_positions(Timeline(numbers=(0, 1), labelled=(True, True)), 1, (0.5,), "seconds")


def test_the_paper_s_targets_and_references() -> None:
    timeline = Timeline(numbers=tuple(range(100, 130, 2)), labelled=(True,) * 15)
    assert possible_targets(timeline, (9, 6, 3), "list") == tuple(range(9, 15))
    assert reference_positions(timeline, 9, (9, 6, 3), "list") == (0, 3, 6)
    assert possible_targets(timeline, (9, 6, 3), "list", reverse=True) == tuple(range(6))
    assert possible_targets(timeline, (), "list") == tuple(range(15))


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=4), st.lists(st.integers(0, 2**40), min_size=1, max_size=4))
def test_generators_repeat_by_key_and_differ_between_keys(first: list[int], second: list[int]) -> None:
    def draws(key: list[int]) -> list[int]:
        return torch.randint(2**60, (4,), generator=sample_generator(*key)).tolist()

    assert draws(first) == draws(first)
    if first != second and len(first) == len(second):
        assert draws(first) != draws(second)


def test_draws_are_uniform() -> None:
    config = ClipConfig(reverse_probability=0.25)
    generator = sample_generator(0)
    assert 0.2 < sum(draw_direction(config, generator) for _ in range(1000)) / 1000 < 0.3
    counts = torch.bincount(torch.tensor([draw_target((0, 1, 2, 3), generator) for _ in range(2000)]))
    assert counts.min() > 400
    assert len(counts) == 4


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reference_offsets", (3, 6, 9)),
        ("reference_offsets", (3, 0)),
        ("reference_offsets", (3, 3)),
        ("reference_offsets", (1.5,)),
        ("unit", "minutes"),
        ("per", "city"),
        ("reverse_probability", 1.5),
        ("frames", "some"),
        ("seed", -1),
    ],
)
def test_settings_that_make_no_sense_are_refused(field: str, value: object) -> None:
    with pytest.raises(InputError, match=f"got {field}"):
        ClipConfig(**{field: value})
