"""``vidseg corpus`` in one process: inputs, outputs, the table, resuming, failures, stores."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from corpora import contents, pictures, records, write_video, write_videos
from vidseg.files import locked

pa = pytest.importorskip("pyarrow")
dataset = pytest.importorskip("pyarrow.dataset")
parquet = pytest.importorskip("pyarrow.parquet")

Run = Callable[..., tuple[int, str, str]]


def test_outputs_are_those_of_segment_and_the_table_has_a_row_a_frame(
    corpus, run: Run, tiny_model: Path, tmp_path: Path
) -> None:
    videos = write_videos(tmp_path / "in", 3)
    code, summary, err = corpus("--write", "masks,mp4")
    assert (code, summary["done"], summary["frames"], summary["left"]) == (0, 3, 12, 0)
    assert "3 videos: 3 done; 12 frames in " in err
    for video in videos:
        name = video.relative_to(tmp_path / "in").with_suffix("").as_posix()
        run("segment", video, "-o", tmp_path / "m", "-o", tmp_path / "o.mp4", "--model", tiny_model)
        assert contents(tmp_path / "out/masks" / name) == contents(tmp_path / "m")
        assert pictures(tmp_path / f"out/mp4/{name}.mp4") == pictures(tmp_path / "o.mp4")
    table = dataset.dataset(tmp_path / "out/frames", partitioning="hive").to_table().sort_by("video")
    rows = table.to_pylist()
    assert [row["frame"] for row in rows] == [0, 1, 2, 3] * 3
    assert {(row["model"], row["folder"]) for row in rows} == {("tiny", "even"), ("tiny", "-")}
    assert all(row["error"] is None and row["video"].endswith(".mp4") for row in rows)
    shares = np.array([[row[f"share_class_{k}"] for k in range(5)] for row in rows])
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    mask = np.asarray(Image.open(tmp_path / "out/masks/even/v00/00000002.png"))
    of_v00 = [row for row in rows if "v00" in row["video"]]
    assert of_v00[2]["time"] == pytest.approx(2 / 15, abs=1e-4)
    assert of_v00[2]["share_class_1"] == pytest.approx((mask == 1).mean(), abs=1e-6)


def test_given_again_it_does_what_is_missing_or_changed_and_says_why(corpus, tmp_path: Path) -> None:
    videos = write_videos(tmp_path / "in", 4)
    corpus()
    before = contents(tmp_path / "out")
    code, summary, err = corpus()
    assert (code, summary["skipped"], summary["frames"]) == (0, 4, 0)
    assert contents(tmp_path / "out") == before
    (tmp_path / "out/masks/v01/00000001.png").unlink()
    (tmp_path / "out/frames/model=tiny/folder=even/v02.parquet").unlink()
    os.utime(videos[3], ns=(0, 0))
    code, summary, err = corpus()
    assert (code, summary["skipped"], summary["done"]) == (0, 1, 3)
    for reason in ("masks/v01 is not as it was written", "v02.parquet is gone", "source is another or was changed"):
        assert err.count(reason) == 1
    masks = {name: content for name, content in contents(tmp_path / "out").items() if name.startswith("masks")}
    assert masks.items() <= before.items()
    _, summary, err = corpus("--policy", "none")
    assert (summary["done"], err.count("--policy is none and was auto")) == (4, 4)
    _, summary, err = corpus("--policy", "none", "--write", "masks,npz")
    assert (summary["done"], err.count(".npz was not among its outputs")) == (4, 4)
    assert corpus("--policy", "none", "--write", "table")[1]["skipped"] == 4


def test_a_video_that_fails_is_recorded_with_its_reason_and_tried_again(corpus, tmp_path: Path) -> None:
    videos = write_videos(tmp_path / "in", 3)
    whole = videos[1].read_bytes()
    videos[1].write_bytes(b"no video")
    code, summary, err = corpus()
    assert (code, summary["done"], summary["failed"]) == (1, 2, 1)
    assert f"error: {videos[1]}: got " in err
    record = records(tmp_path / "out")["v01"]
    assert (record["status"], record["frames"], record["retries"]) == ("failed", 0, 0)
    (row,) = parquet.read_table(tmp_path / "out/frames/model=tiny/folder=-/v01.parquet").to_pylist()
    assert (row["frame"], row["error"]) == (None, record["error"])
    videos[1].write_bytes(whole)
    code, summary, err = corpus()
    assert (code, summary["done"], summary["skipped"]) == (0, 1, 2)
    assert "segmented anew: it failed before" in err
    assert records(tmp_path / "out")["v01"]["status"] == "done"


def test_nothing_done_at_all_is_exit_code_2(corpus, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.mp4").write_bytes(b"")
    assert corpus()[0] == 2


def test_a_bug_fails_one_video_and_is_seen(corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_videos(tmp_path / "in", 2)
    from vidseg.corpus import worker

    read = worker.read_isolated

    def read_or_fail(path: Path, **options: object):
        if path.name == "v01.mp4":
            raise LookupError("a bug")
        return read(path, **options)

    monkeypatch.setattr(worker, "read_isolated", read_or_fail)
    code, summary, err = corpus()
    assert (code, summary["done"], summary["failed"]) == (1, 1, 1)
    assert "raise LookupError" in err
    assert records(tmp_path / "out")["v01"]["error"] == "LookupError: a bug"


def test_lists_patterns_and_columns_name_the_same_videos(corpus, tmp_path: Path) -> None:
    videos = write_videos(tmp_path / "in", 2)
    (tmp_path / "list.txt").write_text("# two\n" + "\n".join(map(str, videos)) + f"\n\n{tmp_path}/in/gone.mp4\n")
    parquet.write_table(pa.table({"n": [1, 2], "address": list(map(str, videos))}), tmp_path / "list.parquet")
    code, summary, _ = corpus(inputs=(tmp_path / "list.txt",))
    assert (code, summary["done"], summary["failed"]) == (1, 2, 1)  # what does not exist is one failure
    assert sorted(records(tmp_path / "out")) == ["even/v00", "gone", "v01"]
    for inputs in ((tmp_path / "list.parquet",), (tmp_path / "in/**/v*.mp4",), (tmp_path / "in", *videos)):
        assert corpus(inputs=inputs)[1].items() >= {"videos": 2, "skipped": 2}.items()


def test_folders_of_images_are_videos(corpus, tmp_path: Path) -> None:
    for name in ("a", "a/b"):
        (tmp_path / "in" / name).mkdir(parents=True)
        for frame in tiny.video(3):
            Image.fromarray(frame.image).save(tmp_path / "in" / name / f"{frame.index}.png")
    code, summary, _ = corpus("--fps", 10, "--write", "masks,mp4")
    assert (code, summary["done"]) == (0, 2)
    first, second = sorted(records(tmp_path / "out"), key=lambda name: "/" in name)
    assert first.startswith("a-")  # it must not lie in the other's folder
    assert second == "a/b"
    assert len(list((tmp_path / "out/masks" / first).iterdir())) == 3
    assert corpus("--fps", 10, "--write", "masks,mp4")[1]["skipped"] == 2


def test_names_that_end_like_other_outputs_are_masks_all_the_same(corpus, tmp_path: Path) -> None:
    names = ("WhatsApp 12.30.15", "clip.mp4", "2024.05.01", "labels.csv")
    for name in names:
        write_video(tmp_path / f"{name}.mp4", tiny.video(1)).rename(_folder(tmp_path / "in") / f"{name}.mkv")
    code, summary, _ = corpus("--write", "masks,mp4,npz")
    assert (code, summary["done"]) == (0, len(names))
    for name in names:
        assert sorted(path.name for path in (tmp_path / "out/masks" / name).iterdir()) == ["00000000.png"]
        assert len(pictures(tmp_path / f"out/mp4/{name}.mp4")) == 1
        assert (tmp_path / f"out/npz/{name}.npz").is_file()


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def test_a_video_keeps_its_name_when_another_of_that_name_comes(corpus, tmp_path: Path) -> None:
    write_video(tmp_path / "one/x.mp4", tiny.video(2))
    write_video(tmp_path / "two/x.mp4", tiny.video(2, seed=1))
    corpus(inputs=(tmp_path / "one",))
    code, summary, _ = corpus(inputs=(tmp_path / "one", tmp_path / "two"))
    assert (code, summary["skipped"], summary["done"]) == (0, 1, 1)
    assert sorted(name.split("-")[0] for name in records(tmp_path / "out")) == ["x", "x"]
    assert len(list((tmp_path / "out/masks").iterdir())) == 2


def test_outputs_within_the_inputs_are_no_inputs(corpus, tmp_path: Path) -> None:
    write_videos(tmp_path / "in", 1)
    for expected in ("done", "skipped"):
        _, summary, _ = corpus("--write", "mp4", out=tmp_path / "in/labels")
        assert summary.items() >= {"videos": 1, expected: 1}.items()


def _scenes(lengths: tuple[int, ...]) -> list:
    """Scenes of black, white, black, …, with some noise."""
    frames = [frame for n, length in enumerate(lengths) for frame in _scene(n, length)]
    return [replace(frame, index=n, time=n / 15, name=f"{n:08d}") for n, frame in enumerate(frames)]


def _scene(number: int, length: int) -> list:
    return [
        replace(frame, image=(frame.image // 4 + (number % 2) * 190).astype(np.uint8))
        for frame in tiny.video(length, 64, 64, seed=number)
    ]


def test_parts_between_cuts_are_what_a_stream_that_forgets_at_cuts_gives(corpus, tmp_path: Path) -> None:
    write_video(tmp_path / "in/long.mp4", _scenes((6, 5, 2, 7)))
    write_video(tmp_path / "in/short.mp4", tiny.video(3, 64, 64))
    corpus("--reset-on-cut", out=tmp_path / "whole")
    code, summary, _ = corpus("--reset-on-cut", "--split-at-cuts", 0.3)
    assert (code, summary["done"], summary["frames"]) == (0, 2, 23)
    parts = sorted(path.name for path in (tmp_path / "out/masks").iterdir())
    assert parts == ["long-part000", "long-part001", "long-part002", "short"]
    expected = contents(tmp_path / "whole/masks/long")
    assert {
        key: value for part in parts[:3] for key, value in contents(tmp_path / "out/masks" / part).items()
    } == expected
    table = dataset.dataset(tmp_path / "out/frames", partitioning="hive").to_table().to_pylist()
    of_long = sorted((row["frame"], row["part"]) for row in table if "long" in row["video"])
    assert of_long == [(n, 0 if n < 6 else 1 if n < 11 else 2) for n in range(20)]
    assert corpus("--reset-on-cut", "--split-at-cuts", 0.3)[1].items() >= {"skipped": 2, "frames": 0}.items()
    shutil.rmtree(tmp_path / "out/masks/long-part001")
    assert corpus("--reset-on-cut", "--split-at-cuts", 0.3)[1].items() >= {"done": 1, "frames": 5}.items()
    # Whole again: no part is left, and no frame is twice in the table.
    code, summary, _ = corpus("--reset-on-cut")
    assert (code, summary["done"]) == (0, 2)
    assert contents(tmp_path / "out/masks") == contents(tmp_path / "whole/masks")
    table = dataset.dataset(tmp_path / "out/frames", partitioning="hive").to_table().to_pylist()
    assert sorted(row["frame"] for row in table if "long" in row["video"]) == list(range(20))


def test_temporal_consistency_is_told_of_each_frame_and_video(
    corpus, run: Run, tiny_model: Path, tmp_path: Path
) -> None:
    pytest.importorskip("cv2")
    (video,) = write_videos(tmp_path / "in", 1)
    corpus("--tc", "dis", "--write", "table")
    run("segment", video, "-o", tmp_path / "m", "--model", tiny_model, "--json", tmp_path / "r.json", "--tc", "dis")
    expected = json.loads((tmp_path / "r.json").read_text())["videos"][0]["temporal_consistency"]
    assert records(tmp_path / "out")["even/v00"]["temporal_consistency"] == {"flow": "dis", **expected["TC"]}
    agreements = dataset.dataset(tmp_path / "out/frames").to_table()["tc_agreement"].to_pylist()
    assert agreements[0] is None
    assert min(agreements[1:]) == pytest.approx(min(one["agreement"] for one in expected["lowest"]), abs=1e-6)


def test_what_is_not_installed_is_named_and_without_ray_one_process_works(
    corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_videos(tmp_path / "in", 1, frames=1)
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, err = corpus("--ray", "local")
    assert (code, "got no package 'ray'" in err, "pip install 'vidseg[ray]'" in err) == (2, True, True)
    assert corpus()[0] == 0
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, _, err = corpus()
    assert (code, "pip install 'vidseg[corpus]'" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--write", "png"), "got --write 'png'; expected some of masks, mp4, npz, table"),
        (("--workers", 2), "without --ray; expected both"),
        (("--retries", 1), "without --ray; expected both"),
        (("--legend",), "without an overlay; expected an .mp4 output; add --write mp4"),
        (("--threads", 0), "got --threads 0; expected 1 or more"),
        (("--policy", "seconds:x"), "got policy 'seconds:x'"),
        (("--fps", 0), "got --fps 0.0; expected frames per second"),
        (("--every", 0), "got --every 0; expected 1 or more"),
        (("--size", 0), "got --size 0; expected 1 or more"),
        (("--split-at-cuts", -1), "got --split-at-cuts -1.0; expected seconds, more than 0"),
        (("--ray", "local", "--device", "cuda:1"), "which deals out GPUs"),
        (("--precision", "int8"), "got precision int8 without the export that vouches for it"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(corpus, tmp_path: Path, words: tuple[object, ...], message: str) -> None:
    write_videos(tmp_path / "in", 1, frames=1)
    code, summary, err = corpus(*words)
    assert (code, summary) == (2, None)
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out/masks").exists()
    assert not list((tmp_path / "out").glob("_manifest/*.jsonl"))


def test_inputs_that_hold_no_video_or_are_in_no_known_store(corpus, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert "which holds no video" in corpus()[2]
    assert "gone, which does not exist" in corpus(inputs=(tmp_path / "gone",))[2]
    assert "which is no address of a store" in corpus(inputs=("what://ever",))[2]
    (tmp_path / "t.parquet").write_bytes(b"x")
    assert "which is no Parquet file" in corpus(inputs=(tmp_path / "t.parquet",))[2]
    parquet.write_table(pa.table({"a": ["x"], "b": ["y"]}), tmp_path / "t.parquet")
    assert "without a column 'uri' of texts; expected one of a, b" in corpus(inputs=(tmp_path / "t.parquet",))[2]


def test_two_runs_do_not_write_to_one_folder_at_once(corpus, tmp_path: Path) -> None:
    write_videos(tmp_path / "in", 1)
    with locked(tmp_path / "out/_manifest/lock") as is_ours:
        assert is_ours
        code, _, err = corpus()
    assert code == 2
    assert "to which another vidseg corpus is writing" in err
    assert corpus()[0] == 0


def test_a_damaged_manifest_is_named(corpus, tmp_path: Path) -> None:
    write_videos(tmp_path / "in", 1)
    corpus()
    (file,) = (tmp_path / "out/_manifest").glob("*.jsonl")
    file.write_text("{}\n")
    code, _, err = corpus()
    assert code == 2
    assert f"got manifest {file}, whose line 1 cannot be read" in err
