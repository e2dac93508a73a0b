"""From a data set to scores through the commands, in every published layout; and what known damage does on the way."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from trees import cityscapes_tree, kitti_step_tree, vspw_tree
from vidseg.cli.main import main

pytestmark = pytest.mark.slow

TINY = (
    *("--model.encoder.widths", "[8,8,16,16]", "--model.encoder.depths", "[1,1,1,1]"),
    *("--model.encoder.heads", "[1,1,2,2]", "--model.head_channels", "32", "--model.heads", "2", "--model.depth", "1"),
    *("--augmentation.crop_size", "[32,32]", "--augmentation.base_size", "[48,32]"),
    *("--preprocessing.short", "32", "--preprocessing.long", "48"),
    *("--schedule.iterations", "2", "--schedule.warmup", "1", "--runtime.batch_size", "1", "--runtime.workers", "0"),
    *("--runtime.device", "cpu", "--output.tensorboard", "false", "--initial_weights", "null"),
)
# layout: (tree, recipe, classes)
LAYOUTS: dict[str, tuple[Callable[[Path], Path], str, int]] = {
    "vspw": (vspw_tree, "cffm_b0_vspw", 124),
    "cityscapes": (cityscapes_tree, "cffm_b0_cityscapes", 19),
    "kitti-step": (kitti_step_tree, "cffm_b0_small", 19),
}


def doctor(layout: str, root: Path, *words: str) -> int:
    return main(["doctor", str(root), "--layout", layout, *words])


def train(layout: str, root: Path, *words: str) -> int:
    _, recipe, classes = LAYOUTS[layout]
    data = ("--data.root", str(root), "--data.layout", layout, "--model.num_classes", str(classes))
    run = ("--output.folder", str(root.parent / "run"))
    return main(["train", "--recipe", recipe, *data, *TINY, *run, *words])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_examined_trained_and_scored(layout: str, tmp_path: Path) -> None:
    root = LAYOUTS[layout][0](tmp_path / "data")
    assert doctor(layout, root) == 0
    assert train(layout, root, "--data.val_split", "val") == 0
    scores = tmp_path / "scores.json"
    model = tmp_path / "run" / "last"
    words = ("--data", root, "--layout", layout, "--split", "val", "--model", model, "--json", scores)
    assert main(["evaluate", *map(str, words)]) == 0
    protocols = json.loads(scores.read_text())["protocols"]
    # Protocol vspw skips videos of up to 16 frames, which these trees have but for Cityscapes' snippets.
    assert protocols["exact"]["mIoU"] is not None
    assert (protocols["vspw"]["mIoU"] is None) == (layout != "cityscapes")


def emptied(path: str) -> Callable[[Path], None]:
    return lambda root: (root / path).write_bytes(b"") and None


def beside_it(root: Path) -> None:
    for kind, suffix in (("origin", "jpg"), ("mask", "png")):
        (root / "data" / "video_a" / kind / f"._00000105.{suffix}").write_bytes(b"Mac OS X")


def without_test_masks(root: Path) -> None:
    vspw_tree(root, splits={"test": ("video_t",)})
    for mask in (root / "data" / "video_t" / "mask").iterdir():
        mask.unlink()


def with_final_newlines(root: Path) -> None:
    for path in root.glob("*.txt"):
        assert not path.read_text().endswith("\n")  # the other tests' lists, as VSPW's own
        path.write_text(path.read_text() + "\n")


def without_reference(root: Path) -> None:
    (root / "leftImg8bit_sequence/train/aachen/aachen_000000_000013_leftImg8bit.png").unlink()


@pytest.mark.parametrize(
    ("layout", "harm", "found", "examined", "trained"),
    [
        ("vspw", emptied("data/video_a/origin/00000105.jpg"), "00000105.jpg is empty", 1, 0),
        ("vspw", emptied("data/video_a/mask/00000105.png"), "00000105.png is empty", 1, 0),
        ("vspw", beside_it, None, 0, 0),
        ("vspw", without_test_masks, "(split test) has no masks", 0, 0),
        ("vspw", with_final_newlines, None, 0, 0),
        ("cityscapes", without_reference, "aachen_000000_000013_leftImg8bit.png is absent", 1, 2),
    ],
    ids=["empty image", "empty mask", "dot-files", "no test masks", "final newline", "absent reference"],
)
def test_known_damage(
    layout: str,
    harm: Callable[[Path], None],
    found: str | None,
    examined: int,
    trained: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = LAYOUTS[layout][0](tmp_path / "data")
    assert doctor(layout, root) == 0
    usual = capsys.readouterr().out.splitlines()
    harm(root)
    assert doctor(layout, root) == examined
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("remark:", "finding:"))]
    assert [line for line in said if found is not None and found in line] or set(said) <= set(usual)
    assert found is None or any(found in line and "; do: " in line for line in said)

    assert train(layout, root, "--data.val_split", "null") == trained
    err = capsys.readouterr().err
    if trained:
        assert "aachen_000000_000013" in err
        assert err.count("\n") == 1
    else:
        assert ("vidseg doctor" in err) == bool(examined)
