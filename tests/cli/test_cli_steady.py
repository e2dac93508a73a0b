"""``--steady`` and ``--flow`` wherever a model is run."""

import json
from pathlib import Path

import pytest

import tiny
from trees import camvid_tree
from vidseg.checkpoints import load, save_checkpoint
from vidseg.cli import parser
from vidseg.data import open_dataset
from vidseg.steady import Steady
from vidseg.stream import Segmenter
from vidseg.video import read_labels, read_video

pytest.importorskip("cv2")


def test_the_strength_without_a_number_is_the_librarys() -> None:
    assert Steady().strength == parser.STRENGTH


@pytest.mark.parametrize(("words", "steady"), [(["--steady"], Steady()), (["--steady", 0.5], Steady(strength=0.5))])
def test_segment(run, tiny_model: Path, images: Path, tmp_path: Path, words: list[object], steady: Steady) -> None:
    code, _, err = run("segment", images, "-o", tmp_path / "masks", "--model", tiny_model, "--fps", 10, *words)
    assert code == 0, err
    with read_video(images, fps=10) as reader:
        expected = [shown.labels for shown in Segmenter(load(tiny_model), steady=steady).segment(reader)]
    masks = sorted((tmp_path / "masks").glob("*.png"))
    assert all((read_labels(mask) == labels).all() for mask, labels in zip(masks, expected, strict=True))


def test_a_strength_of_nothing_is_off(run, tiny_model: Path, images: Path, tmp_path: Path) -> None:
    for name, words in (("off", ()), ("none", ("--steady", 0))):
        assert run("segment", images, "-o", tmp_path / name, "--model", tiny_model, *words)[0] == 0
    for mask in (tmp_path / "off").glob("*.png"):
        assert mask.read_bytes() == (tmp_path / "none" / mask.name).read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--steady", 1), "expected 0 <= strength < 1"),
        (("--steady", "much"), "--steady"),
        (("--steady", "--flow", "farneback"), "expected one of dis, raft-small, raft-large"),
        (("--flow", "dis"), "it has no use for it"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(run, tiny_model, images, tmp_path, words, said) -> None:
    code, _, err = run("segment", images, "-o", tmp_path / "masks", "--model", tiny_model, *words)
    assert code == 2
    assert said in err
    assert err.count("\n") <= 2
    assert not (tmp_path / "masks").exists()


def test_evaluate(run, tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "data", splits={"val": ("one",)}, frames=4)
    model = tiny.segformer(3)
    classes = open_dataset(root, "camvid", "val").class_map
    save_checkpoint(tmp_path / "model", model, class_map=classes, preprocessing=model.preprocessing)
    words = ("evaluate", "--data", root, "--layout", "camvid", "--model", tmp_path / "model", "--vc", 2)
    code, _, err = run(*words, "--steady", 0.8, "--json", tmp_path / "scores.json")
    assert code == 0, err
    assert "as if there were 15 frames a second" in err
    engine = json.loads((tmp_path / "scores.json").read_text())["engine"]
    assert engine["steady"]["strength"] == 0.8
    assert engine["flow"] == "dis"
    code, _, err = run(*words, "--steady", "--tta", "flip")
    assert code == 2
    assert "with test-time augmentation" in err
    listed = root / "classes.json"
    listed.write_text(json.dumps(json.loads(listed.read_text()) | {"fps": 24}))
    code, _, err = run(*words, "--steady")
    assert code == 0, err
    assert "frames a second: the data" not in err
