"""Initial weights: every part that fits is copied, what does not is said."""

from pathlib import Path

import pytest
import torch
from torch import nn

from vidseg.checkpoints import load_initial_weights, save_checkpoint, save_encoder
from vidseg.errors import CheckpointError
from vidseg.models import CFFM, CFFMConfig, MiTConfig, MixTransformer, ReferenceConfig, SegFormer, SegFormerConfig
from vidseg.models.layers import resize_bilinear
from vidseg.types import ClassMap, Preprocessing


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(tensor, b.state_dict()[key]) for key, tensor in a.state_dict().items())


def save(model: SegFormer | CFFM, classes: ClassMap, directory: Path) -> Path:
    save_checkpoint(directory, model, class_map=classes, preprocessing=Preprocessing())
    return directory


def test_from_an_encoder(tiny: MiTConfig, cffm: CFFM, tmp_path: Path) -> None:
    encoder = MixTransformer(tiny)
    save_encoder(tmp_path / "mit", encoder, tiny)
    before = {key: tensor.clone() for key, tensor in cffm.head.state_dict().items()}
    report = load_initial_weights(cffm, tmp_path / "mit")
    assert report.copied == ("encoder",)
    assert dict(report.fresh) == dict.fromkeys(
        ("head", "blocks", "classifier", "context_classifier"), "the source has none"
    )
    assert same(cffm.encoder, encoder)
    assert all(torch.equal(tensor, before[key]) for key, tensor in cffm.head.state_dict().items())
    assert cffm.training


def test_from_a_segformer_to_a_cffm(segformer: SegFormer, cffm: CFFM, classes: ClassMap, tmp_path: Path) -> None:
    report = load_initial_weights(cffm, save(segformer, classes, tmp_path / "x"))
    assert report.copied == ("encoder", "head", "classifier")
    assert same(cffm.encoder, segformer.encoder)
    assert same(cffm.head, segformer.head)
    assert same(cffm.classifier, segformer.classifier)
    assert str(report).startswith("copied encoder, head, classifier from ")
    assert "; set context_classifier to classifier, blind to what is mined; " in str(report)
    assert str(report).endswith("freshly initialised: blocks (the source has none)")


def test_a_warm_start_predicts_like_the_source_at_stride_8(
    segformer: SegFormer, cffm: CFFM, classes: ClassMap, tmp_path: Path
) -> None:
    load_initial_weights(cffm, save(segformer, classes, tmp_path / "x"))
    cffm.eval()
    segformer.eval()
    clip = torch.rand(1, 4, 3, 64, 64) * 255
    with torch.no_grad():
        fused = segformer.encode(clip[:, -1]).fused
        expected = resize_bilinear(segformer.classifier(resize_bilinear(fused, (8, 8))), (16, 16))
        found = cffm(clip).final
    torch.testing.assert_close(found, expected)


def test_a_cold_start_leaves_the_context_classifier_as_it_is(
    segformer: SegFormer, cffm: CFFM, classes: ClassMap, tmp_path: Path
) -> None:
    before = cffm.context_classifier.weight.clone()
    report = load_initial_weights(cffm, save(segformer, classes, tmp_path / "x"), warm_start=False)
    assert not report.derived
    assert str(report).endswith("blocks (the source has none), context_classifier (the source has none)")
    assert torch.equal(cffm.context_classifier.weight, before)


def test_another_number_of_classes_is_said(tiny: MiTConfig, cffm: CFFM, classes: ClassMap, tmp_path: Path) -> None:
    model = CFFM(CFFMConfig(encoder=tiny, num_classes=5, depth=2, head_channels=16, heads=2))
    report = load_initial_weights(model, save(cffm, classes, tmp_path / "x"))
    assert report.copied == ("encoder", "head", "blocks")
    assert dict(report.fresh) == {
        "classifier": "'weight' of shape [5, 16, 1, 1], the source's is [3, 16, 1, 1]",
        "context_classifier": "'weight' of shape [5, 32, 1, 1], the source's is [3, 32, 1, 1]",
    }
    assert same(model.blocks, cffm.blocks)


def test_fewer_blocks_start_afresh(tiny: MiTConfig, cffm: CFFM, classes: ClassMap, tmp_path: Path) -> None:
    model = CFFM(CFFMConfig(encoder=tiny, num_classes=3, depth=1, head_channels=16, heads=2))
    report = load_initial_weights(model, save(cffm, classes, tmp_path / "x"))
    assert report.copied == ("encoder", "head", "classifier")
    assert report.derived == (("context_classifier", "to classifier, blind to what is mined"),)
    ((part, said),) = report.fresh
    assert part == "blocks"
    assert "the source has '1." in said


def test_more_blocks_change_nothing_at_first(tiny: MiTConfig, cffm: CFFM, classes: ClassMap, tmp_path: Path) -> None:
    model = CFFM(CFFMConfig(encoder=tiny, num_classes=3, depth=3, head_channels=16, heads=2))
    report = load_initial_weights(model, save(cffm, classes, tmp_path / "x"))
    assert report.copied == ("encoder", "head", "classifier", "context_classifier")
    assert report.derived == (("blocks", "from the source's, for other references or more blocks"),)
    assert not report.fresh
    clip = torch.rand(1, 4, 3, 64, 64) * 255
    with torch.no_grad():
        assert torch.equal(model.eval()(clip).final, cffm.eval()(clip).final)


def test_a_reference_that_is_kept_keeps_its_own_weights(
    tiny: MiTConfig, cffm: CFFM, classes: ClassMap, tmp_path: Path
) -> None:
    kept = cffm.config.references[1]
    model = CFFM(CFFMConfig(encoder=tiny, num_classes=3, depth=2, head_channels=16, heads=2, references=(kept,)))
    report = load_initial_weights(model, save(cffm, classes, tmp_path / "x"))
    assert [part for part, _ in report.derived] == ["blocks"]
    own, theirs = model.blocks.state_dict(), cffm.blocks.state_dict()
    moved = {
        "1.assembling.references.0.weighted_sum.weight": "1.assembling.references.1.weighted_sum.weight",
        "1.assembling.references.0.weighted_sum.bias": "1.assembling.references.1.weighted_sum.bias",
        "1.mining.pooled_biases.0.table": "1.mining.pooled_biases.0.table",
        "1.mining.pooled_biases.1.table": "1.mining.pooled_biases.2.table",
        "1.mining.query_key_value.weight": "1.mining.query_key_value.weight",
    }
    assert all(torch.equal(own[here], theirs[there]) for here, there in moved.items())


def test_a_reference_that_none_was_like_starts_the_blocks_afresh(
    tiny: MiTConfig, cffm: CFFM, classes: ClassMap, tmp_path: Path
) -> None:
    wider = ReferenceConfig(offset=3, tokens_per_side=3, kernel=5)
    model = CFFM(CFFMConfig(encoder=tiny, num_classes=3, depth=2, head_channels=16, heads=2, references=(wider,)))
    before = {key: tensor.clone() for key, tensor in model.blocks.state_dict().items()}
    report = load_initial_weights(model, save(cffm, classes, tmp_path / "x"))
    assert [part for part, _ in report.fresh] == ["blocks"]
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.blocks.state_dict().items())


def test_another_encoder_is_an_error_and_changes_nothing(
    segformer: SegFormer, classes: ClassMap, tmp_path: Path
) -> None:
    other = SegFormer(
        SegFormerConfig(encoder=MiTConfig(widths=(8, 16, 20, 32), depths=(1, 1, 1, 1)), num_classes=3, head_channels=16)
    )
    before = {key: tensor.clone() for key, tensor in other.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"another encoder, or one of another size.*depths=\(1, 1, 1, 1\)"):
        load_initial_weights(other, save(segformer, classes, tmp_path / "x"))
    assert all(torch.equal(tensor, before[key]) for key, tensor in other.state_dict().items())


def test_from_hugging_face(tmp_path: Path, tiny: MiTConfig, cffm: CFFM) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers, which makes the directory, is absent")
    config = transformers.SegformerConfig(
        hidden_sizes=list(tiny.widths), depths=list(tiny.depths), decoder_hidden_size=48, num_labels=7
    )
    transformers.SegformerModel(config).save_pretrained(tmp_path / "bare")
    transformers.SegformerForSemanticSegmentation(config).save_pretrained(tmp_path / "whole")
    for name in ("bare", "whole"):
        report = load_initial_weights(cffm, tmp_path / name)
        assert report.copied == ("encoder",)
    assert "the source's is [48, 8]" in dict(report.fresh)["head"]
