"""Temporal consistency from the command line: what `segment` and `evaluate` say of it, and why not."""

import json
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest

from trees import camvid_tree
from vidseg.cli.temporal import chosen_flow

Run = Callable[..., tuple[int, str, str]]
SAMPLE = Path(str(resources.files("vidseg"))) / "assets" / "sample"


@pytest.fixture
def no_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)


def test_segment_and_evaluate_tell_the_same_of_the_sample(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    options = ("--model", "segformer-b0-freedoom", "--runtime", "torch")
    data = ("--data", SAMPLE, "--layout", "folder", "--split", "all", "--videos", "map10_00", "--vc", 8)
    code, out, _ = run("evaluate", *data, *options, "--json", tmp_path / "scores.json", "--html", tmp_path / "a.html")
    assert code == 0
    result = json.loads((tmp_path / "scores.json").read_text())
    assert result["temporal_consistency"] == {"flow": "dis", "long_side": 480}
    (row,) = result["per_video"]
    assert row["frames"] - 5 < row["pairs"] < row["frames"]  # it turns too fast for the flow at times
    for protocol in ("vspw", "exact"):
        assert 0.3 < result["protocols"][protocol]["mTC"] <= 1
        assert f"{result['protocols'][protocol]['mTC']:.4f}" in out
    assert "mTC" in out
    assert "TC: by flow dis, at a long side of at most 480 pixels" in out
    series = result["per_frame"]["map10_00"]["TC"]
    values = [value for value in series if value is not None]
    assert series[0] is None
    assert len(values) == row["pairs"]
    assert all(0.3 < value <= 1 for value in values)
    assert '"flows":["dis"]' in (tmp_path / "a.html").read_text()

    source = SAMPLE / "images" / "map10_00.mp4"
    code, _, _ = run("segment", source, "-o", tmp_path / "masks", *options, "--json", tmp_path / "report.json")
    assert code == 0
    found = json.loads((tmp_path / "report.json").read_text())["videos"][0]["temporal_consistency"]
    assert found["TC"] == {protocol: row[protocol]["TC"] for protocol in ("vspw", "exact")}
    assert (found["flow"], found["pairs"], found["pairs"] + found["cuts"]) == ("dis", row["pairs"], row["frames"] - 1)
    assert [one["agreement"] for one in found["lowest"]] == sorted(values)[:10]
    worst = found["lowest"][0]
    assert series[worst["frame"]] == worst["agreement"]
    assert worst["time"] is not None
    assert found["seconds"] > 0


def test_segment_leaves_it_out_where_nobody_is_told(run: Run, images: Path, tiny_model: Path, tmp_path: Path) -> None:
    words = ("segment", images, "-o", tmp_path / "masks", "--fps", 10, "--model", tiny_model)
    code, _, err = run(*words, "--tc", "dis")
    assert code == 2
    assert "got --tc dis without --json" in err
    assert err.count("\n") == 1
    code, _, _ = run(*words, "--tc", "none", "--json", tmp_path / "r.json")
    assert code == 0
    (row,) = json.loads((tmp_path / "r.json").read_text())["videos"]
    assert row["temporal_consistency"] == {"absent": "not wanted: --tc none"}


@pytest.mark.usefixtures("no_opencv")
def test_without_opencv_the_reason_is_said(run: Run, images: Path, tiny_model: Path, tmp_path: Path) -> None:
    words = ("segment", images, "-o", tmp_path / "masks", "--fps", 10, "--model", tiny_model)
    code, _, _ = run(*words, "--json", tmp_path / "r.json")
    assert code == 0
    (row,) = json.loads((tmp_path / "r.json").read_text())["videos"]
    assert "pip install 'vidseg[flow]'" in row["temporal_consistency"]["absent"]
    code, _, err = run(*words, "--json", tmp_path / "r.json", "--tc", "dis")
    assert code == 2
    assert "pip install 'vidseg[flow]'" in err
    assert err.count("\n") == 1
    assert chosen_flow("none") == (None, "not wanted: --tc none")

    root = camvid_tree(tmp_path / "data", splits={"val": ("one",)}, frames=3)
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "one").symlink_to(root / "data" / "one" / "mask")
    words = ("evaluate", "--data", root, "--layout", "camvid", "--predictions", tmp_path / "predictions")
    code, out, _ = run(*words, "--json", tmp_path / "scores.json")
    assert code == 0
    assert "without temporal consistency TC: got no package 'cv2'" in out
    result = json.loads((tmp_path / "scores.json").read_text())
    assert "pip install 'vidseg[flow]'" in result["temporal_consistency"]["absent"]
    assert "mTC" not in result["protocols"]["exact"]
