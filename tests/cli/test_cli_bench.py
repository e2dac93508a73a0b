"""``vidseg bench``, and what ``vidseg info`` counts."""

import json
from pathlib import Path

import pytest


def test_info_counts_multiply_adds(run, tiny_model: Path, tmp_path: Path) -> None:
    code, out, _ = run("info", tiny_model, "--size", "60x90", "--frames", "3", "--json", tmp_path / "info.json")
    assert code == 0
    assert "60x90 frames, computed at 64x96" in out
    assert "joint self-attention" in out
    counted = json.loads((tmp_path / "info.json").read_text())["complexity"]
    assert (counted["frame_size"], counted["image_size"], counted["frames"]) == ([60, 90], [64, 96], 3)
    totals = {name: counts["total"] for name, counts in counted["multiply_adds"].items()}
    assert totals["clip"] > totals["stream"] > totals["accelerated"]


@pytest.mark.parametrize("size", ["480", "480*853", "0x853"])
def test_info_refuses_sizes_that_are_none(size: str, run, tiny_model: Path) -> None:
    code, _, err = run("info", tiny_model, "--size", size)
    assert code == 2
    assert "expected HEIGHTxWIDTH" in err
