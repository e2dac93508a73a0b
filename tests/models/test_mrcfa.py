"""MRCFA against a twin that walks over tokens and positions one by one, and what its parts mean."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import tiny
import toys
from vidseg.errors import InputError
from vidseg.models import MRCFA, MRCFAConfig, TimmConfig
from vidseg.models.mrcfa.selection import num_selected

CONFIG = MRCFAConfig(encoder=tiny.ENCODER, num_classes=5, head_channels=8, offsets=(2, 1))


def model_of(config: MRCFAConfig) -> MRCFA:
    torch.manual_seed(0)
    model = MRCFA(config).eval()
    # Norms and biases away from where they start.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def clip(frames: int = 3, height: int = 64, width: int = 96) -> Tensor:
    return torch.rand(1, frames, 3, height, width, generator=torch.Generator().manual_seed(0)) * 255


def refine(stack: torch.nn.Sequential, image_1hw: Tensor) -> Tensor:
    for convolution, norm in zip(stack[::3], stack[1::3], strict=True):
        image_1hw = F.conv2d(image_1hw, convolution.weight, convolution.bias, padding=convolution.kernel_size[0] // 2)
        image_1hw = (image_1hw - image_1hw.mean()) / (image_1hw.var(unbiased=False) + 1e-5).sqrt()
        image_1hw = (image_1hw * norm.weight[:, None, None] + norm.bias[:, None, None]).relu()
    return image_1hw


def slow_mined(model: MRCFA, target: Tensor, reference: Tensor) -> Tensor:
    """[C,h',w'] of two frames [1,3,H,W] with sides of whole tokens."""
    now, then = model.encode(target), model.encode(reference)
    queries = [
        F.linear(stage[0].flatten(1).T, q.weight, q.bias) for stage, q in zip(now.stages, model.queries, strict=True)
    ]
    keys = []
    for level, (stage, key) in enumerate(zip(then.stages, model.keys, strict=True)):
        if level < 2:
            reduction = model.reductions[level]
            side, (rows, columns) = (4, 2)[level], then.stages[2].shape[2:]
            cells = [
                stage[0, :, side * row : side * (row + 1), side * column : side * (column + 1)]
                for row in range(rows)
                for column in range(columns)
            ]
            stage_ND = torch.stack([(cell * reduction.weight).sum((1, 2, 3)) + reduction.bias for cell in cells])
        else:
            stage_ND = stage[0].flatten(1).T
        keys.append(F.linear(stage_ND, key.weight, key.bias))
    strengths = []
    for key_D in keys[2]:
        affinities = sorted((float(query_D @ key_D) for query_D in queries[2]), reverse=True)
        strengths.append(sum(affinities[:5]))
    best = sorted(range(len(strengths)), key=lambda token: -strengths[token])
    selected = sorted(best[: num_selected(len(best), model.config.share)])
    values = model.value(then.coarse)[0].flatten(1).T
    scores = []
    for token in selected:
        maps = [
            torch.stack([query_D @ key_ND[token] for query_D in query_PD]).view(1, *stage.shape[2:])
            for query_PD, key_ND, stage in zip(queries, keys, now.stages, strict=True)
        ]
        mixed = refine(model.refinement.levels[2], maps[2])
        for level in (1, 0):
            size = maps[level].shape[1:]
            mixed = F.interpolate(mixed[None], size=size, mode="bilinear", align_corners=True)[0]
            mixed = refine(model.refinement.mixing[level], mixed + refine(model.refinement.levels[level], maps[level]))
        scores.append(mixed[0])
    weights = torch.stack(scores).softmax(dim=0)
    return sum(weight * values[token][:, None, None] for weight, token in zip(weights, selected, strict=True))


@torch.inference_mode()
@pytest.mark.parametrize("config", [CONFIG, replace(CONFIG, share=0.8, refining_convs=2)])
def test_mining_is_its_slow_twin(config: MRCFAConfig) -> None:
    model, images = model_of(config), clip()
    features = model.encode(images[:, 2])
    mined = model.mine(features, [model.context(model.encode(images[:, t])) for t in range(2)])
    for t in range(2):
        slow = slow_mined(model, images[:, 2], images[:, t])
        torch.testing.assert_close(mined[t][0], slow, rtol=0, atol=1e-4)
    total = (mined[0] + mined[1]) / 2 + features.coarse
    logits = F.interpolate(model.context_classifiers[2](total), size=(16, 24), mode="bilinear")
    torch.testing.assert_close(model(images).final, logits, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_logits_of_single_references_are_auxiliary() -> None:
    model, images = model_of(CONFIG), clip()
    logits = model(images)
    assert [part.shape for part in logits.auxiliary] == [(1, 1, 5, 16, 24)] * 2
    changed = images.clone()
    changed[:, 0] = 255 - changed[:, 0]
    first, second = ((model(changed).auxiliary[i] - logits.auxiliary[i]).abs().max() for i in range(2))
    assert first > 1e-4 > second


def test_training_reaches_every_parameter() -> None:
    model = model_of(CONFIG).train()
    logits = model(clip().expand(2, -1, -1, -1, -1))
    parts = (logits.final, logits.frames, *logits.auxiliary)
    sum(part.square().mean() for part in parts).backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


@torch.inference_mode()
@pytest.mark.parametrize(("height", "width"), [(65, 97), (75, 130), (33, 61)])
def test_sides_need_not_be_whole_tokens(height: int, width: int) -> None:
    model, images = model_of(CONFIG), clip(3, height, width)
    logits = model(images)
    assert logits.final.shape == (1, 5, -(-height // 4), -(-width // 4))
    assert logits.final.isfinite().all()
    blank = model.blank_context(1, (height, width))
    assert [part.shape for part in model.context(model.encode(images[:, 0]))] == [part.shape for part in blank]


@torch.inference_mode()
def test_a_model_from_a_per_frame_model_starts_like_it() -> None:
    model, images = model_of(CONFIG), clip()
    derived = model.derive_parts(["encoder", "head", "classifier"])
    assert set(derived) == {"context_classifiers", "value"}
    features = model.encode(images[:, 2])
    expected = F.interpolate(model.classifier(features.coarse), size=(16, 24), mode="bilinear")
    torch.testing.assert_close(model(images).final, expected, rtol=0, atol=1e-5)
    assert model.derive_parts(["encoder", "head"]) == {}
    assert model.derive_parts(["classifier", "value", "context_classifiers"]) == {}


def test_the_share_is_rounded_down() -> None:
    assert [num_selected(n, 0.5) for n in (1, 2, 5, 405)] == [1, 1, 2, 202]
    assert [num_selected(n, 0.8) for n in (4, 5, 15, 405)] == [3, 4, 12, 324]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: replace(CONFIG, offsets=(1, 2)), r"got offsets \[1, 2\]; expected one or more, oldest"),
        (lambda: replace(CONFIG, share=0.0), "got share=0.0"),
        (lambda: replace(CONFIG, refining_convs=3), "got refining_convs=3; expected 1 or 2"),
        (
            lambda: MRCFA(replace(CONFIG, encoder=TimmConfig(name="resnet18", output_stride=8))),
            r"strides \[4, 8, 8, 8\]; expected \[4, 8, 16, 32\]; choose one without output_stride",
        ),
    ],
)
def test_wrong_configurations_are_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


@torch.inference_mode()
def test_the_number_of_references_is_checked() -> None:
    model = toys.toy("mrcfa")
    features = model.encode(clip()[:, 0])
    with pytest.raises(InputError, match="got 1 references; expected none or 2"):
        model.decode(features, [model.context(features)])
