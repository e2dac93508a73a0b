"""``vidseg report`` and ``vidseg evaluate --html`` from the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import tiny
from moving_shapes import shapes_predictions, shapes_tree
from vidseg.checkpoints import save_checkpoint
from vidseg.data import open_dataset

SHAPE = {"num_classes": 4, "videos": 2, "frames": 6, "size": (40, 56)}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds `data`, the masks `masks`, and a model `tiny`."""
    folder = tmp_path_factory.mktemp("cli report")
    shapes_tree(folder / "data", **SHAPE)
    shapes_predictions(folder / "masks", **SHAPE, seed=1)
    model = tiny.cffm(4)
    classes = open_dataset(folder / "data", "camvid", "val").class_map
    save_checkpoint(folder / "tiny", model, class_map=classes, preprocessing=model.preprocessing)
    return folder


@pytest.fixture
def results(folder: Path, tmp_path: Path, run: Run) -> tuple[Path, Path]:
    """Of the masks and of the model."""
    for source, name in ((("--predictions", folder / "masks"), "masks"), (("--model", folder / "tiny"), "model")):
        assert run(*evaluate(folder, *source, "--json", tmp_path / f"{name}.json"))[0] == 0
    return tmp_path / "masks.json", tmp_path / "model.json"


def evaluate(folder: Path, *options: object) -> tuple[object, ...]:
    return ("evaluate", "--data", folder / "data", "--layout", "camvid", "--vc", "2", *options)


def contents(path: Path) -> dict:
    text = path.read_text(encoding="utf-8")
    return json.loads(text.split('id="contents">')[1].split("</script>")[0])


def test_an_evaluation_writes_its_report(folder: Path, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "made" / "report.html"
    options = ("--html", path, "--html-videos", 1, "--html-frames", 4, "--html-lines", 20)
    code, out, err = run(*evaluate(folder, "--model", folder / "tiny", *options))
    assert (code, err) == (0, "")
    assert f"wrote {path}" in out
    said = contents(path)
    assert said["title"] == "tiny on data"
    (clip,) = said["samples"]["clips"]
    assert (clip["height"], len(clip["frames"]), clip["total"]) == (20, 4, 6)
    # The command that is named makes the same file.
    command = said["made"]["command"].split()
    assert command[:2] == ["vidseg", "evaluate"]
    assert "--html-frames 4" in said["made"]["command"]


def test_a_model_beside_masks(folder: Path, results: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    path = tmp_path / "report.html"
    code, out, err = run("report", *results, "--html", path)
    assert (code, err) == (0, "")
    assert f"wrote {path}" in out
    said = contents(path)
    assert [model["name"] for model in said["models"]] == ["masks", "tiny"]
    assert said["models"][1]["how"]["model"]["weights_sha256"]
    assert said["made"]["command"].startswith("vidseg report ")
    assert run("report", *results, "--html", path, "--names", "A, B")[0] == 0
    assert [model["name"] for model in contents(path)["models"]] == ["A", "B"]


def test_the_data_may_have_moved(folder: Path, results: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    moved = tmp_path / "elsewhere" / "data"
    moved.parent.mkdir()
    moved.symlink_to(folder / "data")
    result = json.loads(results[0].read_text())
    result["command"] = result["command"].replace(str(folder / "data"), "/nowhere/data")
    results[0].write_text(json.dumps(result))
    code, _, err = run("report", results[0], "--html", tmp_path / "report.html")
    assert code == 2
    assert "got no folder /nowhere/data" in err
    assert "--data" in err
    assert run("report", results[0], "--html", tmp_path / "report.html", "--data", moved)[0] == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda result: result.pop("per_frame"), "without per_frame"),
        (lambda result: result.pop("command"), "without its command"),
        (lambda result: result.update(command="vidseg evaluate --no-such 1"), "with a command of another version"),
        (lambda result: result.update(command="vidseg evaluate '"), "with a command of another version"),
        (lambda result: result["model"].update(weights_sha256="0" * 64), "expected those that were scored, 0000"),
        (lambda result: result["data"].update(split="train"), "different splits"),
    ],
)
def test_results_that_cannot_be_used(
    change: Callable[[dict], object], said: str, results: tuple[Path, Path], tmp_path: Path, run: Run
) -> None:
    result = json.loads(results[1].read_text())
    change(result)
    results[1].write_text(json.dumps(result))
    code, _, err = run("report", *results, "--html", tmp_path / "report.html")
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "required: html"),
        (("--html", "."), "which is a folder"),
        (("--html", "r.html", "--html-videos", "0"), "got 0 videos for a report"),
        (("--html", "r.html", "--names", "a,b"), "got 2 names for 1 results"),
        (("--html", "r.html", "--html-vidoes", "1"), "did you mean --html-videos"),
    ],
)
def test_options_that_cannot_be_used(
    options: tuple[str, ...], said: str, folder: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(*evaluate(folder, "--predictions", folder / "masks", "--json", "a.json"))
    code, _, err = run("report", "a.json", *options)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1


def test_report_options_without_a_report(folder: Path, run: Run) -> None:
    code, _, err = run(*evaluate(folder, "--predictions", folder / "masks", "--html-videos", 3))
    assert code == 2
    assert "got --html-videos without --html" in err
