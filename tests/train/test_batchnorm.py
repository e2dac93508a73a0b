import torch
from timm.layers import BatchNormAct2d
from torch import nn

from vidseg.train.batchnorm import ProcessBatchNorm2d, synchronise_batchnorm


def test_one_process_alone_normalises_as_torch_does(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'rendezvous'}", rank=0, world_size=1)
    try:
        torch.manual_seed(0)
        oracle, own = (nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)) for _ in range(2))
        nn.init.normal_(oracle[1].weight)
        own.load_state_dict(oracle.state_dict())
        synchronise_batchnorm(own, device=torch.device("cpu"))
        assert isinstance(own[1], ProcessBatchNorm2d)
        for _ in range(3):
            image = torch.randn(2, 3, 5, 6) * 3 + 7
            for net in (oracle, own):
                net.zero_grad()
                net(image).square().mean().backward()
            torch.testing.assert_close(own(image), oracle(image))
            for ours, theirs in zip(own.parameters(), oracle.parameters(), strict=True):
                torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(own.state_dict(), oracle.state_dict())
        torch.testing.assert_close(own.eval()(image), oracle.eval()(image))
        # timm's norms have their activation inside.
        oracle, own = (nn.Sequential(BatchNormAct2d(3)) for _ in range(2))
        synchronise_batchnorm(own, device=torch.device("cpu"))
        assert isinstance(own[0], ProcessBatchNorm2d)
        image = torch.randn(2, 3, 5, 6)
        torch.testing.assert_close(own(image), oracle(image))
        torch.testing.assert_close(own.eval()(image), oracle.eval()(image))
        assert own(image).min() == 0
        assert own.state_dict().keys() == oracle.state_dict().keys()
    finally:
        torch.distributed.destroy_process_group()
