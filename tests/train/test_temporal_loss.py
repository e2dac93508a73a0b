"""The temporal loss, and how training gets its flow."""

from dataclasses import replace

import pytest
import torch
from tiny_training import tiny_config, tiny_encoder

from vidseg.data import ClipConfig
from vidseg.errors import InputError
from vidseg.flow import inside, warp
from vidseg.models import ClipLogits, DVSNetConfig, GRFPConfig, NetWarpConfig
from vidseg.models.heads import UPerConfig
from vidseg.train import LossConfig, Progress, TemporalConfig
from vidseg.train.loop import train
from vidseg.train.losses import clip_loss
from vidseg.train.temporal_loss import Motion, estimate_motion, temporal_inconsistency


def random_clip(frames: int = 3) -> tuple[torch.Tensor, Motion]:
    generator = torch.Generator().manual_seed(0)
    clip = torch.rand(2, frames, 3, 16, 24, generator=generator) * 255
    logits = torch.randn(2, frames, 5, 4, 6, generator=generator)
    return logits, Motion(clip, 3 * torch.randn(2, frames, 2, 16, 24, generator=generator))


def test_identical_frames_and_no_flow_cost_nothing() -> None:
    logits, motion = random_clip()
    same = motion.clip[:, :1].expand_as(motion.clip)
    still = Motion(same, torch.zeros_like(motion.flow))
    frames = logits[:, :1].expand_as(logits)
    assert temporal_inconsistency(frames, still, TemporalConfig()) < 1e-9
    assert temporal_inconsistency(logits, still, TemporalConfig()) > 0.1
    alike = LossConfig(temporal=TemporalConfig())
    labels = torch.randint(0, 5, (2, 3, 16, 24))
    given = ClipLogits(frames[:, -1], frames)
    torch.testing.assert_close(
        clip_loss(given, labels, alike, ignore=255, motion=still), clip_loss(given, labels, LossConfig(), ignore=255)
    )


def test_it_is_the_mean_over_pairs_written_out() -> None:
    logits, motion = random_clip()
    mean, std = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])
    images = (motion.clip - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    up = torch.nn.functional.interpolate(logits.flatten(0, 1), size=(16, 24), mode="bilinear").unflatten(0, (2, 3))
    terms = []
    for b in range(2):
        for t in (1, 2):
            flow = motion.flow[b : b + 1, t]
            look = (images[b : b + 1, t] - warp(images[b : b + 1, t - 1], flow)).sum(1)
            mask = torch.exp(-look.abs()) * inside(flow)[:, 0]
            for k in range(5):
                now, then = up[b, t, k], warp(up[b : b + 1, t - 1, k : k + 1], flow)[0, 0]
                terms.append(((mask[0] * now - mask[0] * then) ** 2).mean())
    expected = torch.stack(terms).mean()
    torch.testing.assert_close(temporal_inconsistency(logits, motion, TemporalConfig()), expected)


def test_the_flow_of_a_clip_is_between_its_neighbours_without_gradients() -> None:
    _, motion = random_clip()

    class Estimator:
        name = "test"

        def __call__(self, present: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
            return (present - previous)[:, :2]

    clip = motion.clip.requires_grad_()
    found = estimate_motion(clip, Estimator())
    assert not found.flow.requires_grad
    assert found.flow[:, 0].abs().max() == 0
    torch.testing.assert_close(found.flow[:, 1:], (clip[:, 1:] - clip[:, :-1])[:, :, :2].detach())


def test_a_model_that_warps_and_a_loss_that_does_are_trained(squares, tmp_path) -> None:
    losses = {}
    plain = tiny_config(squares, tmp_path / "plain", kind="segformer")
    pairs = replace(plain, data=replace(plain.data, clips=ClipConfig(reference_offsets=(1,))))
    sizes = {"encoder": tiny_encoder(), "head": UPerConfig(channels=8, bins=(1, 2)), "num_classes": 3}
    runs = {
        "frames": pairs,
        "etc": replace(pairs, loss=replace(pairs.loss, temporal=TemporalConfig(weight=10.0))),
        "netwarp": replace(pairs, model=NetWarpConfig(**sizes)),
        "grfp": replace(pairs, model=GRFPConfig(**sizes)),
        "dvsnet": replace(pairs, model=DVSNetConfig(**sizes)),
    }
    for name, config in runs.items():
        found = []
        config = replace(config, output=replace(config.output, folder=str(tmp_path / name)))
        result = train(config, events=lambda e, found=found: found.append(e.loss) if isinstance(e, Progress) else None)
        assert result.iteration == 6
        losses[name] = found
    assert losses["etc"][0] > losses["frames"][0]
    for name in ("netwarp", "grfp", "dvsnet"):
        assert losses[name][-1] < losses[name][0]


def test_what_cannot_be_is_refused(squares, tmp_path) -> None:
    config = tiny_config(squares, tmp_path, kind="segformer")
    with pytest.raises(InputError, match="temporal loss on single frames"):
        replace(config, loss=replace(config.loss, temporal=TemporalConfig()))
    with pytest.raises(InputError, match="expected one above 0, or null"):
        TemporalConfig(weight=0)
    pairs = replace(config, data=replace(config.data, clips=ClipConfig(reference_offsets=(1,))))
    pairs = replace(pairs, loss=replace(pairs.loss, temporal=TemporalConfig()))
    with pytest.raises(InputError, match="photometric 'frame'"):
        train(replace(pairs, augmentation=replace(pairs.augmentation, photometric="frame")))
    logits, motion = random_clip(1)
    with pytest.raises(InputError, match="clips of 1 frame"):
        temporal_inconsistency(logits, motion, TemporalConfig())
    labels = torch.zeros(2, 1, 16, 24, dtype=torch.long)
    with pytest.raises(InputError, match="got no motion"):
        clip_loss(ClipLogits(logits[:, -1], logits), labels, LossConfig(temporal=TemporalConfig()), ignore=255)
    with pytest.raises(InputError, match="auxiliary_frames='some'"):
        LossConfig(auxiliary_frames="some")
