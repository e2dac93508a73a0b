"""``vidseg masks``: from the masks of annotation tools to a data set that trains."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trees import folder_tree, write_image
from vidseg.video import read_labels

COLOURS = np.array([[0, 0, 0], [200, 0, 0], [0, 128, 64]], np.uint8)
NAMES = ["background", "red", "green"]
LABELMAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nred:200,0,0::\ngreen:0,128,64::\n"
FRAMES = ("a/000", "a/001", "b/000")

Draw = Callable[[np.ndarray], np.ndarray]


def labels_of(name: str, size: int = 1) -> np.ndarray:
    """HxW class ids of a frame: three areas, whose place depends on the name."""
    labels = np.zeros((20, 30), np.uint8)
    shift = FRAMES.index(name)
    labels[3:9, 2 + shift : 14 + shift] = 1
    labels[11:18, 15 : 25 + shift] = 2
    return labels.repeat(size, 0).repeat(size, 1)


def write(root: Path, draw: Draw, suffix: str = "png") -> Path:
    for name in FRAMES:
        write_image(root / f"{name}.{suffix}", draw(labels_of(name)))
    return root


def written(out: Path) -> dict[str, np.ndarray]:
    return {path.relative_to(out).with_suffix("").as_posix(): read_labels(path) for path in sorted(out.rglob("*.png"))}


def assert_written(out: Path, names: list[str], expected: Draw = lambda labels: labels) -> None:
    found = written(out)
    assert tuple(found) == FRAMES
    for name, labels in found.items():
        np.testing.assert_array_equal(labels, expected(labels_of(name)))
        with Image.open(out / f"{name}.png") as image:
            assert image.mode == "P"
    assert json.loads((out / "classes.json").read_text())["classes"] == names


def rgb(labels: np.ndarray) -> np.ndarray:
    return COLOURS[labels]


def transparent(labels: np.ndarray) -> np.ndarray:
    """What is transparent is black, whatever colour it hides."""
    hidden = np.where((labels == 0)[..., None], np.uint8(90), rgb(labels))
    return np.dstack([hidden, (labels > 0) * np.uint8(255)])


@pytest.fixture
def labelmap(tmp_path: Path) -> Path:
    (tmp_path / "labelmap.txt").write_text(LABELMAP)
    return tmp_path / "labelmap.txt"


def test_colours_by_a_labelmap(run, labelmap: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "in", rgb)
    out = tmp_path / "out"
    code, printed, err = run("masks", source, out, "--table", labelmap, "--json", tmp_path / "report.json")
    assert (code, err) == (0, "")
    assert_written(out, NAMES)
    assert json.loads((out / "classes.json").read_text())["palette"] == COLOURS.tolist()
    assert printed.splitlines()[-1] == f"{out}: 3 mask(s) of 3 class(es), classes.json"
    report = json.loads((tmp_path / "report.json").read_text())
    pixels = sum(np.bincount(labels_of(name).ravel(), minlength=3) for name in FRAMES)
    assert [row["pixels"] for row in report["classes"]] == pixels.tolist()
    assert report["unknown"] == report["failed"] == []


@pytest.mark.parametrize(
    ("draw", "words", "names"),
    [
        (lambda labels: np.dstack([rgb(labels), np.full_like(labels, 255)]), ("--table", "T"), NAMES),
        (transparent, ("--table", "T"), NAMES),
        (rgb, ("--class", "background=#000", "--class", "red=200,0,0", "--class", "green=#008040"), NAMES),
        (lambda labels: np.dstack([labels, labels * 0, labels * 0]), ("--channel", "r"), None),
        (lambda labels: np.dstack([labels + 9, labels]), ("--channel", "A", "--names", "a,b,c"), list("abc")),
        (lambda labels: labels + np.uint8(1), ("--one-based", "--names", "a,b,c"), list("abc")),
        (lambda labels: np.dstack(3 * [labels + np.uint8(1)]), ("--one-based", "--channel", "B"), None),
        (lambda labels: labels, ("--ids",), None),
        (lambda labels: labels.astype(np.uint16), ("--ids",), None),
        (lambda labels: np.array([7, 8, 26], np.uint8)[labels], ("--class", "a=7", "--class", "b=8", "--class", "c=26"),
         list("abc")),
        (rgb, ("--guess",), None),
    ],
)  # fmt: skip
def test_other_ways(run, draw: Draw, words: tuple[str, ...], names: list[str] | None, tmp_path: Path) -> None:
    (tmp_path / "T").write_text(json.dumps(dict(zip(NAMES, COLOURS.tolist(), strict=True))))
    words = tuple(str(tmp_path / "T") if word == "T" else word for word in words)
    code, _, err = run("masks", write(tmp_path / "in", draw), tmp_path / "out", *words)
    assert (code, err) == (0, "")
    if "--guess" in words:  # in order of red, green, blue
        names = ["colour_000000", "colour_008040", "colour_c80000"]
        assert_written(tmp_path / "out", names, lambda labels: np.array([0, 2, 1], np.uint8)[labels])
    else:
        assert_written(tmp_path / "out", names or ["class_0", "class_1", "class_2"])


@pytest.mark.parametrize("white", [1, 255])
@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_black_and_white(run, white: int, mode: str, tmp_path: Path) -> None:
    def draw(labels: np.ndarray) -> np.ndarray:
        if mode == "1":
            return labels == 1
        grey = (labels == 1) * np.uint8(white)
        return grey if mode == "L" else np.dstack(3 * [grey])

    code, _, err = run("masks", write(tmp_path / "in", draw), tmp_path / "out", "--binary", "--names", "floor,thing")
    assert (code, err) == (0, "")
    assert_written(tmp_path / "out", ["floor", "thing"], lambda labels: (labels == 1).astype(np.uint8))


def write_one_hot(root: Path, place: Callable[[str, str], str], white: int = 255) -> Path:
    for name in FRAMES:
        for index, label in enumerate(NAMES[1:], 1):
            write_image(root / f"{place(name, label)}.png", (labels_of(name) == index) * np.uint8(white))
    return root


@pytest.mark.parametrize(
    ("layout", "place"),
    [
        ("folders", lambda name, label: f"{label}/{name}"),
        ("folders", lambda name, label: f"{name[:2]}{label}/{name[2:]}"),
        ("suffixes", lambda name, label: f"{name}_{label}"),
        ("suffixes", lambda name, label: f"{name}.{label}"),
    ],
)
@pytest.mark.parametrize("white", [1, 255])
def test_one_hot(run, layout: str, place: Callable[[str, str], str], white: int, tmp_path: Path) -> None:
    source = write_one_hot(tmp_path / "in", place, white)
    words = ("masks", source, tmp_path / "out", "--one-hot", layout, "--names", "red,green")
    code, printed, err = run(*words)
    assert (code, err.count("\n")) == (2, 1)
    assert "in no class" in printed
    assert "--unknown NAME" in err
    code, _, err = run(*words, "--unknown", "background")
    assert (code, err) == (0, "")
    assert_written(
        tmp_path / "out", ["red", "green", "background"], lambda labels: np.array([2, 0, 1], np.uint8)[labels]
    )


def test_one_hot_classes_are_found_and_a_frame_may_lack_some(run, tmp_path: Path) -> None:
    source = write_one_hot(tmp_path / "in", lambda name, label: f"{label}/{name}")
    (source / "red/a/000.png").unlink()
    code, _, _ = run("masks", source, tmp_path / "out", "--one-hot", "folders", "--unknown", "ignore")
    assert code == 0
    found = written(tmp_path / "out")
    assert json.loads((tmp_path / "out/classes.json").read_text())["classes"] == ["green", "red"]
    np.testing.assert_array_equal(found["a/001"], np.array([255, 1, 0], np.uint8)[labels_of("a/001")])
    np.testing.assert_array_equal(found["a/000"], np.array([255, 255, 0], np.uint8)[labels_of("a/000")])


@pytest.mark.parametrize(("overlap", "label"), [("first", 0), ("last", 1), ("ignore", 255)])
def test_one_hot_masks_that_overlap(run, overlap: str, label: int, tmp_path: Path) -> None:
    square = np.zeros((8, 8), np.uint8)
    square[:4] = 255
    write_image(tmp_path / "in/one/x.png", square)
    write_image(tmp_path / "in/two/x.png", np.full_like(square, 255))
    words = ("masks", tmp_path / "in", tmp_path / "out", "--one-hot", "folders")
    code, printed, err = run(*words)
    assert (code, "in several classes" in printed, "--overlap first" in err) == (2, True, True)
    assert run(*words, "--unknown", "ignore")[0] == 2  # says nothing of overlaps
    assert run(*words, "--overlap", overlap)[0] == 0
    labels = read_labels(tmp_path / "out/x.png")
    assert np.unique(labels[:4]).tolist() == [label]
    assert np.unique(labels[4:]).tolist() == [1]


def test_greys_of_one_hot_masks_want_a_word(run, tmp_path: Path) -> None:
    write_image(tmp_path / "in/one/x.png", np.array([[0, 3, 250, 255]], np.uint8))
    words = ("masks", tmp_path / "in", tmp_path / "out", "--one-hot", "folders", "--unknown", "ignore")
    code, printed, err = run(*words)
    assert (code, "grey 250" in printed, "--nearest D" in err) == (2, True, True)
    code, printed, _ = run(*words, "--nearest", "10")
    assert (code, "greys taken for black or white: 2 pixels" in printed) == (0, True)
    assert read_labels(tmp_path / "out/x.png").tolist() == [[255, 255, 0, 0]]


def test_unknown_colours_are_listed_and_nothing_is_written(run, labelmap: Path, tmp_path: Path) -> None:
    def draw(labels: np.ndarray) -> np.ndarray:
        image = rgb(labels)
        image[0, :7] = (203, 4, 0)
        image[19, :2] = (9, 9, 90)
        return image

    words = (
        "masks",
        write(tmp_path / "in", draw),
        tmp_path / "out",
        "--table",
        labelmap,
        "--json",
        tmp_path / "r.json",
    )
    code, printed, err = run(*words)
    assert (code, err.count("\n")) == (2, 1)
    assert "got 2 unknown colour(s) or value(s) in 27 pixels (1.50 %), e.g. 203,4,0 in" in err
    row = next(line for line in printed.splitlines() if line.startswith("203,4,0"))
    assert row.split()[1:8] == ["200,0,0", "(red)", "5.0", "21", "1.17", "%", "3"]
    assert not (tmp_path / "out").exists()
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["out"] is None
    assert [(one["found"], one["pixels"], one["nearest"], one["distance"]) for one in report["unknown"]] == [
        ("203,4,0", 21, "200,0,0 (red)", 5.0),
        ("9,9,90", 6, "0,0,0 (background)", 90.896),
    ]
    assert run(*words, "--nearest", "5")[0] == 2  # the other one stays
    assert run(*words, "--nearest", "4.9", "--unknown", "red")[0] == 0
    assert np.unique(written(tmp_path / "out")["a/000"][19, :2]).tolist() == [1]
    shutil.rmtree(tmp_path / "out")
    code, printed, _ = run(*words, "--nearest", "5", "--unknown", "ignore")
    assert (code, "given a class, or no label: 27 (1.50 %)" in printed) == (0, True)
    labels = written(tmp_path / "out")["a/000"]
    assert np.unique(labels[0, :7]).tolist() == [1]
    assert np.unique(labels[19, :2]).tolist() == [255]
    assert (labels[1:19] == labels_of("a/000")[1:19]).all()


def test_blended_edges_and_jpeg(run, labelmap: Path, tmp_path: Path) -> None:
    for name in FRAMES:
        image = Image.fromarray(rgb(labels_of(name, 2)))
        for suffix in ("png", "jpg"):
            path = tmp_path / suffix / f"{name}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            smooth = image.resize((100, 66), Image.Resampling.BILINEAR)
            smooth.save(path) if suffix == "png" else smooth.save(path, quality=90)
    for suffix in ("png", "jpg"):
        words = ("masks", tmp_path / suffix, tmp_path / f"out-{suffix}", "--table", labelmap)
        assert run(*words)[0] == 2
        assert run(*words, "--nearest", "120")[0] == 0
        assert set(np.unique(written(tmp_path / f"out-{suffix}")["a/000"])) == {0, 1, 2}
    code, printed, err = run("masks", tmp_path / "png", tmp_path / "guess", "--guess")
    assert (code, err.count("\n"), "edges only" in printed) == (2, 1, True)
    code, _, err = run("masks", tmp_path / "jpg", tmp_path / "guess", "--guess")
    assert (code, "changes colours" in err) == (2, True)


def test_a_guess_is_a_list_then_a_table_then_masks(run, tmp_path: Path) -> None:
    source = write(tmp_path / "in", rgb)
    code, printed, err = run("masks", source, "--guess", "--json", tmp_path / "colours.json")
    assert (code, err) == (0, "")
    assert [line.split()[:2] for line in printed.splitlines()[1:4]] == [
        ["0,0,0", "#000000"],
        ["0,128,64", "#008040"],
        ["200,0,0", "#c80000"],
    ]
    colours = json.loads((tmp_path / "colours.json").read_text())["colours"]
    assert sum(row["share"] for row in colours) == pytest.approx(1)
    table = tmp_path / "table.json"
    assert run("masks", source, table, "--guess")[0] == 0
    named = dict(zip(("floor", "green", "red"), json.loads(table.read_text()).values(), strict=True))
    table.write_text(json.dumps(named))
    assert run("masks", source, tmp_path / "out", "--table", table)[0] == 0
    assert_written(tmp_path / "out", ["floor", "green", "red"], lambda labels: np.array([0, 2, 1], np.uint8)[labels])


def test_photos_are_no_masks(run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    write_image(tmp_path / "in/x.png", noise)
    code, printed, err = run("masks", tmp_path / "in", tmp_path / "out", "--guess")
    assert (code, "got 0 colours that fill an area, of 3600" in err) == (2, True)
    assert "and 3,580 more colours" in printed
    monkeypatch.setattr("vidseg.data.mask_survey._MOST", 3000)
    code, _, err = run("masks", tmp_path / "in", "--guess")
    assert (code, "got more than 3,000 colours" in err) == (2, True)


def test_what_is_no_label(run, labelmap: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "in", rgb)
    for index, void in enumerate(("background", "0,0,0", "#000000")):
        out = tmp_path / f"out{index}"
        assert run("masks", source, out, "--table", labelmap, "--void", void)[0] == 0
        assert_written(out, ["red", "green"], lambda labels: np.array([255, 0, 1], np.uint8)[labels])
    values = write(tmp_path / "values", lambda labels: np.array([9, 0, 1], np.uint8)[labels])
    assert run("masks", values, tmp_path / "out", "--ids", "--void", "9")[0] == 0
    assert_written(tmp_path / "out", ["class_0", "class_1"], lambda labels: np.array([255, 0, 1], np.uint8)[labels])
    labelmap.write_text(LABELMAP.replace("background", "void"))
    _, printed, _ = run("masks", source, tmp_path / "kept", "--table", labelmap)
    assert "remark: void is kept as a class; for pixels without a label add: --void void" in printed


def test_more_than_255_classes_are_16_bit_grey(run, tmp_path: Path) -> None:
    write_image(tmp_path / "in/x.png", np.array([[0, 255, 299, 65535]], np.uint16))
    assert run("masks", tmp_path / "in/x.png", tmp_path / "out", "--ids")[0] == 0
    assert read_labels(tmp_path / "out/x.png").tolist() == [[0, 255, 299, 65535]]
    classes = json.loads((tmp_path / "out/classes.json").read_text())
    assert (len(classes["classes"]), classes["ignore"]) == (300, 65535)


def test_published_palettes(run, tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 15, 21]], np.uint8))
    image.putpalette([*(0, 0, 0), *(128, 0, 0), *(0, 0, 0) * 13, *(192, 128, 128), *(0, 0, 0) * 5, *(224, 224, 192)])
    (tmp_path / "in").mkdir()
    image.save(tmp_path / "in/x.png")
    assert run("masks", tmp_path / "in", tmp_path / "out", "--table", "voc")[0] == 0
    assert read_labels(tmp_path / "out/x.png").tolist() == [[0, 1, 15, 255]]
    assert json.loads((tmp_path / "out/classes.json").read_text())["classes"][15] == "person"


def test_names_that_end_otherwise_than_images_and_a_choice_of_files(run, labelmap: Path, tmp_path: Path) -> None:
    for name in FRAMES:
        write_image(tmp_path / f"in/{name}_color.png", rgb(labels_of(name)))
        write_image(tmp_path / f"in/{name}_instances.png", np.zeros((20, 30), np.uint8))
    words = ("masks", tmp_path / "in", tmp_path / "out", "--table", labelmap)
    code, _, err = run(*words, "--strip", "_color")
    assert (code, "does not end with '_color'" in err) == (2, True)
    assert run(*words, "--pattern", "**/*_color.png", "--strip", "_color")[0] == 0
    assert_written(tmp_path / "out", NAMES)


def test_damaged_masks_are_named_and_the_others_written(run, labelmap: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "in", rgb)
    (source / "a/001.png").write_bytes((source / "a/001.png").read_bytes()[:60])
    code, printed, err = run("masks", source, tmp_path / "out", "--table", labelmap, "--json", tmp_path / "r.json")
    assert (code, err.count("\n")) == (1, 1)
    assert "a/001.png, which cannot be read" in err
    assert "2 mask(s) of 3 class(es), classes.json; 1 could not be read" in printed
    assert sorted(written(tmp_path / "out")) == ["a/000", "b/000"]
    assert [Path(one["mask"]).name for one in json.loads((tmp_path / "r.json").read_text())["failed"]] == ["001.png"]
    for path in source.rglob("*.png"):
        path.write_bytes(b"nothing")
    code, _, err = run("masks", source, tmp_path / "none", "--table", labelmap)
    assert (code, "none of which can be read" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ((), "by {root}/in/a/000.png it could be --guess"),
        (("--binary", "--guess"), "got --guess and --binary; expected one way"),
        (("--binary", "--channel", "R"), "expected one way"),
        (("--channel", "X"), "expected R, G, B, A or L"),
        (("--one-hot", "files"), "expected folders or suffixes"),
        (("--ids",), "holds colours; expected one value a pixel; do: --channel R"),
        (("--binary", "--overlap", "first"), "--overlap without --one-hot"),
        (("--guess", "--names", "a,b"), "got --names with names from elsewhere"),
        (("--table", "voc", "--nearest", "-1"), "got --nearest -1.0"),
        (("--table", "{root}/absent.txt"), "absent.txt"),
        (("--table", "voc", "--pattern", "*.gif"), "no image matching '*.gif'"),
        (("--table", "voc", "--channel", "R"), "got --channel with a table of colours"),
        (("--class", "car"), "expected NAME=COLOUR"),
        (("--binary", "--names", "a,b,c"), "got 3 names"),
        (("--one-hot", "folders", "--names", "x,y"), "whose folder names no class"),
        (("--one-hot", "folders", "--names", "a,b,c"), "got no mask of class c"),
        (("--tabel", "voc"), "did you mean --table"),
    ],
)
def test_bad_usage_is_one_line(run, words: tuple[str, ...], hint: str, tmp_path: Path) -> None:
    write(tmp_path / "in", rgb)
    given = [word.format(root=tmp_path) for word in words]
    code, _, err = run("masks", tmp_path / "in", tmp_path / "out", *given)
    lines = err.splitlines()
    assert (code, lines[-1].startswith("vidseg: error: ")) == (2, True)
    assert hint.format(root=tmp_path) in err
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_not_overwritten(run, labelmap: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "in", rgb)
    out = tmp_path / "out"
    write_image(out / "mine.png", np.zeros((2, 2), np.uint8))
    for target, hint in (
        (out, "there already"),
        (out / "mine.png", "expected the name of a folder"),
        (source, "inside of IN"),
        (source / "a" / "new", "inside of IN"),
        (tmp_path / "new.png", "expected the name of a folder"),
    ):
        code, _, err = run("masks", source, target, "--table", labelmap)
        assert (code, hint in err) == (2, True)
    assert [path.name for path in out.iterdir()] == ["mine.png"]
    assert run("masks", source, "--table", labelmap)[0] == 2
    (tmp_path / "empty").mkdir()
    assert run("masks", source, tmp_path / "empty", "--table", labelmap)[0] == 0


def test_an_export_of_a_tool_is_given_by_its_folder_of_masks(run, tmp_path: Path) -> None:
    export = tmp_path / "export"
    write(export / "SegmentationClass", rgb)
    write(export / "SegmentationObject", rgb)
    (export / "labelmap.txt").write_text(LABELMAP)
    code, _, err = run("masks", export, tmp_path / "out")
    assert (code, f"do: give {export}/SegmentationClass" in err) == (2, True)
    code, _, err = run("masks", export / "SegmentationClass", tmp_path / "out")
    assert (code, f"it could be --table {export}/labelmap.txt" in err) == (2, True)
    shutil.make_archive(str(tmp_path / "export"), "zip", export)
    code, _, err = run("masks", tmp_path / "export.zip", tmp_path / "out")
    assert (code, "unpack it first" in err) == (2, True)
    (tmp_path / "json").mkdir()
    (tmp_path / "json/a.json").write_text("{}")
    code, _, err = run("masks", tmp_path / "json", tmp_path / "out")
    assert (code, "files there: .json" in err) == (2, True)


def colour_dataset(root: Path, draw: Draw) -> Path:
    """A data set of layout folder whose masks hold something else than class ids, and no class list."""
    folder_tree(root)
    for path in root.glob("masks/*/*.png"):
        write_image(path, draw(np.asarray(Image.open(path))))
    (root / "classes.json").unlink()
    return root


def test_after_the_conversion_the_doctor_is_content(run, labelmap: Path, tmp_path: Path) -> None:
    root = colour_dataset(tmp_path / "data", rgb)
    (root / "masks").rename(tmp_path / "colours")
    assert run("masks", tmp_path / "colours", root / "masks", "--table", labelmap)[0] == 0
    code, printed, _ = run("doctor", root, "--layout", "folder")
    assert code == 0, printed
    assert "3 of 3" in printed
    # The root's own list counts; where the two differ, it is said.
    (root / "classes.json").write_text('{"classes": ["floor", "red", "green"]}')
    code, printed, _ = run("doctor", root, "--layout", "folder")
    assert (code, "masks/classes.json names the classes background, red, green of these masks" in printed) == (1, True)


def test_what_the_doctor_says_of_0_and_255_works(run, tmp_path: Path) -> None:
    root = colour_dataset(tmp_path / "data", lambda labels: (labels > 0) * np.uint8(255))
    (root / "classes.json").write_text('{"classes": ["background", "thing"]}')
    code, printed, _ = run("doctor", root, "--layout", "folder")
    assert code == 1
    command = printed.partition("vidseg masks ")[2].partition(", then put NEW in the place of")[0]
    words = [str(tmp_path / "new") if word == "NEW" else word for word in command.split()]
    assert run("masks", *words)[0] == 0
    shutil.rmtree(root / "masks")
    (tmp_path / "new").rename(root / "masks")
    code, printed, _ = run("doctor", root, "--layout", "folder")
    assert (code, "2 of 2" in printed) == (0, True)


def test_masks_of_other_kinds_are_not_overlooked(run, tmp_path: Path) -> None:
    root = folder_tree(tmp_path)
    for path in sorted(root.glob("masks/one/*.png")):
        Image.open(path).save(path.with_suffix(".bmp"))
        path.unlink()
    code, printed, _ = run("doctor", root, "--layout", "folder")
    assert code == 1
    assert "frame_0.bmp and 11 more beside it are no PNGs" in printed
    assert f"vidseg masks {root}/masks/one shows how" in printed


def test_the_case_that_was_reported(run, cases: Path, tmp_path: Path) -> None:
    case = cases / "masks_0_255"
    words = ("--binary", "--names", case / "classes.json")
    assert run("masks", case / "masks", tmp_path / "data/masks", *words)[0] == 0
    shutil.copytree(case / "images", tmp_path / "data/images")
    code, printed, _ = run("doctor", tmp_path / "data", "--layout", "folder")
    assert (code, "2 of 2" in printed) == (0, True)


@pytest.mark.slow
def test_colour_masks_end_as_a_trained_model(run, labelmap: Path, tmp_path: Path) -> None:
    root = colour_dataset(tmp_path / "data", rgb)
    for split, video in (("train", "one"), ("val", "two")):
        (root / f"{split}.txt").write_text(video)
    (root / "masks").rename(tmp_path / "colours")
    assert run("masks", tmp_path / "colours", root / "masks", "--table", labelmap)[0] == 0
    assert run("doctor", root, "--layout", "folder")[0] == 0
    small = (
        *("--model.encoder.widths", "[8,16,24,32]", "--model.encoder.depths", "[1,1,1,1]"),
        *("--model.encoder.heads", "[1,2,3,4]", "--model.head_channels", "16"),
        *("--augmentation.crop_size", "[32,32]", "--augmentation.base_size", "[48,32]"),
        *("--preprocessing.short", "32", "--preprocessing.long", "48", "--runtime.workers", "0"),
        *("--runtime.device", "cpu", "--output.tensorboard", "false", "--schedule.iterations", "2"),
    )
    fixed = ("--recipe", "segformer_b0_small", "--data.root", root, "--model.num_classes", "3")
    code, _, err = run("train", *fixed, "--output.folder", tmp_path / "run", *small)
    assert code == 0, err
    assert "warning" not in err
    assert (tmp_path / "run/last").is_dir()
