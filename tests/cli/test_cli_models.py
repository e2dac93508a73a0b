"""``vidseg models`` and ``vidseg info``."""

import json
from pathlib import Path

from vidseg.checkpoints import bundled_models


def test_models_lists_what_is_bundled(run, tmp_path: Path) -> None:
    code, out, _ = run("models", "--json", tmp_path / "models.json")
    assert code == 0
    assert all(name in out for name in bundled_models())
    assert [row["name"] for row in json.loads((tmp_path / "models.json").read_text())] == list(bundled_models())


def test_info_says_what_a_model_is(run, tiny_model: Path, tmp_path: Path) -> None:
    code, out, _ = run("info", tiny_model, "--json", tmp_path / "info.json")
    assert code == 0
    assert "-9, -6, -3" in out
    report = json.loads((tmp_path / "info.json").read_text())
    assert report["architecture"] == "cffm"
    assert report["parameters"]["total"] == sum(n for name, n in report["parameters"].items() if name != "total")
    assert report["classes"] == [f"class {index}" for index in range(5)]
