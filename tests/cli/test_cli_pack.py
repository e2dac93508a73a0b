"""``vidseg pack``, and the commands that take a data set's folder given a store or shards instead: equal results."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import tiny
from stores import emptied_memory, local_s3, upload
from trees import camvid_tree
from vidseg.checkpoints import save_checkpoint
from vidseg.types import ClassMap

TRAIN = (
    *("--recipe", "segformer_b0_camvid", "--model.num_classes", "3", "--data.clips.frames", "target"),
    *("--model.encoder.widths", "[8,16,24,32]", "--model.encoder.depths", "[1,1,1,1]"),
    *("--model.encoder.heads", "[1,2,3,4]", "--model.head_channels", "16", "--initial_weights", "null"),
    *("--augmentation.crop_size", "[32,32]", "--augmentation.base_size", "[48,32]"),
    *("--preprocessing.short", "32", "--preprocessing.long", "48"),
    *("--runtime.device", "cpu", "--output.tensorboard", "false", "--schedule.iterations", "2"),
)


@pytest.fixture(autouse=True)
def _memory() -> Iterator[None]:
    with emptied_memory():
        yield


@pytest.fixture
def model(tmp_path: Path) -> Path:
    tiny_model = tiny.segformer(num_classes=3)
    classes = ClassMap(names=("red", "green", "blue"), palette=((1, 1, 1), (2, 2, 2), (3, 3, 3)), ignore=255)
    save_checkpoint(tmp_path / "model", tiny_model, class_map=classes, preprocessing=tiny_model.preprocessing)
    return tmp_path / "model"


def weights(run, root: object, folder: Path, *, workers: int) -> bytes:
    words = ("--data.root", root, "--output.folder", folder, "--runtime.workers", workers)
    code, _, err = run("train", *TRAIN, *words)
    assert code == 0, err
    return (folder / "last" / "model.safetensors").read_bytes()


def scores(run, root: object, model: Path, file: Path) -> dict:
    code, _, err = run(
        "evaluate", "--data", root, "--layout", "camvid", "--model", model, "--tc", "none", "--json", file
    )
    assert code == 0, err
    result = json.loads(file.read_text())
    different = ("command", "date", "seconds", "frames_per_second")
    return {name: value for name, value in result.items() if name not in different}


def compared(run, addresses: list[object], root: Path, model: Path, tmp_path: Path, *, workers: int) -> None:
    """Training, scores and the doctor's report of every address are the folder's."""
    trained = weights(run, root, tmp_path / "run", workers=0)
    scored = scores(run, root, model, tmp_path / "scores.json")
    _, examined, _ = run("doctor", root, "--layout", "camvid")
    for number, address in enumerate(addresses):
        assert weights(run, address, tmp_path / f"run{number}", workers=workers) == trained
        assert scores(run, address, model, tmp_path / f"scores{number}.json") == scored
        code, out, _ = run("doctor", address, "--layout", "camvid")
        assert (code, out) == (0, examined)


def test_memory_and_shards_train_and_score_as_the_folder_does(run, model: Path, tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "set")
    code, out, err = run("pack", root, "--layout", "camvid", "-o", tmp_path / "shards", "--shard-size", "20480B")
    assert (code, err) == (0, "")
    first, *splits, last = out.splitlines()
    assert first.startswith(f"{tmp_path}/shards: 72 files in ")
    assert splits == ["train: 2 video(s), 24 frame(s)", "val: 1 video(s), 12 frame(s)"]
    assert last == f"next: vidseg doctor {tmp_path}/shards --layout camvid"
    addresses = [
        upload(root, "memory://bucket/set"),
        tmp_path / "shards",
        upload(tmp_path / "shards", "memory://shards"),
    ]
    compared(run, addresses, root, model, tmp_path, workers=0)


def test_a_local_s3_trains_and_scores_as_the_folder_does(
    run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = camvid_tree(tmp_path / "set")
    with local_s3(monkeypatch):
        address = upload(root, "s3://bucket/sets/set")
        code, out, err = run(
            *("pack", address, "--layout", "camvid", "-o", "s3://bucket/shards", "--shard-size", "20KB", "--json"),
            tmp_path / "packed.json",
        )
        assert (code, err) == (0, "")
        assert out.startswith("s3://bucket/shards: 72 files in ")
        assert json.loads((tmp_path / "packed.json").read_text())["frames"] == {"train": 24, "val": 12}
        # A worker process must not use the connections of its parent.
        compared(run, [address, "s3://bucket/shards"], root, model, tmp_path, workers=1)
        for wrong, told in (
            ("s3://absent/set", "got s3://absent/set, which cannot be read"),
            ("s3://bucket/no", "got no"),
        ):
            code, _, err = run("evaluate", "--data", wrong, "--layout", "camvid", "--model", model)
            assert (code, err.count("\n")) == (2, 1)
            assert told in err


def test_no_credentials_are_one_line(run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with local_s3(monkeypatch):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        code, _, err = run("evaluate", "--data", "s3://bucket/set", "--layout", "camvid", "--model", model)
        assert (code, err.count("\n")) == (2, 1)
        assert "got s3://bucket/set, which cannot be read" in err
        assert "credentials" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--layout", "coco"), "got layout 'coco'"),
        (("--layout", "camvid", "--shard-size", "big"), "got --shard-size 'big'"),
        (("--layout", "camvid", "--split", "test"), "got no readable list"),
        (("--layout", "kitti-step"), "holds no split of a kitti-step data set"),
    ],
)
def test_what_cannot_be_packed_is_one_line(run, words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "set")
    code, out, err = run("pack", root, "-o", tmp_path / "shards", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err
    assert not (tmp_path / "shards").exists()
