"""Long work in short: the tools that watch over it run, and find nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


def _run(tool: str, *words: object) -> dict:
    report = Path(str(words[-1]))
    command = [sys.executable, TOOLS / tool, *words]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(list(map(str, command)), env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(report.read_text())


@pytest.mark.slow
def test_nothing_grows_and_nothing_is_left_open(tmp_path: Path) -> None:
    report = _run("endurance.py", "--frames", 2000, "--streams", 20, "--videos", 40, "--json", tmp_path / "e.json")
    assert report["passed"]
    assert {part["count"] for part in report["parts"].values()} == {2000, 20, 40}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["segment", "train"])
def test_killed_work_goes_on_as_if_nothing_had_happened(kind: str, tmp_path: Path) -> None:
    words = ["--kills", 2, "--frames", 12, "--iterations", 20, "--work", tmp_path / "work"]
    report = _run("kill_tests.py", kind, *words, "--json", tmp_path / "k.json")
    assert (report["failures"], report["kills"]) == (0, 2)
