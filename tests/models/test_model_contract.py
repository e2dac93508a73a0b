"""What every model promises, whatever its weights: shapes, clips, errors, and that frames do not mix."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from vidseg.errors import InputError
from vidseg.models import (
    CFFM,
    CFFMConfig,
    MiTConfig,
    ReferenceConfig,
    SegFormer,
    SegFormerConfig,
    VideoModel,
    build_model,
)
from vidseg.models.reference_model import frame_of_clip

ENCODER = MiTConfig(widths=(8, 8, 10, 16), depths=(1, 1, 1, 1))
SEGFORMER = SegFormerConfig(encoder=ENCODER, num_classes=3, head_channels=8)
CFFM_CONFIG = CFFMConfig(encoder=ENCODER, num_classes=3, depth=2, head_channels=8, heads=2)


@pytest.fixture(params=[SEGFORMER, CFFM_CONFIG], ids=["segformer", "cffm"])
def model(request: pytest.FixtureRequest) -> VideoModel:
    torch.manual_seed(0)
    return build_model(request.param).eval()


@pytest.fixture
def cffm() -> CFFM:
    torch.manual_seed(0)
    model = CFFM(CFFM_CONFIG).eval()
    # Away from the initial biases of zero and pooling by means.
    with torch.no_grad():
        for parameter in model.blocks.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def clip(model: VideoModel, batch: int = 1, height: int = 64, width: int = 96) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(batch, len(model.reference_offsets) + 1, 3, height, width, generator=generator) * 255


@torch.inference_mode()
@pytest.mark.parametrize(("height", "width"), [(64, 96), (65, 97), (75, 130), (33, 61)])
def test_shapes_at_any_size(model: VideoModel, height: int, width: int) -> None:
    images = clip(model, 2, height, width)
    T, size = images.shape[1], (-(-height // 4), -(-width // 4))
    logits = model(images)
    assert logits.final.shape == (2, 3, *size)
    assert logits.frames.shape == (2, T, 3, *size)
    assert logits.auxiliary == ()
    contexts = model.context(model.encode(images[:, 0]))
    blank = model.blank_context(2, (height, width))
    assert [part.shape for part in contexts] == [part.shape for part in blank]


@torch.inference_mode()
def test_one_frame_has_no_references(model: VideoModel) -> None:
    logits = model(clip(model)[:, -1:])
    assert torch.equal(logits.final, logits.frames[:, 0])
    torch.testing.assert_close(logits.final, model(clip(model)).frames[:, -1], rtol=0, atol=1e-5)


@torch.inference_mode()
def test_a_batch_is_its_clips(model: VideoModel) -> None:
    images = clip(model, batch=3)
    together = model(images)
    for index in range(3):
        alone = model(images[index : index + 1])
        torch.testing.assert_close(together.final[index], alone.final[0], rtol=0, atol=1e-5)
        torch.testing.assert_close(together.frames[index], alone.frames[0], rtol=0, atol=1e-5)


@torch.inference_mode()
def test_a_clip_is_its_frames_one_by_one(cffm: CFFM) -> None:
    images = clip(cffm, batch=2)
    features = [cffm.encode(images[:, t]) for t in range(4)]
    final = cffm.decode(features[-1], [cffm.context(feature) for feature in features[:-1]])
    torch.testing.assert_close(final, cffm(images).final, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_every_reference_counts_and_frame_logits_do_not_see_them(cffm: CFFM) -> None:
    images = clip(cffm)
    before = cffm(images)
    for t in range(3):
        changed = images.clone()
        changed[:, t] = 255 - changed[:, t]
        after = cffm(changed)
        assert (after.final - before.final).abs().max() > 1e-5
        others = [s for s in range(4) if s != t]
        torch.testing.assert_close(after.frames[:, others], before.frames[:, others], rtol=0, atol=1e-5)


def test_frame_of_clip_unfolds_batches(cffm: CFFM) -> None:
    images = clip(cffm, batch=2)
    folded = cffm.encode(images.flatten(0, 1))
    picked = frame_of_clip(folded, 2, 4)
    assert type(picked) is type(folded)
    assert torch.equal(picked.fused, folded.fused[[2, 6]])


@pytest.mark.parametrize(
    "change",
    [
        lambda images: images[:, :2],
        lambda images: torch.cat([images, images[:, :1]], dim=1),
        lambda images: images[0],
        lambda images: images[:, :, :2],
    ],
    ids=["too few frames", "too many frames", "no batch", "no colour"],
)
def test_another_clip_is_an_error(cffm: CFFM, change: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(InputError, match=r"expected \[B,T,3,H,W\] with T = 1 or 4 .*\[9, 6, 3\]"):
        cffm(change(clip(cffm)))


def test_a_model_without_references_predicts_the_frames_of_any_clip_one_by_one(cffm: CFFM) -> None:
    segformer = SegFormer(SEGFORMER).eval()
    images = clip(cffm)
    with torch.no_grad():
        logits = segformer(images)
        for index in range(images.shape[1]):
            alone = segformer(images[:, index : index + 1])
            torch.testing.assert_close(logits.frames[:, index], alone.final)
    assert torch.equal(logits.final, logits.frames[:, -1])
    with pytest.raises(InputError, match=r"expected \[B,T,3,H,W\]$"):
        segformer(images[0])


def test_wrong_numbers_of_references_are_errors(cffm: CFFM) -> None:
    features = cffm.encode(clip(cffm)[:, 0])
    context = cffm.context(features)
    with pytest.raises(InputError, match="got 2 references; expected none or 3"):
        cffm.decode(features, [context, context])
    segformer = SegFormer(SEGFORMER)
    with pytest.raises(InputError, match="got 1 references; expected none"):
        segformer.decode(segformer.encode(clip(segformer)[:, 0]), [()])


@pytest.mark.parametrize("g", range(1, 8))
@torch.inference_mode()
def test_any_number_of_tokens_and_any_offsets(g: int) -> None:
    references = (
        ReferenceConfig(offset=5, tokens_per_side=g, kernel=5),
        ReferenceConfig(offset=1, tokens_per_side=8 - g, kernel=3),
    )
    model = CFFM(replace(CFFM_CONFIG, references=references)).eval()
    assert model.reference_offsets == (5, 1)
    images = clip(model, height=60, width=124)
    assert model(images).final.isfinite().all()
    # The coarse map of 7 x 15 has 1 x 3 windows.
    rows = g**2 + (8 - g) ** 2
    assert [part.shape for part in model.context(model.encode(images[:, 0]))] == [(1, 1, 3, rows, 8)] * 2


def test_the_context_of_a_frame_is_small(cffm: CFFM) -> None:
    features = cffm.encode(clip(cffm, height=112, width=112)[:, 0])
    # 14 rows for each of the 2 x 2 windows and the 2 blocks.
    assert sum(part.numel() for part in cffm.context(features)) == 14 * 4 * 2 * 8
    assert features.coarse.numel() == 14 * 14 * 8


def test_training_sees_all_frames_in_one_statistic_and_reaches_every_parameter(cffm: CFFM) -> None:
    torch.manual_seed(0)
    cffm.train()
    logits = cffm(clip(cffm, batch=2))
    assert cffm.head.norm.num_batches_tracked == 1
    (logits.final.square().mean() + logits.frames.square().mean()).backward()
    assert [name for name, parameter in cffm.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: replace(ENCODER, widths=(8, 8, 8)), "four positive numbers"),
        (lambda: replace(ENCODER, widths=(8, 9, 10, 16)), "9 channels and 2 heads"),
        (lambda: replace(ENCODER, drop_path_rate=1.0), "drop_path_rate=1.0"),
        (lambda: replace(SEGFORMER, num_classes=0), "num_classes=0"),
        (lambda: replace(SEGFORMER, dropout=-0.1), "dropout=-0.1"),
        (lambda: replace(CFFM_CONFIG, depth=0), "depth=0"),
        (lambda: replace(CFFM_CONFIG, heads=3), "heads=3"),
        (lambda: replace(CFFM_CONFIG, target_kernel=4), "target_kernel=4"),
        (lambda: replace(CFFM_CONFIG, references=()), r"offsets \[\]"),
        (lambda: replace(CFFM_CONFIG, references=CFFM_CONFIG.references[::-1]), r"offsets \[3, 6, 9\].*oldest"),
        (lambda: ReferenceConfig(offset=0, tokens_per_side=1, kernel=3), "offset 0"),
        (lambda: ReferenceConfig(offset=1, tokens_per_side=8, kernel=3), "tokens_per_side=8"),
        (lambda: ReferenceConfig(offset=1, tokens_per_side=1, kernel=2), "kernel=2"),
    ],
)
def test_wrong_configurations_are_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
