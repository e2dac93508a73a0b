"""``vidseg export``."""

import json
from pathlib import Path

import pytest

import tiny
from vidseg.checkpoints import save_checkpoint
from vidseg.cli.export import FORMATS, parse_size
from vidseg.errors import InputError
from vidseg.runtime import FORMATS as KNOWN


def test_an_export_is_reported(run, tmp_path: Path) -> None:
    model = tiny.segformer()
    save_checkpoint(tmp_path / "model", model, class_map=model.class_map, preprocessing=model.preprocessing)
    out = tmp_path / "out"
    code, printed, _ = run("export", tmp_path / "model", out, "--format", "openvino", "--size", "64x96")
    assert code == 0
    assert "start 64x96" in printed
    assert "start.xml" in printed
    assert json.loads((out / "config.json").read_text())["network_size"] == [64, 96]


def test_sizes_are_height_x_width() -> None:
    assert parse_size(None) is None
    assert parse_size("480x864") == (480, 864)
    for text in ("480", "480x", "0x3", "axb", "4x5x6"):
        with pytest.raises(InputError, match="480x864"):
            parse_size(text)


def test_every_format_is_offered() -> None:
    assert list(FORMATS) == list(KNOWN)
