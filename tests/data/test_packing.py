"""Packing: WebDataset's form, sizes, reproducible bytes, going on after an interruption, and what is refused."""

import json
import os
import tarfile
from itertools import groupby
from pathlib import Path

import pytest

from trees import camvid_tree, cityscapes_tree, kitti_step_tree
from vidseg.data.packing import pack, parse_bytes
from vidseg.errors import DataError, InputError


def samples(shard: Path) -> list[dict[str, bytes]]:
    """The samples of a shard, grouped as WebDataset does: by all up to the first dot of a name's last part."""
    with tarfile.open(shard) as tar:
        files = [(member.name, tar.extractfile(member).read()) for member in tar]

    def key(name: str) -> str:
        folder, _, last = name.rpartition("/")
        return f"{folder}/{last.partition('.')[0]}"

    grouped = []
    for prefix, members in groupby(files, key=lambda file: key(file[0])):
        grouped.append({"__key__": prefix.encode(), **{name[len(prefix) + 1 :]: data for name, data in members}})
    return grouped


def test_plain_reading_of_the_tar_files_groups_frames_as_webdataset_does(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "set")
    done = pack(root, "camvid", tmp_path / "shards", shard_size=20_480)
    assert (done.videos, done.frames, done.files) == ({"train": 2, "val": 1}, {"train": 24, "val": 12}, 72)
    seen = {}
    for shard in sorted((tmp_path / "shards").glob("train-*.tar")):
        for sample in samples(shard):
            assert sample.keys() == {"__key__", "jpg", "seg.png"}
            assert seen.setdefault(sample["__key__"].decode(), sample) is sample
    assert len(seen) == 24
    for video in ("video_a", "video_b"):
        for number in range(100, 112):
            sample = seen[f"{video}/{number:08d}"]
            assert sample["jpg"] == (root / "data" / video / "origin" / f"{number:08d}.jpg").read_bytes()
            assert sample["seg.png"] == (root / "data" / video / "mask" / f"{number:08d}.png").read_bytes()


def test_images_and_masks_of_one_type_have_names_of_their_own(tmp_path: Path) -> None:
    pack(kitti_step_tree(tmp_path / "kitti"), "kitti-step", tmp_path / "shards", splits=["val"])
    (shard,) = (tmp_path / "shards").glob("*.tar")
    assert [sorted(sample) for sample in samples(shard)] == [["__key__", "png", "seg.png"]] * 12
    done = pack(cityscapes_tree(tmp_path / "cityscapes"), "cityscapes", tmp_path / "sequences", splits=["train"])
    (shard,) = (tmp_path / "sequences").glob("*.tar")
    with tarfile.open(shard) as tar:
        assert len(set(tar.getnames())) == done.files == 62


def test_shards_are_as_small_as_asked_and_hold_whole_videos_where_they_can(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "set", splits={"train": ("a", "b", "c", "d")}, frames=3)
    done = pack(root, "camvid", tmp_path / "whole", shard_size=30_720)
    assert all(shard.bytes <= 30_720 for shard in done.shards)
    assert len(done.shards) > 1
    homes: dict[str, set[str]] = {}
    for shard in (tmp_path / "whole").glob("*.tar"):
        for sample in samples(shard):
            homes.setdefault(sample["__key__"].decode().split("/")[0], set()).add(shard.name)
    assert all(len(shards) == 1 for shards in homes.values())
    split = pack(root, "camvid", tmp_path / "split", shard_size=10_240)
    assert all(shard.bytes <= 10_240 for shard in split.shards)
    assert sum(len(samples(tmp_path / "split" / shard.name)) for shard in split.shards) == 12
    with pytest.raises(
        InputError, match=r"got a shard size of 2000 bytes, but .*00000100.jpg .* expected a shard size"
    ):
        pack(root, "camvid", tmp_path / "tiny", shard_size=2000)
    assert not (tmp_path / "tiny").exists()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_equal_data_make_equal_bytes_wherever_they_lie(tmp_path: Path) -> None:
    for name in ("one", "two"):
        pack(camvid_tree(tmp_path / name / "set"), "camvid", tmp_path / name / "shards", shard_size=20_480)
    assert contents(tmp_path / "one" / "shards") == contents(tmp_path / "two" / "shards")


def test_an_interrupted_packing_goes_on(tmp_path: Path) -> None:
    root, out = camvid_tree(tmp_path / "set"), tmp_path / "shards"
    pack(root, "camvid", tmp_path / "expected", shard_size=20_480)

    def stop(done: int, total: int) -> None:
        if done >= total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(root, "camvid", out, shard_size=20_480, progress=stop)
    first = sorted(out.glob("*.tar"))[0]
    written = first.stat().st_mtime_ns
    assert not (out / "shards.json").exists()
    with pytest.raises(InputError, match="where a packing of other files or options was begun"):
        pack(root, "camvid", out, shard_size=30_720)
    done = pack(root, "camvid", out, shard_size=20_480)
    assert done.kept > 0
    assert first.stat().st_mtime_ns == written
    assert contents(out) == contents(tmp_path / "expected")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    root, out = camvid_tree(tmp_path / "set"), tmp_path / "shards"
    pack(root, "camvid", out)
    before = contents(out)
    with pytest.raises(InputError, match="which holds shards already; expected a new folder"):
        pack(root, "camvid", out)
    assert contents(out) == before
    with pytest.raises(InputError, match=r"which holds classes.json; expected a new or empty folder"):
        pack(root, "camvid", root)


def test_damaged_texts_are_one_line(tmp_path: Path) -> None:
    root, out = camvid_tree(tmp_path / "set"), tmp_path / "shards"
    out.mkdir()
    (out / "shards.begun.json").write_text('{"plan": "x"}')
    with pytest.raises(InputError, match=r"whose shards.begun.json is damaged \('shards'\)"):
        pack(root, "camvid", out)
    (root / "data" / "classes.json").write_bytes(b"\xff")  # the root's own list is the one that counts
    with pytest.raises(DataError, match=r"data/classes.json, which is no text in UTF-8"):
        pack(root, "camvid", tmp_path / "others")


def test_what_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "set")

    def grow(done: int, total: int) -> None:
        with (root / "data/video_c/mask/00000111.png").open("ab") as file:
            file.write(b"more")

    with pytest.raises(DataError, match=r"bytes from .*00000111.png; expected the "):
        pack(root, "camvid", tmp_path / "shards", shard_size=20_480, progress=grow)


def test_the_index_is_json_that_tells_offset_and_size_of_every_file(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "set")
    pack(root, "camvid", tmp_path / "shards", shard_size=20_480)
    index = json.loads((tmp_path / "shards" / "shards.json").read_text())
    assert index["texts"]["val.txt"] == "video_c"
    files = [
        (f"{folder}/{name}", *place) for folder, names in index["folders"].items() for name, place in names.items()
    ]
    assert len(files) == 72
    for path, number, offset, size in files:
        shard = (tmp_path / "shards" / index["shards"][number]["name"]).read_bytes()
        assert shard[offset : offset + size] == (root / path).read_bytes()


@pytest.mark.parametrize(("text", "amount"), [("1GB", 10**9), ("1.5 MB", 1_500_000), ("20kb", 20_000), ("7", 7)])
def test_amounts_of_bytes(text: str, amount: int) -> None:
    assert parse_bytes(text, "--shard-size") == amount


@pytest.mark.parametrize("text", ["", "GB", "-1MB", "0", "1e9", "1XB"])
def test_no_amounts_of_bytes(text: str) -> None:
    with pytest.raises(InputError, match=r"got --shard-size .*; expected an amount of bytes"):
        parse_bytes(text, "--shard-size")


def test_what_changed_since_is_not_gone_on_with_and_a_lost_shard_is_not_kept(tmp_path: Path) -> None:
    root, out = camvid_tree(tmp_path / "set"), tmp_path / "shards"

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(root, "camvid", out, shard_size=20_480, progress=stop)
    (shard,) = out.glob("*.tar")
    shard.unlink()
    image = next((root / "data").rglob("*.jpg"))
    before = image.stat()
    os.utime(image, ns=(0, 0))
    with pytest.raises(InputError, match="where a packing of other files or options was begun"):
        pack(root, "camvid", out, shard_size=20_480)
    os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert pack(root, "camvid", out, shard_size=20_480).kept == 0


def test_a_file_is_no_folder_for_shards(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(InputError, match="which is a file; expected a new or empty folder"):
        pack(camvid_tree(tmp_path / "set"), "camvid", tmp_path / "out")
