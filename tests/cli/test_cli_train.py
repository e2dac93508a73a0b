"""``vidseg train`` and ``vidseg recipes``: overriding, refusals, a miniature run, interrupt and resume."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trees import camvid_tree, write_image
from vidseg.checkpoints import load
from vidseg.recipes import RECIPES

ENCODER = ("--model.encoder.widths", "[8,16,24,32]", "--model.encoder.depths", "[1,1,1,1]")
SMALL = (
    *ENCODER,
    *("--model.encoder.heads", "[1,2,3,4]", "--model.head_channels", "16"),
    *("--augmentation.crop_size", "[32,32]", "--augmentation.base_size", "[48,32]"),
    *("--preprocessing.short", "32", "--preprocessing.long", "48"),
    *("--runtime.workers", "0", "--runtime.device", "cpu", "--output.tensorboard", "false"),
)


def test_recipes_lists_every_recipe_and_the_fields_of_one(run, tmp_path: Path) -> None:
    code, out, _ = run("recipes")
    assert code == 0
    assert all(name in out for name in RECIPES)
    code, out, _ = run("recipes", "cffm_b0_vspw", "--json", tmp_path / "recipe.json")
    assert code == 0
    assert "--model.depth" in out
    assert json.loads((tmp_path / "recipe.json").read_text())["model"]["num_classes"] == 124


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--recipe", "cffm_b0_vpsw"), "cffm_b0_vspw"),
        (("--recipe", "cffm_b0_vspw", "--model.dept", "2"), "--model.depth"),
        (("--recipe", "cffm_b0_vspw", "--model.depth", "two"), "int"),
        (("--recipe", "cffm_b0_vspw", "--model.depth"), "value"),
        (("--recipe", "cffm_b0_vspw", "--data.root", "/no/such/folder"), "/no/such/folder"),
        ((), "required: recipe"),
    ],
)
def test_what_cannot_be_trained_is_one_line(run, words: tuple[str, ...], hint: str) -> None:
    code, out, err = run("train", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert hint in err


def _words(root: Path, folder: Path, *more: str) -> list[str]:
    fixed = ("--recipe", "segformer_b0_camvid", "--data.root", str(root), "--output.folder", str(folder))
    return ["train", *fixed, *SMALL, *more]


def test_masks_whose_values_are_not_the_class_ids_are_refused_before_anything_is_written(run, tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "data", num_classes=2)
    words = _words(root, tmp_path / "run", "--model.num_classes", "2")
    masks = sorted(root.glob("data/*/mask/*.png"))
    for path in masks:
        write_image(path, np.where(np.asarray(Image.open(path)) == 1, 255, 0).astype(np.uint8))
    code, out, err = run(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "class green never occurs while the ignore value 255 covers 50 % of all pixels" in err
    assert f"vidseg masks {root}/data NEW --binary" in err
    for path in masks:
        write_image(path, np.zeros((24, 32, 3), np.uint8))
    code, out, err = run(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "type PNG RGB" in err
    assert "vidseg masks" in err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_class_that_seems_to_be_ignored_is_said_when_training_starts(run, tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "data")
    for path in root.glob("data/*/mask/*.png"):
        labels = np.array(Image.open(path))
        labels[labels == 2] = 255
        write_image(path, labels)
    words = _words(root, tmp_path / "run", "--model.num_classes", "3", "--schedule.iterations", "1")
    code, _, err = run(*words)
    assert code == 0
    assert "warning: " in err
    assert "class blue never occurs while the ignore value 255 covers" in err


@pytest.mark.slow
def test_a_run_leaves_a_model_that_segments(run, tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "data")
    classes = len(json.loads((root / "classes.json").read_text())["classes"])
    words = _words(root, tmp_path / "run", "--model.num_classes", str(classes), "--schedule.iterations", "4")
    code, out, err = run(*words, "--output.log_every", "2", "--output.validate_every", "4")
    assert code == 0, err
    assert "mIoU" in err
    model = load(out.splitlines()[0].removeprefix("last model: "))
    assert model.num_classes == classes


@pytest.mark.slow
def test_an_interrupt_saves_and_resume_goes_on(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "data")
    classes = len(json.loads((root / "classes.json").read_text())["classes"])
    words = _words(root, tmp_path / "run", "--model.num_classes", str(classes), "--output.log_every", "1")
    command = [sys.executable, "-m", "vidseg", *words, "--schedule.iterations", "200"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    while "3/200" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 143
    assert "go on with --resume" in rest
    done = int(rest.partition("interrupted at iteration ")[2].partition(";")[0])
    resumed = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=True, env=environment)
    iterations = [line.split("/200")[0].split()[-1] for line in resumed.stderr.splitlines() if "/200 loss" in line]
    assert (int(iterations[0]), int(iterations[-1])) == (done + 1, 200)
