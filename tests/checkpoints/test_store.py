import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from vidseg.checkpoints import (
    load,
    load_checkpoint,
    load_encoder,
    read_record,
    save_checkpoint,
    save_encoder,
)
from vidseg.errors import CheckpointError
from vidseg.models import CFFM, MiTConfig, MixTransformer, SegFormer
from vidseg.types import ClassMap, Preprocessing

SMALL_FRAMES = Preprocessing(short=96, long=160, interpolation="bicubic", antialias=True)


@pytest.fixture
def saved(tmp_path: Path, cffm: CFFM, classes: ClassMap) -> Path:
    save_checkpoint(
        tmp_path / "saved",
        cffm,
        class_map=classes,
        preprocessing=SMALL_FRAMES,
        training={"fps": 15.0, "steps": 3},
        metrics={"miou": 0.5},
        license="CC0-1.0",
        source_sha256="ab" * 32,
    )
    return tmp_path / "saved"


def edit(directory: Path, **changes: object) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def assert_same_weights(a: torch.nn.Module, b: torch.nn.Module) -> None:
    for key, tensor in a.state_dict().items():
        assert torch.equal(tensor, b.state_dict()[key]), key


def test_what_is_saved_comes_back(saved: Path, cffm: CFFM, classes: ClassMap) -> None:
    checkpoint = load_checkpoint(saved)
    assert_same_weights(cffm, checkpoint.model)
    assert not checkpoint.model.training
    record = checkpoint.record
    assert record == read_record(saved)
    assert (record.config, record.class_map, record.preprocessing) == (cffm.config, classes, SMALL_FRAMES)
    assert (record.training, record.metrics) == ({"fps": 15.0, "steps": 3}, {"miou": 0.5})
    assert (record.license, record.source_sha256) == ("CC0-1.0", "ab" * 32)


def test_both_files_have_the_mode_that_any_new_file_has(saved: Path) -> None:
    usual = saved.parent / "usual"
    usual.touch()
    assert {path.stat().st_mode for path in saved.iterdir()} == {usual.stat().st_mode}


def test_a_loaded_model_carries_what_its_use_needs(saved: Path, classes: ClassMap) -> None:
    model = load(saved)
    assert (model.class_map, model.preprocessing) == (classes, SMALL_FRAMES)
    assert model.training_record == {"fps": 15.0, "steps": 3}


def test_loading_leaves_the_random_stream_alone(saved: Path) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    load(saved)
    assert torch.equal(torch.rand(3), expected)


def test_half_precision_halves_the_file_and_loads_to_float32(
    saved: Path, cffm: CFFM, classes: ClassMap, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "half", cffm, class_map=classes, preprocessing=SMALL_FRAMES, dtype="float16")
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (tmp_path / "half", saved)]
    assert sizes[0] < 0.6 * sizes[1]
    for key, tensor in load(tmp_path / "half").state_dict().items():
        assert torch.equal(tensor, cffm.state_dict()[key].half().float() if tensor.is_floating_point() else tensor)


def test_values_beyond_half_precision_are_refused(segformer: SegFormer, classes: ClassMap, tmp_path: Path) -> None:
    torch.nn.init.constant_(segformer.classifier.bias, 1e6)
    with pytest.raises(CheckpointError, match=r"classifier\.bias.*not finite in float16"):
        save_checkpoint(tmp_path / "x", segformer, class_map=classes, preprocessing=SMALL_FRAMES, dtype="float16")
    assert not list(tmp_path.iterdir())


def test_a_record_that_is_no_json_leaves_nothing(segformer: SegFormer, classes: ClassMap, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no JSON"):
        save_checkpoint(
            tmp_path / "x", segformer, class_map=classes, preprocessing=SMALL_FRAMES, metrics={"miou": float("nan")}
        )
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_replaces_an_older_one_but_nothing_else(
    saved: Path, segformer: SegFormer, classes: ClassMap
) -> None:
    save_checkpoint(saved, segformer, class_map=classes, preprocessing=SMALL_FRAMES)
    assert isinstance(load(saved), SegFormer)
    (saved / "thesis.txt").write_text("years of work")
    with pytest.raises(CheckpointError, match=r"thesis\.txt"):
        save_checkpoint(saved, segformer, class_map=classes, preprocessing=SMALL_FRAMES)
    assert (saved / "thesis.txt").exists()


def test_class_names_must_be_as_many_as_classes(segformer: SegFormer, tmp_path: Path) -> None:
    two = ClassMap(names=("a", "b"), palette=((0, 0, 0), (1, 1, 1)))
    with pytest.raises(CheckpointError, match="2 classes; expected 3"):
        save_checkpoint(tmp_path / "x", segformer, class_map=two, preprocessing=SMALL_FRAMES)


def test_an_encoder_comes_back_and_is_no_model(tmp_path: Path, tiny: MiTConfig) -> None:
    config = replace(tiny, block_norm_eps=1e-5)
    encoder = MixTransformer(config)
    save_encoder(tmp_path / "mit", encoder, config, source_sha256="cd" * 32)
    loaded = load_encoder(tmp_path / "mit")
    assert_same_weights(encoder, loaded.encoder)
    assert (loaded.config, loaded.source_sha256) == (config, "cd" * 32)
    with pytest.raises(CheckpointError, match="initial weights for training"):
        load(tmp_path / "mit")


def test_a_model_is_no_encoder(saved: Path) -> None:
    with pytest.raises(CheckpointError, match=r"'cffm'.*expected an encoder"):
        load_encoder(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 99}, "schema_version 99.*expected 1"),
        ({"architecture": ["cffm"]}, "expected one of segformer, cffm"),
        ({"architecture": "resnet"}, "'resnet'.*expected one of segformer, cffm"),
        ({"model": None}, "None as 'model' in .*config.json"),
        ({"model": {}}, "no field 'encoder' of 'model'"),
        ({"classes": ["a", "b"]}, "3 colours for 2 classes"),
        ({"classes": 7}, "class map.*config.json"),
        ({"preprocessing": {"shrot": 480}}, "unknown field 'shrot'.*nearest known is 'short'"),
        ({"preprocessing": {"short": 0}}, "short=0.*config.json"),
        ({"classes": ["a"], "palette": [[0, 0, 0]]}, "names for 1 classes.*config.json"),
        ({"training": {"fps": "15"}}, "fps '15' in 'training'.*config.json"),
        ({"training": [1]}, r"\[1\] as 'training'"),
        ({"license": 3}, "3 as 'license'"),
        ({"weights_sha256": "00"}, "sha256.*get the checkpoint anew"),
    ],
)
def test_a_wrong_configuration_is_named(saved: Path, changes: dict[str, object], message: str) -> None:
    edit(saved, **changes)
    with pytest.raises(CheckpointError, match=message) as caught:
        load(saved)
    assert "\n" not in str(caught.value)
    assert "config.json" in str(caught.value)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"depths": [10**30, 1, 1, 1]}, "at most 1000 blocks"),
        ({"widths": [8 * 10**5, 16, 20, 32]}, "expected [0-9,]+, as the configured model has"),
        ({"widths": [8 * 10**29, 16, 20, 32]}, "more than can be counted"),
    ],
)
def test_a_model_far_larger_than_its_weights_is_never_built(
    saved: Path, sizes: dict[str, object], message: str
) -> None:
    model = json.loads((saved / "config.json").read_text())["model"]
    edit(saved, model={**model, "encoder": {**model["encoder"], **sizes}})
    with pytest.raises(CheckpointError, match=message):
        load(saved)


def test_a_foreign_directory_is_told_which_kinds_are_known(saved: Path) -> None:
    (saved / "config.json").write_text('{"architecture": "resnet50", "pretrained_cfg": {}}')
    with pytest.raises(
        CheckpointError, match=r"vidseg did not save it; .*model_type 'segformer'.*convert FILE OUT_DIR"
    ):
        load(saved)


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "\x00", "{}"])
def test_a_configuration_that_is_none_is_named(saved: Path, text: str) -> None:
    (saved / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"config\.json") as caught:
        load(saved)
    assert "\n" not in str(caught.value)


def rename(tensors: dict[str, torch.Tensor]) -> None:
    tensors["classifier.wieght"] = tensors.pop("classifier.weight")


def add(tensors: dict[str, torch.Tensor]) -> None:
    tensors["classifier.scale"] = torch.ones(1)


def reshape(tensors: dict[str, torch.Tensor]) -> None:
    tensors["classifier.weight"] = tensors["classifier.weight"][:2].clone()


def spoil(tensors: dict[str, torch.Tensor]) -> None:
    tensors["classifier.weight"][0, 0] = torch.nan


def retype(tensors: dict[str, torch.Tensor]) -> None:
    tensors["classifier.weight"] = tensors["classifier.weight"].int()


@pytest.mark.parametrize("damage", [rename, add, reshape, spoil, retype])
def test_wrong_weights_are_named_by_file_and_key(saved: Path, damage: object) -> None:
    tensors = load_file(saved / "model.safetensors")
    damage(tensors)  # type: ignore[operator]
    save_file(tensors, saved / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"classifier\.(weight|scale)") as caught:
        load(saved)
    assert "model.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [0, 4, 100, 20_000, -1])
def test_truncated_weights_are_named(saved: Path, size: int) -> None:
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CheckpointError, match=r"damaged or truncated file .*model\.safetensors") as caught:
        load(saved)
    assert "\n" not in str(caught.value)


def test_a_flipped_bit_is_found(saved: Path) -> None:
    path = saved / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.safetensors.*sha256"):
        load(saved)


def test_missing_files_are_named(saved: Path) -> None:
    (saved / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"no file .*model\.safetensors"):
        load(saved)
    (saved / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"no file .*config\.json"):
        load(saved)
