"""Labels at frame size: the fast way against resizing step by step."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from vidseg.acceleration import DenseLabels, FastLabels
from vidseg.acceleration.interpolation import resize_matrix
from vidseg.models.labels import Size, label_map

MARGIN = 1e-5


def make_logits(classes: int, size: Size, *, grain: int, noise: float, batch: int = 1, seed: int = 0) -> Tensor:
    """Smooth random blobs of about `grain` pixels, plus noise."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(batch, classes, *(-(-side // grain) for side in size), generator=generator)
    noisy = noise * torch.randn(batch, classes, *size, generator=generator)
    return 3 * F.interpolate(coarse, size=size, mode="bicubic") + noisy


def check(logits: Tensor, network_size: Size, frame_size: Size, logits_size: Size | None = None) -> None:
    """Labels agree wherever one class leads by more than rounding."""
    full = logits
    for size in (logits_size, network_size, frame_size):
        full = full if size is None else F.interpolate(full, size=size, mode="bilinear")
    expected = label_map(logits, network_size, frame_size, logits_size=logits_size, confidence=True)
    best = full.topk(min(2, full.shape[1]), dim=1).values
    clear = (best[:, 0] - best[:, -1] > MARGIN) | (full.shape[1] == 1)
    # Few logits at once, so that there are several chunks, and bands.
    ways = [partial(FastLabels(chunk_elements=1000), logits_size=logits_size)]
    if logits_size is None:
        ways.append(DenseLabels(band_elements=1000))
    for way in ways:
        got = way(logits, network_size, frame_size)
        assert got.confidence is None
        assert got.labels.dtype == (torch.uint8 if logits.shape[1] <= 255 else torch.uint16)
        assert torch.equal(got.labels.long()[clear], expected.labels[clear])
        sure = way(logits, network_size, frame_size, confidence=True)
        assert sure.labels.dtype == got.labels.dtype
        assert torch.equal(sure.labels.long()[clear], expected.labels[clear])
        torch.testing.assert_close(sure.confidence, expected.confidence, rtol=1e-5, atol=1e-5)


sides = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(max_examples=40, deadline=None)
@given(
    logits_size=sides,
    network_size=sides,
    frame_size=sides,
    classes=st.sampled_from([1, 2, 5, 30]),
    grain=st.integers(1, 12),
    noise=st.sampled_from([0.0, 0.3, 3.0]),
    seed=st.integers(0, 10**6),
)
def test_any_sizes(
    logits_size: Size, network_size: Size, frame_size: Size, classes: int, grain: int, noise: float, seed: int
) -> None:
    check(make_logits(classes, logits_size, grain=grain, noise=noise, seed=seed), network_size, frame_size)


@pytest.mark.parametrize("noise", [0, 1])
def test_vspw_sizes_from_stride_8_in_a_batch(noise: float) -> None:
    check(make_logits(7, (30, 54), grain=8, noise=noise, batch=2), (240, 432), (240, 427), logits_size=(60, 108))


@pytest.mark.parametrize("classes", [255, 256, 300])
def test_many_classes(classes: int) -> None:
    check(make_logits(classes, (9, 13), grain=3, noise=0.3), (36, 52), (35, 51))


def test_equal_sizes_are_the_arg_max() -> None:
    logits = make_logits(5, (12, 17), grain=4, noise=1)
    assert torch.equal(FastLabels()(logits, (12, 17), (12, 17)).labels.long(), logits.argmax(dim=1))


def test_a_border_is_found_between_classes_that_differ_at_one_tap() -> None:
    logits = torch.full((1, 3, 5, 5), -1.0)
    logits[:, 0] = 0
    logits[0, 2, 2, 2] = 1
    labels = FastLabels()(logits, (20, 20), (20, 20)).labels
    assert 0 < (labels == 2).sum() < 100
    assert torch.equal(labels.long(), label_map(logits, (20, 20), (20, 20)).labels)


def test_resize_matrix_is_what_interpolate_does() -> None:
    signal = torch.randn(1, 1, 31, generator=torch.Generator().manual_seed(0))
    resized = F.interpolate(F.interpolate(signal, size=124, mode="linear"), size=119, mode="linear")
    matrix = resize_matrix(31, 124, 119)
    torch.testing.assert_close(matrix @ signal[0, 0].double(), resized[0, 0].double(), rtol=0, atol=1e-6)
    torch.testing.assert_close(matrix.sum(dim=1), torch.ones(119, dtype=torch.float64), rtol=0, atol=1e-6)
    assert (matrix >= 0).all()


def test_the_share_of_the_mass_is_the_probability() -> None:
    mass = make_logits(5, (12, 17), grain=4, noise=1).exp()
    mass[:, :, :3] = 0  # nobody's
    expected = label_map(mass, (48, 68), (40, 59), confidence=True, score_kind="mass")
    got = FastLabels(chunk_elements=1000)(mass, (48, 68), (40, 59), confidence=True, score_kind="mass")
    assert got.confidence is not None
    torch.testing.assert_close(got.confidence, expected.confidence, rtol=1e-5, atol=1e-5)
    assert got.confidence[0, 0, 0] == 0
    full = F.interpolate(F.interpolate(mass, size=(48, 68), mode="bilinear"), size=(40, 59), mode="bilinear")
    share = full.amax(dim=1) / full.sum(dim=1).clamp(min=1e-30)
    torch.testing.assert_close(got.confidence, share, rtol=1e-4, atol=1e-5)
