"""``vidseg demo``: a model's own labels beside its steadied ones."""

import json
from pathlib import Path

import numpy as np
import pytest

from vidseg.checkpoints import load
from vidseg.steady import Steady
from vidseg.stream import Segmenter
from vidseg.video import read_video
from vidseg.viz import overlay

pytest.importorskip("cv2")


def test_a_model_and_a_video_of_ones_own(run, tiny_model: Path, images: Path, tmp_path: Path) -> None:
    video, figures = tmp_path / "demo.mp4", tmp_path / "demo.json"
    code, out, err = run("demo", images, "--model", tiny_model, "-o", video, "--json", figures)
    assert code == 0, err
    assert "frame by frame" in out
    assert "steadied" in out
    found = json.loads(figures.read_text())
    assert found["frames"] == 11
    plain, steadied = found["frame by frame"], found["steadied"]
    assert plain["flow"] == steadied["flow"] == "dis"
    assert min(plain["steps_per_second"], steadied["steps_per_second"]) > 0
    with read_video(video) as reader:
        pictures = [frame.image for frame in reader]
    assert len(pictures) == 11
    # Three pictures in a row; the right one is the steadied segmenter's.
    with read_video(images) as reader:
        frames = [frame.image for frame in reader]
    segmenter = Segmenter(load(tiny_model), steady=Steady())
    shown = [overlay(seg.frame.image, seg.labels, segmenter.class_map) for seg in segmenter.segment(iter(frames))]
    last = pictures[-1]
    assert last.shape[1] >= 3 * frames[0].shape[1]
    right = last[-41:, -57:].astype(int)
    # The video is lossy, and the frames are noise.
    assert np.abs(right - shown[-1]).mean() < np.abs(right - frames[-1]).mean() / 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-o", "demo.avi"), "name it .mp4"),
        (("--rendered", "--model", "x"), "got --model with --rendered"),
        (("--steady", 0), "expected a strength above 0"),
        (("--model", "nothing"), "is no bundled model"),
        (("nowhere.mp4",), "nowhere.mp4"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    run, tmp_path: Path, monkeypatch, words: tuple[object, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run("demo", *words)
    assert code == 2
    assert said in err
    assert err.count("\n") <= 2
    assert not list(tmp_path.glob("*.mp4"))
