"""Where context helps: means over the right frames."""

import json

import pytest

from by_damage import by_damage
from vidseg.errors import InputError


def scores(*values: float | None) -> dict:
    return {"per_frame": {"a": {"mIoU": list(values)}}}


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data" / "a").mkdir(parents=True)
    record = {"frames": 5, "degradations": [["blur"], [], ["noise"], ["blur", "noise"], ["noise"]]}
    (tmp_path / "data" / "a" / "video.json").write_text(json.dumps(record))
    return tmp_path


def test_frames_are_counted_under_all_that_befell_them(data):
    rows = by_damage(data, [scores(0.9, 0.5, 0.1, 0.2, 0.3), scores(0.1, 0.5, 0.2, 0.4, 0.5)], skip=1)
    found = {row["frames_with"]: (row["count"], row["mIoU"]) for row in rows}
    assert found == {
        "all": (4, [0.275, 0.4]),
        "any damage": (3, [0.2, pytest.approx(0.366667)]),
        "noise alone": (2, [0.2, 0.35]),
        "nothing": (1, [0.5, 0.5]),
        "several kinds": (1, [0.2, 0.4]),
    }


def test_a_frame_without_labels_does_not_count(data):
    rows = by_damage(data, [scores(0.9, 0.5, None, 0.2, 0.3), scores(0.1, 0.5, None, 0.4, 0.5)], skip=0)
    assert next(row for row in rows if row["frames_with"] == "noise alone")["count"] == 1


def test_scores_of_other_frames_are_refused(data):
    with pytest.raises(InputError, match="got 2 frames of a; expected 5"):
        by_damage(data, [scores(0.9, 0.5, 0.1, 0.2, 0.3), scores(0.1, 0.5)], skip=0)


def test_scores_of_other_videos_are_refused(data):
    with pytest.raises(InputError, match="got scores of a in some results only"):
        by_damage(data, [scores(0.9), {"per_frame": {"b": {}}}], skip=0)
