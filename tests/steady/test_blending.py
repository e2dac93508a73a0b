"""The average along the motion: fast equals slow, what moved is found, what cannot be followed is forgotten."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.errors import InputError
from vidseg.flow import warp
from vidseg.steady import Steady, SteadyBlend
from vidseg.steady.following import follow

K, H, W = 6, 24, 40


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def picture(seed: int = 0) -> Tensor:
    blots = torch.rand(1, 3, H // 4, W // 4, generator=torch.Generator().manual_seed(seed)) * 255
    return F.interpolate(blots, size=(H, W), mode="bicubic").clamp(0, 255)


def still() -> Tensor:
    return torch.zeros(1, 2, H, W)


def blended(scores: Tensor, memory: Tensor, *, strength=0.9, evidence=99.0, there=None, back=None, **frames) -> Tensor:
    blend = SteadyBlend(photometric=20, round_trip=1.5)
    present = frames.get("present", picture())
    previous = frames.get("previous", picture())
    there, back = still() if there is None else there, still() if back is None else back
    seen = torch.full((1, 1, H, W), evidence)
    return blend(scores, memory, seen, present, previous, there, back, torch.tensor(strength)).scores


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("reach", [0.0, 1.5, 60.0])
def test_following_is_warping(memory_format: torch.memory_format, reach: float) -> None:
    scores = noise(2, K, H, W).to(memory_format=memory_format)
    flow = noise(2, 2, H, W, seed=1) * reach  # 60 leads out of the picture
    torch.testing.assert_close(follow(scores, flow), warp(scores, flow), atol=1e-4, rtol=1e-4)


def test_a_still_picture_is_an_exponential_average() -> None:
    memory = noise(1, K, H, W)
    scores = noise(1, K, H, W, seed=1)
    expected = 0.1 * scores + 0.9 * memory
    torch.testing.assert_close(blended(scores, memory), expected, atol=1e-5, rtol=1e-5)


def test_the_memory_goes_where_the_picture_went() -> None:
    previous, memory = picture(), noise(1, K, H, W)
    present, moved = (part.roll((2, 3), dims=(2, 3)) for part in (previous, memory))  # down by 2, right by 3
    there = torch.tensor([-3.0, -2.0]).view(1, 2, 1, 1).expand(1, 2, H, W)
    scores = noise(1, K, H, W, seed=1)
    shown = blended(scores, memory, present=present, previous=previous, there=there, back=-there)
    expected = 0.1 * scores + 0.9 * moved
    inside = (..., slice(4, -4), slice(4, -4))
    torch.testing.assert_close(shown[inside], expected[inside], atol=1e-4, rtol=1e-4)


def test_what_comes_from_outside_has_no_past() -> None:
    memory, scores = noise(1, K, H, W), noise(1, K, H, W, seed=1)
    flat = torch.full((1, 3, H, W), 99.0)
    there = torch.tensor([10.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, H, W)
    shown = blended(scores, memory, present=flat, previous=flat, there=there, back=-there)
    torch.testing.assert_close(shown[..., -9:], scores[..., -9:])
    assert (shown[..., :-11] - scores[..., :-11]).abs().max() > 0.1


def test_the_first_frames_weigh_alike() -> None:
    blend = SteadyBlend(photometric=20, round_trip=1.5)
    frames = [noise(1, K, H, W, seed=seed) for seed in range(6)]
    shown, evidence = frames[0], torch.ones(1, 1, H, W)
    for t, scores in enumerate(frames[1:], start=2):
        before = shown
        shown, evidence = blend(scores, shown, evidence, picture(), picture(), still(), still(), torch.tensor(0.75))
        expected = torch.stack(frames[:t]).mean(dim=0) if t <= 4 else 0.25 * scores + 0.75 * before
        torch.testing.assert_close(shown, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("doubt", ["brightness", "round trip"])
def test_what_cannot_be_followed_is_forgotten(doubt: str) -> None:
    memory, scores = noise(1, K, H, W), noise(1, K, H, W, seed=1)
    if doubt == "brightness":
        shown = blended(scores, memory, previous=picture() + 100)
    else:
        shown = blended(scores, memory, back=torch.full((1, 2, H, W), 3.0))
    torch.testing.assert_close(shown, scores, atol=1e-5, rtol=1e-5)


def test_trust_falls_to_one_in_e() -> None:
    blend = SteadyBlend(photometric=20, round_trip=1.5)
    trust = blend.trust(picture() + 20, picture(), still(), still())
    torch.testing.assert_close(trust, torch.full((1, 1, H, W), 0.36788), atol=1e-4, rtol=1e-4)
    # 1.5 pixels of 240 are 0.15 of these 24.
    gap = torch.tensor([0.15, 0.0]).view(1, 2, 1, 1).expand(1, 2, H, W)
    trust = blend.trust(picture(), picture(), still(), gap)
    torch.testing.assert_close(trust, torch.full((1, 1, H, W), 0.36788), atol=1e-4, rtol=1e-4)


def test_as_much_is_left_after_a_second_at_every_frame_rate() -> None:
    steady = Steady(strength=0.8)
    for fps in (7.5, 15, 60):
        assert steady.after(1 / fps) ** fps == pytest.approx(0.8**15)
    assert steady.after(None) == steady.after(0.0) == steady.after(-1.0) == 0.8


@pytest.mark.parametrize(
    "wrong", [{"strength": 1.0}, {"strength": -0.1}, {"photometric": 0}, {"round_trip": -1}, {"flow_side": 8}]
)
def test_values_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="expected"):
        Steady(**wrong)  # type: ignore[arg-type]
