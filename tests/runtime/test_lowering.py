"""Lower precision: quantised graphs, the guarantee that they keep, and what is refused."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny
from vidseg.acceleration import accelerate
from vidseg.errors import InputError, VidsegWarning
from vidseg.models import FrameInputs
from vidseg.runtime import (
    EagerRuntime,
    Export,
    Lowering,
    build_runtime,
    export_model,
    guarantee_of,
    parse_precision,
)
from vidseg.runtime import lowering as lowering_module
from vidseg.runtime.graph import StepGraph
from vidseg.runtime.guarantee import Judgement, digest_of, read_guarantee
from vidseg.runtime.openvino import openvino_request, to_openvino
from vidseg.runtime.quantising import products, quantised
from vidseg.stream import Segmenter
from vidseg.stream.trial import VideoTrial

FRAMES = [frame.image for frame in tiny.video(40, height=64, width=96)]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Export]:
    """A tiny SegFormer in int8, whatever it changes."""
    model = tiny.segformer()
    folder = tmp_path_factory.mktemp("lowered") / "int8"
    trial = VideoTrial(model, FRAMES, len(FRAMES), "blocks")
    lowering = Lowering(precision="int8", trial=trial, threshold=0.5)
    return folder, export_model(model, folder, "openvino", start_rule=[], lowering=lowering)


def test_products_are_in_int8_and_the_agreement_is_that_of_the_stream(exported: tuple[Path, Export]) -> None:
    import openvino

    folder, export = exported
    guarantee = export.guarantee
    assert guarantee is not None
    lowered, exact = products(openvino.Core().read_model(folder / "start.xml"))
    assert len(lowered) == guarantee.products > 10
    assert len(exact) == len(guarantee.left_exact)
    # What was kept aside, once more, by what users run.
    model = tiny.segformer()
    trial = VideoTrial(model, FRAMES, len(FRAMES), "blocks")
    segmenter, torch_segmenter = Segmenter(model, precision=f"int8={folder}"), Segmenter(model, runtime="torch")
    aside = [image for clip, _ in trial.aside for image in clip]
    pairs = zip(segmenter.segment(aside), torch_segmenter.segment(aside), strict=True)
    shares = [float((one.labels == two.labels).mean()) for one, two in pairs]
    assert guarantee.frames == len(shares)
    assert np.mean(shares) == pytest.approx(guarantee.agreement, abs=1e-6)
    assert 0.5 <= guarantee.agreement < 1, "the weights are random, so some label changes"
    assert segmenter.guarantee == guarantee == read_guarantee(folder)


def test_an_export_is_told_in_its_config(exported: tuple[Path, Export]) -> None:
    folder, export = exported
    assert export.passed is None
    assert export.guarantee is not None
    kept = json.loads((folder / "config.json").read_text())["precision"]
    assert kept == json.loads(json.dumps(export.guarantee.to_dict()))
    assert kept["precision"] == "int8"
    assert kept["weights_sha256"] == digest_of(tiny.segformer())


def test_labels_that_change_too_often_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.segformer()
    trial = VideoTrial(model, FRAMES, len(FRAMES), "blocks")
    monkeypatch.setattr(lowering_module, "_TRIES", lowering_module._TRIES[:1])
    with pytest.raises(
        InputError, match=r"int8 with \d\d\.\d\d% .*kept aside; expected 100\.00% or more, so nothing was written"
    ):
        export_model(
            model,
            tmp_path / "out",
            "openvino",
            start_rule=[],
            lowering=Lowering(precision="int8", trial=trial, threshold=1),
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_harms_labels_most_stays_exact() -> None:
    model = tiny.segformer()
    with torch.no_grad():  # classes that differ by little: the classifier, at least, must stay as it is
        model.classifier.weight *= 0.05
    trial = VideoTrial(model, FRAMES, len(FRAMES), "blocks")
    graph = StepGraph(accelerate(model), "start", channels_last=False)
    exact = to_openvino(graph, graph.example(1, trial.network_size))
    ready, samples = openvino_request(exact), trial.samples("start")

    def changed(lowered: Any) -> float:
        """The share of positions whose winner is another one than exact's."""
        run = openvino_request(lowered)
        pairs = [(run(sample)[0].argmax(1), ready(sample)[0].argmax(1)) for sample in samples]
        return float(torch.stack([(got != expected).float().mean() for got, expected in pairs]).mean())

    loose = quantised(exact, samples, ready)
    assert changed(loose) > 0
    strict = quantised(exact, samples, ready, most_changed=changed(loose) / 2)
    assert changed(strict) <= changed(loose) / 2
    assert len(products(strict)[1]) > len(products(loose)[1])


class RecordedTrial:
    """A trial whose outcome is given."""

    video, network_size, calibrated_on = "given", (64, 96), 0

    def __init__(self, agreement: float) -> None:
        self.agreement = agreement

    def samples(self, step: str) -> Sequence[Sequence[torch.Tensor]]:
        return []

    def judge(self, exact: object, lowered: object) -> Judgement:
        return Judgement(agreement=self.agreement, frames=4, exact_seconds=2.0, lowered_seconds=1.0)


@pytest.mark.parametrize(
    ("outcomes", "taken", "tries"),
    [
        ([(0.995, 1.5)], 1.5, [(3, None)]),
        # Good enough but slower than exact: the next may be faster, and the fastest is taken.
        ([(0.995, 0.8), (0.999, 1.1)], 1.1, [(3, None), (2, None)]),
        ([(0.995, 0.9), (0.999, 0.8)], 0.9, [(3, None), (2, None)]),
        ([(0.995, 0.8), (0.9, 1.1)], 0.8, [(3, None), (2, None)]),
        # Not good enough: what harms most is looked for.
        ([(0.9, 2.0), (0.95, 2.0), (0.991, 1.2)], 1.2, [(3, None), (2, None), (3, 0.01)]),
        ([(0.9, 2.0), (0.95, 2.0), (0.98, 2.0), (0.99, 0.7)], 0.7, [(3, None), (2, None), (3, 0.01), (3, 0.005)]),
        ([(0.9, 2.0), (0.95, 2.0), (0.98, 2.0), (0.97, 2.0)], None, [(3, None), (2, None), (3, 0.01), (3, 0.005)]),
    ],
)
def test_tries_go_on_until_one_is_good_enough_and_faster(
    outcomes: list[tuple[float, float]],
    taken: float | None,
    tries: list[tuple[int, float | None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, float | None]] = []

    def quantised(model: object, samples: object, exact: object, *, kinds: tuple[str, ...], most_changed: float | None):
        asked.append((len(kinds), None if most_changed is None else round(most_changed, 6)))
        return model

    monkeypatch.setattr(lowering_module, "quantised", quantised)
    monkeypatch.setattr(lowering_module, "to_openvino", lambda graph, example: graph.name)
    monkeypatch.setattr(lowering_module, "openvino_request", lambda source: source)
    monkeypatch.setattr(lowering_module, "products", lambda lowered: (["product"], []))
    trial = RecordedTrial(1.0)
    given = iter(outcomes)

    def judge(exact: object, lowered: object) -> Judgement:
        agreement, speedup = next(given)
        return Judgement(agreement=agreement, frames=4, exact_seconds=speedup, lowered_seconds=1.0)

    monkeypatch.setattr(trial, "judge", judge)
    monkeypatch.setattr(trial, "samples", lambda step: [[torch.zeros(1, 3, 64, 96)]])
    model = tiny.segformer()
    graphs = {"start": StepGraph(accelerate(model), "start", channels_last=False)}
    lowering = Lowering(precision="int8", trial=trial)
    if taken is None:
        with pytest.raises(InputError, match=r"with 98\.00% of pixels labelled as exact at best"):
            lowering.lower(model, graphs)
    else:
        assert lowering.lower(model, graphs)[1].speedup == taken
    assert asked == tries


def test_bf16_keeps_a_guarantee_where_the_processor_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.segformer()
    monkeypatch.setattr(lowering_module, "cpu_abilities", lambda: ("FP32", "BF16"))
    lowering = Lowering(precision="bf16", trial=RecordedTrial(0.995))
    guarantee = export_model(model, tmp_path / "out", "openvino", start_rule=[], lowering=lowering).guarantee
    assert guarantee is not None
    assert (guarantee.precision, guarantee.speedup, guarantee.calibrated_on) == ("bf16", 2.0, 0)
    asked = []
    monkeypatch.setattr(
        lowering_module,
        "openvino_request",
        lambda source, threads, floats: asked.append(floats) or (lambda arguments: [torch.zeros(1, 16, 24, 5)]),
    )
    runtime = build_runtime("auto", model, precision=f"bf16={tmp_path / 'out'}")
    assert runtime.run("start", FrameInputs(torch.zeros(1, 3, 64, 96))).logits.shape == (1, 5, 16, 24)
    assert asked == ["bf16"]


def test_bf16_is_refused_where_the_processor_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lowering_module, "cpu_abilities", lambda: ("FP32", "INT8"))
    with pytest.raises(InputError, match=r"without bf16 instructions .*FP32, INT8.*--precision exact or int8"):
        Lowering(precision="bf16", trial=RecordedTrial(1.0))


def test_an_int8_export_in_which_nothing_is_int8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no product that int8 leaves"):
        export_model(
            tiny.segformer(),
            tmp_path / "out",
            "openvino",
            start_rule=[],
            lowering=Lowering(precision="int8", trial=RecordedTrial(1.0)),
        )
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_an_export_is_refused(exported: tuple[Path, Export], tmp_path: Path) -> None:
    folder, _ = exported
    model = tiny.segformer()
    with pytest.raises(InputError, match="of other weights"):
        build_runtime("auto", tiny.segformer(seed=1), precision=f"int8={folder}")
    with pytest.raises(InputError, match="an export in int8; expected one in bf16"):
        build_runtime("auto", model, precision=f"bf16={folder}")
    with pytest.raises(InputError, match="expected OpenVINO on the CPU"):
        build_runtime("torch", model, precision=f"int8={folder}")
    runtime = build_runtime("auto", model, precision=f"int8={folder}")
    with pytest.raises(InputError, match=r"of 64x64 for graphs of 1 of 64x96.*--size 64x64"):
        runtime.run("start", FrameInputs(torch.zeros(1, 3, 64, 64)))
    with pytest.raises(InputError, match="which is no export"):
        guarantee_of(f"int8={tmp_path}")
    export_model(model, tmp_path / "exact", "openvino", start_rule=[], size=(64, 96))
    with pytest.raises(InputError, match="without a lower precision"):
        guarantee_of(f"int8={tmp_path / 'exact'}")
    with pytest.raises(InputError, match="got format 'onnx' for int8"):
        export_model(
            model,
            tmp_path / "onnx",
            "onnx",
            start_rule=[],
            lowering=Lowering(precision="int8", trial=RecordedTrial(1.0)),
        )


def test_another_processor_is_told(exported: tuple[Path, Export], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lowering_module, "cpu_name", lambda: "Abacus")
    with pytest.warns(VidsegWarning, match="here is Abacus"):
        build_runtime("auto", tiny.segformer(), precision=f"int8={exported[0]}")


def test_precisions_in_words() -> None:
    assert parse_precision("exact") is None
    assert parse_precision("int8=a/b=c") == ("int8", Path("a/b=c"))
    with pytest.raises(InputError, match="expected exact, bf16=FOLDER or int8=FOLDER"):
        parse_precision("int4=x")
    with pytest.raises(InputError, match="do first: vidseg export M FOLDER --precision int8 --calibrate VIDEO"):
        parse_precision("int8")
    with pytest.raises(InputError, match="threshold of 150"):
        Lowering(precision="int8", trial=RecordedTrial(1.0), threshold=1.5)
    with pytest.raises(InputError, match="expected one of exact, bf16, int8"):
        Lowering(precision="int4", trial=RecordedTrial(1.0))


def test_logits_of_a_lowered_graph_are_those_of_the_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not lowered at all must come out as it went in: the transposition of the logits changes nothing."""
    model = tiny.cffm()
    monkeypatch.setattr(lowering_module, "cpu_abilities", lambda: ("BF16",))
    monkeypatch.setattr(lowering_module, "_FLOATS", {"bf16": "f32"})
    lowering = Lowering(precision="bf16", trial=RecordedTrial(1.0))
    export_model(model, tmp_path / "out", "openvino", start_rule=[], lowering=lowering)
    runtime = build_runtime("auto", model, precision=f"bf16={tmp_path / 'out'}")
    frame = FrameInputs(torch.rand(1, 3, 64, 96) * 255)
    got, expected = (side.run("start", frame).logits for side in (runtime, EagerRuntime(model, torch.device("cpu"))))
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-3)
