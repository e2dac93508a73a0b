"""Commands on directories of `transformers`."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import foreign_models


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("foreign")


@pytest.mark.parametrize(
    ("name", "usual", "processor"),
    [
        ("segformer", "ratio kept, within 64x256", "squeezed to 64x64"),
        ("mobilevit", "ratio kept, within 64x256", "shorter side 72, centre 64x64"),
        ("mask2former", "shorter side 60, longer at most 256", "shorter side 60, longer at most 256"),
        ("videomt", "squeezed to 64x64", "squeezed to 64x64"),
    ],
)
def test_info_says_how_frames_are_resized(
    run, name: str, usual: str, processor: str, root: Path, tmp_path: Path
) -> None:
    directory = foreign_models.directory_of(root, name)
    code, out, _ = run("info", directory, "--size", "64x96", "--json", tmp_path / "info.json")
    assert code == 0
    assert usual in " ".join(out.split())
    report = json.loads((tmp_path / "info.json").read_text())
    assert report["complexity"]["multiply_adds"]["accelerated"]["total"] > 1e5
    assert report["classes"] == list(foreign_models.CLASSES)
    assert ("queries" in out) == (name == "videomt")
    code, out, _ = run("info", directory, "--size", "64x96", "--preprocessing", "processor")
    assert code == 0
    assert processor in " ".join(out.split())
    assert "the processor's geometry" in " ".join(out.split())


@pytest.mark.parametrize("name", ["upernet convnext", "eomt split", "videomt"])
def test_segment_writes_masks(run, name: str, root: Path, images: Path, tmp_path: Path) -> None:
    directory = foreign_models.directory_of(root, name)
    for options in ((), ("--preprocessing", "processor")):
        out = tmp_path / f"masks{len(options)}"
        code, _, _ = run("segment", images, "-o", out, "--model", directory, "--fps", "5", *options)
        assert code == 0
        masks = [np.asarray(Image.open(path)) for path in sorted(out.glob("*.png"))]
        assert len(masks) == 11
        assert all(mask.shape == (41, 57) and mask.max() < 5 for mask in masks)


@pytest.mark.parametrize("name", ["mobilenet_v2", "videomt"])
def test_bench_times_them(run, name: str, root: Path, tmp_path: Path) -> None:
    directory = foreign_models.directory_of(root, name)
    words = ("--size", "64x96", "--seconds", "3", "--soak", "0", "--contenders", "ours_torch,naive")
    code, _, err = run("bench", "--model", directory, *words, "--json", tmp_path / "bench.json")
    assert code == 0, err
    report = json.loads((tmp_path / "bench.json").read_text())
    assert set(report["end_to_end"]) == {"ours_torch", "naive"}
    assert report["label_agreement"] > 0.999


def test_what_is_not_known_is_one_line(run, root: Path, images: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    code, _, err = run("segment", images, "-o", tmp_path / "out", "--model", tmp_path)
    assert code == 2
    assert "model_type 'clip'" in err
    assert len(err.strip().splitlines()) == 1
    code, _, err = run("info", "cffm-b0-freedoom", "--preprocessing", "processor")
    assert code == 2
    assert "without a processor" in err
