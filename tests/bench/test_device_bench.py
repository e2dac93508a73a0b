"""Rates on a device: every system runs, cells come in order of their weight, and times are those of frames."""

import pytest
import torch

from vidseg.bench import device_timing
from vidseg.bench.device import Cell, cells, measure, subject_of
from vidseg.bench.device_timing import PeakMemory, time_frames
from vidseg.errors import InputError

CPU = torch.device("cpu")
SIZE = (64, 96)


@pytest.mark.parametrize("system", ["cffm", "segformer", "naive", "transformers"])
def test_every_system_is_measured(system) -> None:
    if system == "transformers":
        pytest.importorskip("transformers")
    row = measure(Cell(backbone="b0", size=SIZE, system=system), CPU, seconds=0, most=1)
    assert row["frames_per_second"] == pytest.approx(1 / row["seconds"]["mean"])
    assert row["peak_mebibytes"] is None
    assert {"backbone": "b0", "size": "64x96", "system": system}.items() <= row.items()


def test_a_system_without_such_an_encoder_is_refused() -> None:
    with pytest.raises(InputError, match="no Mix Transformer"):
        measure(Cell(backbone="lite0", size=SIZE, system="transformers"), CPU)


def test_a_backbone_brings_its_depth() -> None:
    assert [len(subject_of(name, SIZE, 3).blocks) for name in ("b0", "b1")] == [1, 2]


def test_what_matters_most_comes_first_and_all_comes() -> None:
    sizes = (SIZE, (128, 192))
    found = list(cells(("b0", "b1"), sizes, ("bf16", "fp32"), ("cuda-graphs", "compiled-graphs")))
    assert len(set(found)) == len(found) == 2 * 2 * (2 * 2 * 2 + 2 + 1)
    assert [cell.system for cell in cells(("lite0",), (SIZE,), ("bf16",), ("torch",))] == ["cffm", "segformer", "naive"]
    head = [(cell.backbone, cell.size, cell.arithmetic, cell.system, cell.runtime) for cell in found[:4]]
    assert head == [
        ("b0", SIZE, "bf16", system, runtime)
        for runtime in ("cuda-graphs", "compiled-graphs")
        for system in ("cffm", "segformer")
    ]
    slow = [(cell.runtime == "compiled-graphs", cell.size != SIZE) for cell in found[4:]]
    assert slow == sorted(slow)


def test_frames_are_counted_without_those_that_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def run() -> None:
        clock[0] += 0.5

    monkeypatch.setattr(device_timing.time, "perf_counter", lambda: clock[0])
    timing = time_frames(run, CPU, warm_ups=3, seconds=10, most=2000)
    assert timing.runs == (0.5,) * 20
    assert clock[0] == 0.5 * (3 + 4 + 20)
    assert time_frames(run, CPU, warm_ups=0, seconds=1, most=2000).runs == (0.5,) * 4
    assert time_frames(run, CPU, warm_ups=0, seconds=100, most=3).runs == (0.5,) * 3


def test_a_cpus_memory_is_not_counted() -> None:
    assert PeakMemory(CPU).mebibytes is None


@pytest.mark.gpu
def test_events_time_what_a_gpu_does() -> None:
    gpu = torch.device("cuda")
    large = torch.rand(4096, 4096, device=gpu)
    memory = PeakMemory(gpu)
    timing = time_frames(lambda: large @ large, gpu, warm_ups=2, seconds=0.2, most=200)
    assert 1e-5 < timing.median < 1
    assert memory.mebibytes >= 64
