"""Where a flow is to be believed."""

import torch
from torch import Tensor

from vidseg.flow import forward_backward_error, inside, photometric_difference

H, W = 12, 20


def constant(x: float, y: float) -> Tensor:
    return torch.tensor([float(x), float(y)]).view(1, 2, 1, 1).expand(1, 2, H, W)


def test_who_comes_home_made_no_error() -> None:
    error = forward_backward_error(constant(3, -2), constant(-3, 2))
    assert error.shape == (1, 1, H, W)
    torch.testing.assert_close(error, torch.zeros(1, 1, H, W))


def test_the_error_is_the_length_of_the_gap() -> None:
    torch.testing.assert_close(forward_backward_error(constant(3, -2), constant(0, 2)), torch.full((1, 1, H, W), 3.0))


def test_the_way_back_is_taken_from_where_the_way_there_ended() -> None:
    back = torch.zeros(1, 2, H, W)
    back[:, 0, :, 10:] = -4  # only the right half moved
    error = forward_backward_error(constant(4, 0), back)[0, 0]
    torch.testing.assert_close(error[:, 6:16], torch.zeros(H, 10))
    torch.testing.assert_close(error[:, :5], torch.full((H, 5), 4.0))


def test_what_was_out_of_the_picture() -> None:
    within = inside(constant(4, 0))
    assert within.dtype is torch.bool
    assert within[0, 0, :, : W - 4].all()
    assert not within[0, 0, :, W - 4 + 1 :].any()
    assert inside(constant(0, 0)).all()
    assert not inside(constant(0, -1.0))[0, 0, 0].any()


def test_brightness_is_compared_along_the_flow() -> None:
    previous = torch.arange(W, dtype=torch.float32).expand(1, 3, H, W) * 10
    present = previous.roll(2, dims=3)  # moved right by two
    difference = photometric_difference(present, previous, constant(-2, 0))[0, 0]
    torch.testing.assert_close(difference[:, 3:], torch.zeros(H, W - 3), atol=1e-3, rtol=0)
    assert photometric_difference(present, previous, constant(0, 0))[0, 0, 0, 5] == 20
