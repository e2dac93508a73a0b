"""Checkpoints of mmsegmentation: exact, complete, told by their keys; and what is wrong with others is named."""

from pathlib import Path

import numpy as np
import pytest
import torch

import official_weights as official
from image_goldens import TOLERANCE, check, converted, logits_of
from vidseg.checkpoints import convert, load, read_record
from vidseg.errors import CheckpointError
from vidseg.models import MIT_SIZES, MiTConfig, PerFrame, PerFrameConfig, TimmConfig, TimmEncoder
from vidseg.models.heads import FCNConfig, MMSegMLPConfig, PSPConfig

B0 = MIT_SIZES["b0"]
SHAPES = {
    "pspnet_r18": official.mmseg_resnet18_shapes()
    | official.mmseg_psp_shapes(512, 128)
    | official.mmseg_auxiliary_shapes(256, 64),
    "fcn_mbv2": official.mmseg_mobilenet_shapes()
    | official.mmseg_fcn_shapes(320, 512)
    | official.mmseg_auxiliary_shapes(96, 256),
    "segformer_mitb0": official.mmseg_mit_shapes(B0.widths, B0.depths) | official.mmseg_mlp_shapes(B0.widths, 256),
}
# Eight numbers of each golden of 97x131, evenly spread: exactness is guarded on any clone.
SAMPLES = {
    "pspnet_r18": [-0.507962, 0.050872, -0.448414, 0.341334, -0.199675, -0.208356, 0.076501, -0.0694],
    "fcn_mbv2": [-0.074045, -0.119119, 0.03314, -0.067197, 0.127927, 0.030266, 0.090817, -0.047369],
    "segformer_mitb0": [-0.897331, 0.147414, -0.399547, 0.050628, -0.30813, 0.353935, -0.83124, -0.499466],
}
SMALL = ("pspnet_r18", "fcn_mbv2", "fcn_r18", "deeplabv3plus_r18", "segformer_mitb0")
LARGE = (
    "pspnet_mbv2",
    "pspnet_r101",
    "deeplabv3plus_r101",
    "upernet_r18",
    "upernet_r101",
    "upernet_swin_t",
    "ocrnet_r101",
    "segformer_mitb2",
)


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return official.make_weights(SHAPES["pspnet_r18"])


@pytest.mark.parametrize("name", SHAPES)
def test_sampled_numbers_are_mmsegmentations(name: str, tmp_path: Path) -> None:
    flat = logits_of(converted(SHAPES[name], "mmseg", tmp_path), 97, 131, 2).flatten().numpy()
    np.testing.assert_allclose(flat[:: flat.size // 8][:8], SAMPLES[name], rtol=0, atol=TOLERANCE)


@pytest.mark.golden
@pytest.mark.parametrize("name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)])
def test_logits_are_mmsegmentations(name: str, goldens: Path, tmp_path: Path) -> None:
    shapes = official.read_shapes(goldens / "mmseg" / f"{name}_mmseg_keys.json")
    if name in SHAPES:
        assert SHAPES[name] == shapes
    model = converted(shapes, "mmseg", tmp_path)
    found = sorted((goldens / "mmseg").glob(f"{name}_*_seed*.npz"))
    assert len(found) == 2
    for golden in found:
        check(model, golden)


def test_the_architecture_is_told_by_the_keys(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save({"state_dict": weights, "meta": {}}, tmp_path / "F.pth")
    done = convert(tmp_path / "F.pth", tmp_path / "out", "mmseg")
    assert (done.architecture, done.num_classes) == ("per_frame", 19)
    # As mmsegmentation counts them.
    assert done.num_parameters == 12_790_086
    record = read_record(tmp_path / "out")
    assert isinstance(record.config, PerFrameConfig)
    assert record.config.head == PSPConfig(channels=128)
    assert record.config.auxiliary == FCNConfig(channels=64, convolutions=1, concatenate=False, stage=3)
    encoder = record.config.encoder
    assert isinstance(encoder, TimmConfig)
    assert (encoder.name, encoder.output_stride, encoder.variant) == ("resnet18", 8, "mmseg")
    assert record.training == {"dataset": "Cityscapes", "fps": 17.0}
    assert (record.preprocessing.short, record.preprocessing.long, record.preprocessing.multiple) == (1024, 2048, 1)


def test_mits_norms_have_mmsegmentations_eps(tmp_path: Path) -> None:
    model = converted(SHAPES["segformer_mitb0"], "mmseg", tmp_path)
    assert isinstance(model.config.encoder, MiTConfig)
    assert model.config.head == MMSegMLPConfig(channels=256)
    assert {norm.eps for norm in model.modules() if isinstance(norm, torch.nn.LayerNorm)} == {1e-6}


@pytest.mark.parametrize(
    "meta",
    [
        {"dataset_meta": {"classes": [f"c{k}" for k in range(19)], "palette": [[k, 2, 3] for k in range(19)]}},
        {"CLASSES": tuple(f"c{k}" for k in range(19)), "PALETTE": np.array([[k, 2, 3] for k in range(19)])},
    ],
    ids=["1.x", "0.x"],
)
def test_classes_and_palette_are_those_of_the_meta_data(
    meta: dict[str, object], weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    torch.save({"state_dict": weights, "meta": meta}, tmp_path / "F.pth")
    done = convert(tmp_path / "F.pth", tmp_path / "out", "mmseg")
    assert done.class_names == "of the source's meta data"
    class_map = read_record(tmp_path / "out").class_map
    assert class_map.names[:2] == ("c0", "c1")
    assert class_map.palette[7] == (7, 2, 3)


def test_names_without_a_palette_get_colours(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    meta = {"dataset_meta": {"classes": [f"c{k}" for k in range(19)]}}
    torch.save({"state_dict": weights, "meta": meta}, tmp_path / "F.pth")
    convert(tmp_path / "F.pth", tmp_path / "out", "mmseg")
    class_map = read_record(tmp_path / "out").class_map
    assert class_map.names[3] == "c3"
    assert len(set(class_map.palette)) == 19


def test_auxiliary_heads_are_kept_or_absent(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    kept = {key: value for key, value in weights.items() if not key.startswith("auxiliary_head")}
    torch.save(kept, tmp_path / "F.pth")
    convert(tmp_path / "F.pth", tmp_path / "out", "mmseg")
    model = load(tmp_path / "out")
    assert isinstance(model, PerFrame)
    assert isinstance(model.encoder, TimmEncoder)
    assert model.auxiliary_head is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w | {"decode_head.extra.weight": torch.zeros(1)}, "1 unknown key.*'decode_head.extra.weight'"),
        (lambda w: {k: v for k, v in w.items() if "psp_modules.2.1.bn.bias" not in k}, "no key 'decode_head.psp_mod"),
        (lambda w: {k: v for k, v in w.items() if k.startswith("backbone")}, "a decode head of an unknown kind"),
        (lambda w: {k: v for k, v in w.items() if not k.startswith("backbone")}, "a backbone of an unknown kind"),
        (
            lambda w: {k: v for k, v in w.items() if not k.startswith("backbone.layer3.1.")},
            r"a ResNet of \[2, 2, 1, 2\] blocks",
        ),
        (
            lambda w: w | {"decode_head.bottleneck.conv.weight": torch.zeros(128, 7, 3, 3)},
            r"shape \[128, 7, 3, 3\] for key 'decode_head.bottleneck.conv.weight'",
        ),
    ],
)
def test_what_is_wrong_is_named(change, message: str, weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save({"state_dict": change(weights)}, tmp_path / "F.pth")
    with pytest.raises(CheckpointError, match=message) as caught:
        convert(tmp_path / "F.pth", tmp_path / "out", "mmseg")
    assert str(tmp_path / "F.pth") in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_rows_that_cannot_be_shared_out_are_told(tmp_path: Path) -> None:
    weights = official.make_weights(SHAPES["segformer_mitb0"])
    weights["backbone.layers.0.1.0.attn.attn.in_proj_weight"] = torch.zeros(95, 32)
    torch.save(weights, tmp_path / "F.pth")
    with pytest.raises(CheckpointError, match=r"shape \[95, 32\] for key .*in_proj_weight.*a multiple of 3 rows"):
        convert(tmp_path / "F.pth", tmp_path / "out", "mmseg")
