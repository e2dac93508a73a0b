"""Exports: graphs, description and parity report; what must be refused; a consumer without torch."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import image_models
import tiny
from vidseg.errors import InputError
from vidseg.models import ModelConfig
from vidseg.models.labels import label_map
from vidseg.runtime import export_model
from vidseg.steady import Steady
from vidseg.stream import Segmenter
from vidseg.stream.policy import default_policy
from vidseg.stream.preprocess import network_input
from vidseg.types import Preprocessing

CONSUMER = Path(__file__).parents[2] / "examples" / "onnx_consumer.py"


def start_rule(model) -> list[tuple[int, ...]]:
    policy = default_policy(model.reference_offsets)
    return [policy.references(t) for t in range(policy.capacity)]


@pytest.mark.slow
@pytest.mark.parametrize("output_format", ["onnx", "openvino"])
def test_one_export_serves_any_size(output_format: str, tmp_path: Path) -> None:
    model = tiny.cffm(depth=2)
    export = export_model(model, tmp_path / "out", output_format, start_rule=start_rule(model))
    assert export.passed
    assert {(entry.graph, entry.size) for entry in export.parity} == {
        (graph, size) for graph in ("start", "step") for size in ((160, 224), (97, 131), (64, 96))
    }
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["network_size"] is None
    assert config["start_rule"][:4] == [[], [], [], [0, 1, 2]]
    step = config["graphs"]["step"]
    assert step["inputs"][0] == {"name": "frame", "dtype": "float32", "shape": [1, 3, "H", "W"]}
    assert [port["name"] for port in step["inputs"][1:3]] == ["reference_0_block_0", "reference_0_block_1"]
    assert step["inputs"][1]["shape"] == [1, "nh", "nw", 14, 16]
    assert [port["name"] for port in step["outputs"]] == ["logits", "context_block_0", "context_block_1"]


def test_a_segformer_of_one_size_has_one_graph_and_an_older_export_is_replaced(tmp_path: Path) -> None:
    model = tiny.segformer()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "config.json").write_text('{"kind": "vidseg-export"}')
    (tmp_path / "out" / "step.xml").write_text("of an older export")
    export = export_model(model, tmp_path / "out", "openvino", start_rule=[], size=(64, 64))
    assert export.passed
    assert [entry.size for entry in export.parity] == [(64, 64)]
    assert export.files == ("config.json", "parity.json", "start.bin", "start.xml")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == list(export.files)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["graphs"]["start"]["outputs"] == [{"name": "logits", "dtype": "float32", "shape": [1, 5, 16, 16]}]
    parity = json.loads((tmp_path / "out" / "parity.json").read_text())
    assert parity["passed"]
    assert parity["compared"][0]["label_agreement"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("output_format", ["onnx", "openvino"])
@pytest.mark.parametrize(
    "config", [image_models.PSPNET_R18, image_models.cffm_over("timm:tf_efficientnet_lite0")], ids=["pspnet", "cffm"]
)
def test_models_over_encoders_of_timm(config: ModelConfig, output_format: str, tmp_path: Path) -> None:
    model = image_models.built(config)
    export = export_model(model, tmp_path / "out", output_format, start_rule=start_rule(model))
    assert export.passed


def test_what_openvino_cannot_take_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import openvino

    def refuse(*_: object, **__: object) -> None:
        raise openvino.frontend.OpConversionFailure("Summary:\n-- No conversion rule found for operations: aten::odd\n")

    monkeypatch.setattr(openvino, "convert_model", refuse)
    with pytest.raises(InputError, match=r"cannot take \(No conversion rule .*aten::odd\); .*--format onnx$"):
        export_model(tiny.segformer(), tmp_path / "out", "openvino", start_rule=[], size=(64, 96))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_int8_reports_its_agreement(tmp_path: Path) -> None:
    export = export_model(tiny.segformer(), tmp_path / "out", "openvino-int8", start_rule=[], size=(64, 96))
    assert export.passed is None
    assert 0.9 < export.parity[0].label_agreement <= 1
    assert export.parity[0].max_difference > 1e-5


def test_a_folder_with_anything_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"kind": "diary"}')
    with pytest.raises(InputError, match="something else"):
        export_model(tiny.segformer(), tmp_path, "onnx", start_rule=[])
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_unsuitable_models_and_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.eval\(\)"):
        export_model(tiny.segformer().train(), tmp_path / "out", "onnx", start_rule=[])
    with pytest.raises(InputError, match="expected one of onnx, openvino"):
        export_model(tiny.segformer(), tmp_path / "out", "tflite", start_rule=[])
    assert not (tmp_path / "out").exists()


def test_the_example_without_torch_has_the_labels_of_the_stream(tmp_path: Path) -> None:
    model = tiny.cffm()
    # Frames are of the network's size: only then do both feed it the same levels to the last bit.
    model.preprocessing = Preprocessing(short=64, long=96, multiple=32)
    frames = tiny.video(11, height=64, width=96)
    (tmp_path / "in").mkdir()
    for frame in frames:
        Image.fromarray(frame.image).save(tmp_path / "in" / f"{frame.name}.png")
    assert export_model(model, tmp_path / "export", "onnx", start_rule=start_rule(model), size=(64, 96)).passed
    script = "import runpy, sys; sys.modules['torch'] = None; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    words = [CONSUMER, tmp_path / "export", tmp_path / "in", tmp_path / "out"]
    subprocess.run([sys.executable, "-c", script, *map(str, words)], check=True, capture_output=True, timeout=120)
    for expected in Segmenter(model, runtime="torch").segment(frames):
        got = np.asarray(Image.open(tmp_path / "out" / f"{expected.frame.name}.png"))
        assert (got == expected.labels).mean() > 0.999


def test_the_example_steadies_as_the_stream_does(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    model = tiny.segformer()
    model.preprocessing = Preprocessing(short=64, long=96, multiple=32)
    steady = Steady(flow_side=48)
    export = export_model(model, tmp_path / "export", "onnx", start_rule=[], size=(64, 96), steady=steady)
    assert export.passed
    assert "steady.onnx" in export.files
    assert [entry.size for entry in export.parity] == [(64, 96), (16, 24)]  # the second is of the logits
    stream = runpy.run_path(str(CONSUMER))["Stream"](tmp_path / "export", frames_per_second=15)
    frames = tiny.video(8, height=64, width=96)
    segmenter = Segmenter(model, steady=steady)
    state = segmenter.start()
    for frame in frames:
        labels = stream.segment(frame.image)
        state, expected = segmenter.step(state, frame)
        assert (labels == expected.labels).mean() > 0.995
        assert state.steady is not None
        # Grey levels that fall between two are rounded here or there, and flow differs by a little then.
        difference = np.abs(stream.steadier.before[1] - state.steady.scores_1Khw.numpy())
        assert difference.mean() < 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("output_format", ["onnx", "openvino"])
def test_what_steadies_is_exported_for_any_size(output_format: str, tmp_path: Path) -> None:
    model = tiny.segformer()
    export = export_model(model, tmp_path / "out", output_format, start_rule=[], steady=Steady())
    assert export.passed
    assert {entry.size for entry in export.parity if entry.graph == "steady"} == {(40, 56), (25, 33), (16, 24)}
    config = json.loads((tmp_path / "out" / "config.json").read_text())["steady"]
    assert config["inputs"][1] == {"name": "state_steady", "dtype": "float32", "shape": [1, 5, "h", "w"]}
    shapes = [port["shape"] for port in config["inputs"][2:]]
    assert shapes == [[1, 1, "h", "w"]] + [[1, 3, "h", "w"]] * 2 + [[1, 2, "h", "w"]] * 2 + [[]]
    assert [port["shape"] for port in config["outputs"]] == [[1, 5, "h", "w"], [1, 1, "h", "w"]]
    assert (config["strength"], config["frames_per_second"]) == (0.75, 15)


def test_the_example_resizes_frames_and_logits_as_the_stream_does() -> None:
    example = runpy.run_path(str(CONSUMER))
    rule = {"short": 48, "long": 96, "multiple": 32, "interpolation": "bilinear", "antialias": False}
    image = tiny.video(1, height=101, width=67)[0].image
    expected = network_input(image, Preprocessing(**rule))[0].permute(1, 2, 0).numpy()
    got = example["resize_image"](image, {"preprocessing": rule, "network_size": None})
    assert got.shape == expected.shape
    # Torch rounds its weights to 16 bits, in each of the two resizes.
    assert np.abs(got.astype(float) - expected).max() <= 2
    logits = torch.randn(1, 7, 13, 9, generator=torch.Generator().manual_seed(0))
    labels = example["labels_at"](logits[0].numpy(), (49, 33), (101, 67))
    assert (labels == label_map(logits, (49, 33), (101, 67)).labels[0].numpy()).mean() > 0.999
