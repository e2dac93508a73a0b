"""Counted multiply-adds and parameters against formulas written from the method's description, and published counts."""

import math
from dataclasses import asdict

import pytest

import tiny
from vidseg.bench.complexity import complexity
from vidseg.bench.methods import with_clip_length
from vidseg.errors import InputError
from vidseg.models import MIT_SIZES, CFFMConfig, MiTConfig, SegFormerConfig

SIZES = [(64, 96), (75, 250)]


def stage_sizes(height: int, width: int) -> list[tuple[int, int]]:
    return [(math.ceil(height / 2**s), math.ceil(width / 2**s)) for s in (2, 3, 4, 5)]


def encoder(config: MiTConfig, height: int, width: int) -> int:
    total, before = 0, 3
    for s, (h, w) in enumerate(stage_sizes(height, width)):
        C, r = config.widths[s], config.reductions[s]
        keys = (h // r) * (w // r)
        reduction = keys * r * r * C * C if r > 1 else 0
        attention = 2 * h * w * C * C + reduction + keys * 2 * C * C + 2 * h * w * keys * C
        feed_forward = h * w * 4 * C * (2 * C + 9)
        total += h * w * (49 if s == 0 else 9) * before * C + config.depths[s] * (attention + feed_forward)
        before = C
    return total


def head(config: MiTConfig, C: int, height: int, width: int, *, folded: bool) -> int:
    sizes = stage_sizes(height, width)
    projections = sum(h * w * width * C for (h, w), width in zip(sizes, config.widths, strict=True))
    return projections + (0 if folded else math.prod(sizes[0]) * 4 * C * C)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_cffm_by_formula(height: int, width: int) -> None:
    config = CFFMConfig(encoder=tiny.ENCODER, num_classes=7, depth=2, head_channels=16, heads=2)
    counted = complexity(config, (height, width))
    C, K, T = 16, 7, 4
    h4, w4 = stage_sizes(height, width)[0]
    P = (h4 // 2) * (w4 // 2)
    N = math.ceil(h4 // 2 / 7) * math.ceil(w4 // 2 / 7)
    pooled = (1 + 1 + 4 + 9) * N
    pooling_of_references = N * C * (49 + 4 * 9 + 9 * 4)
    pooling_of_target = N * C * 49

    assert counted.frames == T
    frame = encoder(config.encoder, height, width)
    whole_head = head(config.encoder, C, height, width, folded=False)
    mining = (49 * N + pooled) * 3 * C * C + 2 * 49 * N * 289 * C + 49 * N * C * C + 8 * P * C * C
    prediction = P * 2 * C * K
    assert counted.stream == {
        "encoder": frame,
        "head": whole_head,
        "CFFA": 2 * (pooling_of_target + pooling_of_references),
        "prediction": prediction,
        "CFM": 2 * mining,
    }
    assert counted.clip == {
        "encoder": T * frame,
        "head": T * whole_head,
        "CFFA": 2 * (pooling_of_target + (T - 1) * pooling_of_references),
        "prediction": prediction + T * h4 * w4 * C * K,
        "CFM": 2 * mining,
    }
    # Padding is one token, 12 of the 289 keys are merged, and the output is not computed for padding.
    tokens = P + 1 + pooled
    mining = (P + 1) * C * C + tokens * 2 * C * C + 2 * 49 * N * (289 - 12) * C + P * C * C
    # The classifier of the mined feature merges with the last map of the last block.
    feed_forwards = 8 * P * C * C + (4 * P * C * C + 4 * P * C * K + P * C * K)
    assert counted.accelerated == {
        "encoder": frame,
        "head": head(config.encoder, C, height, width, folded=True),
        # One matrix with a row of 49 a token.
        "CFFA": 2 * 15 * 49 * N * C,
        "prediction": P * C * K,
        "CFM": 2 * mining + feed_forwards,
    }


def test_segformer_by_formula() -> None:
    config = SegFormerConfig(encoder=tiny.ENCODER, num_classes=7, head_channels=16)
    counted = complexity(config, (64, 96))
    prediction = 16 * 24 * 16 * 7
    frame = encoder(config.encoder, 64, 96)
    assert counted.stream == counted.clip
    assert counted.stream == {
        "encoder": frame,
        "head": head(config.encoder, 16, 64, 96, folded=False),
        "prediction": prediction,
    }
    assert counted.accelerated["head"] == head(config.encoder, 16, 64, 96, folded=True)
    assert counted.attention is None


def test_published_parameters_and_the_papers_comparison() -> None:
    counted = complexity(CFFMConfig(encoder=MIT_SIZES["b0"], num_classes=124, depth=1), (480, 864))
    unused_in_the_release = 15_996
    assert sum(counted.parameters.values()) == 4_672_527 - unused_in_the_release
    assert counted.parameters["encoder"] == 3_319_392
    cost = counted.attention
    assert cost is not None
    assert cost.context_tokens == 289
    positions = 60 * 108
    assert cost.tokens == 4 * positions
    assert cost.joint == (4 * positions) ** 2 * 256
    assert cost.mined == positions * 289 * 256 + positions * 256**2
    report = counted.to_dict()
    assert report["attention"] == asdict(cost) | {"ratio": cost.joint / cost.mined}
    assert report["multiply_adds"]["clip"]["total"] == sum(counted.clip.values())


def test_other_clip_lengths() -> None:
    config = CFFMConfig(encoder=tiny.ENCODER, num_classes=7, depth=1, head_channels=16, heads=2)
    seen = {
        T: [(r.offset, r.tokens_per_side, r.kernel) for r in with_clip_length(config, T).references] for T in (2, 4, 6)
    }
    assert seen[2] == [(3, 3, 3)]
    assert seen[4] == [(9, 1, 7), (6, 2, 5), (3, 3, 3)]
    assert seen[6] == [(15, 1, 7), (12, 1, 7), *seen[4]]
    assert complexity(config, (64, 64), 6).frames == 6
    with pytest.raises(InputError, match="2 or more"):
        with_clip_length(config, 1)
    with pytest.raises(InputError, match="one frame only"):
        with_clip_length(SegFormerConfig(encoder=tiny.ENCODER, num_classes=7), 4)
