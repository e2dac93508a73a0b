"""``vidseg doctor`` from the command line: the report and the exit codes 0, 1, 2."""

import json
from pathlib import Path

import pytest

from trees import camvid_tree
from vidseg.cli.main import main


def doctor(root: Path, *options: object) -> int:
    return main(["doctor", str(root), "--layout", "camvid", *map(str, options)])


def test_a_clean_data_set(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    root = camvid_tree(tmp_path / "data")
    assert doctor(root, "--json", tmp_path / "report.json", "--workers", 2) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == "clean"
    assert "3 of 3" in printed
    report = json.loads((tmp_path / "report.json").read_text())
    assert [split["name"] for split in report["splits"]] == ["train", "val"]
    assert report["exit_code"] == 0


def test_findings_come_with_a_remedy_each(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    root = camvid_tree(tmp_path)
    (root / "data" / "video_c" / "mask" / "00000101.png").write_bytes(b"")
    assert doctor(root) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("finding: ")
    assert "00000101.png is empty" in lines[0]
    assert "; do: " in lines[0]
    assert lines[-1] == "1 finding(s), 1 remark(s)"
    assert doctor(root, "--split", "train") == 0


def test_what_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert doctor(tmp_path / "absent") == 2
    assert capsys.readouterr().out.startswith("unreadable: ")
    assert main(["doctor", str(tmp_path), "--layout", "imagenet"]) == 2
    assert "got layout 'imagenet'" in capsys.readouterr().err
