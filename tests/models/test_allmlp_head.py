"""The head as published and as it is trained: one function."""

import pytest
import torch

from vidseg.models.heads.allmlp import AllMLPHead


@pytest.mark.parametrize("sizes", [((24, 24), (12, 12), (6, 6), (3, 3)), ((13, 17), (7, 9), (4, 5), (2, 3))])
def test_fusing_by_stage_gives_the_same_feature_and_gradients(sizes: tuple[tuple[int, int], ...]) -> None:
    torch.manual_seed(0)
    head = AllMLPHead((8, 12, 16, 20), channels=10).double()
    stages = tuple(
        torch.randn(2, width, *size, dtype=torch.float64, requires_grad=True)
        for width, size in zip((8, 12, 16, 20), sizes, strict=True)
    )
    leaves = (*stages, *head.projections.parameters(), head.fusion.weight)
    weights = torch.randn(2, 10, *sizes[0], dtype=torch.float64)
    results = []
    for fuse in (head._fuse, head._fuse_by_stage):
        fused = fuse(stages)
        results.append((fused, *torch.autograd.grad((fused * weights).sum(), leaves)))
    for published, trained in zip(*results, strict=True):
        torch.testing.assert_close(trained, published)


def test_training_mode_takes_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    head = AllMLPHead((8, 8), channels=4)
    stages = (torch.randn(2, 8, 4, 4), torch.randn(2, 8, 2, 2))
    monkeypatch.setattr(head, "_fuse", lambda stages: pytest.fail("wide maps were made"))
    assert head.train()(stages).shape == (2, 4, 4, 4)
