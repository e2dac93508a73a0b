"""Two processes under torchrun, killed at random moments, train the weights of those that nobody disturbed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "kill_tests.py"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the tool finds processes by /proc")
def test_torchrun_with_a_process_killed_five_times_trains_the_same_weights(tmp_path: Path) -> None:
    words = [
        "torchrun",
        "--kills",
        "5",
        "--iterations",
        "30",
        "--work",
        tmp_path / "work",
        "--json",
        tmp_path / "f.json",
    ]
    environment = os.environ | {"TMPDIR": "/tmp"}  # a loader's sockets need a short one
    done = subprocess.run([sys.executable, TOOL, *words], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    (trial,) = json.loads((tmp_path / "f.json").read_text())["trials"]
    assert [moment["restarts_before"] for moment in trial["moments"]] == [0, 1, 2, 3, 4]
    assert trial["sha256_killed"] == trial["sha256_straight"]
