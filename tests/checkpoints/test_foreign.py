"""Networks of `transformers` from directories that it saved: labels are theirs, and what does not fit is named."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import foreign_models
import tiny
from vidseg.checkpoints import convert, describe, load, load_checkpoint, save_checkpoint
from vidseg.errors import CheckpointError, InputError, MissingExtraError
from vidseg.evaluate.augmentation import AugmentedSegmenter
from vidseg.models import Foreign, SegFormer, VidEoMT
from vidseg.stream import Segmenter

SIZES = [(75, 101), (97, 60), (64, 64), (40, 200)]


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("foreign")


def edit(path: Path, **changes: Any) -> None:
    value = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: item for key, item in value.items() if item is not ...}))


@pytest.mark.parametrize("name", foreign_models.KINDS)
def test_labels_are_those_of_their_own_pipeline(name: str, root: Path) -> None:
    model = load(foreign_models.directory_of(root, name), preprocessing="processor")
    assert isinstance(model, SegFormer if name == "segformer" else VidEoMT if name == "videomt" else Foreign)
    assert not model.training
    assert model.class_map is not None
    assert model.class_map.names == foreign_models.CLASSES
    theirs = foreign_models.network_of(name)
    segmenter = Segmenter(model, "cpu", "torch", confidence=True)
    seen = set()
    for index, size in enumerate(SIZES):
        image = tiny.video(1, *size, seed=index)[0].image
        scores = foreign_models.their_scores(name, image, theirs)
        _, segmentation = segmenter.step(segmenter.start(), image)
        expected = scores.argmax(dim=0).numpy()
        same = segmentation.labels == expected
        best = scores.topk(2, dim=0).values
        assert same.mean() >= 0.999, size
        assert ((best[0] - best[1]).numpy()[~same] < 1e-4).all()  # ties
        share = scores / scores.sum(dim=0) if model.score_kind == "mass" else scores.softmax(dim=0)
        assert segmentation.confidence is not None
        np.testing.assert_allclose(segmentation.confidence, share.amax(dim=0).numpy(), atol=1e-3)
        seen |= set(np.unique(expected))
    assert len(seen) > 1  # else they would say little


@pytest.mark.parametrize("name", ["upernet convnext", "mobilevit", "mask2former", "dpt"])
def test_the_ratio_is_kept_where_the_weights_were_trained_so(name: str, root: Path) -> None:
    directory = foreign_models.directory_of(root, name)
    usual, processor = describe(directory).preprocessing, describe(directory, preprocessing="processor").preprocessing
    height, width = processor.network_size(100, 200)
    if name == "mask2former":  # its processor keeps it
        assert usual == processor
        assert abs(width / height - 2) < 0.5
    elif name == "dpt":  # it takes one size only
        assert usual == processor
        assert (height, width) == (64, 64)
    else:
        assert processor.network_size(100, 200) == (64, 64)
        assert usual.network_size(100, 200) == (64, 128)
    segmenter = Segmenter(load(directory), "cpu", "torch")
    assert segmenter.step(segmenter.start(), tiny.video(1, 45, 77)[0])[1].labels.shape == (45, 77)


def test_segformers_geometry_of_its_processor_needs_no_transformers(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = foreign_models.directory_of(root, "segformer")
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    usual = load(directory).preprocessing
    assert usual is not None
    assert usual.geometry is None
    followed = load(directory, preprocessing="processor").preprocessing
    assert followed is not None
    assert followed.network_size(70, 99) == (64, 64)


def test_without_transformers_the_extra_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = foreign_models.directory_of(root, "upernet swin")
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidseg\[hf\]'"):
        load(directory)


@pytest.mark.parametrize("name", ["mobilevit", "eomt split", "videomt"])
def test_a_checkpoint_of_ours_holds_them_too(name: str, root: Path, tmp_path: Path) -> None:
    model = load(foreign_models.directory_of(root, name), preprocessing="processor")
    assert model.class_map is not None
    assert model.preprocessing is not None
    save_checkpoint(tmp_path / "ours", model, class_map=model.class_map, preprocessing=model.preprocessing)
    again = load_checkpoint(tmp_path / "ours").model
    assert again.config == model.config
    assert again.preprocessing == model.preprocessing
    frames = tiny.video(3, 75, 101)
    one, two = (
        [segmentation.labels for segmentation in Segmenter(each, "cpu", "torch").segment(frames)]
        for each in (model, again)
    )
    assert np.array_equal(one, two)


@pytest.fixture
def upernet(root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(foreign_models.directory_of(root, "upernet swin"), tmp_path / "copy"))


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("config.json", {"model_type": "detr"}, "model_type 'detr'.*segformer.*upernet"),
        ("config.json", {"model_type": ["upernet"]}, r"upernet.*no network for"),
        ("config.json", {"id2label": {"0": "cat", "2": "dog"}}, "'id2label'.*a name for every id from 0"),
        ("config.json", {"hidden_size": "wide"}, "settings of a upernet that transformers does not take"),
        ("config.json", {"hidden_size": 24}, "another shape of weights"),
        ("config.json", {"backbone": "x/y", "backbone_config": ...}, "a backbone by name, 'x/y'"),
        ("preprocessor_config.json", {"image_processor_type": "ClipImageProcessor"}, "ClipImageProcessor.*Segformer"),
        ("preprocessor_config.json", {"resample": 1}, "resample 1"),
        ("preprocessor_config.json", {"size": {"height": "big"}}, "size.*positive whole numbers"),
        ("preprocessor_config.json", {"image_std": [0.1, "x", 0.1]}, "image_mean, image_std"),
        ("preprocessor_config.json", {"image_std": [0.1, 0.0, 0.1]}, "std"),
        ("preprocessor_config.json", {"pad_size": {"height": 90, "width": 90}}, "pad_size"),
    ],
)
def test_what_does_not_fit_is_named(upernet: Path, file: str, changes: dict[str, Any], message: str) -> None:
    edit(upernet / file, **changes)
    with pytest.raises((CheckpointError, InputError), match=message) as caught:
        load(upernet)
    assert "\n" not in str(caught.value)


def test_missing_and_damaged_weights_are_errors_and_not_random_numbers(upernet: Path) -> None:
    path = upernet / "model.safetensors"
    tensors = load_file(path)
    kept = {key: tensor for key, tensor in tensors.items() if not key.startswith("decode_head.classifier")}
    save_file(kept, path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"got no weights 'decode_head.classifier.bias' and 1 more") as caught:
        load(upernet)
    assert "\n" not in str(caught.value)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be read") as caught:
        load(upernet)
    assert "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        load(upernet)


def test_code_in_a_directory_is_never_run(upernet: Path) -> None:
    (upernet / "evil.py").write_text("raise SystemExit('run')")
    edit(upernet / "config.json", auto_map={"AutoModelForSemanticSegmentation": "evil.Evil", "AutoConfig": "evil.Evil"})
    assert isinstance(load(upernet), Foreign)


def test_a_directory_without_a_processor_is_told(upernet: Path) -> None:
    (upernet / "preprocessor_config.json").unlink()
    with pytest.raises(CheckpointError, match=r"no preprocessor_config\.json.*save_pretrained"):
        load(upernet)


def test_a_processor_of_another_size_than_the_one_its_network_takes_is_told(root: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(foreign_models.directory_of(root, "beit"), tmp_path / "copy"))
    edit(copy / "preprocessor_config.json", size={"height": 96, "width": 96})
    with pytest.raises(CheckpointError, match=r"squeezed to 96x96.*expected 64x64"):
        load(copy)


def test_only_what_has_a_processor_takes_its_geometry(root: Path, upernet: Path) -> None:
    with pytest.raises(InputError, match="without a processor"):
        load("cffm-b0-freedoom", preprocessing="processor")
    with pytest.raises(InputError, match="got preprocessing 'squeezed'"):
        load(upernet, preprocessing="squeezed")  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match="used as it is and not converted"):
        convert(upernet, upernet.parent / "out", "hf")
    with pytest.raises(InputError, match=r"got size 32.*squeezed to 64x96"):
        Segmenter(load(upernet, preprocessing="processor"), "cpu", "torch", size=32)


def test_the_models_carry_their_kind_of_scores(root: Path) -> None:
    assert load(foreign_models.directory_of(root, "dpt")).score_kind == "logits"
    masks = load(foreign_models.directory_of(root, "maskformer"))
    assert masks.score_kind == "mass"
    scores = masks(torch.rand(1, 1, 3, 64, 96) * 255).final
    assert scores.min() >= 0


def test_augmented_views_have_the_same_geometry_and_kind_of_scores(root: Path) -> None:
    model = load(foreign_models.directory_of(root, "maskformer"), preprocessing="processor")
    frames, base = tiny.video(2, 45, 77), Segmenter(model, "cpu", "torch")
    one = AugmentedSegmenter(model, base, flip=False, scales=(1.0,)).segment(frames)
    for augmented, plain in zip(one, base.segment(frames), strict=True):
        assert (augmented.labels == plain.labels).mean() > 0.999
    with pytest.raises(InputError, match=r"got scale 0\.5 .*processor's geometry"):
        AugmentedSegmenter(model, base, flip=True, scales=(0.5,))
