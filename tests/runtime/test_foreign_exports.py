"""Which networks of `transformers` torch can trace, and what the others say."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import foreign_models
import tiny
from vidseg.checkpoints import load
from vidseg.errors import InputError
from vidseg.runtime import build_runtime, export_model
from vidseg.runtime.choose import PREFERENCE
from vidseg.stream import Segmenter

CONSUMER = Path(__file__).parents[2] / "examples" / "onnx_consumer.py"


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("foreign")


def test_auto_is_torch_for_what_may_not_be_traced(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PREFERENCE, "cpu", ("openvino", "torch"))
    model = load(foreign_models.directory_of(root, "mobilenet_v2"))
    assert build_runtime("auto", model, "cpu").name == "torch"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["upernet convnext", "mobilenet_v2", "beit", "dpt", "eomt", "videomt"])
def test_exports_for_one_size_are_the_model(name: str, root: Path, tmp_path: Path) -> None:
    model = load(foreign_models.directory_of(root, name), preprocessing="processor")
    assert model.preprocessing is not None
    size = model.preprocessing.network_size(75, 101)
    export = export_model(model, tmp_path / "out", "onnx", start_rule=(), size=size)
    assert export.passed
    if name not in ("dpt", "videomt"):
        return
    # A program without torch gets the same labels, and keeps the queries.
    (tmp_path / "in").mkdir()
    frames = tiny.video(4, 75, 101)
    for frame in frames:
        Image.fromarray(frame.image).save(tmp_path / "in" / f"{frame.name}.png")
    words = [CONSUMER, tmp_path / "out", tmp_path / "in", tmp_path / "masks"]
    subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True, timeout=240)
    for expected in Segmenter(model, "cpu", "torch").segment(frames):
        got = np.asarray(Image.open(tmp_path / "masks" / f"{expected.frame.name}.png"))
        assert (got == expected.labels).mean() > 0.99  # its antialiasing is Pillow's, a level apart here and there


@pytest.mark.slow
def test_a_network_of_one_size_says_so(root: Path, tmp_path: Path) -> None:
    model = load(foreign_models.directory_of(root, "dpt"))
    with pytest.raises(InputError, match=r"expected 64x64.*--size 64x64") as caught:
        export_model(model, tmp_path / "out", "onnx", start_rule=())
    assert "\n" not in str(caught.value)
