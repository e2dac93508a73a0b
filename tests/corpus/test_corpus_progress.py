"""How far a corpus is, over the whole: by bytes where they are known, with the time that is left."""

import time
from pathlib import Path

import pytest

import tiny
from corpora import write_video
from vidseg.corpus import Assignment, Corpus, Manifest, OneProcess, Tally, Worker, find_videos
from vidseg.places import place_of
from vidseg.stream.ledger import Conditions

pytest.importorskip("pyarrow")


def test_the_time_left_is_that_of_the_share_that_is_left() -> None:
    began = time.perf_counter() - 10
    assert Tally(videos=8, share=0.25, worked=0.25, began=began).seconds_left == pytest.approx(30, rel=0.1)
    # Half of what is settled failed at once.
    assert Tally(videos=8, share=0.5, worked=0.25, began=began).seconds_left == pytest.approx(20, rel=0.1)
    assert Tally(videos=8, share=0.25, began=began).seconds_left is None


def test_a_large_video_counts_for_more_than_a_small_one(tmp_path: Path) -> None:
    large = write_video(tmp_path / "in/a.mp4", tiny.video(6, 64, 64)).stat().st_size
    small = write_video(tmp_path / "in/b.mp4", tiny.video(1, 16, 16)).stat().st_size
    model, out = tiny.segformer(), place_of(tmp_path / "out")
    assignment = Assignment(out=out, model_name="tiny", kinds=(), segmenter={"runtime": "torch", "device": "cpu"})
    videos = find_videos([str(tmp_path / "in")])
    corpus = Corpus(videos, assignment, Conditions(model, {}), Manifest(out))
    shares = [corpus.tally.share for _ in corpus.work(OneProcess(Worker(model, assignment)))]
    assert shares == pytest.approx([large / (large + small), 1])
    assert corpus.tally.worked == pytest.approx(1)
    assert (corpus.tally.done, corpus.tally.settled, corpus.tally.frames) == (2, 2, 7)
