"""How what is seen now compares with what was where it was."""

import torch
from torch import Tensor

from vidseg.flow import photometric_difference

H, W = 12, 20


def constant(x: float, y: float) -> Tensor:
    return torch.tensor([x, y]).view(1, 2, 1, 1).expand(1, 2, H, W)


def test_brightness_is_compared_along_the_flow() -> None:
    previous = torch.arange(W, dtype=torch.float32).expand(1, 3, H, W) * 10
    present = previous.roll(2, dims=3)  # moved right by two
    difference = photometric_difference(present, previous, constant(-2.0, 0.0))[0, 0]
    torch.testing.assert_close(difference[:, 3:], torch.zeros(H, W - 3), atol=1e-3, rtol=0)
    assert photometric_difference(present, previous, constant(0.0, 0.0))[0, 0, 0, 5] == 20
