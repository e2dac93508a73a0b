"""CVAT's exports into the plain folder layout: of a task on a video, of images, of a project."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cvat_exports as cvat
from trees import stripes, write_image
from vidseg.data import examine, open_dataset
from vidseg.data.annotations import ImportReport, import_annotations, read_annotations
from vidseg.data.annotations.formats import unpacked
from vidseg.errors import DataError, InputError
from vidseg.video import read_labels

pytest.importorskip("defusedxml", reason="needs the extra labels")
pytest.importorskip("pycocotools", reason="needs the extra labels")

SIZE = (24, 32)
LABELS = {"red": "#dc2828", "green": "#28c83c", "blue": "#3250dc"}


def bring(archive: Path, root: Path, **options: object) -> ImportReport:
    with unpacked(archive) as folder:
        name, annotations = read_annotations(folder)
        assert name == "cvat"
        return import_annotations(annotations, root, **options)  # type: ignore[arg-type]


def jpeg(index: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(stripes(index)[0]).save(stream, "JPEG")
    return stream.getvalue()


def striped(frame: int, **more: object) -> list[str]:
    """The three stripes of a frame as masks."""
    labels = stripes(frame)[1]
    return [cvat.mask_element(labels == index, **more) for index in range(3)]


def tracks_of(frame: int, first: int) -> list[str]:
    """The same in CVAT's video format: each mask a track that ends on the next frame."""
    labels = stripes(frame)[1]
    return [
        cvat.track(
            first + index,
            name,
            cvat.mask_element(labels == index, **cvat.at(frame)),
            cvat.mask_element(labels == index, **cvat.at(frame + 1, outside=1)),
        )
        for index, name in enumerate(LABELS)
    ]


def meta(**options: object) -> str:
    return cvat.task_meta(**options).replace(cvat.labels_meta(), cvat.labels_meta(LABELS))  # type: ignore[arg-type]


def video_folder(root: Path, name: str = "walk", frames: int = 12) -> Path:
    for index in range(frames):
        write_image(root / name / f"{index:04d}.png", stripes(index)[0])
    return root / name


def test_a_task_on_a_video_keeps_frame_numbers_and_colours(tmp_path: Path) -> None:
    xml = cvat.document(meta(source="walk.mp4", size=SIZE), *tracks_of(3, 0), *tracks_of(8, 3))
    archive = cvat.export(tmp_path / "task.zip", xml)
    report = bring(archive, tmp_path / "data", media=video_folder(tmp_path))
    assert [(video.name, video.masks, video.failures) for video in report.videos] == [("walk", 2, [])]
    assert report.unlabelled == 0
    dataset = open_dataset(tmp_path / "data", "folder", "all")
    assert dataset.class_map.names == tuple(LABELS)
    assert dataset.class_map.palette[0] == (0xDC, 0x28, 0x28)
    labelled = {frame.number: frame.label for _, frame in dataset.labelled_frames()}
    assert sorted(labelled) == [3, 8]
    for number, path in labelled.items():
        np.testing.assert_array_equal(read_labels(str(path)), stripes(number)[1])
    assert [finding for finding in examine(tmp_path / "data", "folder").findings if finding.severity != "remark"] == []


def test_a_task_of_images_with_its_images(tmp_path: Path) -> None:
    size = f"{SIZE}"
    assert size
    shapes = [
        element.replace("<mask ", f'<mask label="{name}" ') for name, element in zip(LABELS, striped(2), strict=True)
    ]
    xml = cvat.document(meta(), cvat.image(0, "street/0001.jpg", SIZE), cvat.image(1, "street/0002.jpg", SIZE, *shapes))
    archive = cvat.export(
        tmp_path / "t.zip", xml, {"street/0001.jpg": jpeg(1), "street/0002.jpg": jpeg(2), "street/0003.jpg": jpeg(3)}
    )
    bring(archive, tmp_path / "data")
    (video,) = open_dataset(tmp_path / "data", "folder", "all").videos
    # Frames on which nothing was drawn come along, as context, and have no mask.
    assert [(frame.name, frame.label is not None) for frame in video.frames] == [
        ("0001", False),
        ("0002", True),
        ("0003", False),
    ]
    np.testing.assert_array_equal(read_labels(str(video.frames[1].label)), stripes(2)[1])


def test_a_project_keeps_its_splits(tmp_path: Path) -> None:
    tasks = [
        meta(task_id=1, name="a", source="a.mp4", size=SIZE, subset="Train"),
        meta(task_id=2, name="b", source="b.mp4", size=SIZE, subset="Validation"),
    ]
    xml = cvat.document(
        f"<project><id>1</id><name>p</name>{cvat.labels_meta(LABELS)}<tasks>{''.join(tasks)}</tasks></project>",
        *(text.replace("<track ", '<track task_id="1" subset="Train" ') for text in tracks_of(2, 0)),
        *(text.replace("<track ", '<track task_id="2" subset="Validation" ') for text in tracks_of(5, 3)),
    )
    for name in ("a", "b"):
        video_folder(tmp_path / "media", name)
    bring(cvat.export(tmp_path / "p.zip", xml), tmp_path / "data", media=tmp_path / "media")
    for split, name, number in (("train", "a", 2), ("val", "b", 5)):
        dataset = open_dataset(tmp_path / "data", "folder", split)
        assert [(video.name, frame.number) for video, frame in dataset.labelled_frames()] == [(name, number)]


def test_a_video_exported_as_images_is_the_video(tmp_path: Path) -> None:
    shapes = [
        element.replace("<mask ", f'<mask label="{name}" ') for name, element in zip(LABELS, striped(4), strict=True)
    ]
    xml = cvat.document(meta(source="walk.mp4", size=SIZE), cvat.image(4, "frame_000004", SIZE, *shapes))
    bring(cvat.export(tmp_path / "t.zip", xml), tmp_path / "data", media=video_folder(tmp_path))
    assert (tmp_path / "data" / "masks" / "walk" / "0004.png").is_file()
    # With its frames in the archive nothing else is needed.
    archive = cvat.export(tmp_path / "t2.zip", xml, {f"frame_{index:06d}.png": jpeg(index) for index in range(6)})
    bring(archive, tmp_path / "data2")
    assert [path.name for path in (tmp_path / "data2" / "masks" / "walk").iterdir()] == ["frame_000004.png"]
    assert len(list((tmp_path / "data2" / "images" / "walk").iterdir())) == 6


def test_polygon_tracks_pile_up_by_z_order(tmp_path: Path) -> None:
    low = [(0, 0), (20, 0), (20, 20), (0, 20)]
    high = [(4, 4), (10, 4), (10, 10), (4, 10)]
    xml = cvat.document(
        meta(source="walk.mp4", size=SIZE),
        cvat.track(0, "green", cvat.polygon_element(high, **cvat.at(1), z_order=1)),
        cvat.track(
            1,
            "red",
            cvat.polygon_element(low, **cvat.at(1)),
            cvat.polygon_element(low, **cvat.at(2, keyframe=0)),
            cvat.polygon_element(low, **cvat.at(3, outside=1)),
        ),
        cvat.track(2, "blue", cvat.element("box", **cvat.at(1), xtl=1, ytl=1, xbr=2, ybr=2, z_order=5)),
        cvat.track(3, "blue", cvat.element("box", **cvat.at(7), xtl=1, ytl=1, xbr=2, ybr=2, z_order=5)),
    )
    report = bring(cvat.export(tmp_path / "t.zip", xml), tmp_path / "data", media=video_folder(tmp_path))
    masks = tmp_path / "data" / "masks" / "walk"
    assert sorted(path.name for path in masks.iterdir()) == ["0001.png", "0002.png"]
    expected = np.full(SIZE, 255, dtype=np.uint8)
    expected[:20, :20] = 0
    np.testing.assert_array_equal(read_labels(masks / "0002.png"), expected)
    expected[4:10, 4:10] = 1
    np.testing.assert_array_equal(read_labels(masks / "0001.png"), expected)
    assert report.left_out == {"box": 2}
    assert report.unlabelled == 2 * (24 * 32 - 400)


def test_background_is_a_class_where_it_is_wanted(tmp_path: Path) -> None:
    xml = cvat.document(
        meta(source="walk.mp4", size=SIZE),
        cvat.track(0, "green", cvat.polygon_element([(4, 4), (10, 4), (10, 10), (4, 10)], **cvat.at(1))),
    )
    archive = cvat.export(tmp_path / "t.zip", xml)
    report = bring(archive, tmp_path / "data", media=video_folder(tmp_path), background="ground")
    assert report.classes == ("ground", *LABELS)
    mask = read_labels(tmp_path / "data" / "masks" / "walk" / "0001.png")
    assert (mask == 0).sum() == 24 * 32 - 36
    bring(archive, tmp_path / "data2", media=video_folder(tmp_path), background="red")
    assert read_class_names(tmp_path / "data2") == list(LABELS)


def read_class_names(root: Path) -> list[str]:
    return json.loads((root / "classes.json").read_text())["classes"]


def test_importing_again_corrects_and_keeps_the_rest(tmp_path: Path) -> None:
    media, root = video_folder(tmp_path), tmp_path / "data"
    first = cvat.document(meta(source="walk.mp4", size=SIZE), *tracks_of(3, 0), *tracks_of(8, 3))
    bring(cvat.export(tmp_path / "1.zip", first), root, media=media)
    untouched = (root / "masks" / "walk" / "0008.png").read_bytes()
    corrected = cvat.document(
        meta(source="walk.mp4", size=SIZE),
        cvat.track(0, "blue", cvat.polygon_element([(0, 0), (32, 0), (32, 24), (0, 24)], **cvat.at(3))),
        *tracks_of(5, 1),
    )
    # The frames are in the data set by now.
    report = bring(cvat.export(tmp_path / "2.zip", corrected), root)
    assert [(video.masks, video.replaced) for video in report.videos] == [(2, 1)]
    masks = root / "masks" / "walk"
    assert sorted(path.name for path in masks.iterdir()) == ["0003.png", "0005.png", "0008.png"]
    assert (read_labels(masks / "0003.png") == 2).all()
    assert (masks / "0008.png").read_bytes() == untouched


def test_ids_are_those_of_the_data_set(tmp_path: Path) -> None:
    root, media = tmp_path / "data", video_folder(tmp_path)
    root.mkdir()
    (root / "classes.json").write_text(json.dumps({"classes": ["sky", "blue", "green", "red"], "fps": 15}))
    archive = cvat.export(tmp_path / "1.zip", cvat.document(meta(source="walk.mp4", size=SIZE), *tracks_of(3, 0)))
    bring(archive, root, media=media)
    np.testing.assert_array_equal(read_labels(root / "masks" / "walk" / "0003.png"), 3 - stripes(3)[1])
    (root / "classes.json").write_text(json.dumps({"classes": ["sky", "Blue", "green", "red"]}))
    with pytest.raises(InputError, match=r"got class 'blue', which .*classes.json lacks; did you mean 'Blue'\?"):
        bring(archive, root, media=media)


def test_what_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    xml = cvat.document(meta(source="walk.mp4", size=SIZE), *tracks_of(3, 0))
    archive, root = cvat.export(tmp_path / "t.zip", xml), tmp_path / "data"
    with pytest.raises(DataError, match=r"got no frames of walk \(walk.mp4\).*do: --media"):
        bring(archive, root)
    write_image(tmp_path / "other" / "0.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(DataError, match="none of which is in"):
        bring(archive, root, media=tmp_path / "other")
    for index in range(5):
        write_image(tmp_path / "other" / f"{index}.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(DataError, match="annotated as 24x32 and is 8x8"):
        bring(archive, root, media=tmp_path / "other")
    with pytest.raises(InputError, match="got no media"):
        bring(archive, root, media=tmp_path / "absent")
    assert not root.exists()


def test_a_damaged_frame_is_named_and_the_others_come(tmp_path: Path) -> None:
    broken = tracks_of(5, 3)
    broken[0] = broken[0].replace('rle="', 'rle="7, ')
    xml = cvat.document(meta(source="walk.mp4", size=SIZE), *tracks_of(3, 0), *broken)
    report = bring(cvat.export(tmp_path / "t.zip", xml), tmp_path / "data", media=video_folder(tmp_path))
    assert [path.name for path in (tmp_path / "data" / "masks" / "walk").iterdir()] == ["0003.png"]
    assert len(report.failures) == 1
    assert "frame 5 of walk" in report.failures[0]


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ("<annotations><track", "no readable XML"),
        ('<!DOCTYPE a [<!ENTITY e "x">]><annotations>&e;</annotations>', "no readable XML"),
        ('<annotations><track label="a"><mask frame="1"/></track></annotations>', "CVAT does not write"),
        (
            '<annotations><track label="a"><polygon frame="x" points="1,2"/></track></annotations>',
            "CVAT does not write",
        ),
        ('<annotations><track label="a"><polygon frame="1" points="1,2,3"/></track></annotations>', "cannot be read"),
        ("<annotations></annotations>", "without areas"),
    ],
)
def test_damaged_xml(tmp_path: Path, xml: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        bring(cvat.export(tmp_path / "t.zip", xml), tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_names_lead_nowhere_else(tmp_path: Path) -> None:
    xml = cvat.document(meta(name="../../walk", size=SIZE), *tracks_of(3, 0))
    report = bring(cvat.export(tmp_path / "t.zip", xml), tmp_path / "data", media=video_folder(tmp_path))
    assert [video.name for video in report.videos] == ["walk"]
    assert (tmp_path / "data" / "masks" / "walk" / "0003.png").is_file()


def test_archives_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "t.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InputError, match="does not look like"):
        bring(tmp_path / "t.zip", tmp_path / "data")
    with pytest.raises(InputError, match="got no file or folder"):
        bring(tmp_path / "absent.zip", tmp_path / "data")
