"""Streams of a pool are as separate segmenters, whatever order their frames come in and whatever happens to others."""

import asyncio
import random
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future

import numpy as np
import pytest

import tiny
import toys
import vidseg
from vidseg.errors import InputError, StateError
from vidseg.models import VideoModel
from vidseg.steady import Steady
from vidseg.stream import CutDetector, PooledStream, Segmenter, StreamPool
from vidseg.types import Frame, Segmentation

# One of each family: a frame by itself, references, key frames, a recurrent state with a probe, motion.
MODELS: dict[str, Callable[[], VideoModel]] = {
    "segformer": tiny.segformer,
    "cffm": tiny.cffm,
    "key frames": lambda: toys.toy("dff"),
    "adaptive": lambda: toys.toy("clockwork adaptive"),
    "recurrent": lambda: toys.toy("recurrent"),
    "motion": lambda: toys.toy("grfp"),
}


def segmenter_of(model: VideoModel, max_batch: int = 1, **options: object) -> Segmenter:
    return Segmenter(model, "cpu", "torch", max_batch=max_batch, confidence=True, **options)  # type: ignore[arg-type]


def cut_video(seed: int, frames: int = 12) -> list[Frame]:
    """Drifting blocks, and from the middle on others."""
    halves = tiny.video(frames, seed=seed)[: frames // 2] + tiny.video(frames, seed=seed + 100)[frames // 2 :]
    return [Frame(image=frame.image, index=t, time=t / 15) for t, frame in enumerate(halves)]


def assert_equal(got: list[Segmentation], expected: list[Segmentation], exact: bool) -> None:
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        if exact:
            assert np.array_equal(one.labels, other.labels)
            assert np.array_equal(one.confidence, other.confidence)
        else:
            assert (one.labels == other.labels).mean() > 0.999
            np.testing.assert_allclose(one.confidence, other.confidence, atol=1e-3)


@pytest.mark.parametrize("max_batch", [1, 3])
@pytest.mark.parametrize("kind", MODELS)
def test_streams_of_a_pool_are_as_alone(kind: str, max_batch: int) -> None:
    """Random orders of arrival, restarts, cuts, streams that open and close, and frames that cannot be segmented."""
    model = MODELS[kind]()
    cuts = CutDetector()
    segmenter = segmenter_of(model, max_batch, cut_detector=cuts, max_wait=0.02)
    choices = random.Random(f"{kind} {max_batch}")
    videos = [cut_video(seed) for seed in range(6)]
    expected: list[list[Segmentation]] = []
    restarts = [choices.randrange(1, 12) for _ in videos]
    alone = segmenter_of(model, cut_detector=cuts)
    for video, restart in zip(videos, restarts, strict=True):
        parts = (video[:restart], video[restart:])
        expected.append([seg for part in parts for seg in alone.segment(part)])
    got: list[list[Future[Segmentation]]] = [[] for _ in videos]
    bad: list[Future[Segmentation]] = []
    with StreamPool(segmenter, limit=4) as pool:
        waiting, running = list(range(len(videos))), dict[int, PooledStream]()
        while waiting or running:
            if waiting and len(running) < 4:
                running[waiting[0]] = pool.open(waiting=20)
                del waiting[0]
            number = choices.choice(list(running))
            stream, done = running[number], len(got[number])
            if done == restarts[number]:
                stream.restart()
            if done and done != restarts[number] and choices.random() < 0.2:
                bad.append(stream.submit(np.zeros((8, 8, 3), np.uint8)))
            got[number].append(stream.submit(videos[number][done]))
            if done + 1 == len(videos[number]):
                running.pop(number).close()
    for futures, references in zip(got, expected, strict=True):
        assert_equal([future.result(0) for future in futures], references, exact=max_batch == 1)
    assert bad
    assert all(isinstance(future.exception(0), StateError) for future in bad)


def test_steadied_streams_do_not_mix() -> None:
    model, videos = tiny.segformer(), [tiny.video(6, seed=seed) for seed in range(3)]
    expected = [list(segmenter_of(model, steady=Steady()).segment(video)) for video in videos]
    with StreamPool(segmenter_of(model, steady=Steady())) as pool:
        streams = [pool.open(waiting=6) for _ in videos]
        futures = [[stream.submit(video[t]) for stream, video in zip(streams, videos, strict=True)] for t in range(6)]
        got = [[future.result() for future in column] for column in zip(*futures, strict=True)]
    for one, other in zip(got, expected, strict=True):
        assert_equal(one, other, exact=True)


class Gate:
    """A segmenter whose steps wait until they are let through, and note which frames came."""

    def __init__(self) -> None:
        self.inner = segmenter_of(tiny.segformer())
        self.open, self.entered = threading.Event(), threading.Event()
        self.seen: list[int] = []
        self.start = self.inner.start

    def step(self, state: vidseg.StreamState, frame: Frame) -> tuple[vidseg.StreamState, Segmentation]:
        self.entered.set()
        assert self.open.wait(10)
        self.seen.append(frame.index)
        return self.inner.step(state, frame)


def gated_pool(**options: object) -> tuple[Gate, StreamPool, PooledStream]:
    gate = Gate()
    pool = StreamPool(gate)  # type: ignore[arg-type]
    return gate, pool, pool.open(**options)  # type: ignore[arg-type]


def test_a_live_stream_drops_its_oldest_waiting_frames() -> None:
    gate, pool, stream = gated_pool(on_lag="drop", waiting=2)
    frames = tiny.video(6)
    with pool:
        futures = [stream.submit(frames[0])]
        assert gate.entered.wait(10)
        futures += [stream.submit(frame) for frame in frames[1:]]
        gate.open.set()
        assert futures[5].result(10).frame is frames[5]
    assert gate.seen == [0, 4, 5]
    assert [future.cancelled() for future in futures] == [False, True, True, True, False, False]
    assert stream.dropped == 3
    with pytest.raises(CancelledError):
        futures[1].result(0)


def test_a_file_is_held_up_instead() -> None:
    gate, pool, stream = gated_pool(on_lag="wait", waiting=2)
    frames, submitted = tiny.video(6), []
    with pool:
        producer = threading.Thread(target=lambda: [submitted.append(stream.submit(frame)) for frame in frames])
        producer.start()
        assert gate.entered.wait(10)
        producer.join(0.2)
        assert producer.is_alive()
        assert len(submitted) == 3  # one under way, two that wait
        gate.open.set()
        producer.join(10)
    assert gate.seen == [0, 1, 2, 3, 4, 5]
    assert stream.dropped == 0


def test_a_future_that_its_owner_cancels_is_left_out() -> None:
    gate, pool, stream = gated_pool(waiting=1)
    frames = tiny.video(4)
    with pool:
        stream.submit(frames[0])
        assert gate.entered.wait(10)
        assert stream.submit(frames[1]).cancel()
        gate.open.set()
        stream.step(frames[2])  # there is room again
    assert gate.seen == [0, 2]


def test_leaving_the_block_waits_and_an_error_drops_what_waits() -> None:
    gate, pool, stream = gated_pool()
    gate.open.set()
    with pool:
        futures = [stream.submit(frame) for frame in tiny.video(3)]
    assert [future.done() for future in futures] == [True, True, True]

    def interrupted(gate: Gate, pool: StreamPool, stream: PooledStream) -> None:
        with pool:
            futures[:] = [stream.submit(frame) for frame in tiny.video(3)]
            assert gate.entered.wait(10)
            threading.Timer(0.1, gate.open.set).start()
            raise KeyError

    with pytest.raises(KeyError):
        interrupted(*gated_pool())
    assert [future.cancelled() for future in futures] == [False, True, True]


def test_there_are_as_many_streams_as_allowed() -> None:
    with StreamPool(segmenter_of(tiny.segformer()), limit=2) as pool:
        first, _ = pool.open(), pool.open()
        with pytest.raises(InputError, match=r"got one more than 2 streams at once; close one first"):
            pool.open()
        first.close()
        first.close()
        pool.open()
        with pytest.raises(InputError, match="a stream that is closed"):
            first.submit(tiny.video(1)[0])
        with pytest.raises(InputError, match="a stream that is closed"):
            first.restart()
    with pytest.raises(InputError, match="a pool that is closed"):
        pool.open()
    with pytest.raises(InputError, match="expected 1 stream or more"):
        StreamPool(segmenter_of(tiny.segformer()), limit=0)
    with pytest.raises(InputError, match="on_lag='never'"):
        StreamPool(segmenter_of(tiny.segformer())).open(on_lag="never")  # type: ignore[arg-type]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vidseg-stream")]


def test_a_video_goes_through_as_a_generator_and_others_await_frames() -> None:
    video, segmenter = tiny.video(8), segmenter_of(tiny.cffm())
    expected = list(segmenter.segment(video))

    async def awaited(stream: PooledStream) -> list[Segmentation]:
        return [await asyncio.wrap_future(stream.submit(frame)) for frame in video]

    with vidseg.StreamPool(segmenter) as pool, pool.open() as one, pool.open() as other:
        assert_equal(list(one.segment(video)), expected, exact=True)
        assert_equal(asyncio.run(awaited(other)), expected, exact=True)


def test_a_restarted_stream_takes_another_size() -> None:
    with StreamPool(segmenter_of(tiny.cffm())) as pool, pool.open() as stream:
        small, large = tiny.video(1)[0], tiny.video(1, height=48, width=64)[0]
        stream.step(small)
        with pytest.raises(StateError, match="one size a stream"):
            stream.step(large)
        stream.restart()
        assert stream.step(large).labels.shape == (48, 64)


def test_a_callback_does_not_wait_for_its_own_thread() -> None:
    frames, problems, go_on = tiny.video(3), [], threading.Event()
    with StreamPool(segmenter_of(tiny.segformer()), limit=1) as pool:
        stream, step = pool.open(waiting=1), pool.segmenter.step
        pool.segmenter.step = lambda *words: go_on.wait(10) and step(*words)  # type: ignore[assignment,method-assign]

        def called(future: Future[Segmentation]) -> None:
            for ask in (stream.submit, stream.step):
                try:
                    ask(frames[2])
                except InputError as error:
                    problems.append(str(error))
            try:
                stream.close()
            except RuntimeError as error:
                problems.append(str(error))
            pool.open().close()  # there is room for another
            problems.append("done")

        first = stream.submit(frames[0])
        first.add_done_callback(called)
        last = stream.submit(frames[1])
        go_on.set()
        assert last.result(10).labels.shape == frames[1].size
    assert len(problems) == 3
    assert "submit from another thread" in problems[0]
    assert "do: submit" in problems[1]
    assert problems[2] == "done"
