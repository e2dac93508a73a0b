"""``vidseg bench``, and what ``vidseg info`` counts."""

import json
from functools import partial
from pathlib import Path

import pytest

from vidseg.bench.sweep import sweep


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


def test_bench_prints_and_writes(run, tiny_model: Path, images: Path, tmp_path: Path) -> None:
    words = ["--size", "60x90", "--seconds", "1", "--soak", "0", "--contenders", "naive,ours_torch"]
    code, out, err = run("bench", "--model", tiny_model, "--video", images, *words, "--json", tmp_path / "bench.json")
    assert (code, err) == (0, "")
    report = json.loads((tmp_path / "bench.json").read_text())
    assert report["video"] == "walk"
    assert f"naive_torch {report['ratios']['naive_torch']:.2f}" in out
    assert "hf_torch -" in out
    assert "labels equal to the naive model's" in out
    runs = [timing["runs"] for name, timing in report["end_to_end"].items() if name != "joint"]
    assert ("too few to quote" in out) == (min(runs) < 5)


def test_bench_says_when_it_had_no_time(run, tiny_model: Path, images: Path) -> None:
    words = ["--size", "60x90", "--seconds", "0.01", "--soak", "0", "--contenders", "naive"]
    code, out, err = run("bench", "--model", tiny_model, "--video", images, *words)
    assert (code, err) == (0, "")
    assert "medians of 1 run: too few to quote; do: a larger --seconds" in out


@pytest.mark.slow
def test_bench_all_writes_a_page_of_everything(
    run, tiny_model: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The true factors have frames of 1080p, and other people's models.
    values = {"size": ((60, 90), (32, 48)), "classes": (9,), "frames": (2,), "depth": (1,), "backbone": ()}
    monkeypatch.setattr(
        "vidseg.bench.sweep.sweep", partial(sweep, contenders=("ours_torch",), values=values, seconds=0.1)
    )
    monkeypatch.setattr("vidseg.bench.end_to_end.FRAMES", 6)
    page = tmp_path / "page.md"
    words = ["--size", "60x90", "--seconds", "1", "--soak", "0", "--contenders", "ours_torch", "--all", page]
    code, out, err = run("bench", "--model", tiny_model, "--video", images, *words)
    assert (code, err) == (0, "")
    assert "vidseg segment on a file, again:" in out
    text = page.read_text(encoding="utf-8")
    for factor in (
        "size of the frames",
        "number of classes",
        "CPU threads",
        "frames of a clip",
        "mining blocks (random weights)",
    ):
        assert f"### Cost against {factor}" in text
    assert "steadied along the motion" in text
    assert "<svg" in (tmp_path / "page" / "tiny-threads.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--seconds", "0"], "more than 0"),
        (["--all", "pages"], "got --all pages; expected a page's file, e.g. --all benchmarks.md"),
        (["--num-classes", "2"], "as many or more"),
        (["--contenders", "ours"], "expected some of naive, ours_torch"),
        (["--soak", "5"], "expected 20 or more"),
        (["--video", "nowhere.mp4"], "does not exist"),
    ],
)
def test_bench_refuses_what_it_cannot_do(words: list[str], hint: str, run, tiny_model: Path) -> None:
    code, _, err = run("bench", "--model", tiny_model, "--size", "60x90", *words)
    assert code == 2
    assert hint in err
    assert err.count("\n") == 1
