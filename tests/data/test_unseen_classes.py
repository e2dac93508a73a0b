"""Masks whose values are not the class ids: found by the doctor, and by training before it learns one class unseen."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from trees import SIZE, camvid_tree, cityscapes_tree, folder_tree, kitti_step_tree, vspw_tree, write_image
from vidseg.data import open_dataset
from vidseg.data.doctor import examine
from vidseg.data.findings import Report, exit_code
from vidseg.data.unseen_classes import SAMPLE, judge_sample
from vidseg.errors import DataError


def findings(report: Report) -> list[str]:
    return [str(finding) for finding in report.findings if finding.severity == "finding"]


def write_masks(root: Path, pattern: str, pixels: dict[int, int], *, frames: slice = slice(None)) -> None:
    """Writes masks that hold each value in so many pixels, and 0 in all others."""
    for path in sorted(root.glob(pattern))[frames]:
        values = np.zeros(SIZE, np.uint8)
        values.flat[: sum(pixels.values())] = np.repeat(list(pixels), list(pixels.values()))
        write_image(path, values)


def two_classes(root: Path) -> Path:
    folder_tree(root)
    (root / "classes.json").write_text('{"classes": ["background", "thing"]}')
    return root


@pytest.mark.parametrize("pixels", [1, 150, 700])
def test_0_and_255_in_place_of_0_and_1_is_a_finding_whatever_the_share(pixels: int, tmp_path: Path) -> None:
    root = two_classes(tmp_path)
    write_masks(root, "masks/*/*.png", {255: pixels})
    report = examine(root, "folder")
    (line,) = findings(report)
    assert exit_code(report) == 1
    assert "class thing never occurs while the ignore value 255 covers" in line
    assert f"vidseg masks {root}/masks NEW --binary --names {root}/classes.json" in line
    unseen = judge_sample(open_dataset(root, "folder", "all"))
    assert unseen is not None
    assert unseen.hopeless
    assert f"{unseen.what}; do: {unseen.remedy}" in line


@pytest.mark.parametrize(
    ("layout", "build", "pattern"),
    [
        ("camvid", camvid_tree, "data/*/mask/*.png"),
        ("cityscapes", cityscapes_tree, "gtFine/*/*/*.png"),
    ],
)
def test_so_it_is_in_other_layouts(layout: str, build: Callable[[Path], Path], pattern: str, tmp_path: Path) -> None:
    root = build(tmp_path)
    write_masks(root, pattern, {255: 5})
    lines = findings(examine(root, layout))
    assert [line.split(") ")[1].split(" while")[0].startswith("classes ") for line in lines] == [True, True]
    assert all("ignore value 255" in line for line in lines)


def test_in_trees_the_command_takes_only_masks(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path, num_classes=2)
    write_masks(root, "data/*/mask/*.png", {255: 5})
    assert (
        f"vidseg masks {root}/data NEW --binary --pattern '**/mask/*.png' --names"
        in findings(examine(root, "camvid"))[0]
    )


def test_a_class_of_several_that_hides_behind_the_ignore_value(tmp_path: Path) -> None:
    root = folder_tree(tmp_path)  # three classes
    write_masks(root, "masks/*/*.png", {1: 100, 255: 77})
    (line,) = findings(examine(root, "folder"))
    assert "class blue never occurs while the ignore value 255 covers 10 % of all pixels" in line
    assert "--table TABLE" in line
    unseen = judge_sample(open_dataset(root, "folder", "all"))
    assert unseen is not None
    assert not unseen.hopeless


def test_rare_classes_may_be_absent_where_little_is_ignored(tmp_path: Path) -> None:
    root = folder_tree(tmp_path / "own")
    write_masks(root, "masks/*/*.png", {1: 100, 255: 76})
    report = examine(root, "folder")
    assert exit_code(report) == 0
    assert any("never shows 1 of the classes (blue)" in str(finding) for finding in report.findings)
    assert judge_sample(open_dataset(root, "folder", "all")) is None
    # A published list is longer than what a part of the data shows, and its masks have much void.
    for layout, build in (("vspw", vspw_tree), ("kitti-step", kitti_step_tree)):
        root = build(tmp_path / layout)
        if layout == "vspw":
            write_masks(root, "data/*/mask/*.png", {1: 200, 2: 200})
        assert exit_code(examine(root, layout)) == 0


def test_one_class_alone_is_nothing_to_learn_from(tmp_path: Path) -> None:
    root = two_classes(tmp_path)
    for split, video in (("train", "one"), ("val", "two")):
        (root / f"{split}.txt").write_text(video)
    write_masks(root, "masks/*/*.png", {})
    (line,) = findings(examine(root, "folder"))
    assert "(split train) class thing never occurs; do: label it" in line
    (root / "classes.json").write_text('{"classes": ["background"]}')
    assert exit_code(examine(root, "folder")) == 0


def test_masks_that_label_nothing(tmp_path: Path) -> None:
    root = two_classes(tmp_path)
    write_masks(root, "masks/*/*.png", {255: SIZE[0] * SIZE[1]})
    (line,) = findings(examine(root, "folder"))
    assert "classes background, thing never occur while the ignore value 255 covers 100 % of all pixels" in line


def test_a_sample_reads_few_masks_and_more_only_before_it_calls_a_split_hopeless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    from vidseg.data import unseen_classes

    real = unseen_classes.read_labels

    def seen(tree, path, spec):
        read.append(path)
        return real(tree, path, spec)

    monkeypatch.setattr(unseen_classes, "read_labels", seen)
    monkeypatch.setattr(unseen_classes, "SAMPLE", 4)
    assert SAMPLE == 256
    root = folder_tree(tmp_path)
    assert judge_sample(open_dataset(root, "folder", "all")) is None
    assert len(read) == 1  # it shows all classes
    read.clear()
    write_masks(root, "masks/*/*.png", {1: 100, 255: 200})
    unseen = judge_sample(open_dataset(root, "folder", "all"))
    assert unseen is not None
    assert "never occurs in 4 of 24 masks, read as a sample, while" in unseen.what
    assert [Path(path).parent.name for path in read] == ["one", "one", "two", "two"]
    read.clear()
    write_masks(root, "masks/*/*.png", {255: 200})
    write_masks(root, "masks/*/*.png", {1: 1, 2: 1}, frames=slice(21, 22))
    assert judge_sample(open_dataset(root, "folder", "all")) is None
    assert 4 < len(read) <= 24


def test_a_sample_leaves_single_damaged_masks_to_the_training(tmp_path: Path) -> None:
    root = folder_tree(tmp_path)
    masks = sorted(root.glob("masks/*/*.png"))
    masks[0].write_bytes(b"\x89PNG")
    dataset = open_dataset(root, "folder", "all")
    assert judge_sample(dataset) is None
    for path in masks:
        write_image(path, np.zeros((*SIZE, 3), np.uint8))
    with pytest.raises(DataError, match=r"of type PNG RGB.*vidseg masks"):
        judge_sample(dataset)


@pytest.mark.parametrize(
    ("colours", "command"),
    [
        ([[200, 0, 0], [0, 200, 0], [0, 0, 200]], "--guess"),
        ([[0, 0, 0], [1, 0, 0], [2, 0, 0]], "NEW --channel R --names"),
        ([[0, 0, 0], [1, 1, 1], [2, 2, 2]], "NEW --channel R --names"),
        ([[0, 0, 0], [255, 255, 255], [0, 0, 0]], "NEW --binary --names"),
        ([[200, 0, 0, 255], [0, 200, 0, 255], [0, 0, 200, 255]], "--guess"),
    ],
)
def test_colour_masks_are_one_finding_that_names_the_command(
    colours: list[list[int]], command: str, tmp_path: Path
) -> None:
    root = folder_tree(tmp_path)
    for path in root.glob("masks/*/*.png"):
        labels = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % 3
        write_image(path, np.array(colours, np.uint8)[labels])
    report = examine(root, "folder")
    (line,) = findings(report)
    assert "23 more of 24 masks are of type PNG RGB" in line
    assert f"vidseg masks {root}/masks " in line
    assert command in line


def test_the_case_that_was_reported(cases: Path) -> None:
    report = examine(cases / "masks_0_255", "folder")
    lines = findings(report)
    assert exit_code(report) == 1
    assert len(lines) == 2
    assert all("class thing never occurs while the ignore value 255 covers 19.5 %" in line for line in lines)
    names = json.loads((cases / "masks_0_255/classes.json").read_text())["classes"]
    assert names == ["background", "thing"]
