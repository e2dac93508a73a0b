"""RAFT around torchvision's network: sizes, units, weights from a file; its accuracy is torchvision's."""

from pathlib import Path

import pytest
import torch

from vidseg.errors import CheckpointError, InputError
from vidseg.flow import ESTIMATORS, DISFlow, RAFTFlow, flow_estimator

optical_flow = pytest.importorskip("torchvision.models.optical_flow")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("raft") / "small.pth"
    torch.save(optical_flow.raft_small(weights=None).state_dict(), path)
    return path


def test_it_computes_what_torchvisions_network_does(weights: Path) -> None:
    present, previous = torch.rand(2, 1, 3, 128, 160, generator=torch.Generator().manual_seed(0)) * 255
    network = optical_flow.raft_small(weights=None).eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    with torch.inference_mode():
        expected = network(present / 127.5 - 1, previous / 127.5 - 1, num_flow_updates=3)[-1]
    flow = RAFTFlow("small", weights, updates=3)
    assert flow.name == "raft-small"
    torch.testing.assert_close(flow(present, previous), expected)


@pytest.mark.parametrize("size", [(50, 70), (131, 133)])
def test_every_size_goes(weights: Path, size: tuple[int, int]) -> None:
    present, previous = torch.rand(2, 2, 3, *size) * 255
    flow = RAFTFlow("small", weights, updates=1)(present, previous)
    assert flow.shape == (2, 2, *size)
    assert flow.isfinite().all()


def test_what_does_not_fit_is_said_in_one_line(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"raft-large .*expected those of https.*'dis'"):
        RAFTFlow("large", weights)
    with pytest.raises(CheckpointError, match="no weights for raft-small from"):
        RAFTFlow("small", tmp_path / "none.pth")
    with pytest.raises(InputError, match="1 or more"):
        RAFTFlow("small", weights, updates=0)
    with pytest.raises(InputError, match="expected one of small, large"):
        RAFTFlow("huge", weights)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="expected the same"):
        RAFTFlow("small", weights)(torch.zeros(1, 3, 128, 128), torch.zeros(1, 3, 128, 136))


def test_estimators_have_names(weights: Path) -> None:
    assert set(ESTIMATORS) == {"dis", "raft-small", "raft-large"}
    assert isinstance(flow_estimator("dis"), DISFlow)
    assert flow_estimator(f"raft-small={weights}").name == "raft-small"
    with pytest.raises(InputError, match="expected one of dis, raft-small, raft-large"):
        flow_estimator("spynet")
    with pytest.raises(InputError, match="which has none"):
        flow_estimator(f"dis={weights}")


@pytest.mark.gpu
def test_it_runs_on_a_gpu(weights: Path) -> None:
    present, previous = torch.rand(2, 1, 3, 128, 160, generator=torch.Generator().manual_seed(0)) * 255
    here = RAFTFlow("small", weights, updates=2)(present, previous)
    there = RAFTFlow("small", weights, updates=2)(present.cuda(), previous.cuda())
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), here, atol=1e-2, rtol=1e-2)
