"""Exports of the other tools, made by hand in their real forms, into the plain folder layout."""

import base64
import io
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from trees import COLOURS, stripes, write_image
from vidseg.data import examine, open_dataset
from vidseg.data.annotations import ImportReport, import_annotations, read_annotations
from vidseg.data.annotations.formats import unpacked
from vidseg.errors import DataError, InputError
from vidseg.types import Segmentation
from vidseg.video import FiftyOneWriter, read_labels

SIZE = (24, 32)
NAMES = ("red", "green", "blue")


def bring(source: Path, root: Path, expected: str, **options: object) -> ImportReport:
    with unpacked(source) as folder:
        name, annotations = read_annotations(folder)
        assert name == expected
        return import_annotations(annotations, root, **options)  # type: ignore[arg-type]


def assert_stripes(root: Path, split: str, *numbers: int, names: tuple[str, ...] = NAMES) -> None:
    """The labelled frames of a split are the stripes of these numbers, and the doctor has no finding."""
    dataset = open_dataset(root, "folder", split)
    order = np.array([dataset.class_map.names.index(name) for name in names])
    labelled = list(dataset.labelled_frames())
    assert len(labelled) == len(numbers)
    for (_, frame), number in zip(labelled, numbers, strict=True):
        np.testing.assert_array_equal(read_labels(str(frame.label)), order[stripes(number)[1]])
    assert [finding for finding in examine(root, "folder", (split,)).findings if finding.severity != "remark"] == []


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def coco_file(path: Path, names: dict[str, int], counts_as: str) -> None:
    coco = pytest.importorskip("pycocotools.mask", reason="needs the extra labels")
    images, annotations = [], []
    for image_id, (name, number) in enumerate(names.items()):
        images.append({"id": image_id, "file_name": name, "height": SIZE[0], "width": SIZE[1]})
        for label in range(3):
            mask = stripes(number)[1] == label
            packed = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
            area: object = {"size": list(SIZE), "counts": packed["counts"].decode()}
            if counts_as == "lists":
                flat = mask.ravel(order="F")
                runs = np.diff(np.flatnonzero(np.diff(flat)) + 1, prepend=0, append=flat.size).tolist()
                area = {"size": list(SIZE), "counts": [0, *runs] if flat[0] else runs}
            elif counts_as == "polygons":
                columns = np.flatnonzero(np.diff(np.r_[0, mask[0], 0])).reshape(-1, 2)
                area = [[int(a), 0, int(b), 0, int(b), SIZE[0], int(a), SIZE[0]] for a, b in columns]
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": image_id,
                    "category_id": label + 1,
                    "segmentation": area,
                    "iscrowd": 0,
                }
            )
    annotations.append({"id": 999, "image_id": 0, "category_id": 1, "bbox": [0, 0, 4, 4]})
    categories = [{"id": index + 1, "name": name} for index, name in enumerate(NAMES)]
    write_text(path, json.dumps({"images": images, "categories": categories, "annotations": annotations}))


@pytest.mark.parametrize("counts_as", ["packed", "lists", "polygons"])
def test_coco(tmp_path: Path, counts_as: str) -> None:
    root = tmp_path / "export"
    coco_file(root / "annotations" / "instances_train.json", {"0001.png": 1, "0004.png": 4}, counts_as)
    coco_file(root / "annotations" / "instances_val.json", {"0002.png": 2}, counts_as)
    for split, numbers in (("train", (1, 2, 3, 4)), ("val", (2,))):
        for number in numbers:
            write_image(root / "images" / split / f"{number:04d}.png", stripes(number)[0])
    report = bring(root, tmp_path / "data", "coco")
    assert_stripes(tmp_path / "data", "train", 1, 4)
    assert_stripes(tmp_path / "data", "val", 2)
    assert [video.name for video in report.videos] == ["train/export", "val/export"]
    assert report.left_out == {"box": 2}


def test_coco_of_video_folders(tmp_path: Path) -> None:
    root = tmp_path / "export"
    coco_file(root / "result.json", {"a/0001.png": 1, "b/0001.png": 5}, "packed")
    for name, number in (("a", 1), ("b", 5)):
        write_image(root / name / "0001.png", stripes(number)[0])
    bring(root, tmp_path / "data", "coco")
    assert [video.name for video in open_dataset(tmp_path / "data", "folder", "all").videos] == ["a", "b"]
    assert_stripes(tmp_path / "data", "all", 1, 5)


def labelme_file(path: Path, number: int) -> None:
    labels = stripes(number)[1]
    shapes = []
    for index, name in enumerate(NAMES):
        stream = io.BytesIO()
        Image.fromarray(labels == index).save(stream, "PNG")
        corners = [[0.0, 0.0], [SIZE[1] - 1.0, SIZE[0] - 1.0]]
        mask = base64.b64encode(stream.getvalue()).decode()
        shapes.append({"label": name, "points": corners, "group_id": None, "shape_type": "mask", "mask": mask})
    shapes.append({"label": "red", "points": [[1, 1], [4, 4]], "shape_type": "line"})
    content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": f"{path.stem}.png", "imageData": None}
    write_text(path, json.dumps({**content, "imageHeight": SIZE[0], "imageWidth": SIZE[1]}))
    write_image(path.with_suffix(".png"), stripes(number)[0])


def test_labelme(tmp_path: Path) -> None:
    for number in (1, 3):
        labelme_file(tmp_path / "street" / f"{number:04d}.json", number)
    write_image(tmp_path / "street" / "0002.png", stripes(2)[0])
    report = bring(tmp_path / "street", tmp_path / "data", "labelme")
    assert_stripes(tmp_path / "data", "all", 1, 3)
    (video,) = open_dataset(tmp_path / "data", "folder", "all").videos
    assert (video.name, len(video.frames)) == ("street", 3)
    assert report.left_out == {"line": 2}


def test_what_labelme_ignores_has_no_label(tmp_path: Path) -> None:
    labelme_file(tmp_path / "street" / "1.json", 1)
    path = tmp_path / "street" / "1.json"
    path.write_text(path.read_text().replace('"green"', '"__ignore__"'))
    report = bring(tmp_path / "street", tmp_path / "data", "labelme")
    assert report.classes == ("blue", "red")
    labels, expected = read_labels(tmp_path / "data" / "masks" / "street" / "1.png"), stripes(1)[1]
    np.testing.assert_array_equal(labels == 255, expected == 1)


def bitmap(mask: np.ndarray) -> dict[str, object]:
    rows, columns = np.nonzero(mask)
    top, left = int(rows.min()), int(columns.min())
    stream = io.BytesIO()
    box = np.zeros((*mask[top : rows.max() + 1, left : columns.max() + 1].shape, 4), np.uint8)
    box[mask[top : rows.max() + 1, left : columns.max() + 1]] = 255
    Image.fromarray(box).save(stream, "PNG")
    return {"origin": [left, top], "data": base64.b64encode(zlib.compress(stream.getvalue())).decode()}


SUPERVISELY_META = json.dumps(
    {
        "classes": [
            {"title": name, "shape": "bitmap", "color": "#{:02x}{:02x}{:02x}".format(*COLOURS[index])}
            for index, name in enumerate(NAMES)
        ]
    }
)


def supervisely_image(root: Path, dataset: str, number: int) -> None:
    objects = [
        {"classTitle": name, "geometryType": "bitmap", "bitmap": bitmap(stripes(number)[1] == index)}
        for index, name in enumerate(NAMES)
    ]
    objects.append(
        {"classTitle": "red", "geometryType": "rectangle", "points": {"exterior": [[0, 0], [3, 3]], "interior": []}}
    )
    content = {"description": "", "size": {"height": SIZE[0], "width": SIZE[1]}, "objects": objects}
    write_text(root / dataset / "ann" / f"{number:04d}.png.json", json.dumps(content))
    write_image(root / dataset / "img" / f"{number:04d}.png", stripes(number)[0])


def test_supervisely_images(tmp_path: Path) -> None:
    project = tmp_path / "unpacked" / "project"
    write_text(project / "meta.json", SUPERVISELY_META)
    supervisely_image(project, "train", 1)
    supervisely_image(project, "train", 2)
    supervisely_image(project, "val", 3)
    report = bring(tmp_path / "unpacked", tmp_path / "data", "supervisely")
    assert_stripes(tmp_path / "data", "train", 1, 2)
    assert_stripes(tmp_path / "data", "val", 3)
    assert open_dataset(tmp_path / "data", "folder", "val").class_map.palette == tuple(map(tuple, COLOURS[:3].tolist()))
    assert report.left_out == {"rectangle": 3}


def test_supervisely_videos(tmp_path: Path) -> None:
    write_text(tmp_path / "p" / "meta.json", SUPERVISELY_META)
    figures = [
        {"objectKey": f"k{index}", "geometryType": "bitmap", "geometry": {"bitmap": bitmap(stripes(4)[1] == index)}}
        for index in range(3)
    ]
    content = {
        "size": {"height": SIZE[0], "width": SIZE[1]},
        "framesCount": 6,
        "objects": [{"key": f"k{index}", "classTitle": name} for index, name in enumerate(NAMES)],
        "frames": [{"index": 4, "figures": figures}],
    }
    write_text(tmp_path / "p" / "ds0" / "ann" / "walk.mp4.json", json.dumps(content))
    for number in range(6):
        write_image(tmp_path / "walk" / f"{number}.png", stripes(number)[0])
    bring(tmp_path / "p", tmp_path / "data", "supervisely", media=tmp_path / "walk")
    assert (tmp_path / "data" / "masks" / "walk" / "4.png").is_file()
    assert_stripes(tmp_path / "data", "all", 4)


def test_pascal_voc(tmp_path: Path) -> None:
    root = tmp_path / "task"
    write_text(
        root / "labelmap.txt",
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\n"
        + "".join(f"{name}:{','.join(map(str, COLOURS[index]))}::\n" for index, name in enumerate(NAMES)),
    )
    for number, split in ((1, "train"), (2, "train"), (3, "val")):
        write_image(root / "JPEGImages" / f"{number}.png", stripes(number)[0])
        write_image(root / "SegmentationClass" / f"{number}.png", COLOURS[stripes(number)[1]])
        path = root / "ImageSets" / "Segmentation" / f"{split}.txt"
        write_text(path, (path.read_text() if path.is_file() else "") + f"{number}\n")
    bring(root, tmp_path / "data", "voc")
    assert_stripes(tmp_path / "data", "train", 1, 2)
    assert_stripes(tmp_path / "data", "val", 3)


def colour_list() -> str:
    return "".join(f"{' '.join(map(str, COLOURS[index]))} {name}\n" for index, name in enumerate(NAMES))


def test_camvid(tmp_path: Path) -> None:
    root = tmp_path / "task"
    write_text(root / "label_colors.txt", colour_list())
    for number, split in ((1, "train"), (2, "val")):
        write_image(root / split / f"{number}.png", stripes(number)[0])
        write_image(root / f"{split}annot" / f"{number}.png", COLOURS[stripes(number)[1]])
        write_text(root / f"{split}.txt", f"/{split}/{number}.png /{split}annot/{number}.png\n")
    bring(root, tmp_path / "data", "camvid")
    assert_stripes(tmp_path / "data", "train", 1)
    assert_stripes(tmp_path / "data", "val", 2)
    write_text(root / "train.txt", "/train/1.png ../../secret.png\n")
    with pytest.raises(DataError, match="expected a file of the export"):
        bring(root, tmp_path / "data", "camvid")


def test_kitti(tmp_path: Path) -> None:
    root = tmp_path / "task"
    write_text(root / "label_colors.txt", colour_list())
    for number in (1, 2):
        write_image(root / "training" / "image_2" / f"00000{number}_10.png", stripes(number)[0])
        write_image(root / "training" / "semantic_rgb" / f"00000{number}_10.png", COLOURS[stripes(number)[1]])
    bring(root, tmp_path / "data", "kitti")
    assert_stripes(tmp_path / "data", "train", 1, 2)


def test_colours_that_the_table_lacks_are_named(tmp_path: Path) -> None:
    root = tmp_path / "task"
    write_text(root / "label_colors.txt", colour_list().replace("blue", "sky").replace("50 80 220", "50 80 221"))
    write_image(root / "training" / "image_2" / "1.png", stripes(1)[0])
    write_image(root / "training" / "semantic_rgb" / "1.png", COLOURS[stripes(1)[1]])
    report = bring(root, tmp_path / "data", "kitti")
    assert len(report.failures) == 1
    assert "got 1 colours in mask" in report.failures[0]


def test_fiftyone_round_trip(tmp_path: Path) -> None:
    shown = []
    with FiftyOneWriter(tmp_path / "out.fiftyone.zip", tiny.class_map()) as writer:
        for frame in tiny.video(3):
            labels = np.random.default_rng(frame.index).choice([0, 1, 4, 255], frame.size).astype(np.uint8)
            shown.append(labels)
            writer.write(Segmentation(labels=labels, class_map=tiny.class_map(), frame=frame))
    bring(tmp_path / "out.fiftyone.zip", tmp_path / "data", "fiftyone")
    dataset = open_dataset(tmp_path / "data", "folder", "all")
    assert dataset.class_map.names == tiny.class_map().names
    for (_, frame), labels in zip(dataset.labelled_frames(), shown, strict=True):
        np.testing.assert_array_equal(read_labels(str(frame.label)), labels)


def test_what_no_tool_wrote(tmp_path: Path) -> None:
    write_text(tmp_path / "x" / "notes.json", "[1, 2]")
    with pytest.raises(InputError, match="does not look like cvat, voc"):
        bring(tmp_path / "x", tmp_path / "data", "")
    with pytest.raises(InputError, match="got format 'yolo'; expected one of cvat"):
        read_annotations(tmp_path, "yolo")
    write_text(tmp_path / "y" / "instances_train.json", '{"images": [{}], "categories": [], "annotations": []}')
    with pytest.raises(DataError, match=r"instances_train.json with something that COCO does not write \(KeyError"):
        bring(tmp_path / "y", tmp_path / "data", "coco")
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("instances_x.json", "{}" * 100)
    damaged = (tmp_path / "bad.zip").read_bytes().replace(b"{}{}", b"{}[]", 1)
    (tmp_path / "bad.zip").write_bytes(damaged)
    with pytest.raises(DataError, match="cannot be unpacked"):
        bring(tmp_path / "bad.zip", tmp_path / "data", "coco")


def test_an_archive_whose_content_is_damaged_is_one_line(tmp_path: Path) -> None:
    export = tmp_path / "export.zip"
    with zipfile.ZipFile(export, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations.xml", "<annotations>" + " " * 1000 + "</annotations>")
    content = bytearray(export.read_bytes())
    start = content.index(b"annotations.xml") + len("annotations.xml")
    content[start] = 0xFF  # no such kind of block: zlib's own error, before any checksum
    export.write_bytes(content)
    with pytest.raises(DataError, match="cannot be unpacked"):
        bring(export, tmp_path / "data", "cvat")
