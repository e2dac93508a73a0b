import torch

from vidseg.models import CFFM, CFFMConfig, MiTConfig
from vidseg.models.cffm.merging import ContextMerging
from vidseg.models.cffm.windows import cut_windows

SMALL = CFFMConfig(
    encoder=MiTConfig(widths=(8, 8, 16, 16), depths=(1, 1, 1, 1), heads=(1, 1, 2, 2)),
    num_classes=3,
    depth=2,
    head_channels=16,
    heads=2,
    mining="mlp",
)


def test_equal_tokens_have_themselves_as_mean_also_at_the_borders_of_the_map():
    torch.manual_seed(0)
    merging = ContextMerging(4, [(5, 1), (3, 3)])
    token = torch.randn(4)
    target = token.expand(1, 14, 21, 4)
    pooled = [token[None, :, None, None].expand(1, 4, rows, columns) for rows, columns in ((2, 3), (6, 9))]
    torch.testing.assert_close(merging(target, pooled), merging.mlp(token).expand(1, 14, 21, 4))


def test_all_positions_of_a_window_receive_the_same():
    torch.manual_seed(0)
    merging = ContextMerging(4, [(5, 1)])
    merged = cut_windows(merging(torch.randn(2, 14, 14, 4), [torch.randn(2, 4, 2, 2)]))
    torch.testing.assert_close(merged, merged[:, :, :1].expand_as(merged))


def test_the_ablation_is_a_whole_model():
    torch.manual_seed(0)
    model = CFFM(SMALL)
    logits = model(torch.rand(1, 4, 3, 70, 90) * 255)
    assert logits.final.shape == (1, 3, 18, 23)
    logits.final.sum().backward()
    assert all(parameter.grad is not None for parameter in model.blocks.parameters())
