"""Frames run in torch while a graph is compiled elsewhere, and the stream goes over to it without losing its state."""

import gc
import io
import os
import pickle
import subprocess
import threading
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

import tiny
import toys
from vidseg.acceleration import accelerate
from vidseg.errors import InputError, VidsegWarning
from vidseg.models import FrameInputs, VideoModel
from vidseg.runtime import background, build_runtime
from vidseg.runtime import openvino as room
from vidseg.runtime.background import _NICENESS, BackgroundCompiler
from vidseg.runtime.compiling import Compiled, GraphRuntime
from vidseg.runtime.graph import StepGraph
from vidseg.runtime.graph_cache import GraphCache
from vidseg.stream import Segmenter

SIZE = (64, 96)
CPU = torch.device("cpu")


class Elsewhere:
    """Compiles when told to; what it compiles is noted when it runs."""

    def __init__(self) -> None:
        self.futures: dict[str, Future[Compiled]] = {}
        self.graphs: dict[str, StepGraph] = {}
        self.ran: list[str] = []

    def __call__(self, graph: StepGraph, example: Sequence[Tensor]) -> Future[Compiled]:
        self.graphs[graph.name] = graph
        return self.futures.setdefault(graph.name, Future())

    def finish(self, step: str) -> None:
        def run(arguments: Sequence[Tensor]) -> Sequence[Tensor]:
            self.ran.append(step)
            with torch.inference_mode():
                return self.graphs[step](*arguments)

        self.futures[step].set_result(run)


def runtime_of(model: VideoModel) -> tuple[Elsewhere, GraphRuntime]:
    elsewhere = Elsewhere()
    return elsewhere, GraphRuntime("test", accelerate(model), CPU, elsewhere)


@pytest.mark.parametrize("switch", [1, 4])
@pytest.mark.parametrize("kind", ["cffm", "dff", "recurrent"])
def test_a_stream_goes_over_between_frames_and_keeps_its_state(kind: str, switch: int) -> None:
    model = tiny.cffm() if kind == "cffm" else toys.toy(kind)
    frames = tiny.video(12)
    expected = [seg.labels for seg in Segmenter(model, "cpu", "torch").segment(frames)]
    elsewhere, runtime = runtime_of(model)
    segmenter = Segmenter(model, "cpu", runtime)
    state, got = segmenter.start(), []
    for t, frame in enumerate(frames):
        if t >= switch:
            for step in [step for step, future in elsewhere.futures.items() if not future.done()]:
                elsewhere.finish(step)
        else:
            assert not elsewhere.ran
        state, segmentation = segmenter.step(state, frame)
        got.append(segmentation.labels)
    assert len(elsewhere.ran) >= len(frames) - switch - len(elsewhere.graphs)
    assert all((one == other).mean() > 0.999 for one, other in zip(got, expected, strict=True))


def test_what_cannot_be_compiled_stays_in_torch_and_is_said_once() -> None:
    model, frames = tiny.segformer(), tiny.video(4)
    expected = [seg.labels for seg in Segmenter(model, "cpu", "torch").segment(frames)]
    elsewhere, runtime = runtime_of(model)
    segmenter = Segmenter(model, "cpu", runtime)
    state, first = segmenter.step(segmenter.start(), frames[0])
    elsewhere.futures["start"].set_exception(InputError("got no memory"))
    with pytest.warns(VidsegWarning, match=r"SegFormer's start for runtime 'test': got no memory; .* stays in torch"):
        state, second = segmenter.step(state, frames[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        state, third = segmenter.step(state, frames[2])
    for got, labels in zip((first, second, third), expected, strict=False):
        assert (got.labels == labels).mean() > 0.999


@pytest.mark.parametrize("kind", ["cffm", *toys.KINDS])
def test_graphs_of_every_kind_can_be_handed_over(kind: str) -> None:
    model = accelerate(tiny.cffm() if kind == "cffm" else toys.toy(kind))
    step = next(iter(model.steps()))
    graph = StepGraph(model, step, channels_last=True)
    example = graph.example(1, SIZE)
    there, arguments = pickle.loads(pickle.dumps((graph, example)))
    with torch.inference_mode():
        assert all(map(torch.equal, there(*arguments), graph(*example)))


def translate(graph: StepGraph, example: Sequence[Tensor]) -> bytes:
    """In the other process."""
    value = int(example[0].flatten()[0])
    if value == 1:
        raise ValueError("no rule\nfor one")
    if value == 2:
        os._exit(3)
    return f"{graph.name} {value} {os.nice(0)}".encode()


def test_the_process_makes_the_newest_first_and_an_error_is_that_of_its_graph(tmp_path: Path) -> None:
    cache, loaded, hold = GraphCache(tmp_path), [], threading.Event()

    def load(key: str) -> Compiled | None:
        assert hold.wait(60)  # all are asked for by now
        loaded.append(key)
        blob = cache.get(key)
        assert blob is not None
        return lambda arguments: [torch.tensor(list(blob))]

    graph = StepGraph(accelerate(tiny.segformer()), "start", channels_last=True)
    compiler = BackgroundCompiler(cache, translate, load)
    ask = {number: (f"key{number}", graph, (torch.full((1,), number),)) for number in (2, 1, 3, 4)}
    futures = {number: compiler.compiled(*words) for number, words in ask.items()}
    assert compiler.compiled(*ask[3]) is futures[3]
    hold.set()
    text = bytes(futures[4].result(300)([])[0].tolist()).decode()
    assert text == f"start 4 {min(os.nice(0) + _NICENESS, 19)}"
    with pytest.raises(InputError, match="no rule for one"):
        futures[1].result(300)
    with pytest.raises(InputError, match="got exit code 3 of the process that compiles"):
        futures[2].result(300)
    assert sorted(loaded) == ["key3", "key4"]
    assert set(tmp_path.iterdir()) == {tmp_path / "key3.graph", tmp_path / "key4.graph"}
    wait_for_thread()
    assert compiler._work._asked == {}  # nothing is kept of what was handed over


def compile_for_long(graph: StepGraph, example: Sequence[Tensor]) -> bytes:
    """In the other process."""
    time.sleep(600)
    return b""


def test_a_compiler_that_nobody_has_any_more_ends_its_process_and_one_compiles_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, start = [], background._started

    def noted() -> "subprocess.Popen[bytes]":
        started.append(start())
        return started[-1]

    monkeypatch.setattr(background, "_started", noted)
    graph = StepGraph(accelerate(tiny.segformer()), "start", channels_last=True)
    one, other = (BackgroundCompiler(GraphCache(tmp_path), compile_for_long, lambda key: None) for _ in range(2))
    future = one.compiled("key", graph, ())
    while not started:
        time.sleep(0.01)
    waits = other.compiled("key", graph, ())
    del other  # it waits for its turn
    assert waits.cancelled()
    assert [process.poll() for process in started] == [None]
    del one
    gc.collect()
    wait_for_thread()
    assert started[0].poll() is not None
    assert len(started) == 1
    with pytest.raises(InputError, match="got exit code"):
        future.result(0)


def test_a_model_that_cannot_be_handed_over_is_said_so(tmp_path: Path) -> None:
    graph = StepGraph(accelerate(tiny.segformer()), "start", channels_last=True)
    graph.secret = lambda: None
    compiler = BackgroundCompiler(GraphCache(tmp_path), translate, lambda key: None)
    future = compiler.compiled("key", graph, ())
    with pytest.raises(InputError, match="cannot be handed to another process"):
        future.result(60)
    wait_for_thread()


@pytest.mark.slow
def test_openvino_compiles_beside_the_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDSEG_CACHE", str(tmp_path))
    model, frames = tiny.cffm(), tiny.video(12)
    single = [seg.labels for seg in Segmenter(model, "cpu", "torch").segment(frames)]
    with monkeypatch.context() as patch:
        patch.setattr(room, "to_openvino", None)  # nothing is traced in this process
        runtime = build_runtime("openvino", model, "cpu", threads=1, background=True)
        segmenter = Segmenter(model, "cpu", runtime)
        assert_same(segmenter, frames, single)  # in torch, at least at first
        deadline = time.monotonic() + 1000  # at low priority, on a machine that may be busy
        while len(list(tmp_path.glob("*.graph"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.5)
        wait_for_thread()
        assert_same(segmenter, frames, single)
        assert all(not isinstance(compiled, Future) for compiled in runtime._compiled.values())
        # Whoever comes next finds both, and waits for nothing.
        assert_same(Segmenter(model, "cpu", "openvino", threads=1), frames, single)


def assert_same(segmenter: Segmenter, frames: Sequence[object], expected: Sequence[np.ndarray]) -> None:
    for segmentation, labels in zip(segmenter.segment(frames), expected, strict=True):  # type: ignore[arg-type]
        assert (segmentation.labels == labels).mean() > 0.999


def wait_for_thread() -> None:
    for thread in threading.enumerate():
        if thread.name == "vidseg-compiling":
            thread.join(600)
            assert not thread.is_alive()


@pytest.mark.parametrize("place", ["off", "file"])
def test_without_a_cache_it_compiles_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    (tmp_path / "file").touch()  # no folder can be made in it
    monkeypatch.setenv("VIDSEG_CACHE", "off" if place == "off" else str(tmp_path / "file" / "graphs"))
    compiled = []

    def compile_graph(graph: StepGraph, *rest: object) -> SimpleNamespace:
        compiled.append(graph.name)
        return SimpleNamespace(export_model=lambda: io.BytesIO(b"graph"))

    monkeypatch.setattr(room, "_compiled", compile_graph)
    monkeypatch.setattr(room, "_runner", lambda request: lambda arguments: [torch.zeros(1, 16, 24, 5)])
    runtime = build_runtime("openvino", tiny.segformer(), "cpu", background=True)
    with nullcontext() if place == "off" else pytest.warns(VidsegWarning, match="got no compiled graph into"):
        runtime.run("start", FrameInputs(torch.zeros(1, 3, *SIZE)))
    assert compiled == ["start"]
