"""A data set is the same in a folder, a store and shards: every layout, to the pixel; and what damaged ones say."""

import json
import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from stores import emptied_memory, upload
from trees import (
    camvid_tree,
    cityscapes_tree,
    folder_tree,
    freedoom_tree,
    kitti_step_tree,
    stripes,
    vspw_tree,
    write_image,
)
from vidseg.data import ClipConfig, ClipDataset, VideoDataset, examine, frames_with_labels, open_dataset
from vidseg.data.packing import pack
from vidseg.data.trees import LocalTree, open_tree
from vidseg.errors import DataError, InputError, MissingExtraError

TREES = {
    "vspw": vspw_tree,
    "camvid": camvid_tree,
    "cityscapes": cityscapes_tree,
    "kitti-step": kitti_step_tree,
    "freedoom": freedoom_tree,
    "folder": folder_tree,
}


@pytest.fixture(autouse=True)
def _memory() -> Iterator[None]:
    with emptied_memory():
        yield


def everything(dataset: VideoDataset) -> list[object]:
    """All that a data set is, addresses apart."""
    return [
        (
            *(video.name, video.rate, video.file_times, record.name, record.number, frame.time),
            frame.image.tobytes(),
            None if labels is None else labels.tobytes(),
        )
        for video in dataset.videos
        for record, (frame, labels) in zip(video.frames, frames_with_labels(video, dataset.spec), strict=True)
    ]


@pytest.mark.parametrize("layout", TREES)
def test_every_layout_is_the_same_in_a_folder_a_store_and_shards(layout: str, tmp_path: Path) -> None:
    root = TREES[layout](tmp_path / "set")
    split = "all" if layout == "folder" else "train"
    folder = open_dataset(root, layout, split)
    expected = everything(folder)
    addresses = [upload(root, "memory://bucket/set"), tmp_path / "shards", "memory://bucket/shards"]
    for address in addresses[1:]:
        pack(root, layout, address, shard_size=60_000)
    assert pack(addresses[0], layout, tmp_path / "again", shard_size=60_000).files > 0
    for address in (*addresses, tmp_path / "again"):
        dataset = open_dataset(address, layout, split)
        assert not dataset.tree.is_local
        assert dataset.tree.name == "set"
        assert everything(dataset) == expected
        assert dataset.class_map == folder.class_map
        assert not [one for one in examine(address, layout).findings if one.severity != "remark"]
        offsets = ClipConfig(reference_offsets=(2, 1))
        one, other = ClipDataset(folder, offsets)[0], ClipDataset(dataset, offsets)[0]
        assert torch.equal(one.clip, other.clip)
        assert torch.equal(one.labels, other.labels)


def test_a_video_file_is_the_same_in_a_store_and_in_shards(tmp_path: Path) -> None:
    root = folder_tree(tmp_path / "set", videos=())
    with av.open(str(root / "walk.v2.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10, width=32, height=24, pix_fmt="yuv420p")
        for index in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(stripes(index)[0])))
        container.mux(stream.encode())
    write_image(root / "masks" / "00000002.png", stripes(2)[1])
    expected = everything(open_dataset(root, "folder", "all"))
    assert len(expected) == 5
    assert sum(row[-1] is not None for row in expected) == 1
    pack(root, "folder", tmp_path / "shards")
    for address in (upload(root, "memory://set"), tmp_path / "shards"):
        assert everything(open_dataset(address, "folder", "all")) == expected


def test_hidden_and_empty_files_are_treated_as_in_a_folder(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "set")
    (root / "data" / "video_a" / "origin" / ".hidden.jpg").write_bytes(b"x")
    (root / "data" / "video_a" / "mask" / "00000101.png").write_bytes(b"")
    reports = [examine(address, "camvid") for address in (root, upload(root, "memory://set"))]
    lines = [
        [str(one).replace(report.root, "ROOT") for one in report.findings if "ROOT" not in one.what]
        for report in reports
    ]
    assert lines[0] == lines[1]
    assert any("00000101.png is empty (0 bytes)" in line for line in lines[0])


def test_a_tree_travels_to_other_processes(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "set")
    pack(root, "camvid", tmp_path / "shards")
    tree = open_tree(tmp_path / "shards")
    address = tree.address("data/video_a/mask/00000100.png")
    content = (root / "data/video_a/mask/00000100.png").read_bytes()
    assert pickle.loads(pickle.dumps(tree)).read(address) == content
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:  # as a worker of a DataLoader is made
        os.write(writer, tree.read(address))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 1 << 16) == content
    os.close(reader)
    os.close(writer)


def test_a_folder_is_read_without_fsspec(tmp_path: Path) -> None:
    assert open_tree(camvid_tree(tmp_path)) == LocalTree(str(tmp_path))
    assert open_tree(f"file://{tmp_path}") == LocalTree(str(tmp_path))


def damaged_shards(tmp_path: Path) -> Path:
    out = tmp_path / "shards"
    pack(camvid_tree(tmp_path / "set"), "camvid", out, shard_size=20_480)
    assert len(list(out.glob("train-*.tar"))) > 1
    return out


def findings(root: Path | str) -> list[str]:
    report = examine(root, "camvid")
    return [str(one) for one in report.findings if one.severity != "remark"]


def test_the_doctor_finds_damaged_shards_each_in_one_line(tmp_path: Path) -> None:
    out = damaged_shards(tmp_path)
    assert findings(out) == []
    shard = out / "train-000001.tar"
    whole = shard.read_bytes()

    shard.unlink()
    (line,) = findings(out)
    assert line.startswith(f"finding: {shard} is missing, and with it ")

    shard.write_bytes(whole[:1000])
    (line,) = findings(out)
    assert f"{shard} is truncated: it has 1000 of {len(whole)} bytes; do: copy it again" in line

    flipped = bytearray(whole)
    flipped[700] ^= 1
    shard.write_bytes(flipped)
    (line,) = findings(out)
    assert f"{shard} is altered: its sha256 is not the one in shards.json" in line

    shard.write_bytes(whole)
    index = json.loads((out / "shards.json").read_text())
    folder = index["folders"]["data/video_a/mask"]
    moved = next(name for name, (number, _, _) in folder.items() if index["shards"][number]["name"] == shard.name)
    folder[moved][1] += 512
    (out / "shards.json").write_text(json.dumps(index))
    (line,) = findings(out)
    assert f"{shard} does not match shards.json: at byte {folder[moved][1]} there is no member of " in line
    assert f"where data/video_a/mask/{moved} should be" in line


def test_a_damaged_shard_stops_reading_with_one_line(tmp_path: Path) -> None:
    out = damaged_shards(tmp_path)
    shard = out / "train-000000.tar"
    shard.write_bytes(shard.read_bytes()[:600])
    dataset = open_dataset(out, "camvid", "train")
    with pytest.raises(DataError, match=r"00000100.*ends too early"):
        everything(dataset)
    shard.unlink()
    with pytest.raises(DataError, match=r"which cannot be read .*train-000000.tar"):
        everything(dataset)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "no index of shards"),
        ('{"format": "vidseg-shards", "version": 2}', "version 2"),
        ('{"format": "vidseg-shards", "version": 1, "name": "x", "texts": {}, "shards": []}', "no 'folders'"),
        ("{", "no index of shards"),
    ],
)
def test_a_damaged_index_is_one_line(content: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "shards.json").write_text(content)
    with pytest.raises(DataError, match=reason) as caught:
        open_dataset(tmp_path, "camvid", "train")
    assert "\n" not in str(caught.value)
    (line,) = [str(one) for one in examine(tmp_path, "camvid").findings]
    assert line.startswith("unreadable: ")


def test_an_index_of_files_beyond_a_shard_is_refused(tmp_path: Path) -> None:
    out = damaged_shards(tmp_path)
    index = json.loads((out / "shards.json").read_text())
    next(iter(index["folders"]["data/video_a/mask"].values()))[2] = 10**9
    (out / "shards.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match=r"beyond the end of train-00000\d.tar"):
        open_tree(out)


def test_addresses_that_cannot_be_are_one_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        InputError, match=r"got nowhere://x, which is no address of a store .*; expected a path or s3://"
    ):
        open_dataset("nowhere://x", "camvid", "train")
    with pytest.raises(InputError, match="got s3:// without a bucket; expected s3://BUCKET/PATH"):
        open_dataset("s3://", "camvid", "train")
    with pytest.raises(DataError, match="got no folder memory://absent"):
        open_dataset("memory://absent", "camvid", "train")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(MissingExtraError, match=r"got s3://bucket/set, .*; do: pip install 'vidseg\[store\]'"):
        open_dataset("s3://bucket/set", "camvid", "train")


def test_secrets_of_an_address_are_not_told() -> None:
    with pytest.raises(InputError) as caught:
        open_dataset("nowhere://user:secret@host/x", "camvid", "train")
    assert "secret" not in str(caught.value)


def test_masks_of_colours_are_told_from_a_store_as_from_a_folder(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "set")
    for path in (root / "data").glob("*/mask/*.png"):
        write_image(path, np.zeros((24, 32, 3), np.uint8) + np.uint8(255))
    upload(root, "memory://set")
    told = [str(one) for one in examine("memory://set", "camvid").findings if "of type PNG RGB" in str(one)]
    assert len(told) == 2
    assert "with the original or a copy on this machine: vidseg masks memory://set/data NEW --binary" in told[0]
