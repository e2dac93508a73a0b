"""Every kind of damage that a data set is known for is found, with its severity and a remedy."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trees import camvid_tree, cityscapes_tree, folder_tree, kitti_step_tree, vspw_tree, write_image
from vidseg.data.clips import ClipConfig
from vidseg.data.doctor import examine
from vidseg.data.findings import Report, exit_code
from vidseg.errors import InputError


def said(report: Report, severity: str) -> list[str]:
    return [str(finding) for finding in report.findings if finding.severity == severity]


@pytest.mark.parametrize(
    ("layout", "build"),
    [
        ("camvid", camvid_tree),
        ("vspw", vspw_tree),
        ("cityscapes", cityscapes_tree),
        ("kitti-step", kitti_step_tree),
        ("folder", folder_tree),
    ],
)
def test_whole_data_sets_are_clean(layout: str, build: Callable[[Path], Path], tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    report = examine(build(tmp_path), layout, workers=2, progress=lambda done, total: steps.append((done, total)))
    assert exit_code(report) == 0
    assert not said(report, "finding")
    frames = sum(split.frames for split in report.splits)
    assert steps[-1] == (frames, frames)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    for split in report.splits:
        assert sum(split.class_pixels.values()) == split.labelled_frames * 24 * 32
    assert json.loads(json.dumps(report.to_dict()))["exit_code"] == 0


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def resize(path: Path) -> None:
    with Image.open(path) as image:
        smaller = image.resize((16, 12))
    smaller.save(path)


@pytest.mark.parametrize(
    ("file", "harm", "finding"),
    [
        ("origin/00000104.jpg", lambda path: path.write_bytes(b""), "is empty"),
        ("mask/00000104.png", lambda path: path.write_bytes(b""), "is empty"),
        ("mask/00000104.png", Path.unlink, "has no mask"),
        ("origin/00000104.jpg", Path.unlink, "mask of an image that is not there"),
        ("origin/00000104.jpg", cut, "cannot be read"),
        ("mask/00000104.png", cut, "cannot be read"),
        (
            "mask/00000104.png",
            lambda path: write_image(path, np.zeros((24, 32, 3), np.uint8)),
            "is of type PNG RGB; expected a PNG of",
        ),
        ("mask/00000104.png", resize, "is 12x16 where its image is 24x32"),
        ("origin/00000104.jpg", resize, "another size than other frames of video video_a (12x16, 24x32)"),
        (
            "mask/00000104.png",
            lambda path: write_image(path, np.full((24, 32), 130, np.uint8)),
            "holds the values 130; expected 0–124 or 255; do: correct the mask",
        ),
        (".", shutil.rmtree, "has no images in origin/, but train.txt lists it"),
    ],
)
def test_damage_is_found(file: str, harm: Callable[[Path], object], finding: str, tmp_path: Path) -> None:
    root = vspw_tree(tmp_path)
    harm(root / "data/video_a" / file)
    report = examine(root, "vspw")
    assert exit_code(report) == 1
    assert any(finding in line for line in said(report, "finding"))


def test_splits_that_overlap_or_are_empty_are_found(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path, splits={"train": ("a", "b"), "val": ("b",), "test": ()})
    report = examine(root, "camvid")
    assert [line.split(") ")[1].split(";")[0] for line in said(report, "finding")] == [
        "has no video in it",
        "shares video b with split train",
    ]
    assert exit_code(examine(root, "camvid", ["val"])) == 0


def test_an_absent_reference_is_named(tmp_path: Path) -> None:
    root = cityscapes_tree(tmp_path)
    missing = root / "leftImg8bit_sequence/val/ulm/ulm_000001_000016_leftImg8bit.png"
    missing.unlink()
    (line,) = said(examine(root, "cityscapes"), "finding")
    assert str(missing) in line
    assert exit_code(examine(root, "cityscapes", clips=ClipConfig(reference_offsets=(9, 6)))) == 0


def test_what_is_usual_is_only_remarked(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path, splits={"train": ("a",), "val": ("b",), "test": ("c",)})
    for path in sorted((root / "data/c/mask").iterdir()):
        path.unlink()
    (root / "data/b/mask/00000103.png").unlink()
    write_image(root / "data/b/mask/00000104.png", np.full((24, 32), 255, np.uint8))
    (root / "train.txt").write_text("a\na")
    for folder in ("origin", "mask"):
        for path in sorted((root / "data/a" / folder).iterdir())[4:]:
            path.unlink()
    report = examine(root, "camvid")
    assert exit_code(report) == 0
    remarks = "\n".join(said(report, "remark"))
    for text in ("has no masks", "masks for 11 of 12", "labels no pixel", "more than once", "give no clip"):
        assert text in remarks


def test_offsets_in_seconds_need_a_frame_rate(tmp_path: Path) -> None:
    clips = ClipConfig(reference_offsets=(0.6, 0.2), unit="seconds")
    assert exit_code(examine(camvid_tree(tmp_path / "without"), "camvid", clips=clips)) == 1
    assert exit_code(examine(camvid_tree(tmp_path / "with", fps=15), "camvid", clips=clips)) == 0


def test_what_cannot_be_read_at_all(tmp_path: Path) -> None:
    assert exit_code(examine(tmp_path / "nowhere", "vspw")) == 2
    assert exit_code(examine(tmp_path, "cityscapes")) == 2
    report = examine(camvid_tree(tmp_path / "camvid"), "camvid", ["train", "test"])
    assert exit_code(report) == 2
    assert [split.name for split in report.splits] == ["train"]
    with pytest.raises(InputError, match="got layout"):
        examine(tmp_path, "unknown")


@pytest.mark.slow
def test_the_development_data_is_clean(development_data: Path) -> None:
    for name in ("camvid", "davis16"):
        report = examine(development_data / name, "camvid")
        assert exit_code(report) == 0, said(report, "finding")
