"""docs/your-own-data.md: its commands, run as they stand, end in a model that has learned something."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "your-own-data.md"


def _commands() -> list[str]:
    """The lines of the page's code blocks that can be run."""
    blocks = PAGE.read_text(encoding="utf-8").split("```")[1::2]
    lines = (line.strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line.startswith(("python ", "vidseg "))]


def test_there_are_five_commands_beside_the_toy_data() -> None:
    programs = [shlex.split(command)[:2] for command in _commands()]
    assert programs[0] == ["python", "examples/toy_videos.py"]
    assert [words[1] for words in programs[1:]] == ["doctor", "train", "train", "evaluate", "segment"]


@pytest.mark.slow
def test_the_commands_as_they_stand_train_a_model(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for command in _commands():
        words = shlex.split(command)
        words[:1] = [sys.executable] if words[0] == "python" else [sys.executable, "-m", "vidseg"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert len(list((tmp_path / "masks").glob("*.png"))) == 24
    trained = _miou(tmp_path / "scores.json")
    # An untrained model of the same size, as the first iteration leaves it.
    run = "--recipe cffm_b0_small --data.root my-videos --model.num_classes 3 --initial_weights null"
    short = "--schedule.iterations 1 --schedule.warmup 1 --output.folder runs/untrained"
    subprocess.run([sys.executable, "-m", "vidseg", "train", *f"{run} {short}".split()], cwd=tmp_path, check=True)
    evaluate = "evaluate --data my-videos --layout folder --model runs/untrained/last --json untrained.json"
    subprocess.run([sys.executable, "-m", "vidseg", *evaluate.split()], cwd=tmp_path, check=True)
    untrained = _miou(tmp_path / "untrained.json")
    assert trained > untrained + 0.2, f"mIoU {untrained:.3f} untrained, {trained:.3f} trained"


def _miou(path: Path) -> float:
    return json.loads(path.read_text())["protocols"]["exact"]["mIoU"]
