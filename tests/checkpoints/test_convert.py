"""Converters of ``.pth`` files: all that they read is used or knowingly dropped, all that is wrong is named."""

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from official_weights import cffm_shapes, make_weights, mit_shapes, segformer_shapes
from vidseg.checkpoints import (
    SourceKind,
    convert,
    load,
    load_encoder,
    read_record,
    save_checkpoint,
)
from vidseg.errors import CheckpointError
from vidseg.models import CFFM, SegFormer
from vidseg.types import Preprocessing

WIDTHS, DEPTHS = (8, 16, 20, 32), (1, 2, 1, 1)
Weights = dict[str, Any]


@pytest.fixture(scope="module")
def cffm_weights() -> Weights:
    return make_weights(cffm_shapes(WIDTHS, DEPTHS, mining_depth=2, num_classes=4, channels=32))


@pytest.fixture(scope="module")
def segformer_weights() -> Weights:
    return make_weights(segformer_shapes(WIDTHS, DEPTHS, num_classes=4, channels=16))


@pytest.fixture(scope="module")
def mit_weights() -> Weights:
    return make_weights(mit_shapes(WIDTHS, DEPTHS) | {"head.weight": (1000, 32), "head.bias": (1000,)})


def write(folder: Path, content: object) -> Path:
    torch.save(content, folder / "F.pth")
    return folder / "F.pth"


def test_cffm(cffm_weights: Weights, tmp_path: Path) -> None:
    source = write(tmp_path, {"state_dict": cffm_weights, "meta": {}})
    summary = convert(source, tmp_path / "out", "cffm", license="CC-BY-NC-4.0")
    model = load(tmp_path / "out")
    assert isinstance(model, CFFM)
    assert (model.config.depth, model.config.head_channels, model.num_classes) == (2, 32, 4)
    assert (summary.architecture, summary.num_classes, summary.directory) == ("cffm", 4, tmp_path / "out")
    assert summary.num_parameters == sum(parameter.numel() for parameter in model.parameters())
    record = read_record(tmp_path / "out")
    assert record.license == "CC-BY-NC-4.0"
    assert record.source_sha256 == summary.source_sha256
    assert summary.class_names is not None
    assert "generic" in summary.class_names
    assert record.class_map.names == ("class 0", "class 1", "class 2", "class 3")


@pytest.mark.parametrize("wrap", [lambda w: w, lambda w: {"state_dict": {f"module.{k}": v for k, v in w.items()}}])
def test_bare_and_prefixed_state_dicts(
    wrap: Callable[[Weights], Weights], segformer_weights: Weights, tmp_path: Path
) -> None:
    convert(write(tmp_path, wrap(segformer_weights)), tmp_path / "out", "segformer")
    model = load(tmp_path / "out")
    assert isinstance(model, SegFormer)
    assert torch.equal(model.classifier.weight, segformer_weights["decode_head.linear_pred.weight"])


def test_mit_is_an_encoder(mit_weights: Weights, tmp_path: Path) -> None:
    summary = convert(write(tmp_path, mit_weights), tmp_path / "out", "mit")
    assert (summary.architecture, summary.num_classes, summary.class_names) == ("mit", None, None)
    encoder = load_encoder(tmp_path / "out")
    assert encoder.source_sha256 == summary.source_sha256
    assert torch.equal(encoder.encoder.stages[0].norm.weight, mit_weights["norm1.weight"])


@pytest.mark.parametrize("missing", ["index buffers", "conv_seg", "counter"])
def test_what_is_dropped_need_not_be_there(missing: str, cffm_weights: Weights, tmp_path: Path) -> None:
    parts = {"index buffers": "index", "conv_seg": "conv_seg", "counter": "num_batches_tracked"}
    weights = {key: value for key, value in cffm_weights.items() if parts[missing] not in key}
    assert len(weights) < len(cffm_weights)
    convert(write(tmp_path, weights), tmp_path / "out", "cffm")
    assert isinstance(load(tmp_path / "out"), CFFM)


def test_index_buffers_are_not_read(cffm_weights: Weights, tmp_path: Path) -> None:
    weights = {key: "no tensor" if "index" in key or "valid_ind" in key else v for key, v in cffm_weights.items()}
    convert(write(tmp_path, weights), tmp_path / "out", "cffm")
    assert isinstance(load(tmp_path / "out"), CFFM)


def test_class_names_and_preprocessing_of_vspw(tmp_path: Path) -> None:
    weights = make_weights(cffm_shapes(WIDTHS, DEPTHS, mining_depth=1, channels=16))
    convert(write(tmp_path, weights), tmp_path / "out", "cffm")
    model = load(tmp_path / "out")
    assert model.class_map is not None
    assert (model.class_map.names[0], len(model.class_map.names), model.class_map.ignore) == ("wall", 124, 255)
    assert model.preprocessing == Preprocessing(short=480, long=853, multiple=32)
    assert model.training_record == {"dataset": "VSPW", "fps": 15.0}


@pytest.mark.parametrize("content", [["a", "b", "c", "d"], {"classes": ["a", "b", "c", "d"], "fps": 30, "ignore": 254}])
def test_class_names_from_a_file(content: object, segformer_weights: Weights, tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text(json.dumps(content))
    convert(write(tmp_path, segformer_weights), tmp_path / "out", "segformer", classes=tmp_path / "names.json")
    assert read_record(tmp_path / "out").class_map.names == ("a", "b", "c", "d")


def test_class_names_and_numpy_in_the_meta_data(segformer_weights: Weights, tmp_path: Path) -> None:
    meta = {
        "CLASSES": ("road", "sidewalk", "car", "sky"),
        "PALETTE": np.arange(12, dtype=np.uint8).reshape(4, 3),
        "loss": np.float64(0.5),
    }
    convert(write(tmp_path, {"state_dict": segformer_weights, "meta": meta}), tmp_path / "out", "segformer")
    assert read_record(tmp_path / "out").class_map.names == meta["CLASSES"]


@pytest.mark.parametrize("content", ["{}", '{"classes": []}', '{"classes": [1]}', "3", "nonsense", '["a", "b"]'])
def test_a_wrong_class_file_is_named(content: str, segformer_weights: Weights, tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text(content)
    source = write(tmp_path, segformer_weights)
    with pytest.raises(CheckpointError, match=r"names\.json|2 classes; expected 4"):
        convert(source, tmp_path / "out", "segformer", classes=tmp_path / "names.json")
    assert not (tmp_path / "out").exists()


KEYS = {
    "cffm": [
        "backbone.patch_embed1.proj.weight",
        "backbone.norm2.weight",
        "backbone.block2.1.attn.sr.bias",
        "decode_head.linear_c3.proj.weight",
        "decode_head.linear_fuse.bn.running_var",
        "decode_head.linear_pred.bias",
        "decode_head.linear_pred2.weight",
        "decode_head.decoder_focal.blocks.1.pool_layers_clips.1.weight",
        "decode_head.decoder_focal.blocks.0.attn.relative_position_bias_table",
        "decode_head.decoder_focal.blocks.0.attn.relative_position_bias_table_to_neighbors",
        "decode_head.decoder_focal.blocks.1.attn.relative_position_bias_table_to_windows_clips.2",
    ],
    "segformer": ["backbone.block3.0.mlp.dwconv.dwconv.weight", "decode_head.linear_fuse.conv.weight"],
    "mit": ["block4.0.attn.kv.weight", "patch_embed3.norm.bias"],
}


def drop(weights: Weights, key: str) -> None:
    del weights[key]


def rename(weights: Weights, key: str) -> None:
    weights[key.replace(".", ".new_", 1)] = weights.pop(key)


def shorten(weights: Weights, key: str) -> None:
    weights[key] = weights[key][:-1]


def flatten(weights: Weights, key: str) -> None:
    weights[key] = weights[key].sum()


def spoil(weights: Weights, key: str) -> None:
    weights[key] = torch.full_like(weights[key], torch.inf)


def replace(weights: Weights, key: str) -> None:
    weights[key] = "not a tensor"


@pytest.mark.parametrize("damage", [drop, rename, shorten, flatten, spoil, replace])
@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, keys in KEYS.items() for key in keys])
def test_what_is_wrong_is_named_by_file_and_key(
    damage: Callable[[Weights, str], None],
    kind: SourceKind,
    key: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    weights = dict(request.getfixturevalue(f"{kind}_weights"))
    damage(weights, key)
    source = write(tmp_path, {"state_dict": weights})
    with pytest.raises(CheckpointError) as caught:
        convert(source, tmp_path / "out", kind)
    message = str(caught.value)
    assert "\n" not in message
    assert str(source) in message
    # A vector by which a size is told, shortened, makes its layer's other tensors the odd ones out.
    assert key in message or (damage is shorten and "shape" in message)
    assert list(tmp_path.iterdir()) == [source]


def test_unknown_keys_are_named(segformer_weights: Weights, tmp_path: Path) -> None:
    source = write(tmp_path, segformer_weights | {"decode_head.extra.weight": torch.ones(1)})
    with pytest.raises(CheckpointError, match=r"1 unknown key.*F\.pth.*'decode_head\.extra\.weight'"):
        convert(source, tmp_path / "out", "segformer")


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("cffm", "segformer", r"no key 'decode_head\.decoder_focal\.blocks\.0'.*what kind"),
        ("segformer", "cffm", r"unknown key.*'decode_head\.linear_pred2\.weight'.*what kind"),
        ("mit", "segformer", r"no key 'norm1\.weight'.*what kind"),
        ("segformer", "mit", r"no key 'decode_head\.linear_pred\.bias'.*what kind"),
    ],
)
def test_another_kind_of_checkpoint_is_told(
    kind: SourceKind, given: str, message: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source = write(tmp_path, request.getfixturevalue(f"{given}_weights"))
    with pytest.raises(CheckpointError, match=message):
        convert(source, tmp_path / "out", kind)


def test_an_unknown_kind_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="'onnx'; expected one of cffm, mrcfa, segformer, hf, mit"):
        convert(tmp_path, tmp_path / "out", "onnx")  # type: ignore[arg-type]


class Malicious:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("owned"),))


@pytest.mark.parametrize("legacy", [False, True])
def test_code_is_never_run(legacy: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {}, "meta": Malicious()}, tmp_path / "F.pth", _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CheckpointError, match=r"needs code to be run.*F\.pth") as caught:
        convert("F.pth", "out", "cffm")
    assert "\n" not in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["F.pth"]


def test_a_plain_pickle_of_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "F.pth").write_bytes(pickle.dumps({"state_dict": Malicious()}))
    with pytest.raises(CheckpointError, match=r"F\.pth"):
        convert(tmp_path / "F.pth", tmp_path / "out", "cffm")


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.999])
def test_truncated_files_are_told(legacy: bool, share: float, segformer_weights: Weights, tmp_path: Path) -> None:
    path = tmp_path / "F.pth"
    torch.save(segformer_weights, path, _use_new_zipfile_serialization=not legacy)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match=r"damaged or truncated file .*F\.pth") as caught:
        convert(path, tmp_path / "out", "segformer")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("offset", "value"), [(8, 8), (8, 12), (8, 14), (6, 1)], ids=["zlib", "bz2", "lzma", "lock"])
def test_a_header_that_lies_about_its_file_is_found(
    offset: int, value: int, segformer_weights: Weights, tmp_path: Path
) -> None:
    path = write(tmp_path, segformer_weights)
    content = bytearray(path.read_bytes())
    # A file's own header, and its entry in the archive's directory, where the same fields come 2 bytes later.
    content[content.index(b"PK\x03\x04") + offset] = value
    content[content.index(b"PK\x01\x02") + offset + 2] = value
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"expected (a whole one|an undamaged file); get it anew"):
        convert(path, tmp_path / "out", "segformer")
    assert not (tmp_path / "out").exists()


def test_flipped_bits_are_found(segformer_weights: Weights, tmp_path: Path) -> None:
    source = write(tmp_path, segformer_weights)
    content = bytearray(source.read_bytes())
    content[len(content) // 2] ^= 1
    source.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"wrong checksum of '.*' in .*F\.pth"):
        convert(source, tmp_path / "out", "segformer")


@pytest.mark.parametrize("content", [[1, 2], torch.ones(2), {"state_dict": 3}, {}, {1: torch.ones(1)}])
def test_other_content_is_told(content: object, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"F\.pth"):
        convert(write(tmp_path, content), tmp_path / "out", "segformer")


@pytest.mark.parametrize(
    "change",
    [
        lambda tensor: torch.zeros(1).expand(10**9),  # four bytes on disk
        lambda tensor: tensor.to_sparse(),
        lambda tensor: tensor.to("meta"),
        lambda tensor: torch.quantize_per_tensor(tensor, 0.1, 0, torch.quint8),
    ],
)
@pytest.mark.filterwarnings("ignore")  # torch's, about quantisation
def test_tensors_without_values_of_their_own_are_refused(
    change: Callable[[torch.Tensor], torch.Tensor], segformer_weights: Weights, tmp_path: Path
) -> None:
    key = "decode_head.linear_fuse.bn.weight"
    source = write(tmp_path, segformer_weights | {key: change(segformer_weights[key])})
    with pytest.raises(CheckpointError, match="values of its own for key 'decode_head"):
        convert(source, tmp_path / "out", "segformer")


def test_a_double_beyond_float32_is_not_finite(segformer_weights: Weights, tmp_path: Path) -> None:
    key = "decode_head.linear_pred.weight"
    source = write(tmp_path, segformer_weights | {key: segformer_weights[key].double() * 1e300})
    with pytest.raises(CheckpointError, match=r"infinite values for key 'decode_head\.linear_pred\.weight'"):
        convert(source, tmp_path / "out", "segformer")


def test_sizes_that_would_make_a_model_far_larger_than_the_file_are_refused(
    segformer_weights: Weights, tmp_path: Path
) -> None:
    weights = {key: torch.zeros(100_000) if value.ndim == 1 else value for key, value in segformer_weights.items()}
    with pytest.raises(CheckpointError, match=r"more than can be counted|as the configured model has"):
        convert(write(tmp_path, weights), tmp_path / "out", "segformer")


def test_an_archive_that_unpacks_to_far_more_is_refused_unread(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", bytes(10_000_000))
    with pytest.raises(CheckpointError, match="unpacks to 10,000,000"):
        convert(tmp_path / "bomb.pth", tmp_path / "out", "segformer")


def test_a_damaged_pickle_with_right_checksums_is_told(segformer_weights: Weights, tmp_path: Path) -> None:
    """Its few permitted functions are called with anything: with too few arguments, here."""
    source = write(tmp_path, segformer_weights)
    with zipfile.ZipFile(source) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    (name,) = [name for name in files if name.endswith("data.pkl")]
    # TUPLE of what stands behind the last MARK becomes the empty tuple.
    assert b"tq" in files[name]
    files[name] = files[name].replace(b"tq", b")q", 2)
    with zipfile.ZipFile(source, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    with pytest.raises(CheckpointError, match="damaged or truncated"):
        convert(source, tmp_path / "out", "segformer")


def test_an_old_checkpoint_survives_a_failed_conversion(
    segformer: SegFormer, classes: Any, segformer_weights: Weights, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "out", segformer, class_map=classes, preprocessing=Preprocessing())
    weights = dict(segformer_weights)
    del weights["backbone.norm1.weight"]
    with pytest.raises(CheckpointError):
        convert(write(tmp_path, weights), tmp_path / "out", "segformer")
    assert load(tmp_path / "out").class_map == classes


def test_half_precision(segformer_weights: Weights, tmp_path: Path) -> None:
    halves = {key: value.half() if value.is_floating_point() else value for key, value in segformer_weights.items()}
    convert(write(tmp_path, halves), tmp_path / "out", "segformer", dtype="float16")
    weight = load(tmp_path / "out").state_dict()["classifier.weight"]
    assert weight.dtype == torch.float32
    assert torch.equal(weight.half(), halves["decode_head.linear_pred.weight"])
