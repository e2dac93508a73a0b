"""Learning from a teacher: its three terms written out, and a run with one."""

from dataclasses import replace

import pytest
import torch
from tiny_training import tiny_config

import tiny
from vidseg.data import ClipConfig
from vidseg.errors import InputError
from vidseg.train import DistillationConfig, Progress
from vidseg.train.distillation import ConvLSTM, Distiller, neighbour_affinities, pixel_divergence
from vidseg.train.loop import train


def random_frames(seed: int, height: int = 4, width: int = 6) -> torch.Tensor:
    return torch.randn(2, 3, 5, height, width, generator=torch.Generator().manual_seed(seed))


def test_a_student_that_says_what_its_teacher_says_is_done() -> None:
    teacher = tiny.segformer()
    clip = torch.rand(1, 3, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 255
    distiller = Distiller(teacher, DistillationConfig(teacher="", grid=4), 5)
    logits = teacher(clip).frames.requires_grad_()
    assert distiller(clip, logits) < 1e-6
    for weights in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)):
        config = DistillationConfig(
            teacher="", pixel_weight=weights[0], pair_weight=weights[1], sequence_weight=weights[2], grid=4
        )
        loss = Distiller(teacher, config, 5)(clip, torch.sin(3 * logits))
        assert loss > 1e-6
        (gradient,) = torch.autograd.grad(loss, logits)
        assert gradient.abs().max() > 0
    assert all(not parameter.requires_grad for parameter in distiller.parameters())


def test_affinities_are_cosines_between_cells_of_neighbouring_frames() -> None:
    frames = random_frames(0)
    found = neighbour_affinities(frames, 2)
    assert found.shape == (2, 2, 4, 4)
    for t in range(2):
        for later in range(4):
            for earlier in range(4):
                (i, j), (y, x) = divmod(later, 2), divmod(earlier, 2)
                now = frames[0, t + 1, :, 2 * i : 2 * i + 2, 3 * j : 3 * j + 3].mean((1, 2))
                then = frames[0, t, :, 2 * y : 2 * y + 2, 3 * x : 3 * x + 3].mean((1, 2))
                expected = torch.nn.functional.cosine_similarity(now, then, dim=0)
                torch.testing.assert_close(found[0, t, later, earlier], expected)


def test_the_divergence_is_zero_for_the_same_and_written_out_for_others() -> None:
    theirs, own = random_frames(0, 8, 12), random_frames(1)
    small = torch.nn.functional.interpolate(theirs.flatten(0, 1), size=(4, 6), mode="bilinear").softmax(1)
    expected = (small * (small.log() - own.flatten(0, 1).softmax(1).log())).sum(1).mean()
    torch.testing.assert_close(pixel_divergence(theirs, own), expected)
    assert pixel_divergence(own, own).abs() < 1e-6


def test_the_embedding_is_the_same_in_every_run_and_knows_the_order() -> None:
    maps = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    state = torch.get_rng_state()
    first, second = ConvLSTM(), ConvLSTM()
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first(maps), second(maps))
    assert (first(maps) - first(maps.flip(1))).abs().max() > 1e-3


def test_a_run_with_a_teacher(squares, tmp_path) -> None:
    plain = tiny_config(squares, tmp_path / "teacher", kind="segformer")
    train(plain)
    pairs = replace(plain, data=replace(plain.data, clips=ClipConfig(reference_offsets=(2, 1))))
    teacher = DistillationConfig(teacher=str(tmp_path / "teacher" / "last"), pixel_weight=5.0, grid=2)
    losses = []
    for name, distillation in (("alone", None), ("taught", teacher)):
        config = replace(pairs, distillation=distillation, output=replace(pairs.output, folder=str(tmp_path / name)))
        found: list[float] = []
        train(config, events=lambda e, found=found: found.append(e.loss) if isinstance(e, Progress) else None)
        losses.append(found)
    assert losses[1][0] > losses[0][0]
    assert str(tmp_path) not in (tmp_path / "taught" / "last" / "config.json").read_text()


def test_unsuitable_teachers_and_clips_are_refused(squares, tmp_path) -> None:
    with pytest.raises(InputError, match="got a teacher of 5 classes, without flow; expected one of 3"):
        Distiller(tiny.segformer(), DistillationConfig(teacher=""), 3)
    with pytest.raises(InputError, match="one of them above 0"):
        DistillationConfig(teacher="", pixel_weight=0, pair_weight=0, sequence_weight=0)
    config = tiny_config(squares, tmp_path, kind="segformer")
    with pytest.raises(InputError, match="on single frames"):
        replace(config, distillation=DistillationConfig(teacher="x"))
    replace(config, distillation=DistillationConfig(teacher="x", pair_weight=0, sequence_weight=0))
