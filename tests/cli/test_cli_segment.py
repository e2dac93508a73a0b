"""``vidseg segment``: every kind of output, several inputs, and what must be refused."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from containers import VideoTrack, interlaced, write_tracks
from interrupts import obey_interrupts
from vidseg.checkpoints import load
from vidseg.cli.segment import output_paths
from vidseg.cli.segmenting import class_ids
from vidseg.errors import InputError
from vidseg.stream import JobReport, Segmenter
from vidseg.types import ClassMap, Frame
from vidseg.video import OverlayWriter, VideoInfo, read_labels, read_video


def _labels(model: Path, source: Path, **options) -> list[np.ndarray]:
    with read_video(source, **options) as reader:
        return [segmentation.labels for segmentation in Segmenter(load(model)).segment(reader)]


def test_all_outputs_at_once(run, tiny_model: Path, images: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("overlay.mp4", "masks", "labels.npz", "shares.csv")]
    words = [word for output in outputs for word in ("-o", output)]
    report = tmp_path / "report.json"
    code, out, err = run("segment", images, *words, "--model", tiny_model, "--fps", 10, "--json", report)
    assert (code, out) == (0, "")
    assert "11 frames" in err
    expected = _labels(tiny_model, images)
    with read_video(outputs[0]) as overlay:
        assert overlay.info.fps == 10
        shapes = {frame.image.shape for frame in overlay}
    assert shapes == {(42, 58, 3)}
    masks = sorted(outputs[1].iterdir())
    assert [mask.name for mask in masks] == [f"{index:03d}.png" for index in range(11)]
    assert all((read_labels(mask) == labels).all() for mask, labels in zip(masks, expected, strict=True))
    with np.load(outputs[2]) as arrays:
        assert (arrays["labels"] == np.stack(expected)).all()
    with outputs[3].open() as shares:
        rows = list(csv.reader(shares))
    assert len(rows) == 12
    assert sum(map(float, rows[1][2:])) == pytest.approx(1, abs=1e-5)
    (video,) = json.loads(report.read_text())["videos"]
    assert (video["frames"], video["problems"]) == (11, [])


def test_start_end_and_every(run, tiny_model: Path, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks"
    selection = ("--fps", 10, "--start", 0.2, "--end", 0.9, "--every", 2)
    assert run("segment", images, "-o", out, "--model", tiny_model, *selection)[0] == 0
    assert sorted(mask.stem for mask in out.iterdir()) == ["002", "004", "006", "008"]


def test_several_inputs_get_places_of_their_own(run, tiny_model: Path, images: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(other / "a.png")
    out = tmp_path / "out"
    assert run("segment", images, other, "-o", out, "--model", tiny_model)[0] == 0
    assert len(list((out / "walk").iterdir())) == 11
    assert [mask.name for mask in (out / "other").iterdir()] == ["a.png"]


def test_one_bad_input_does_not_stop_the_others(run, tiny_model: Path, images: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    code, _, err = run("segment", broken, images, "-o", tmp_path / "out", "--model", tiny_model)
    assert code == 1
    assert err.count("error") == 1
    assert len(list((tmp_path / "out" / "walk").iterdir())) == 11
    assert not (tmp_path / "out" / "broken").exists()


def test_neither_missing_inputs_nor_changes_of_size_stop_the_others(
    run, tiny_model: Path, images: Path, tmp_path: Path
) -> None:
    mixed = _mixed(tmp_path / "mixed", [(30, 40), (40, 30)])
    words = ["segment", mixed, tmp_path / "gone.mp4", images, "-o", tmp_path / "out", "--json", tmp_path / "r.json"]
    code, _, err = run(*words, "--model", tiny_model)
    assert (code, err.count("error"), err.count("changes its size")) == (1, 1, 1)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["mixed", "walk"]
    rows = json.loads((tmp_path / "r.json").read_text())["videos"]
    assert ["error" in row for row in rows] == [False, True, False]


def test_credentials_are_shown_nowhere(run, tiny_model: Path, tmp_path: Path) -> None:
    source, report = "http://me:secret@127.0.0.1:9/a?token=hidden", tmp_path / "r.json"
    code, _, err = run("segment", source, "-o", tmp_path / "o.mp4", "--model", tiny_model, "--json", report)
    clash, _, clash_err = run("segment", source, f"{source}2", "-o", tmp_path / "{name}.mp4", "--model", tiny_model)
    mistyped, _, mistyped_err = run("segment", source, "-o", "o.mp4", "--modle", source, "--model", tiny_model)
    assert (code, clash, mistyped) == (2, 2, 2)
    for text in (err, clash_err, mistyped_err, report.read_text()):
        assert "127.0.0.1" in text or text is mistyped_err
        assert "secret" not in text
        assert "hidden" not in text


def test_an_interrupted_live_source_is_reported_like_any_other(
    run, tiny_model: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = JobReport(source="camera 0", frames=7, seconds=1.0, problems=(), stopped_by=KeyboardInterrupt())
    monkeypatch.setattr("vidseg.stream.segment_to_files", lambda *_, **__: done)
    words = ["segment", images, images / "000.png", "-o", tmp_path / "m", "--json", tmp_path / "r.json"]
    code, _, err = run(*words, "--model", tiny_model)
    assert code == 130
    assert err.splitlines()[-1] == "vidseg: interrupted; the outputs are complete, 1 of 2 inputs were left out"
    (row,) = json.loads((tmp_path / "r.json").read_text())["videos"]
    assert (row["source"], row["frames"]) == ("camera 0", 7)


def test_a_bad_input_alone_is_exit_code_2_and_leaves_nothing(run, tiny_model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    code, _, err = run("segment", broken, "-o", tmp_path / "o.mp4", "-o", tmp_path / "m", "--model", tiny_model)
    assert (code, err.count("\n")) == (2, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["broken.mp4"]


def test_a_wrong_device_is_said_once(run, tiny_model: Path, images: Path, tmp_path: Path) -> None:
    inputs = (images, images.with_name("others"))
    code, _, err = run("segment", *inputs, "-o", tmp_path / "{name}", "--model", tiny_model, "--device", "toaster")
    assert (code, err.count("got device 'toaster'"), err.count("\n")) == (2, 1, 1)


def _mixed(folder: Path, sizes: list[tuple[int, int]]) -> Path:
    folder.mkdir()
    for index, size in enumerate(sizes):
        Image.fromarray(np.zeros((*size, 3), np.uint8)).save(folder / f"{index}.png")
    return folder


def test_frames_before_a_change_of_size_are_kept(run, tiny_model: Path, tmp_path: Path) -> None:
    folder = _mixed(tmp_path / "mixed", [(30, 40), (30, 40), (40, 30)])
    outputs = [tmp_path / name for name in ("masks", "o.mp4", "labels.npz", "shares.csv")]
    words = [word for output in outputs for word in ("-o", output)]
    code, _, err = run("segment", folder, *words, "--fps", 10, "--model", tiny_model)
    assert code == 1
    assert "from 40x30 to 30x40 at frame 2; only the 2 frames before it were taken; do: " in err
    assert "--on-size-change restart" in err
    assert sorted(mask.name for mask in outputs[0].iterdir()) == ["0.png", "1.png"]
    with read_video(outputs[1]) as overlay, np.load(outputs[2]) as arrays:
        assert len(list(overlay)) == len(arrays["labels"]) == 2


def test_after_a_change_of_size_it_can_go_on(run, tiny_model: Path, tmp_path: Path) -> None:
    folder = _mixed(tmp_path / "mixed", [(30, 40), (40, 30), (40, 30), (30, 40)])
    words = ("segment", folder, "--fps", 10, "--model", tiny_model, "--on-size-change", "restart")
    code, _, err = run(*words, "-o", tmp_path / "masks", "-o", tmp_path / "o.mp4", "--json", tmp_path / "r.json")
    assert (code, "3 runs of frames of one size" in err) == (0, True)
    sizes = [read_labels(tmp_path / "masks" / f"{index}.png").shape for index in range(4)]
    assert sizes == [(30, 40), (40, 30), (40, 30), (30, 40)]
    with read_video(tmp_path / "o.mp4") as overlay:
        assert [frame.size for frame in overlay] == [(30, 40)] * 4
    (row,) = json.loads((tmp_path / "r.json").read_text())["videos"]
    assert (len(row["remarks"]), row["problems"]) == (1, [])
    code, _, err = run(*words, "-o", tmp_path / "labels.npz")
    assert (code, "one size only" in err, err.count("\n")) == (2, True, 1)


def test_which_of_two_videos_was_taken_is_said(run, tiny_model: Path, tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "two.mkv", [VideoTrack(size=(32, 48)), VideoTrack(size=(48, 64))])
    words = ("segment", path, "--model", tiny_model)
    code, _, err = run(*words, "-o", tmp_path / "masks")
    assert (code, "stream 1 (h264 64x48, 0.320 s) was taken and not 0 (h264 48x32" in err) == (0, True)
    assert read_labels(tmp_path / "masks" / "00000000.png").shape == (48, 64)
    code, _, err = run(*words, "-o", tmp_path / "masks", "--stream", 0)
    assert (code, "was taken" in err) == (0, False)
    assert read_labels(tmp_path / "masks" / "00000000.png").shape == (32, 48)
    code, _, err = run(*words, "-o", tmp_path / "masks", "--stream", 2)
    assert (code, "expected one of its video streams: 0 (h264 48x32" in err, err.count("\n")) == (2, True, 1)


def test_interlaced_video_is_said_and_mended_on_request(run, tiny_model: Path, tmp_path: Path) -> None:
    path = interlaced(tmp_path / "i.mpg")
    code, _, err = run("segment", path, "--model", tiny_model, "-o", tmp_path / "masks")
    assert (code, err.count("i.mpg is interlaced"), err.count("--deinterlace")) == (0, 1, 1)
    code, _, err = run("segment", path, "--model", tiny_model, "-o", tmp_path / "o.mp4", "--deinterlace")
    assert (code, "is interlaced" in err) == (0, False)
    with read_video(tmp_path / "o.mp4") as overlay:
        assert [frame.time for frame in overlay] == pytest.approx([index / 25 for index in range(8)])


def test_an_animation_is_a_video_and_bombs_are_refused(run, tiny_model: Path, tmp_path: Path) -> None:
    first, *others = (Image.new("RGB", (40, 30), (level, 0, 0)) for level in (0, 100, 200))
    for name in ("a.webp", "b.webp"):
        first.save(tmp_path / name, save_all=True, append_images=others, duration=[40, 80, 120])
    words = ("segment", tmp_path / "a.webp", tmp_path / "b.webp", "--model", tiny_model)
    assert run(*words, "-o", tmp_path / "{name}.mp4")[0] == 0
    with read_video(tmp_path / "b.mp4") as overlay:
        assert [frame.time for frame in overlay] == pytest.approx([0, 0.04, 0.12])
    code, _, err = run(*words, "-o", tmp_path / "{name}", "--max-pixels", 1000)
    assert (code, err.count("40x30 pixels; expected at most 1,000 a frame"), err.count("\n")) == (
        2,
        2,
        4,
    )  # a line each, and two of summary
    assert run(*words, "-o", tmp_path / "{name}", "--max-pixels", 1200)[0] == 0
    code, _, err = run(*words, "-o", tmp_path / "{name}-m", "--max-file-pixels", 2_000_000)
    assert (code, err.count("of 3 frames of 40x30; expected at most 2 of this size in a file")) == (2, 2)


def test_every_failing_case_is_right(run, tiny_model: Path, cases: Path, tmp_path: Path) -> None:
    for name in ("thumbnail_track_first.mp4", "starts_at_5_seconds.mkv"):
        code, _, err = run("segment", cases / name, "--model", tiny_model, "-o", tmp_path / name[:6], "--size", 48)
        assert (code, "warning" in err, "cut off" in err) == (0, False, False)
        masks = sorted((tmp_path / name[:6]).iterdir())
        assert len(masks) == 12
        assert read_labels(masks[0]).shape == (136, 320)


def test_options_that_would_do_nothing_are_refused(run, tiny_model: Path, images: Path, tmp_path: Path) -> None:
    for words in (("--legend",), ("--opacity", 0.3), ("--classes", "class 1")):
        code, _, err = run("segment", images, "-o", tmp_path / "masks", "--model", tiny_model, *words)
        assert (code, ".mp4" in err) == (2, True)
    code, _, err = run("segment", images, "-o", tmp_path / "s.csv", "--model", tiny_model, "--confidence")
    assert (code, ".npz" in err) == (2, True)


def test_confidence_goes_beside_the_masks(run, tiny_model: Path, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks"
    assert run("segment", images, "-o", out, "--model", tiny_model, "--confidence")[0] == 0
    assert len(list(out.glob("*.png"))) == 11
    assert len(list((out / "confidence").glob("*.png"))) == 11


def test_places_are_worked_out_before_anything_runs(tmp_path: Path) -> None:
    assert output_paths(["a/x.mp4"], ["o.mp4", "{name}.csv"]) == [("a/x.mp4", ["o.mp4", "x.csv"])]
    assert output_paths(["a/x.mp4", "y"], ["m"]) == [("a/x.mp4", ["m/x"]), ("y", ["m/y"])]
    assert output_paths(["0"], ["{name}.mp4"]) == [("0", ["camera0.mp4"])]
    assert output_paths(["rtsp://u:p@host/1"], ["{name}.mp4"]) == [("rtsp://u:p@host/1", ["host.mp4"])]
    assert output_paths(["http://[bad"], ["{name}.mp4"]) == [("http://[bad", ["stream.mp4"])]
    assert output_paths(["a/*.png", "b/**/[0-9].png"], ["m"]) == [("a/*.png", ["m/a"]), ("b/**/[0-9].png", ["m/b"])]
    (tmp_path / "v1.2").mkdir()
    assert output_paths([f"{tmp_path}/v1.2/.."], ["{name}.csv"])[0][1] == [f"{tmp_path.name}.csv"]
    assert output_paths([str(tmp_path / "v1.2")], ["{name}.csv"])[0][1] == ["v1.2.csv"]
    with pytest.raises(InputError, match=r"o-\{name\}\.mp4"):
        output_paths(["x.mp4", "y.mp4"], ["o.mp4"])
    with pytest.raises(InputError, match="places of their own"):
        output_paths(["a/x.mp4", "b/x.mp4"], ["m"])
    with pytest.raises(InputError, match="quote the pattern"):
        output_paths(["f/1.png", "f/2.PNG"], ["m"])
    with pytest.raises(InputError, match="is the input"):
        output_paths(["x.mp4"], ["./x.mp4"])


def test_classes_are_named_or_numbered() -> None:
    class_map = ClassMap(names=("road", "sky"), palette=((0, 0, 0), (1, 1, 1)))
    assert class_ids("sky, 0", class_map) == {0, 1}
    assert class_ids(None, class_map) is None
    with pytest.raises(InputError, match="did you mean 'road'"):
        class_ids("raod", class_map)
    with pytest.raises(InputError, match="'2'"):
        class_ids("2", class_map)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_nothing(tiny_model: Path, tmp_path: Path, number: int, code: int) -> None:
    folder = tmp_path / "long"
    folder.mkdir()
    Image.fromarray(np.zeros((240, 320, 3), np.uint8)).save(folder / "0000.png")
    for index in range(1, 2000):
        os.link(folder / "0000.png", folder / f"{index:04d}.png")
    words = ["segment", folder, "-o", tmp_path / "o.mp4", "-o", tmp_path / "masks", "--fps", "10"]
    command = [sys.executable, "-m", "vidseg", *map(str, words), "--model", str(tiny_model)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=obey_interrupts)
    while not any(path.name.startswith(".masks") and any(path.iterdir()) for path in tmp_path.iterdir()):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "unfinished outputs were removed" in err
    assert [path.name for path in tmp_path.iterdir()] == ["long"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_video(tiny_model: Path, tmp_path: Path) -> None:
    once, ten_times = tmp_path / "once.mp4", tmp_path / "ten-times.mp4"
    frames = tiny.video(40, height=240, width=320)
    for path, repeats in ((once, 1), (ten_times, 10)):
        info = VideoInfo(name=path.name, width=320, height=240, fps=Fraction(15), time_base=Fraction(1, 15))
        with OverlayWriter(path, info) as writer:
            for index in range(repeats * len(frames)):
                image = frames[index % len(frames)].image
                writer.write(image, Frame(image=image, index=index, time=index / 15))
    # Python and torch take a little more or less each time: the least of two runs is what is needed.
    peaks = [min(_peak_memory(path, tiny_model, tmp_path / "out") for _ in range(2)) for path in (once, ten_times)]
    assert peaks[1] - peaks[0] < 5 * 2**20, peaks


def _peak_memory(source: Path, model: Path, out: Path) -> int:
    words = ["segment", source, "-o", f"{out}.mp4", "-o", out, "-o", f"{out}.npz", "-o", f"{out}.csv", "--model", model]
    script = (
        "import resource, sys\n"
        "from vidseg.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        "sys.exit(code)"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return int(done.stdout) * 1024  # Linux counts in KiB
