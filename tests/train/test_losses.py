import json
import re
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vidseg.errors import InputError
from vidseg.models import CFFM, MIT_SIZES, CFFMConfig, ClipLogits, Decisions
from vidseg.train.losses import HardPixels, LossConfig, clip_loss, pixel_cross_entropy

IGNORE = 255


def test_ignored_pixels_count_as_zero_in_the_mean():
    logits = torch.randn(2, 5, 4, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(2, 4, 4, dtype=torch.long)
    labels[0] = IGNORE
    expected = F.cross_entropy(logits[1:], labels[1:]) / 2
    torch.testing.assert_close(pixel_cross_entropy(logits, labels, LossConfig(), ignore=IGNORE), expected)


def test_logits_are_resized_to_the_labels():
    logits = torch.randn(1, 3, 2, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(0, 3, (1, 8, 12), generator=torch.Generator().manual_seed(1))
    expected = F.cross_entropy(F.interpolate(logits, size=(8, 12), mode="bilinear"), labels)
    torch.testing.assert_close(pixel_cross_entropy(logits, labels, LossConfig(), ignore=IGNORE), expected)


def test_models_without_references_train_with_plain_cross_entropy():
    frames = torch.randn(2, 1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(0, 3, (2, 1, 4, 4), generator=torch.Generator().manual_seed(1))
    loss = clip_loss(ClipLogits(frames[:, 0], frames), labels, LossConfig(frame_weight=0), ignore=IGNORE)
    torch.testing.assert_close(loss, F.cross_entropy(frames[:, 0], labels[:, 0]))


def test_class_weights_multiply_their_pixels_loss():
    logits = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(1, 4, 4, dtype=torch.long)
    plain = pixel_cross_entropy(logits, labels, LossConfig(), ignore=IGNORE)
    weighted = pixel_cross_entropy(logits, labels, LossConfig(class_weights=(3.0, 1.0)), ignore=IGNORE)
    torch.testing.assert_close(weighted, 3 * plain)


def test_auxiliary_logits_of_all_frames_count_with_their_weight():
    generator = torch.Generator().manual_seed(0)
    frames, auxiliary = torch.randn(2, 2, 3, 4, 4, generator=generator), torch.randn(2, 2, 3, 2, 2, generator=generator)
    labels = torch.randint(0, 3, (2, 2, 8, 8), generator=generator)
    config = LossConfig(auxiliary_weight=0.25)
    without = clip_loss(ClipLogits(frames[:, -1], frames), labels, config, ignore=IGNORE)
    with_them = clip_loss(ClipLogits(frames[:, -1], frames, (auxiliary, auxiliary)), labels, config, ignore=IGNORE)
    one = F.cross_entropy(F.interpolate(auxiliary.flatten(0, 1), size=(8, 8), mode="bilinear"), labels.flatten(0, 1))
    torch.testing.assert_close(with_them - without, 2 * 0.25 * one)


def test_auxiliary_logits_of_the_target_meet_its_labels():
    generator = torch.Generator().manual_seed(0)
    frames, auxiliary = torch.randn(2, 4, 3, 4, 4, generator=generator), torch.randn(2, 1, 3, 8, 8, generator=generator)
    labels = torch.randint(0, 3, (2, 4, 8, 8), generator=generator)
    config = LossConfig(final_weight=0.5, auxiliary_weight=0.5, frame_weight=0.0)
    loss = clip_loss(ClipLogits(frames[:, -1], frames, (auxiliary,)), labels, config, ignore=IGNORE)
    final = F.interpolate(frames[:, -1], size=(8, 8), mode="bilinear")
    expected = F.cross_entropy(final, labels[:, -1]) / 2 + F.cross_entropy(auxiliary[:, 0], labels[:, -1]) / 2
    torch.testing.assert_close(loss, expected)


def test_what_a_decision_net_expects_counts_by_its_squared_error():
    generator = torch.Generator().manual_seed(0)
    frames, decisions = torch.randn(2, 2, 3, 4, 4, generator=generator), torch.rand(2, 2, 4, generator=generator)
    labels = torch.randint(0, 3, (2, 2, 8, 8), generator=generator)
    deciding = ClipLogits(frames[:, -1], frames, decisions=Decisions(*decisions))
    plain = clip_loss(ClipLogits(frames[:, -1], frames), labels, LossConfig(), ignore=IGNORE)
    error = (decisions[0] - decisions[1]).square().mean()
    for weight in (0.0, 1.0, 2.0):
        loss = clip_loss(deciding, labels, LossConfig(decision_weight=weight), ignore=IGNORE)
        torch.testing.assert_close(loss, plain + weight * error)
    with pytest.raises(InputError, match="decision_weight=-1"):
        LossConfig(decision_weight=-1)


def test_the_logarithm_of_the_softmax_may_come_first_and_the_mean_be_over_labelled_pixels():
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(2, 3, 2, 3, generator=generator), torch.randint(0, 3, (2, 8, 12), generator=generator)
    labels[:, :3] = IGNORE
    config = LossConfig(log_softmax_first=True, average="labelled")
    scores = F.interpolate(logits.log_softmax(1), size=(8, 12), mode="bilinear")
    expected = F.nll_loss(scores, labels, ignore_index=IGNORE)
    torch.testing.assert_close(pixel_cross_entropy(logits, labels, config, ignore=IGNORE), expected)
    nothing = torch.full_like(labels, IGNORE)
    assert pixel_cross_entropy(logits, nothing, config, ignore=IGNORE) == 0


def test_hard_example_mining_leaves_easy_pixels_out():
    logits = torch.zeros(1, 2, 1, 4)
    logits[0, 0] = torch.tensor([9.0, 8.0, 0.0, -1.0])  # the first two are easy for class 0
    labels = torch.zeros(1, 1, 4, dtype=torch.long)
    config = LossConfig(hard_pixels=HardPixels(max_probability=0.7, min_kept=1))
    expected = F.cross_entropy(logits[..., 2:], labels[..., 2:])
    torch.testing.assert_close(pixel_cross_entropy(logits, labels, config, ignore=IGNORE), expected)
    few = LossConfig(hard_pixels=HardPixels(max_probability=0.01, min_kept=3))
    expected = F.cross_entropy(logits[..., 1:], labels[..., 1:])
    torch.testing.assert_close(pixel_cross_entropy(logits, labels, few, ignore=IGNORE), expected)
    labels[:] = IGNORE
    assert pixel_cross_entropy(logits, labels, config, ignore=IGNORE) == 0


# Official names of parameters -> ours, rule by rule, for the golden training step below.
RULES = (
    (r"^backbone\.patch_embed(\d)\.proj", r"encoder.stages.\1.embedding.projection"),
    (r"^backbone\.patch_embed(\d)\.norm", r"encoder.stages.\1.embedding.norm"),
    (r"^backbone\.norm(\d)", r"encoder.stages.\1.norm"),
    (r"^backbone\.block(\d)\.", r"encoder.stages.\1.blocks."),
    (r"(encoder.*)attn\.q\.", r"\1attention.query."),
    (r"(encoder.*)attn\.kv\.", r"\1attention.key_value."),
    (r"(encoder.*)attn\.proj\.", r"\1attention.output."),
    (r"(encoder.*)attn\.sr\.", r"\1attention.reduction."),
    (r"(encoder.*)attn\.norm\.", r"\1attention.reduction_norm."),
    (r"(encoder.*)mlp\.fc1\.", r"\1mix_ffn.expand."),
    (r"(encoder.*)mlp\.dwconv\.dwconv\.", r"\1mix_ffn.depthwise."),
    (r"(encoder.*)mlp\.fc2\.", r"\1mix_ffn.contract."),
    (r"^decode_head\.linear_c(\d)\.proj", r"head.projections.\1"),
    (r"^decode_head\.linear_fuse\.conv", "head.fusion"),
    (r"^decode_head\.linear_fuse\.bn", "head.norm"),
    (r"^decode_head\.linear_pred2", "context_classifier"),
    (r"^decode_head\.linear_pred\.", "classifier."),
    (r"^decode_head\.decoder_focal\.", ""),
    (r"pool_layers\.0", "assembling.target.weighted_sum"),
    (r"pool_layers_clips\.(\d)", r"assembling.references.\1.weighted_sum"),
    (r"(^blocks.*)attn\.qkv", r"\1mining.query_key_value"),
    (r"(^blocks.*)attn\.proj", r"\1mining.output"),
    (r"(^blocks.*)mlp\.fc1", r"\1mlp.expand"),
    (r"(^blocks.*)mlp\.fc2", r"\1mlp.contract"),
    (r"attn\.relative_position_bias_table_to_neighbors", "mining.surrounding_bias"),
    (r"attn\.relative_position_bias_table_to_windows\.0", "mining.pooled_biases.0.table"),
    (r"attn\.relative_position_bias_table_to_windows_clips\.0", "mining.pooled_biases.1.table"),
    (r"attn\.relative_position_bias_table_to_windows_clips\.1", "mining.pooled_biases.2.table"),
    (r"attn\.relative_position_bias_table_to_windows_clips\.2", "mining.pooled_biases.3.table"),
    (r"attn\.relative_position_bias_table$", "mining.own_bias.table"),
)


def our_name(official: str) -> str:
    name = official
    for pattern, replacement in RULES:
        name = re.sub(pattern, replacement, name)
    # They count stages from 1.
    return re.sub(r"(stages|projections)\.(\d)", lambda match: f"{match[1]}.{int(match[2]) - 1}", name)


def golden_value(key: str, shape: list[int]) -> torch.Tensor:
    value = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(tuple(shape), dtype=np.float32)
    if "relative_position_bias" in key:
        value = 0.2 * value
    elif key.endswith("bias"):
        value = 0.02 * value
    elif len(shape) == 1:
        value = 1 + 0.1 * value
    else:
        value = value / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(value, dtype=np.float32))


@pytest.mark.golden
def test_one_training_step_has_the_loss_and_gradients_of_the_authors_code(goldens):
    golden = json.loads((goldens / "train_step_b0_64x96_seed11.json").read_text())
    keys = json.loads((goldens / "cffm_b0_official_keys.json").read_text())
    encoder = replace(MIT_SIZES["b0"], drop_path_rate=0.0)
    model = CFFM(CFFMConfig(encoder=encoder, num_classes=124, depth=1, dropout=0.0))
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for key in golden["grad_norms"]:
            # Their bias tables are transposed or have a leading axis of 1; the norm of a gradient does not care.
            value = golden_value(key, keys[key]["shape"])
            parameter = parameters[our_name(key)]
            value = value.squeeze(0) if value.ndim == 4 and parameter.ndim == 3 else value
            parameter.copy_(value.T if key.endswith("relative_position_bias_table") else value)

    shape = (2, 4, 3, golden["h"], golden["w"])
    clip = torch.from_numpy(np.random.default_rng(golden["seed"]).standard_normal(shape, dtype=np.float32))
    labels = np.random.default_rng(golden["seed"] + 1000).integers(0, 124, (2, 4, 1, golden["h"], golden["w"]))
    labels[:, :, :, :5, :7] = IGNORE
    logits = model(clip * model.normalization.std + model.normalization.mean)
    loss = clip_loss(logits, torch.from_numpy(labels[:, :, 0]), LossConfig(), ignore=IGNORE)
    loss.backward()

    assert loss.item() == pytest.approx(golden["loss"], rel=1e-5)
    assert {our_name(key) for key in golden["grad_norms"]} == parameters.keys()
    for key, norm in golden["grad_norms"].items():
        assert parameters[our_name(key)].grad.norm().item() == pytest.approx(norm, rel=1e-3, abs=1e-6), key
