"""``vidseg import``, and the loop of the page "label ten frames": draw, import, train, pre-label, correct."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from test_cli_train import SMALL

import cvat_exports as cvat
from trees import stripes, write_image
from vidseg.video import read_labels

pytest.importorskip("defusedxml", reason="needs the extra labels")

SIZE = (48, 64)
LABELS = {"red": "#dc2828", "green": "#28c83c", "blue": "#3250dc"}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video of 14 frames as a folder of images."""
    for index in range(14):
        write_image(tmp_path / "clips" / "walk" / f"{index:04d}.png", stripes(index, size=SIZE)[0])
    return tmp_path / "clips" / "walk"


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """What CVAT hands out after ten frames of it were labelled."""
    tracks = []
    for frame in range(10):
        labels = stripes(frame, size=SIZE)[1]
        for index, name in enumerate(LABELS):
            shapes = [
                cvat.mask_element(labels == index, **cvat.at(at, outside=at - frame)) for at in (frame, frame + 1)
            ]
            tracks.append(cvat.track(len(tracks), name, *shapes))
    meta = cvat.task_meta(source="walk.mp4", size=SIZE).replace(cvat.labels_meta(), cvat.labels_meta(LABELS))
    return cvat.export(tmp_path / "drawn.zip", cvat.document(meta, *tracks))


def masks_of(root: Path) -> dict[str, np.ndarray]:
    return {path.stem: read_labels(path) for path in sorted(root.glob("*.png"))}


def test_label_ten_frames_train_pre_label_the_rest_and_correct(run, tmp_path: Path, clip: Path, drawn: Path) -> None:
    root = tmp_path / "data"
    code, out, err = run("import", drawn, root, "--media", clip, "--json", tmp_path / "report.json")
    assert (code, err) == (0, "")
    assert "10 mask(s) of 1 video(s) from cvat, 3 class(es)" in out
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["format"] == "cvat"
    assert (report["videos"][0]["masks"], report["unlabelled"]) == (10, 0)
    code, out, _ = run("doctor", root, "--layout", "folder")
    assert code == 0, out

    recipe = ("--recipe", "segformer_b0_small", "--data.root", root, "--model.num_classes", "3")
    length = ("--schedule.iterations", "2", "--schedule.warmup", "1", "--output.folder", tmp_path / "run")
    code, _, err = run("train", *recipe, *length, *SMALL, "--initial_weights", "null")
    assert code == 0, err

    model = ("--model", tmp_path / "run" / "last", "--runtime", "torch", "--device", "cpu")
    outputs = ("-o", tmp_path / "walk.zip", "-o", tmp_path / "walk.fiftyone.zip", "-o", tmp_path / "masks")
    code, _, err = run("segment", clip, *outputs, *model)
    assert code == 0, err
    expected = masks_of(tmp_path / "masks")
    assert len(expected) == 14
    for archive in ("walk.zip", "walk.fiftyone.zip"):
        again = tmp_path / f"again-{archive}"
        code, _, err = run("import", tmp_path / archive, again, "--media", clip)
        assert code == 0, err
        assert json.loads((again / "classes.json").read_text())["classes"] == list(LABELS)
        (found,) = (masks_of(folder) for folder in (again / "masks").iterdir())
        assert found.keys() == expected.keys()
        for name, labels in expected.items():
            np.testing.assert_array_equal(found[name], labels)

    # Into the data set itself: the pre-labels as people corrected them, which here is not at all.
    code, out, err = run("import", tmp_path / "walk.zip", root)
    assert code == 0, err
    assert "14 mask(s), 10 in place of older ones" in out
    assert run("doctor", root, "--layout", "folder")[0] == 0


def test_every_fifth_frame_keeps_its_number(run, tmp_path: Path, clip: Path, tiny_model: Path) -> None:
    code, _, err = run("segment", clip, "--every", 5, "-o", tmp_path / "pre.zip", "--model", tiny_model)
    assert code == 0, err
    with zipfile.ZipFile(tmp_path / "pre.zip") as archive:
        xml = archive.read("annotations.xml").decode()
    assert {f'frame="{number}" keyframe="1" outside="0"' in xml for number in (0, 5, 10)} == {True}
    assert 'frame="1" keyframe="1" outside="0"' not in xml


def test_what_is_amiss_is_said_in_a_line(run, tmp_path: Path, clip: Path, drawn: Path) -> None:
    code, out, err = run("import", drawn, tmp_path / "data")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--media" in err
    code, _, err = run("import", tmp_path / "absent.zip", tmp_path / "data")
    assert (code, err.count("\n")) == (2, 1)
    code, _, err = run("import", drawn, tmp_path / "data", "--format", "cvta")
    assert (code, err.count("\n")) == (2, 1)
    assert "expected one of cvat" in err
    assert not (tmp_path / "data").exists()
    (tmp_path / "file").write_text("")
    code, _, err = run("import", drawn, tmp_path / "file", "--media", clip)
    assert (code, err.count("\n")) == (2, 1)


def test_a_frame_that_cannot_be_brought_in_makes_exit_code_1(run, tmp_path: Path, clip: Path) -> None:
    labels = stripes(0, size=SIZE)[1]
    good, late = (
        cvat.track(
            frame, "red", cvat.mask_element(labels == 0, **cvat.at(frame)), cvat.element("box", **cvat.at(frame))
        )
        for frame in (3, 77)
    )
    meta = cvat.task_meta(source="walk.mp4", size=SIZE)
    export = cvat.export(tmp_path / "e.zip", cvat.document(meta, good, late))
    code, out, err = run("import", export, tmp_path / "data", "--media", clip)
    assert code == 1
    assert "error: frame 77 of walk: is not among the frames" in err
    assert "left out, for they are no areas: 2 box" in err
    assert "of the pixels have no label; --background NAME" in err
    assert "1 mask(s)" in out


def test_several_inputs_want_archives_of_their_own(run, tmp_path: Path, clip: Path, tiny_model: Path) -> None:
    code, _, err = run("segment", clip, clip, "-o", tmp_path / "a.fiftyone.zip", "--model", tiny_model)
    assert code == 2
    assert "a-{name}.fiftyone.zip" in err
