"""``vidseg segment`` over many inputs: what is done, what is done again and why, what fails, and what is told."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from decoder_decoys import decoy, segfault
from interrupts import obey_interrupts
from vidseg.checkpoints import save_checkpoint
from vidseg.video import isolated, read_isolated

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two inputs of three images each."""
    places = [tmp_path / name for name in ("one", "two")]
    for seed, place in enumerate(places):
        place.mkdir()
        for frame in tiny.video(3, seed=seed):
            Image.fromarray(frame.image).save(place / f"{frame.index}.png")
    return places


@pytest.fixture
def batch(run: Run, tiny_model: Path, folders: list[Path], tmp_path: Path) -> Run:
    """Runs over both with --skip-done and gives exit code, rows of the report, stderr."""

    def call(*words: object, inputs: list[Path] | None = None, model: Path | None = None):
        command = ["segment", *(inputs or folders), "-o", tmp_path / "out", "-o", tmp_path / "{name}.csv"]
        report = tmp_path / "report.json"
        code, _, err = run(*command, "--model", model or tiny_model, "--skip-done", "--json", report, *words)
        return code, json.loads(report.read_text()), err

    return call


def _states(report: dict) -> list[str]:
    return [row["status"] for row in report["videos"]]


def _stamps(tmp_path: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != "report.json"}


def test_what_is_done_is_left_out(batch, tmp_path: Path) -> None:
    code, report, err = batch()
    assert (code, _states(report)) == (0, ["done", "done"])
    assert "2 inputs: 2 done; 6 frames in " in err
    assert report["summary"].items() >= {"inputs": 2, "done": 2, "skipped": 0, "failed": 0, "frames": 6}.items()
    before = _stamps(tmp_path)
    code, report, err = batch()
    assert (code, _states(report)) == (0, ["skipped", "skipped"])
    assert err.count("was done before: 3 frames") == 2
    assert "2 inputs: 2 skipped; 0 frames in " in err
    assert [row["frames"] for row in report["videos"]] == [3, 3]
    assert _stamps(tmp_path) == before


def test_without_the_option_there_is_no_record_and_nothing_is_left_out(
    run: Run, tiny_model: Path, folders: list[Path], batch, tmp_path: Path
) -> None:
    assert run("segment", *folders, "-o", tmp_path / "out", "--model", tiny_model)[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["one", "two"]
    code, report, err = batch()
    assert (code, _states(report)) == (0, ["done", "done"])
    assert err.count("segmented anew: it has no record of being complete") == 2


def test_another_source_model_or_option_is_done_again_with_the_reason(
    batch, folders: list[Path], tmp_path: Path
) -> None:
    batch()
    model = tiny.cffm(seed=1)
    save_checkpoint(tmp_path / "other", model, class_map=model.class_map, preprocessing=model.preprocessing)
    for words, model_path, reason in [
        (("--size", 64), None, "--size is 64 and was not given"),
        (("--size", 32), None, "--size is 32 and was 64"),
        ((), None, "--size is not given and was 32"),
        (("--policy", "none"), None, "--policy is none and was auto"),
        (("--policy", "none"), tmp_path / "other", "the model is another"),
        (("--confidence",), tmp_path / "other", "--confidence is given and was not given"),
    ]:
        code, report, err = batch(*words, model=model_path)
        assert (code, _states(report), err.count(f"segmented anew: {reason}\n")) == (0, ["done", "done"], 2)
        assert _states(batch(*words, model=model_path)[1]) == ["skipped", "skipped"]
    words = ("--confidence", "--threads", 1)  # the number of threads changes nothing
    assert _states(batch(*words, model=tmp_path / "other")[1]) == ["skipped", "skipped"]
    os.utime(folders[0] / "1.png", ns=(0, 0))
    code, report, err = batch(*words, model=tmp_path / "other")
    assert (_states(report), err.count("the source is another or was changed")) == (["done", "skipped"], 1)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda out: (out / "out/one/1.png").unlink(), "out/one is not as it was written"),
        (lambda out: shutil.rmtree(out / "out/one"), "out/one is gone"),
        (lambda out: (out / "one.csv").write_bytes(b""), "one.csv is not as it was written"),
        (lambda out: (out / "out/.one.done.json").unlink(), "it has no record of being complete"),
        (lambda out: (out / "out/.one.done.json").write_text("{}"), ".one.done.json cannot be read"),
        (lambda out: (out / "out/.one.done.json").write_text("[1]"), ".one.done.json cannot be read"),
        (lambda out: (out / "out/.one.done.json").write_text('{"format": 0}'), "of another version of vidseg"),
    ],
)
def test_outputs_that_are_not_whole_are_done_again(
    batch, tmp_path: Path, damage: Callable[[Path], object], reason: str
) -> None:
    batch()
    damage(tmp_path)
    code, report, err = batch()
    assert (code, _states(report)) == (0, ["done", "skipped"])
    (line,) = [line for line in err.splitlines() if "anew" in line]
    assert reason in line
    assert _states(batch()[1]) == ["skipped", "skipped"]


def test_one_output_more_is_made_with_all_of_them(batch, run: Run, tiny_model: Path, folders: list[Path], tmp_path):
    batch()
    report = tmp_path / "r.json"
    words = ["segment", *folders, "-o", tmp_path / "out", "-o", tmp_path / "{name}.npz", "--skip-done"]
    _, _, err = run(*words, "--model", tiny_model, "--json", report)
    assert err.count(".npz was not among its outputs") == 2
    words = ["segment", *folders, "-o", tmp_path / "out", "--skip-done", "--model", tiny_model, "--json", report]
    run(*words)  # fewer are all there
    assert _states(json.loads(report.read_text())) == ["skipped", "skipped"]


def test_what_fails_stops_nobody_and_is_tried_again(
    batch, folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash of the decoder, a missing input, a bug, too little memory, a damaged frame."""
    for name in ("crash", "bug", "large", "damaged"):
        shutil.copytree(folders[0], tmp_path / name)
    (tmp_path / "damaged" / "1.png").write_bytes(b"no image")

    def read(source: str, **options: object):
        match Path(source).name:
            case "crash":
                return isolated(decoy(segfault), source)
            case "bug":
                raise LookupError("a bug")
            case "large":
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return read_isolated(source, **options)

    monkeypatch.setattr("vidseg.video.read_isolated", read)
    inputs = [tmp_path / name for name in ("crash", "gone.mp4", "bug", "large", "damaged", "one")]
    code, report, err = batch(inputs=inputs)
    assert (code, _states(report)) == (1, ["failed", "failed", "failed", "failed", "partly", "done"])
    assert err.count("vidseg: error: ") == 4
    assert "crash, on which the decoder, after 3 frames, crashed (SIGSEGV); expected" in err
    assert "6 inputs: 1 done, 1 partly, 4 failed; 5 frames in " in err
    assert all("error" in row for row in report["videos"] if row["status"] == "failed")
    assert "raise LookupError" in err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        ".damaged.done.json",
        ".one.done.json",
        "damaged",
        "one",
    ]
    monkeypatch.undo()
    code, report, err = batch(inputs=inputs)
    assert (code, _states(report)) == (1, ["done", "failed", "done", "done", "skipped", "skipped"])
    assert err.count("damaged/1.png, which cannot be read") == 1  # what is amiss is not forgotten


def test_nothing_done_at_all_is_exit_code_2(batch, tmp_path: Path) -> None:
    code, report, err = batch(inputs=[tmp_path / "gone", tmp_path / "away"])
    assert (code, _states(report)) == (2, ["failed", "failed"])
    assert "failed: " in err


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_tells_what_was_done(
    batch, tiny_model: Path, folders: list[Path], tmp_path: Path, number: int, code: int
) -> None:
    long = tmp_path / "zlong"
    long.mkdir()
    Image.fromarray(np.zeros((240, 320, 3), np.uint8)).save(long / "0000.png")
    for index in range(1, 2000):
        os.link(long / "0000.png", long / f"{index:04d}.png")
    words = ["segment", *folders, long, "-o", tmp_path / "out", "-o", tmp_path / "{name}.csv", "--skip-done"]
    command = [sys.executable, "-m", "vidseg", *words, "--model", tiny_model, "--json", tmp_path / "report.json"]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True, preexec_fn=obey_interrupts)
    while not list((tmp_path / "out").glob(".zlong.vidseg-*/new/*.png")):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code
    assert "3 inputs: 2 done, 1 not finished; " in err
    report = json.loads((tmp_path / "report.json").read_text())
    assert (_states(report), report["summary"]["left"]) == (["done", "done"], 1)
    assert _states(batch()[1]) == ["skipped", "skipped"]
