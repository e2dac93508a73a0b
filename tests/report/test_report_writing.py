"""The file of a report: what it holds, how large it is, that data cannot become markup, and what is refused."""

import base64
import io
import json
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from moving_shapes import class_map, read_ids, shapes_predictions, shapes_tree
from report_entries import FLOW, scored
from vidseg.data import VideoDataset, open_dataset
from vidseg.errors import DataError, InputError, VidsegWarning
from vidseg.evaluate import PredictedLabels
from vidseg.report import Entry, ReportConfig, read_result, short_names, write_report
from vidseg.report import writing as writing_module


def opened(path: Path) -> tuple[dict[str, Any], list[bytes]]:
    """The contents and the clips of a report, as a browser finds them."""
    text = path.read_text(encoding="utf-8")
    scripts = re.findall(r'<script type="(?:application/json|text/plain)" id="[^"]+">(.*?)</script>', text, re.DOTALL)
    return json.loads(scripts[0]), [base64.b64decode(script) for script in scripts[1:]]


def labels_in(contents: dict[str, Any], clip: bytes, index: int, which: int | None) -> np.ndarray:
    about = contents["samples"]["clips"][index]
    offset, length = about["parts"]["target"] if which is None else about["parts"]["labels"][which]
    dtype = np.uint8 if contents["classes"]["none"] == 255 else np.dtype("<u2")
    values = np.frombuffer(zlib.decompress(clip[offset : offset + length]), dtype)
    return values.reshape(-1, about["height"], about["width"])


def test_a_report_holds_what_was_scored(
    entries: list[Entry], dataset: VideoDataset, shapes: Path, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    done = []
    size = write_report(
        path, entries, dataset, command="vidseg report", progress=lambda frames, total: done.append((frames, total))
    )
    assert size == path.stat().st_size
    assert done[-1] == (60, 60)
    contents, clips = opened(path)
    assert contents["title"] == "first and second on data"
    assert [model["protocols"] for model in contents["models"]] == [entry.result["protocols"] for entry in entries]
    dense = np.zeros((5, 5), int)
    for row, column, pixels in contents["models"][1]["confusion"]["exact"]:
        dense[row, column] = pixels
    assert dense.tolist() == entries[1].result["confusion"]["exact"]
    assert contents["made"]["command"] == "vidseg report"
    assert len(clips) == 3
    for index, about in enumerate(contents["samples"]["clips"]):
        name = about["name"]
        target, *predicted = (labels_in(contents, clips[index], index, which) for which in (None, 0, 1))
        for t, frame in enumerate(about["frames"]):
            np.testing.assert_array_equal(target[t], read_ids(shapes / "data/data" / name / "mask" / f"{frame}.png"))
            for which, folder in enumerate(("first", "second")):
                np.testing.assert_array_equal(predicted[which][t], read_ids(shapes / folder / name / f"{frame}.png"))
            offset, length = about["parts"]["images"][t]
            shown = np.array(Image.open(io.BytesIO(clips[index][offset : offset + length])), dtype=float)
            own = np.array(Image.open(shapes / "data/data" / name / "origin" / f"{frame}.jpg"), dtype=float)
            assert abs(shown - own).mean() < 12  # a noisy picture, compressed
        series = entries[1].result["per_frame"][name]
        np.testing.assert_allclose(about["iou"][1], series["mIoU"], atol=1e-5)
        assert about["consistency"][1][0] is None
        np.testing.assert_allclose(about["consistency"][1][1:], series["VC2"][1:], atol=1e-5)
        if FLOW is not None:
            assert contents["flows"] == [FLOW]
            assert about["temporal"][1][0] is None
            np.testing.assert_allclose(about["temporal"][1][1:], series["TC"][1:], atol=1e-5)


def test_results_without_temporal_consistency_are_shown_without_it(
    dataset: VideoDataset, shapes: Path, tmp_path: Path
) -> None:
    (entry,) = scored(dataset, [shapes / "first"], flow=None)
    earlier = {key: value for key, value in entry.result.items() if key != "temporal_consistency"}
    for result in (entry.result, earlier):
        write_report(tmp_path / "report.html", [replace(entry, result=result)], dataset)
        contents, _ = opened(tmp_path / "report.html")
        assert contents["flows"] == []
        assert contents["samples"]["clips"][0]["temporal"] == [[None] * 20]


def test_fewer_and_smaller(entries: list[Entry], dataset: VideoDataset, shapes: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, entries[:1], dataset, ReportConfig(videos=2, frames=7, lines=20))
    contents, clips = opened(path)
    assert len(clips) == 2
    about = contents["samples"]["clips"][0]
    assert (about["height"], about["width"], len(about["frames"]), about["total"]) == (20, 27, 7, 20)
    start = about["start"]
    assert about["frames"][0] == f"{start:08d}"
    shown = labels_in(contents, clips[0], 0, 0)[3]
    own = read_ids(shapes / "first" / about["name"] / f"{start + 3:08d}.png")
    rows, columns = ((np.arange(n) + 0.5) * full / n for n, full in zip((20, 27), (48, 64), strict=True))
    np.testing.assert_array_equal(shown, own[rows.astype(int)][:, columns.astype(int)])


def test_the_size_is_kept(
    entries: list[Entry], dataset: VideoDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    whole = write_report(path, entries, dataset)
    bare = write_report(path, entries, dataset, ReportConfig(frames=1, videos=1))
    monkeypatch.setattr(writing_module, "MAX_BYTES", whole - (whole - bare) // 10)
    assert write_report(path, entries, dataset) <= writing_module.MAX_BYTES  # by plainer pictures
    assert all(len(clip["frames"]) == 20 for clip in opened(path)[0]["samples"]["clips"])
    monkeypatch.setattr(writing_module, "MAX_BYTES", bare + (whole - bare) // 4)
    with pytest.warns(VidsegWarning, match="shorter parts of videos than 90 frames"):
        assert write_report(path, entries, dataset) <= writing_module.MAX_BYTES
    assert all(len(clip["frames"]) < 20 for clip in opened(path)[0]["samples"]["clips"])


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_data_cannot_become_markup(entries: list[Entry], dataset: VideoDataset, tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;{{script}}"
    plain, marked = tmp_path / "plain.html", tmp_path / "marked.html"
    write_report(plain, entries[:1], dataset)
    data = {**entries[0].result["data"], "name": evil}
    write_report(
        marked, [replace(entries[0], name=evil, result={**entries[0].result, "data": data})], dataset, command=evil
    )
    found = []
    for path in (plain, marked):
        parser = _Tags()
        parser.feed(path.read_text(encoding="utf-8"))
        found.append([tag for tag, _ in parser.tags])
    assert found[0] == found[1]
    contents, _ = opened(marked)
    assert contents["models"][0]["name"] == contents["made"]["command"] == evil


def test_the_file_needs_nothing_else(entries: list[Entry], dataset: VideoDataset, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, entries, dataset)
    parser = _Tags()
    parser.feed(path.read_text(encoding="utf-8"))
    assert not [tag for tag, attributes in parser.tags if "src" in attributes or tag == "link"]
    (policy,) = (a["content"] for _, a in parser.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src blob: data:;")
    assert "unsafe" not in policy


def test_more_than_255_classes(tmp_path: Path) -> None:
    shape = {"num_classes": 300, "videos": 1, "frames": 3, "size": (24, 32)}
    wide = open_dataset(shapes_tree(tmp_path / "data", **shape), "camvid", "val")
    masks = shapes_predictions(tmp_path / "masks", **shape, seed=1)
    write_report(tmp_path / "report.html", scored(wide, [masks], windows=(2,)), wide)
    contents, clips = opened(tmp_path / "report.html")
    assert contents["classes"]["none"] == 65535
    np.testing.assert_array_equal(
        labels_in(contents, clips[0], 0, None)[2], read_ids(tmp_path / "data/data/video_00/mask/00000002.png")
    )
    assert class_map(300).ignore == 65535


def test_masks_that_changed_are_refused(entries: list[Entry], dataset: VideoDataset, tmp_path: Path) -> None:
    swapped = replace(entries[0], maps=entries[1].maps)
    with pytest.raises(DataError, match="is not the one that was scored"):
        write_report(tmp_path / "report.html", [swapped], dataset)
    assert not list(tmp_path.iterdir())


def test_masks_may_lack_frames_without_ground_truth(
    entries: list[Entry], dataset: VideoDataset, tmp_path: Path
) -> None:
    class Sparse(PredictedLabels):
        def labels(self, video, stop):  # type: ignore[no-untyped-def]
            for t, labels in enumerate(super().labels(video, stop)):
                yield None if t == 1 else labels

    path = tmp_path / "report.html"
    write_report(path, [replace(entries[0], maps=Sparse(entries[0].maps._directory))], dataset)
    contents, clips = opened(path)
    shown = labels_in(contents, clips[0], 0, 0)
    assert (shown[1] == 255).all()
    assert (shown[0] < 5).all()


def test_results_of_different_data_are_refused(entries: list[Entry], dataset: VideoDataset, tmp_path: Path) -> None:
    first, second = entries
    for field, value, said in (
        ("data", {**second.result["data"], "split": "train"}, "different splits: val of first, train of second"),
        ("windows", [8], r"different windows: \[4\] of first, \[8\] of second"),
        ("per_frame", {}, "different numbers of videos: 3 of first, 0 of second"),
    ):
        other = replace(second, result={**second.result, field: value})
        with pytest.raises(InputError, match=said):
            write_report(tmp_path / "report.html", [first, other], dataset)
    with pytest.raises(InputError, match="two results of one name"):
        write_report(tmp_path / "report.html", [first, first], dataset)
    with pytest.raises(InputError, match="got no result"):
        write_report(tmp_path / "report.html", [], dataset)
    shorter = replace(dataset, videos=tuple(replace(v, frames=v.frames[:5]) for v in dataset.videos))
    with pytest.raises(DataError, match="got 5 frames of video video_00"):
        write_report(tmp_path / "report.html", [first], shorter)


@pytest.mark.parametrize("field", ["videos", "frames", "lines"])
def test_nothing_to_show_is_refused(field: str) -> None:
    with pytest.raises(InputError, match=f"got 0 {field} for a report"):
        ReportConfig(**{field: 0})


def test_results_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for text, said in (("{", "no readable result"), ("[]", "is no result"), ('{"data": 1}', "without windows")):
        path.write_text(text)
        with pytest.raises(InputError, match=said):
            read_result(path)
    with pytest.raises(InputError, match="no readable result"):
        read_result(tmp_path / "absent.json")


def test_names() -> None:
    masks, model, unnamed = {"predictions": "masks"}, {"model": {"name": "runs/x/best"}}, {"model": {"name": None}}
    assert short_names([masks, model, unnamed], ["a", "b", "c"]) == ["masks", "best", "c"]
    assert short_names([masks, masks, model], ["a", "b", "c"]) == ["a", "b", "best"]
    assert short_names([masks, masks], ["a", "a"]) == ["a #1", "a #2"]
