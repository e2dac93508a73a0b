"""``vidseg push``: the card that a dry run prints, made from the record of a training and its scores; no network."""

import json
from dataclasses import asdict
from pathlib import Path

import huggingface_hub
import pytest

import tiny
from vidseg.checkpoints import save_checkpoint
from vidseg.checkpoints.tensors import sha256_of
from vidseg.recipes import find_recipe, override

CONFIG = {"augmentation.crop_size": "[32, 48]", "schedule.iterations": "400", "runtime.batch_size": "3"}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever would reach for the hub fails."""

    def reach(*_: object, **__: object) -> None:
        raise AssertionError("reached for the network")

    for name in ("create_repo", "create_commit", "snapshot_download"):
        monkeypatch.setattr(huggingface_hub, name, reach)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A checkpoint with the record of a training."""
    model = tiny.cffm()
    config = asdict(override(find_recipe("cffm_b0_small"), CONFIG))
    save_checkpoint(
        tmp_path / "best",
        model,
        class_map=model.class_map,
        preprocessing=model.preprocessing,
        training={"vidseg": "1.0", "iteration": 300, "config": config},
        metrics={"mIoU": 0.61234, "mVC8": 0.9},
    )
    return tmp_path / "best"


def scores(path: Path, weights: Path) -> Path:
    content = {
        "model": {"weights_sha256": sha256_of(weights / "model.safetensors")},
        "data": {"name": "my-videos", "layout": "folder", "split": "val", "videos": 3, "labelled_frames": 41},
        "protocols": {"exact": {"mIoU": 0.71828, "mVC8": None, "videos": 3}, "vspw": {"mIoU": 0.7, "mVC8": 0.9}},
    }
    path.write_text(json.dumps(content))
    return path


def test_a_dry_run_prints_the_card_and_the_files(run, trained: Path, tmp_path: Path) -> None:
    file = scores(tmp_path / "scores.json", trained)
    code, out, err = run("push", trained, "hf://me/ours", "--scores", file, "--license", "Apache-2.0", "--dry-run")
    assert code == 0
    card = huggingface_hub.ModelCard(out)
    assert (card.data.license, card.data.library_name, card.data.pipeline_tag) == (
        "apache-2.0",
        "vidseg",
        "image-segmentation",
    )
    found = {(one.metric_name, one.dataset_name, one.dataset_split): one.metric_value for one in card.data.eval_results}
    assert found == {
        ("mIoU (exact)", "my-videos", "val"): 0.7183,
        ("mIoU (vspw)", "my-videos", "val"): 0.7,
        ("mVC8 (vspw)", "my-videos", "val"): 0.9,
    }
    for line in (
        "# ours",
        "| classes | 5: class 0, class 1, class 2, class 3, class 4 |",
        "| iteration | 300 |",
        "| clips a batch | 3 |",
        "| crop | 32x48 |",
        "| planned iterations | 400 |",
        "| licence | Apache-2.0 |",
        "my-videos, val: 3 videos, 41 labelled frames",
        "| score | exact | vspw |",
        "| mIoU | 0.7183 | 0.7 |",
        "| mVC8 | | 0.9 |",
        "| mIoU | 0.6123 |",
    ):
        assert line in out.splitlines()
    assert "vidseg segment in.mp4 -o overlay.mp4 --model hf://me/ours" in out
    assert [line.split(",")[0] for line in err.splitlines()] == [
        "vidseg: would upload config.json",
        "vidseg: would upload model.safetensors",
        "vidseg: would upload README.md",
    ]
    assert not (trained / "README.md").exists()


def test_other_licences_have_their_own_name(run, trained: Path) -> None:
    card = huggingface_hub.ModelCard(run("push", trained, "hf://me/ours", "--dry-run", "--license", "My own terms")[1])
    assert (card.data.license, card.data.license_name) == ("other", "my-own-terms")
    card = huggingface_hub.ModelCard(run("push", trained, "hf://me/ours", "--dry-run")[1])
    assert card.data.license is None
    assert card.data.eval_results is None
    assert "| licence | not stated |" in card.text


@pytest.mark.parametrize(
    ("content", "message"),
    [("[1]", "no JSON object"), ("{", "no readable scores"), ("{}", "got scores of weights None")],
)
def test_what_cannot_be_pushed_is_one_line(run, trained: Path, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "scores.json").write_text(content)
    code, out, err = run("push", trained, "hf://me/ours", "--dry-run", "--scores", tmp_path / "scores.json")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_scores_without_their_parts_and_folders_that_are_none(run, trained: Path, tmp_path: Path) -> None:
    file = scores(tmp_path / "scores.json", trained)
    file.write_text(json.dumps({"model": json.loads(file.read_text())["model"]}))
    code, _, err = run("push", trained, "hf://me/ours", "--dry-run", "--scores", file)
    assert (code, err.count("\n")) == (2, 1)
    assert "expected what vidseg evaluate --json wrote" in err
    code, _, err = run("push", tmp_path, "hf://me/ours", "--dry-run")
    assert (code, err.count("\n")) == (2, 1)
    code, _, err = run("push", trained, "s3://me/ours", "--dry-run")
    assert (code, err.count("\n")) == (2, 1)
    assert "expected hf://owner/name" in err
