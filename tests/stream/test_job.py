"""One video from its source to its outputs, stopped in all the ways that it can be."""

import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from vidseg.errors import InputError, MediaError
from vidseg.stream import JobReport, Segmenter, segment_to_files
from vidseg.types import Frame, Segmentation
from vidseg.video import VideoInfo, VideoReader, read_labels, read_video
from vidseg.video.span import Span


class StallingSource:
    """Gives its frames, then waits as a camera does whose cable was pulled; `close` ends that."""

    def __init__(self, frames: Sequence[Frame], *, is_live: bool) -> None:
        height, width = frames[0].size
        self.info = VideoInfo(name="stalling", width=width, height=height, is_live=is_live)
        self.waits = threading.Event()
        self._frames = frames
        self._closed = threading.Event()

    def frames(self, report: Callable[[str], None]) -> Generator[Frame]:
        try:
            yield from self._frames
            self.waits.set()
            assert self._closed.wait(timeout=20)
        finally:
            report("ended")

    def close(self) -> None:
        self._closed.set()


def _run(source: StallingSource, out: Path, progress: Callable[[int], None] = lambda frames: None):
    reader = VideoReader(source, Span())
    with reader:
        return segment_to_files(Segmenter(tiny.cffm()), reader, [out], progress=progress)


def test_an_interrupted_live_source_that_hangs_is_ended_with_its_outputs_complete(tmp_path: Path) -> None:
    source = StallingSource(tiny.video(3), is_live=True)

    def interrupt(frames: int) -> None:
        if frames == 3:
            assert source.waits.wait(timeout=20)
            raise KeyboardInterrupt

    report = _run(source, tmp_path / "masks", interrupt)
    assert isinstance(report.stopped_by, KeyboardInterrupt)
    assert (report.frames, report.problems) == (3, ("ended",))
    assert len(list((tmp_path / "masks").iterdir())) == 3


def test_frames_per_second_leave_compilation_out() -> None:
    report = JobReport(source="a", frames=20, seconds=7.0, compile_seconds=5.0, problems=())
    assert report.frames_per_second == 10
    assert JobReport(source="a", frames=20, seconds=0.0, problems=()).frames_per_second == 0


@pytest.mark.parametrize("is_live", [False, True])
def test_an_error_while_the_source_is_being_read_stays_that_error(tmp_path: Path, is_live: bool) -> None:
    source = StallingSource(tiny.video(2), is_live=is_live)
    model = tiny.cffm()
    with VideoReader(source, Span()) as reader, pytest.raises(InputError, match="training mode"):
        segment_to_files(Segmenter(model), reader, [tmp_path / "masks"], progress=lambda frames: model.train() and None)
    assert list(tmp_path.iterdir()) == []
    assert not any(thread.name.startswith("vidseg") for thread in threading.enumerate())


def test_where_the_size_changes_a_new_stream_begins(tmp_path: Path) -> None:
    parts = [tiny.video(4), [replace(frame, index=4 + frame.index) for frame in tiny.video(3, height=50, width=44)]]
    segmenter = Segmenter(tiny.cffm())
    expected = [segmentation.labels for part in parts for segmentation in segmenter.segment(part)]
    (tmp_path / "frames").mkdir()
    for frame in chain(*parts):
        Image.fromarray(frame.image).save(tmp_path / "frames" / f"{frame.index}.png")
    with read_video(tmp_path / "frames", fps=10) as reader:
        report = segment_to_files(segmenter, reader, [tmp_path / "masks", tmp_path / "o.mp4"])
    assert (report.frames, report.problems) == (7, ())
    assert "2 runs of frames of one size" in report.remarks[0]
    for index, labels in enumerate(expected):
        np.testing.assert_array_equal(read_labels(tmp_path / "masks" / f"{index}.png"), labels)
    with read_video(tmp_path / "o.mp4") as overlay:
        assert len({frame.size for frame in overlay}) == 1
    with read_video(tmp_path / "frames", fps=10) as reader, pytest.raises(MediaError, match="expected one size"):
        segment_to_files(segmenter, reader, [tmp_path / "labels.npz"])


@pytest.mark.parametrize("is_live", [False, True])
def test_who_watches_sees_every_frame_and_can_end_it_without_a_trace(tmp_path: Path, is_live: bool) -> None:
    seen: list[int] = []

    def watch(segmentation: Segmentation) -> None:
        seen.append(segmentation.frame.index)
        if len(seen) == 2:
            raise LookupError

    source = StallingSource(tiny.video(3), is_live=is_live)
    source.close()  # it need not stall at its end
    with VideoReader(source, Span()) as reader, pytest.raises(LookupError):
        segment_to_files(Segmenter(tiny.cffm()), reader, [tmp_path / "masks"], watch=watch)
    assert seen == [0, 1]
    assert list(tmp_path.iterdir()) == []


def test_the_rate_is_that_from_the_first_frame_to_the_last(tmp_path: Path) -> None:
    report = JobReport(
        source="a", frames=31, seconds=10.0, problems=(), first_frame_after=6.0, between_seconds=3.0, dropped=2
    )
    assert report.frames_per_second == 10.0
    assert JobReport(source="a", frames=1, seconds=4.0, problems=()).frames_per_second == 0.25
    source = StallingSource(tiny.video(3), is_live=True)
    source.close()
    real = _run(source, tmp_path / "masks")
    assert 0 < real.first_frame_after <= real.first_frame_after + real.between_seconds <= real.seconds
    assert real.dropped == 0
