"""Pre-annotations: run lengths against a slow twin, and archives in the form of CVAT and of FiftyOne."""

import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import tiny
from cvat_exports import rle
from vidseg.errors import MediaError
from vidseg.types import Frame, Segmentation
from vidseg.video import CvatWriter, FiftyOneWriter, VideoInfo, open_writer, output_kind
from vidseg.video.mask_runs import MaskRuns, decode_mask, encode_mask

INFO = VideoInfo(name="clips/walk & run.mp4", width=9, height=6)


def segmentations(count: int = 3) -> list[Segmentation]:
    """Random labels of five classes, some pixels without one; the frames are 4, 6, 8 of their video."""
    rng = np.random.default_rng(0)
    frames = []
    for index in range(4, 4 + 2 * count, 2):
        labels = rng.choice([0, 1, 2, 4, 255], (6, 9)).astype(np.uint8)
        frame = Frame(image=rng.integers(0, 256, (6, 9, 3), dtype=np.uint8), index=index)
        frames.append(Segmentation(labels=labels, class_map=tiny.class_map(), frame=frame))
    return frames


@settings(deadline=None)
@given(st.integers(0, 2**32), st.floats(0.02, 1))
def test_runs_are_those_of_the_slow_twin_and_come_back(seed: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(1, 9, 2)) < density
    mask[tuple(rng.integers(0, mask.shape))] = True
    runs = encode_mask(mask)
    box = mask[runs.top : runs.top + runs.height, runs.left : runs.left + runs.width]
    assert ", ".join(map(str, runs.runs)) == rle(box)
    assert box.sum() == mask.sum()
    np.testing.assert_array_equal(decode_mask(runs, *mask.shape), mask)


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (MaskRuns(runs=(0, 4), left=2, top=0, width=2, height=2), "expected it within"),
        (MaskRuns(runs=(0, 4), left=-1, top=0, width=2, height=2), "expected it within"),
        (MaskRuns(runs=(0, 3), left=0, top=0, width=2, height=2), "expected as many"),
        (MaskRuns(runs=(-1, 5), left=0, top=0, width=2, height=2), "expected as many"),
        (MaskRuns(runs=(0,), left=0, top=0, width=0, height=0), "expected it within"),
    ],
)
def test_runs_that_cannot_be(runs: MaskRuns, message: str) -> None:
    with pytest.raises(MediaError, match=message):
        decode_mask(runs, 2, 3)


def test_an_empty_mask_has_no_runs() -> None:
    with pytest.raises(MediaError, match="without a pixel"):
        encode_mask(np.zeros((2, 2), dtype=bool))


def test_the_archive_for_cvat(tmp_path: Path) -> None:
    shown = segmentations()
    with CvatWriter(tmp_path / "out.zip", INFO, tiny.class_map()) as writer:
        for segmentation in shown:
            writer.write(segmentation)
    assert [path.name for path in tmp_path.iterdir()] == ["out.zip"]
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        root = ElementTree.fromstring(archive.read("annotations.xml"))
        labels = json.loads(archive.read("labels.json"))
    assert labels[1] == {"name": "class 1", "color": "#285a07", "type": "mask", "attributes": []}
    task = root.find("meta/task")
    assert task is not None
    told = {name: task.findtext(name) for name in ("name", "mode", "start_frame", "stop_frame", "source", "size")}
    assert told == {
        "name": "walk & run",
        "mode": "interpolation",
        "start_frame": "4",
        "stop_frame": "8",
        "source": "walk & run.mp4",
        "size": "5",
    }
    assert [label.findtext("color") for label in task.iter("label")] == [label["color"] for label in labels]
    canvases = {segmentation.frame.index: np.full((6, 9), 255, np.uint8) for segmentation in shown}
    for track in root.iter("track"):
        first, *end = track
        assert first.get("outside") == "0"
        # As CVAT does, which writes no end beyond the last frame.
        expected = [] if first.get("frame") == "8" else [(str(int(first.attrib["frame"]) + 1), "1")]
        assert [(one.get("frame"), one.get("outside")) for one in end] == expected
        runs = MaskRuns(
            runs=tuple(map(int, first.attrib["rle"].split(","))),
            **{name: int(first.attrib[name]) for name in ("left", "top", "width", "height")},
        )
        label = tiny.class_map().names.index(track.attrib["label"])
        canvases[int(first.attrib["frame"])][decode_mask(runs, 6, 9)] = label
    for segmentation in shown:
        np.testing.assert_array_equal(canvases[segmentation.frame.index], segmentation.labels)


def test_the_archive_for_fiftyone(tmp_path: Path) -> None:
    shown = segmentations()
    with FiftyOneWriter(tmp_path / "out.fiftyone.zip", tiny.class_map()) as writer:
        for segmentation in shown:
            writer.write(segmentation)
    with zipfile.ZipFile(tmp_path / "out.fiftyone.zip") as archive:
        archive.extractall(tmp_path / "out")
    targets = json.loads((tmp_path / "out" / "mask_targets.json").read_text())
    assert targets["1"] == "class 0"
    assert len(targets) == 5
    for segmentation in shown:
        with Image.open(tmp_path / "out" / "labels" / f"{segmentation.frame.name}.png") as mask:
            assert mask.mode == "L"  # OpenCV, by which FiftyOne reads, makes colours of a palette
            values = np.asarray(mask)
        np.testing.assert_array_equal(values == 0, segmentation.labels == 255)
        np.testing.assert_array_equal(values[values > 0] - 1, segmentation.labels[values > 0])
        with Image.open(tmp_path / "out" / "data" / f"{segmentation.frame.name}.jpg") as picture:
            assert picture.size == (9, 6)


def test_names_choose_the_archive(tmp_path: Path) -> None:
    assert output_kind("a/b.zip") == "cvat"
    assert output_kind("a/b.fiftyone.zip") == "fiftyone"
    for name, kind in (("x.zip", CvatWriter), ("x.FiftyOne.zip", FiftyOneWriter)):
        writer = open_writer(tmp_path / name, INFO, tiny.class_map())
        assert isinstance(writer, kind)
        writer.abort()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["x.zip", "x.fiftyone.zip"])
def test_nothing_stays_of_an_archive_without_frames_or_with_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(MediaError, match="got no frame"):
        open_writer(tmp_path / name, INFO, tiny.class_map()).close()
    writer = open_writer(tmp_path / name, INFO, tiny.class_map())
    writer.write(segmentations()[0])  # type: ignore[arg-type, call-arg]
    writer.abort()
    assert not list(tmp_path.iterdir())


def test_cvat_takes_one_size(tmp_path: Path) -> None:
    (first, *_) = segmentations()
    other = Segmentation(
        labels=first.labels[:4], class_map=first.class_map, frame=Frame(image=first.frame.image[:4], index=9)
    )
    with CvatWriter(tmp_path / "out.zip", INFO, tiny.class_map()) as writer:
        writer.write(first)
        with pytest.raises(MediaError, match="expected one size"):
            writer.write(other)
