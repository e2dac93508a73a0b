"""Tables of colours and values: the files of several tools, and what is made of what was found."""

import json
from pathlib import Path

import pytest

from vidseg.data.mask_keys import Key, colour, parse_key
from vidseg.data.mask_table_files import parse_class, read_names, read_table
from vidseg.data.mask_tables import VOID, binary_table, build_table, colour_table, id_table
from vidseg.errors import DataError, InputError

CAR, TREE = 0x0000FF, 0x00FF10


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labelmap.txt", "# label:color_rgb:parts:actions\nthe car:0,0,255::\n\ntree:0,255,16:a,b:c\r\n"),
        ("label_colors.txt", "0 0 255 the car\n0\t255\t16\ttree\n"),
        ("class_dict.csv", "name,r,g,b\nthe car,0,0,255\ntree,0,255,16\n"),
        ("name_to_colour.json", '{"the car": [0, 0, 255], "tree": "#00ff10"}'),
        ("strings.json", '{"the car": "0,0,255", "tree": "rgb(0, 255, 16)"}'),
        ("cvat.json", '[{"name": "the car", "id": 3, "color": "#0000FF"}, {"name": "tree", "color": "#00ff10"}]'),
        ("meta.json", '{"classes": [{"title": "the car", "color": "#00F"}, {"title": "tree", "color": "#00FF10"}]}'),
        ("classes.json", '{"classes": ["the car", "tree"], "palette": [[0, 0, 255], [0, 255, 16]], "ignore": 255}'),
    ],
)
def test_tables_of_colours(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    table = read_table(tmp_path / name)
    assert (table.kind, table.names, dict(table.classes)) == ("colour", ("the car", "tree"), {CAR: 0, TREE: 1})
    assert table.class_map().palette == ((0, 0, 255), (0, 255, 16))


def test_several_colours_of_one_class_and_tables_of_values(tmp_path: Path) -> None:
    (tmp_path / "several.json").write_text('{"road": [[1, 2, 3], "#040506"], "sky": [[7, 8, 9]]}')
    assert dict(read_table(tmp_path / "several.json").classes) == {0x010203: 0, 0x040506: 0, 0x070809: 1}
    (tmp_path / "ids.json").write_text('{"road": 7, "sky": "23"}')
    (tmp_path / "_classes.csv").write_text("Pixel Value, Class\n7, road\n23, sky\n")
    for name in ("ids.json", "_classes.csv"):
        table = read_table(tmp_path / name)
        assert (table.kind, table.names, dict(table.classes)) == ("value", ("road", "sky"), {7: 0, 23: 1})


def test_published_tables() -> None:
    voc = read_table("voc")
    assert voc.names[:3] == ("background", "aeroplane", "bicycle")
    assert voc.class_map().palette[:4] == ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
    assert voc.class_map().palette[20] == (0, 64, 128)
    assert voc.classes[0xE0E0C0] == VOID
    streets = read_table("cityscapes")
    assert len(streets.names) == 19
    assert streets.classes[0x804080] == 0
    assert streets.classes[0] == VOID


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "car:0,0,255::\nbus:0,0,255::", "colour 0,0,255 for bus and for car"),
        ("a.txt", "car:0,0,256::", "got colour 0,0,256"),
        ("a.txt", "car:0,0,255::\nnonsense", "got line 2 'nonsense'"),
        ("a.txt", "car:::", "got line 1"),
        ("a.txt", "", "without classes"),
        ("a.json", '{"car": [0, 0, 255], "bus": 3}', "expected either colours or values"),
        ("a.json", '{"car": [0, 0, 255], "car": [1, 1, 1]}', "got 'car' twice"),
        ("a.json", '{"car": true}', "got True for a class"),
        ("a.json", '{"car": "blue"}', "got 'blue' for a class"),
        ("a.json", '{"car": [0, 0]}', "got [0, 0] for a class"),
        ("a.json", '{"car": 70000}', "got 70000"),
        ("a.json", '{"car": [0.5, 0, 0]}', "got [0.5, 0, 0]"),
        ("a.json", '{"classes": ["a", "b"]}', "without as many colours"),
        ("a.json", "[1, 2]", "got 1; expected"),
        ("a.json", "{", "in the table"),
        ("a.json", "[" * 100_000, "in the table"),
        ("a.json", "{}", "without classes"),
    ],
)
def test_what_is_no_table_is_one_line_that_names_the_file(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as error:
        read_table(tmp_path / name)
    assert message in str(error.value)
    assert str(tmp_path / name) in str(error.value)


def test_files_that_are_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no readable .*absent\.txt"):
        read_table(tmp_path / "absent.txt")
    (tmp_path / "x.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match="is no text"):
        read_table(tmp_path / "x.txt")


def test_keys_on_the_command_line() -> None:
    assert parse_key("7") == Key("value", 7)
    assert parse_key(" 1, 2,3 ") == colour(1, 2, 3)
    assert parse_key("#0f0") == colour(0, 255, 0)
    assert parse_class("a=b=#000") == ("a=b", colour(0, 0, 0))
    assert [str(key) for key in (Key("value", 7), colour(1, 2, 3))] == ["7", "1,2,3"]
    for text in ("car", "=3", "car=", "car=-1", "car=²"):
        with pytest.raises(InputError):
            parse_class(text)


def test_names(tmp_path: Path) -> None:
    assert read_names("a, b,c").names == ("a", "b", "c")
    (tmp_path / "class_names.txt").write_text("__ignore__\n_background_\ncar\n")  # LabelMe's
    assert read_names(tmp_path / "class_names.txt").names == ("_background_", "car")
    (tmp_path / "list.json").write_text('["a", "b"]')
    assert read_names(tmp_path / "list.json").palette is None
    (tmp_path / "classes.json").write_text(json.dumps({"classes": ["a", "b"], "palette": [[1, 2, 3], [4, 5, 6]]}))
    assert read_names(tmp_path / "classes.json").palette == ((1, 2, 3), (4, 5, 6))
    for given in ("a,a", "a,,b", ""):
        with pytest.raises(DataError, match="none empty and none twice"):
            read_names(given)
    for text in ("{}", "[1]", "{", '{"classes": ["a"], "palette": [[1, 2]]}', '{"classes": ["a"], "palette": 3}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(DataError, match=r"in the names .*bad\.json"):
            read_names(tmp_path / "bad.json")


def test_class_ids_by_what_is_found() -> None:
    assert id_table({0, 2, 255}, None).names == ("class_0", "class_1", "class_2")
    assert dict(id_table({0, 2, 255}, None).classes) == {0: 0, 1: 1, 2: 2, 255: VOID}
    assert dict(id_table({1, 2}, None, first=1).classes) == {1: 0, 2: 1, 0: VOID, 255: VOID}
    assert dict(id_table({0, 1}, ["a", "b"]).classes) == {0: 0, 1: 1, 255: VOID}
    wide = id_table({0, 255, 299, 65535}, None)
    assert (len(wide.names), wide.classes[255], wide.classes[65535]) == (300, 255, VOID)
    assert wide.class_map().ignore == 65535
    assert id_table({255}, None).names == ("class_0",)
    assert id_table(set(), [f"{index}" for index in range(255)], first=1).classes[255] == 254


def test_black_and_white() -> None:
    assert dict(binary_table({0, 0xFFFFFF}, None).classes) == {0: 0, 0xFFFFFF: 1}
    assert dict(binary_table({0, 0x010101}, ["a", "b"]).classes) == {0: 0, 0x010101: 1}
    # A grey of 1 among others is a shade of black.
    assert dict(binary_table({0, 0x010101, 0xFFFFFF}, None).classes) == {0: 0, 0xFFFFFF: 1}
    with pytest.raises(InputError, match="got 3 names"):
        binary_table({0}, ["a", "b", "c"])


def test_void_by_colour_and_by_class() -> None:
    table = colour_table([CAR, TREE, 0])
    assert table.names == ("colour_000000", "colour_0000ff", "colour_00ff10")
    changed = table.with_void(colour(0, 0, 0)).with_void(colour(9, 9, 9))
    assert (changed.names, changed.classes[0], changed.classes[CAR]) == (("colour_0000ff", "colour_00ff10"), VOID, 0)
    assert table.without_class("colour_0000ff").classes == {0: 0, CAR: VOID, TREE: 1}
    with pytest.raises(InputError, match="not both"):
        table.with_void(Key("value", 3))
    assert build_table([("a", colour(1, 1, 1))]).with_classes([("a", colour(2, 2, 2))]).names == ("a",)
