"""The benchmark end to end on a tiny model: what it reports, not how fast it is."""

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

import tiny
from vidseg.bench import contenders as field
from vidseg.bench.complexity import complexity
from vidseg.bench.contenders import Setup, assemble
from vidseg.bench.frames import Footage, drifting, open_footage
from vidseg.bench.memory import Soak
from vidseg.bench.methods import without_context
from vidseg.bench.page import write_page
from vidseg.bench.ratios import RATIOS, limit_of, ratios_of
from vidseg.bench.run import BenchConfig, benchmark
from vidseg.bench.stages import STAGES, StageClock, border_share
from vidseg.bench.subject import subject
from vidseg.bench.sweep import sweep
from vidseg.bench.timing import Timing
from vidseg.checkpoints import save_checkpoint
from vidseg.errors import InputError
from vidseg.models import VideoModel
from vidseg.models.labels import label_map
from vidseg.stream.preprocess import network_input

SIZE = (60, 90)
IN_TORCH = ("naive", "ours_torch", "segformer_torch", "encoder_torch", "products")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "tiny"
    model = tiny.cffm()
    save_checkpoint(folder, model, class_map=model.class_map, preprocessing=model.preprocessing)
    return folder


@pytest.fixture(scope="module")
def config(checkpoint: Path) -> BenchConfig:
    return BenchConfig(
        model=str(checkpoint), size=SIZE, num_classes=9, seconds=1, soak_frames=0, threads=1, contenders=IN_TORCH
    )


def setup_of(model: VideoModel, **options: object) -> Setup:
    return Setup(model=subject(model, SIZE, **options), size=SIZE)


@pytest.mark.slow
def test_int8_is_calibrated_for_the_run_and_compared(config: BenchConfig) -> None:
    names = ("naive", "ours_openvino")
    report = benchmark(replace(config, contenders=names, precision="int8"))
    assert set(report["end_to_end"]) == {*names, "ours_int8", "joint"}
    assert report["precision"]["precision"] == "int8"
    assert report["precision"]["products"] > 10
    assert 0.5 < report["label_agreements"]["ours_int8"] <= 1
    assert report["label_agreement"] == report["label_agreements"]["ours_openvino"] > 0.999
    medians = {name: timing["median"] for name, timing in report["end_to_end"].items()}
    assert report["ratios"]["int8"] == medians["ours_openvino"] / medians["ours_int8"]


def test_a_run_reports_what_it_promises(config: BenchConfig, tmp_path: Path) -> None:
    said: list[str] = []
    report = benchmark(config, said.append)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert any("round 1" in what for what in said)
    assert set(report["end_to_end"]) == {*IN_TORCH, "joint"}
    for timing in report["end_to_end"].values():
        assert timing["runs"] >= 1
        assert 0 < timing["median"] <= timing["p95"]
    assert set(report["ratios"]) == {*RATIOS, "limit"}
    medians = {name: timing["median"] for name, timing in report["end_to_end"].items()}
    assert report["ratios"]["naive_torch"] == medians["naive"] / medians["ours_torch"]
    assert report["ratios"]["limit"] > 0
    assert report["ratios"]["hf_torch"] is None
    assert list(report["stages"]) == list(STAGES)
    assert report["label_agreement"] > 0.999
    assert 0 <= report["border_share"] <= 1
    # Nine frames; with 16 channels 1 + 4 + 9 tokens a window of an 8x12 map.
    assert report["state_bytes"] == 9 * (2 * 2 * 14 * 16) * 4
    assert report["num_classes"] == 9
    assert report["model"] == "tiny"
    assert report["environment"]["versions"]["torch"]

    assert report["precision"] is None

    page = tmp_path / "benchmarks.md"
    write_page([report], page)
    text = page.read_text(encoding="utf-8")
    assert "## tiny, 60x90, 9 classes" in text
    assert f"| `naive_torch` | {report['ratios']['naive_torch']:.2f} |" in text
    assert "Not measured: memory (not asked for)." in text


@torch.inference_mode()
def test_naive_labels_are_those_of_the_stream() -> None:
    # With this seed the labels show several classes, with others but one.
    setup = setup_of(tiny.cffm(9, seed=4))
    images = [frame.image for frame in tiny.video(13, *SIZE)]
    naive, ours = field.naive(setup), field.ours(setup, "torch")
    assert naive.watch is not None
    for image in images[:9]:
        naive.watch(image)
        ours.run(image)
    for image in images[9:]:
        expected = naive.run(image)
        assert expected is not None
        assert expected.shape == SIZE
        assert len(np.unique(expected)) > 2
        assert np.mean(ours.run(image) == expected) > 0.9999


def test_added_classes_never_win_and_change_nothing_else() -> None:
    model = tiny.cffm()
    plain, padded = setup_of(model), setup_of(model, num_classes=300)
    assert padded.model.num_classes == 300
    image = next(iter(drifting(SIZE)))
    for setup in (plain, padded):
        assert setup.network_size == (64, 96)
    input_13HW = network_input(image, plain.preprocessing)
    with torch.inference_mode():
        own, more = (setup.model(input_13HW[None]).final for setup in (plain, padded))
    # Other numbers of rows may be summed up in another order.
    torch.testing.assert_close(own, more[:, :5], rtol=0, atol=1e-5)
    assert more[:, 5:].max() < own.min()
    with pytest.raises(InputError, match="as many or more"):
        subject(model, SIZE, 4)


def test_the_segformer_inside_a_cffm_is_its_per_frame_path() -> None:
    model = subject(tiny.cffm(), SIZE)
    clip = torch.rand(1, 1, 3, 64, 96) * 255
    with torch.inference_mode():
        torch.testing.assert_close(without_context(model)(clip).final, model(clip).final, rtol=0, atol=0)


def test_border_share_against_brute_force() -> None:
    setup = setup_of(tiny.cffm())
    torch.manual_seed(0)
    logits = torch.randn(1, 3, 4, 6).repeat_interleave(4, 2).repeat_interleave(4, 3)
    share = border_share(logits, setup)
    # A pixel whose support is unanimous has all its weight on logits of one winner, however large the others grow.
    one_hot = torch.nn.functional.one_hot(logits.argmax(1), 3).permute(0, 3, 1, 2).double()
    for size in (setup.network_size, SIZE):
        one_hot = torch.nn.functional.interpolate(one_hot, size=size, mode="bilinear", align_corners=False)
    assert share == pytest.approx(float((one_hot.amax(1) < 1 - 1e-9).float().mean()))
    assert border_share(logits[:, :1], setup) == 0


@torch.inference_mode()
def test_the_stage_clock_computes_what_the_stream_does() -> None:
    setup = setup_of(tiny.cffm())
    clock, images = StageClock(setup), list(islice(drifting(SIZE), 4))
    for image in images:
        logits = clock.step(image)
    clip = torch.stack([network_input(image, setup.preprocessing) for image in images], dim=1)
    expected = setup.model(clip).final
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4)
    assert [timing.to_dict()["runs"] for timing in clock.timings().values()] == [1] * len(STAGES)
    assert label_map(logits, setup.network_size, SIZE).labels.shape == (1, *SIZE)


def test_ratios_and_the_limit() -> None:
    timings = {
        name: Timing(runs=(seconds,))
        for name, seconds in {"naive": 8.0, "ours_torch": 2.0, "ours_openvino": 1.0, "encoder_openvino": 0.5}.items()
    }

    counted = replace(complexity(tiny.segformer().config, (64, 96)), accelerated={"encoder": 5, "head": 20, "CFM": 10})
    limit = limit_of(timings, counted, rate=100.0)
    assert limit is not None
    assert (limit.runtime, limit.seconds) == ("openvino", pytest.approx(0.5 + 30 / 100))
    ratios = ratios_of(timings, limit)
    assert (ratios["naive_torch"], ratios["naive_openvino"], ratios["encoder_openvino"]) == (4, 8, 2)
    assert ratios["hf_torch"] is None
    assert ratios["limit"] == pytest.approx(1 / 0.8)
    assert limit_of({"ours_torch": timings["ours_torch"]}, counted, rate=100.0) is None


def test_percentiles() -> None:
    timing = Timing(runs=tuple(float(number) for number in range(1, 101)))
    assert timing.median == 50.5
    assert timing.p95 == pytest.approx(95.05)
    assert Timing(runs=(3.0,)).p95 == 3.0


def test_footage_goes_back_and_forth(tmp_path: Path) -> None:
    images = tuple(np.full((2, 2, 3), value, np.uint8) for value in range(3))
    footage = Footage(images=images, source="three frames")
    assert [image[0, 0, 0] for image in islice(footage, 8)] == [0, 1, 2, 1, 0, 1, 2, 1]
    single = Footage(images=images[:1], source="one frame")
    assert len(list(islice(single, 3))) == 3
    from PIL import Image

    Image.fromarray(np.zeros((40, 30, 3), np.uint8)).save(tmp_path / "one.png")
    assert open_footage(tmp_path / "one.png", SIZE).images[0].shape == (*SIZE, 3)


def test_a_sweep_fills_every_cell_and_the_page_plots_it(config: BenchConfig, tmp_path: Path) -> None:
    values = {
        "size": (SIZE, (40, 60)),
        "classes": (9, 300),
        "threads": (1,),
        "frames": (2, 6),
        "depth": (1, 2),
        "backbone": (),
    }
    before = torch.get_num_threads()
    result = sweep(replace(config, seconds=1), contenders=("naive", "ours_torch"), values=values, seconds=0.1)
    assert {name: len(cells) for name, cells in result.items()} == {name: len(values[name]) for name in values}
    assert torch.get_num_threads() == before
    for cell in (cell for cells in result.values() for cell in cells):
        assert set(cell["end_to_end"]) == {"naive", "ours_torch"}
        assert cell["measured_once"] == []
    report = benchmark(replace(config, contenders=("ours_torch",))) | {"sweep": result}
    write_page([json.loads(json.dumps(report))], tmp_path / "benchmarks.md")
    assert "| 40x60 |" in (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert "<polyline" in (tmp_path / "benchmarks" / "tiny-size.svg").read_text(encoding="utf-8")


def test_a_sweep_of_an_unknown_factor_is_refused(config: BenchConfig) -> None:
    known = "size, classes, threads, frames, depth, backbone"
    with pytest.raises(InputError, match=f"got factors colour; expected some of {known}"):
        sweep(config, only=("size", "colour"))


@pytest.mark.slow
def test_a_file_is_segmented_and_timed_as_a_whole(config: BenchConfig, tmp_path: Path) -> None:
    report = benchmark(replace(config, contenders=("ours_torch",), segment_frames=12))
    first, again = report["segment"]["first"], report["segment"]["again"]
    for row in (first, again):
        assert row["frames_per_second"] == pytest.approx(12 / row["seconds"])
        assert row["sustained_frames_per_second"] > 0
    # What was compiled is read back.
    assert again["compile_seconds"] < first["compile_seconds"]
    write_page([report], tmp_path / "page.md")
    assert "with compiled graphs at hand" in (tmp_path / "page.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_memory_of_a_stream(checkpoint: Path) -> None:
    soak = Soak(model=str(checkpoint), size=SIZE, num_classes=None, video=None, runtime="torch", threads=1, frames=200)
    report = soak.run()
    assert 0 < max(report.settled, report.end) <= report.peak
    assert report.growth < 5e6
    with pytest.raises(InputError, match="20 or more"):
        replace(soak, frames=5)


@pytest.mark.slow
def test_other_peoples_models_make_labels() -> None:
    pytest.importorskip("transformers")
    pytest.importorskip("openvino")
    entered = assemble(setup_of(tiny.cffm()), ("hf_torch", "hf_openvino", "encoder_openvino"))
    assert not entered.absent
    image = next(iter(drifting(SIZE)))
    labels = {contender.name: contender.run(image) for contender in entered.entered}
    assert labels["encoder_openvino"] is None
    for name in ("hf_torch", "hf_openvino"):
        found = labels[name]
        assert found is not None
        assert found.shape == SIZE
