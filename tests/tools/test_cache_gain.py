"""The tool that measures the cache gives figures for both kinds of data sets."""

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "cache_gain.py"


def test_it_measures_images_and_video_files(tmp_path: Path) -> None:
    words = ["--videos", "1", "--frames", "12", "--repeats", "1", "--json", tmp_path / "gain.json"]
    done = subprocess.run([sys.executable, TOOL, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "gain.json").read_text())
    for kind in ("jpeg", "mp4"):
        for what in ("read", "augmented"):
            rates = figures[kind][what]
            assert all(rates[f"{state}_clips_per_second"] > 0 for state in ("none", "cold", "warm"))
            assert rates["warm_ratio"] > 0
