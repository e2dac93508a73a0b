"""A command line under test: exit code, what it printed, and files it can work with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import tiny
from vidseg.checkpoints import save_checkpoint
from vidseg.cli.main import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``vidseg WORD…`` in this process: (exit code, stdout, stderr)."""

    def call(*words: object) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of an untrained, tiny CFFM."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    model = tiny.cffm()
    save_checkpoint(folder, model, class_map=model.class_map, preprocessing=model.preprocessing)
    return folder


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 11 images of 41x57."""
    folder = tmp_path_factory.mktemp("video") / "walk"
    folder.mkdir()
    for frame in tiny.video(11, height=41, width=57):
        Image.fromarray(frame.image).save(folder / f"{frame.index:03d}.png")
    return folder


@pytest.fixture
def corpus(run: Run, tiny_model: Path, tmp_path: Path) -> Callable[..., tuple[int, Any, str]]:
    """Runs ``vidseg corpus`` over ``in`` into ``out``, and gives exit code, summary, stderr."""

    def call(*words: object, inputs: tuple[object, ...] | None = None, out: object = tmp_path / "out"):
        summary = tmp_path / "summary.json"
        summary.unlink(missing_ok=True)  # that of an earlier call is no answer
        command = ["corpus", *(inputs or (tmp_path / "in",)), "-o", out, "--model", tiny_model, "--json", summary]
        code, _, err = run(*command, "--tc", "none", *words)
        return code, json.loads(summary.read_text())["summary"] if summary.exists() else None, err

    return call
