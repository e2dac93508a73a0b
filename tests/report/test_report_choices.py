"""Which videos, which part of each, and which moments a report shows."""

from typing import Any

from vidseg.report.moments import worst_moments
from vidseg.report.samples import choose_stretch, choose_videos


def result(**scores: float | None) -> dict[str, Any]:
    return {"per_video": [{"name": name, "mIoU": score} for name, score in scores.items()]}


def test_all_videos_if_they_are_few() -> None:
    choice = choose_videos([result(a=0.1, b=0.2)], 2)
    assert choice.names == ("a", "b")
    assert choice.why == "All 2 videos that were scored."


def test_of_two_models_the_videos_that_differ_most() -> None:
    choice = choose_videos([result(a=0.5, b=0.2, c=0.9, d=None), result(a=0.4, b=0.8, c=0.6, d=0.1)], 2)
    assert choice.names == ("b", "c")
    assert "2 of 4 videos on which the mIoU of the models differs most" in choice.why


def test_of_one_model_from_worst_to_best() -> None:
    choice = choose_videos([result(a=0.5, b=None, c=0.1, d=0.9, e=0.7)], 3)
    assert choice.names == ("c", "e", "b")  # without a score last


def test_the_stretch_with_the_lowest_scores() -> None:
    assert choose_stretch([[0.9, 0.9, 0.2, 0.1, 0.9, 0.9]], 2) == (2, 4)
    assert choose_stretch([[0.9, 0.9, 0.2, 0.1, 0.9, 0.9], [0.9, 0.9, 0.9, 0.9, 0.0, 0.0]], 2) == (4, 6)
    assert choose_stretch([[0.9, 0.1]], 5) == (0, 2)
    assert choose_stretch([[None, None, 0.5]], 2) == (0, 2)
    assert choose_stretch([[None, None, None]], 2) == (0, 2)


def test_moments_are_the_worst_of_every_kind_and_lie_apart() -> None:
    steady = [0.9] * 20
    fails = [*steady]
    fails[3], fails[4], fails[12] = 0.1, 0.2, 0.5
    flickers: list[float | None] = [None, *steady[1:]]
    flickers[17] = 0.4
    unknown: list[float | None] = [None] * 20
    moments = worst_moments([fails, steady], [steady, flickers], [unknown, unknown], ["A", "B"])
    assert [moment.frame for moment in moments] == [3, 12, 17]
    assert moments[0].text == "mIoU 0.10 of A, 0.90 of B"
    assert moments[2].text == "B: consistency 0.40"


def test_nothing_happens_in_a_steady_video() -> None:
    steady: list[float | None] = [None, *[1.0] * 9]
    assert worst_moments([[0.9] * 10], [steady], [steady], ["A"]) == []
    assert worst_moments([[None] * 3], [[None] * 3], [[None] * 3], ["A"]) == []


def test_where_labels_do_not_move_along() -> None:
    steady: list[float | None] = [None, *[0.9] * 19]
    breaks = [*steady]
    breaks[9] = 0.3
    (moment,) = worst_moments([[0.9] * 20], [steady], [breaks], ["A"])
    assert (moment.frame, moment.text) == (9, "A: TC 0.30")
