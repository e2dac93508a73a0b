"""Requests of several threads go through a runtime together, each as if it were alone."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import tiny
import toys
from vidseg.errors import InputError
from vidseg.models import FrameInputs, FrameOutputs, VideoModel
from vidseg.models.contract import example_inputs
from vidseg.runtime import BatchedRuntime, EagerRuntime, build_runtime
from vidseg.runtime.batching import split, stacked

SIZE = (64, 96)
CPU = torch.device("cpu")


class Recorder:
    """Answers with the mean of each frame, and notes the sizes of batches; holds the first call until told."""

    name, device, batches, compile_seconds = "recorder", CPU, True, 0.0

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.go_on = threading.Event()

    def run(self, step: str, inputs: FrameInputs) -> FrameOutputs:
        self.sizes.append(inputs.frame.shape[0])
        if step == "hold":
            assert self.go_on.wait(10)
        if inputs.frame.isnan().any():
            raise InputError("got a frame of no numbers")
        return FrameOutputs(inputs.frame.mean(dim=(1, 2, 3), keepdim=True))


def frame(value: float, side: int = 4) -> FrameInputs:
    return FrameInputs(torch.full((1, 3, side, side), float(value)))


def wait_until(condition) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to that")


def behind_a_held_one(runtime: BatchedRuntime, inner: Recorder, requests: list[FrameInputs]) -> list[object]:
    """Results, or errors, of requests that come one after the other while the runtime is busy."""

    def run(inputs: FrameInputs) -> object:
        try:
            return float(runtime.run("step", inputs).logits)
        except InputError as error:
            return error

    with ThreadPoolExecutor(len(requests) + 1) as pool:
        held = pool.submit(runtime.run, "hold", frame(0))
        wait_until(lambda: inner.sizes)
        futures = []
        for number, inputs in enumerate(requests):
            futures.append(pool.submit(run, inputs))
            wait_until(lambda number=number: len(runtime._waiting) == number + 1)
        inner.go_on.set()
        held.result()
        return [future.result() for future in futures]


def test_what_waits_goes_together_up_to_the_limit_oldest_first() -> None:
    inner = Recorder()
    results = behind_a_held_one(BatchedRuntime(inner, 3, 0), inner, [frame(value) for value in range(1, 6)])
    assert results == [1, 2, 3, 4, 5]
    assert inner.sizes == [1, 3, 2]


def test_only_equal_shapes_go_together_and_the_oldest_is_not_passed_over() -> None:
    inner = Recorder()
    requests = [frame(1), frame(2, side=8), frame(3), frame(4, side=8), frame(5)]
    assert behind_a_held_one(BatchedRuntime(inner, 8, 0), inner, requests) == [1, 2, 3, 4, 5]
    assert inner.sizes == [1, 3, 2]


def test_an_error_is_that_of_its_own_request() -> None:
    inner = Recorder()
    first, bad, last = behind_a_held_one(BatchedRuntime(inner, 8, 0), inner, [frame(1), frame(float("nan")), frame(3)])
    assert (first, last) == (1, 3)
    assert isinstance(bad, InputError)
    assert inner.sizes == [1, 3, 1, 1, 1]


def test_partners_under_way_are_waited_for_and_a_lone_one_waits_for_nobody() -> None:
    inner = Recorder()
    runtime = BatchedRuntime(inner, 8, 60)
    with runtime.frame():
        runtime.run("step", frame(0))  # would take a minute
    both_inside = threading.Barrier(2)

    def one(value: float) -> float:
        with runtime.frame():
            both_inside.wait(10)
            time.sleep(value / 10)
            return float(runtime.run("step", frame(value)).logits)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(one, [0, 1])) == [0, 1]
    assert inner.sizes == [1, 2]


def test_a_partner_that_does_not_come_is_not_waited_for_longer_than_allowed() -> None:
    inner = Recorder()
    runtime = BatchedRuntime(inner, 8, 0.01)
    with runtime.frame(), runtime.frame():
        assert float(runtime.run("step", frame(2)).logits) == 2


class Interrupted(Recorder):
    """The first batch of several is interrupted, as by Ctrl-C in the thread that leads."""

    def run(self, step: str, inputs: FrameInputs) -> FrameOutputs:
        if inputs.frame.shape[0] > 1 and max(self.sizes) == 1:
            self.sizes.append(inputs.frame.shape[0])
            raise KeyboardInterrupt
        return super().run(step, inputs)


def test_whoever_is_interrupted_leaves_the_others_to_go_on() -> None:
    inner = Interrupted()
    runtime = BatchedRuntime(inner, 8, 0)
    with ThreadPoolExecutor(4) as pool:
        held = pool.submit(runtime.run, "hold", frame(0))
        wait_until(lambda: inner.sizes)
        futures = []
        for number in range(3):
            futures.append(pool.submit(runtime.run, "step", frame(number)))
            wait_until(lambda number=number: len(runtime._waiting) == number + 1)
        inner.go_on.set()
        held.result()
        with pytest.raises(KeyboardInterrupt):
            futures[0].result(10)
        assert [float(future.result(10).logits) for future in futures[1:]] == [1, 2]
    assert inner.sizes == [1, 3, 2]


@torch.inference_mode()
@pytest.mark.parametrize("kind", toys.KINDS)
def test_every_step_of_every_kind_can_be_stacked_and_split(kind: str) -> None:
    """State tensors and contexts have the batch in front, and no stream's part depends on another's."""
    model = toys.toy(kind)
    runtime = build_runtime("torch", model, "cpu")
    for step in model.steps():
        several = [randomised(model, step, seed) for seed in range(3)]
        together = split(runtime.run(step, stacked(several)), 3)
        for inputs, got in zip(several, together, strict=True):
            expected = runtime.run(step, inputs)
            torch.testing.assert_close(tensors(got), tensors(expected), rtol=1e-4, atol=1e-4)
            assert set(got.state) == set(expected.state)


def test_what_streams_keep_has_memory_of_its_own() -> None:
    outputs = FrameOutputs(torch.zeros(2, 1), (torch.zeros(2, 3),), {"h": torch.zeros(2, 5)})
    for part in split(outputs, 2):
        for tensor in (*part.context, *part.state.values()):
            assert tensor.untyped_storage().nbytes() == tensor.nbytes


def test_batches_are_for_runtimes_that_take_them() -> None:
    eager = EagerRuntime(tiny.segformer(), CPU)
    assert BatchedRuntime(eager, None).max_batch == 1  # a CPU
    with pytest.raises(InputError, match="expected 1 or more"):
        BatchedRuntime(eager, 0)
    with pytest.raises(InputError, match="max_wait=-1"):
        BatchedRuntime(eager, 2, -1)
    compiled = Recorder()
    compiled.batches = False
    with pytest.raises(InputError, match=r"compiles anew for every number of frames; expected 1 there"):
        BatchedRuntime(compiled, 2)


def randomised(model: VideoModel, step: str, seed: int) -> FrameInputs:
    generator = torch.Generator().manual_seed(seed)
    blank = example_inputs(model, step, 1, SIZE)

    def some(tensor: torch.Tensor) -> torch.Tensor:
        return tensor + torch.rand(tensor.shape, generator=generator)

    return FrameInputs(
        frame=torch.rand(blank.frame.shape, generator=generator) * 255,
        flow=None if blank.flow is None else some(blank.flow),
        references=[tuple(map(some, context)) for context in blank.references],
        state={name: some(tensor) for name, tensor in blank.state.items()},
    )


def tensors(outputs: FrameOutputs) -> list[torch.Tensor]:
    head = [tensor for tensor in (outputs.logits, outputs.decision) if tensor is not None]
    return [*head, *outputs.context, *(outputs.state[name] for name in sorted(outputs.state))]


def test_an_interrupt_while_it_waits_for_partners_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = Recorder()
    runtime = BatchedRuntime(inner, 2, 0)

    def interrupted(first: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runtime, "_gather", interrupted)
        with pytest.raises(KeyboardInterrupt):
            runtime.run("step", frame(1))
    assert runtime._waiting == []
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(runtime.run, "step", frame(2))
        try:
            assert float(future.result(10).logits) == 2
        finally:
            runtime._computing = False  # so that a failure ends
            with runtime._changed:
                runtime._changed.notify_all()
