"""Following two flows pixel by pixel, as the definitions read, against the tensors; and moving squares."""

import math

import pytest
import torch
from torch import Tensor

from vidseg.errors import InputError
from vidseg.flow import flow_estimator, forward_backward_error, inside, visible, warp_labels


def flows(seed: int, size: tuple[int, int] = (7, 9)) -> tuple[Tensor, Tensor]:
    """A pair of which some places agree and some do not."""
    generator = torch.Generator().manual_seed(seed)
    forward = torch.randn(1, 2, *size, generator=generator) * 2
    backward = -forward + torch.randn(1, 2, *size, generator=generator) * 0.6
    return forward, backward


def bilinear(channel: Tensor, x: float, y: float) -> float:
    """One value of a map between its pixels; outside it the nearest border goes on."""
    H, W = channel.shape
    x, y = min(max(x, 0), W - 1), min(max(y, 0), H - 1)
    x0, y0 = min(int(x), W - 2), min(int(y), H - 2)
    corners = ((0, 0, (1 - x + x0) * (1 - y + y0)), (0, 1, (x - x0) * (1 - y + y0)))
    corners += ((1, 0, (1 - x + x0) * (y - y0)), (1, 1, (x - x0) * (y - y0)))
    return sum(float(channel[y0 + dy, x0 + dx]) * weight for dy, dx, weight in corners)


@pytest.mark.parametrize("seed", range(3))
def test_every_pixel_by_the_definitions(seed: int) -> None:
    forward, backward = flows(seed)
    H, W = forward.shape[-2:]
    error, within, seen = forward_backward_error(forward, backward), inside(forward), visible(forward, backward)
    assert error.shape == within.shape == seen.shape == (1, 1, H, W)
    labels = torch.randint(0, 5, (1, H, W), generator=torch.Generator().manual_seed(seed))
    followed = warp_labels(labels, forward)
    for y in range(H):
        for x in range(W):
            fx, fy = forward[0, :, y, x].tolist()
            bx, by = (bilinear(backward[0, c], x + fx, y + fy) for c in (0, 1))
            assert float(error[0, 0, y, x]) == pytest.approx(math.hypot(fx + bx, fy + by), abs=1e-4)
            is_inside = -0.5 <= x + fx <= W - 0.5 and -0.5 <= y + fy <= H - 0.5
            assert bool(within[0, 0, y, x]) == is_inside
            miss, lengths = (fx + bx) ** 2 + (fy + by) ** 2, fx**2 + fy**2 + bx**2 + by**2
            assert bool(seen[0, 0, y, x]) == (is_inside and miss <= 0.01 * lengths + 0.5)
            nearest = min(max(round(y + fy), 0), H - 1), min(max(round(x + fx), 0), W - 1)
            assert followed[0][y, x] == labels[0][nearest]
    assert 0 < seen.sum() < seen.numel()


def test_ways_out_and_back_end_where_they_began() -> None:
    forward = torch.tensor([3.0, -2.0]).view(1, 2, 1, 1).expand(1, 2, 8, 10)
    torch.testing.assert_close(forward_backward_error(forward, -forward), torch.zeros(1, 1, 8, 10))
    expected = torch.zeros(8, 10, dtype=torch.bool)
    expected[2:, :7] = True  # what comes from within
    assert torch.equal(inside(forward)[0, 0], expected)
    assert torch.equal(visible(forward, -forward)[0, 0], expected)


def test_what_a_moving_square_uncovers_was_not_seen_before() -> None:
    """A square of 4 pixels moved right by 4 over ground that stands still."""
    forward, backward = torch.zeros(2, 1, 2, 12, 20)
    forward[0, 0, 4:8, 8:12] = -4
    backward[0, 0, 4:8, 4:8] = 4
    hidden = torch.zeros(12, 20, dtype=torch.bool)
    hidden[4:8, 4:8] = True
    assert torch.equal(~visible(forward, backward)[0, 0], hidden)


def test_estimators_have_names() -> None:
    with pytest.raises(InputError, match="got flow 'raft'; expected one of dis"):
        flow_estimator("raft")
    pytest.importorskip("cv2")
    assert flow_estimator("dis").name == "dis"
