"""``vidseg evaluate`` from the command line: tables, JSON, exit codes, errors of one line."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

import tiny
from trees import camvid_tree
from vidseg.checkpoints import save_checkpoint
from vidseg.cli.main import main
from vidseg.cli.score_tables import score_tables
from vidseg.cli.temporal import DEFAULT, chosen_flow
from vidseg.data import open_dataset
from vidseg.data.reading import frames_with_labels
from vidseg.evaluate import EngineConfig, evaluate_model
from vidseg.stream import Segmenter
from vidseg.video import write_labels


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return camvid_tree(tmp_path_factory.mktemp("camvid"), splits={"val": ("one", "two")}, frames=18)


@pytest.fixture(scope="module")
def checkpoint(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = tiny.cffm(3)
    path = tmp_path_factory.mktemp("models") / "tiny"
    classes = open_dataset(root, "camvid", "val").class_map
    save_checkpoint(path, model, class_map=classes, preprocessing=model.preprocessing)
    return path


def evaluate(root: Path, *options: object, layout: str = "camvid") -> int:
    return main(["evaluate", "--data", str(root), "--layout", layout, *map(str, options)])


def test_a_model_is_scored(root: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "scores.json"
    options = ("--vc", "3", "--policy", "none", "--videos", "two", "--tta", "flip", "--scales", "1,1.5")
    assert evaluate(root, "--model", checkpoint, *options, "--json", path) == 0
    result = json.loads(path.read_text())
    config = EngineConfig(policy="none", flip=True, scales=(1.0, 1.5))
    dataset = open_dataset(root, "camvid", "val")
    dataset = replace(dataset, videos=dataset.videos[1:])
    flow, _ = chosen_flow(DEFAULT)
    expected = evaluate_model(checkpoint, dataset, config, windows=(3,), flow=flow).to_dict()
    for key in ("protocols", "per_class", "per_video", "confusion", "engine", "model", "data"):
        assert result[key] == json.loads(json.dumps(expected[key])), key
    printed = capsys.readouterr().out
    for word in (
        "split val: videos: 1, frames: 18, with ground truth: 18",
        "vspw",
        "exact",
        "mIoU",
        "mVC3",
        "mCC3",
        "green",
        "two",
    ):
        assert word in printed
    assert f"{result['protocols']['vspw']['mIoU']:.4f}" in printed

    # The command that it names says the same again.
    program, *command = shlex.split(result["command"])
    assert program == "vidseg"
    path.unlink()
    assert main(command) == 0
    assert json.loads(path.read_text())["protocols"] == result["protocols"]


def test_mask_files_are_scored(root: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    import vidseg

    model = vidseg.load(checkpoint)
    dataset = open_dataset(root, "camvid", "val")
    for video in dataset.videos:
        (tmp_path / "masks" / video.name).mkdir(parents=True)
        frames = (frame for frame, _ in frames_with_labels(video, dataset.spec))
        for segmentation in Segmenter(model).segment(frames):
            name = f"{segmentation.frame.name}.png"
            write_labels(tmp_path / "masks" / video.name / name, segmentation.labels, segmentation.class_map)
    words = ("--predictions", tmp_path / "masks", "--tc", "none", "--json", tmp_path / "scores.json")
    assert evaluate(root, *words) == 0
    result = json.loads((tmp_path / "scores.json").read_text())
    assert result["predictions"] == "masks"
    assert result["protocols"] == evaluate_model(model, dataset).scores["protocols"]
    (tmp_path / "masks" / "one" / "00000103.png").unlink()
    assert evaluate(root, "--predictions", tmp_path / "masks") == 2
    assert "got no prediction" in capsys.readouterr().err


def test_damaged_files_that_were_left_out_show_in_the_exit_code(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    root = camvid_tree(tmp_path, splits={"val": ("one",)}, frames=4)
    (root / "data" / "one" / "mask" / "00000101.png").write_bytes(b"")
    assert evaluate(root, "--model", checkpoint, "--json", tmp_path / "scores.json") == 1
    assert "vidseg doctor" in capsys.readouterr().err
    data = json.loads((tmp_path / "scores.json").read_text())["data"]
    assert (data["labelled_frames"], data["left_out_as_damaged"]) == (3, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "got neither --model nor --predictions"),
        (("--model", "a", "--predictions", "b"), "got both --model and --predictions"),
        (("--predictions", "b", "--policy", "none", "--tta", "flip"), "got --policy, --tta with --predictions"),
        (("--model", "a", "--vc", "8;16"), "got --vc '8;16'"),
        (("--model", "a", "--scales", "big"), "got --scales 'big'"),
        (("--model", "a", "--proceses", "2"), "did you mean --processes"),
        (("--model", "no-such-model"), "got 'no-such-model'"),
        (("--model", "a", "--split", "test"), "test"),
        (("--model", "a", "--videos", "three"), "got video 'three'"),
        (("--model", "{model}", "--vc", "0"), "got windows=(0,)"),
        (("--model", "{model}", "--processes", "0"), "got 0 processes"),
        (("--model", "{model}", "--device", "abacus"), "got device 'abacus'"),
    ],
)
def test_errors_are_one_line(
    options: tuple[str, ...], said: str, root: Path, checkpoint: Path, capsys: pytest.CaptureFixture
) -> None:
    assert evaluate(root, *(option.replace("{model}", str(checkpoint)) for option in options)) == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1


def test_an_unknown_layout(root: Path, capsys: pytest.CaptureFixture) -> None:
    assert evaluate(root, "--model", "a", layout="imagenet") == 2
    assert "expected one of vspw, cityscapes, camvid, kitti-step, freedoom, folder" in capsys.readouterr().err


def test_long_tables_show_the_lowest_scores(root: Path, checkpoint: Path) -> None:
    result = evaluate_model(checkpoint, open_dataset(root, "camvid", "val"), windows=(2,)).to_dict()
    scores, classes, videos = score_tables(result, rows=1)
    assert scores.row_count == 2
    assert (classes.row_count, videos.row_count) == (1, 1)
    assert classes.title == "Classes: the lowest 1 of 3"
    lowest = min(result["per_class"], key=lambda row: row["exact"]["IoU"])
    assert list(classes.columns[1].cells) == [lowest["name"]]
