"""Processes that train share a validation, and each gets what one alone would have got."""

from pathlib import Path

import pytest
import torch
from torch import distributed
from torch import multiprocessing as mp

import tiny
from trees import camvid_tree
from vidseg.data import open_dataset
from vidseg.evaluate import EngineConfig, validate

CONFIG = EngineConfig(device="cpu", runtime="torch", threads=1)


def scores(root: Path, *, together: bool) -> dict[str, float]:
    dataset = open_dataset(root, "camvid", "val")
    model = tiny.cffm(3).train()
    model.class_map = dataset.class_map
    found = validate(model, dataset, config=CONFIG, together=together)
    assert model.training
    return found


def share(rank: int, processes: int, root: Path, store: Path, expected: dict[str, float]) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=processes)
    try:
        assert scores(root, together=True) == expected  # to the bit
    finally:
        distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("videos", [("c", "d", "e"), ("c",)])  # with one video, one process has nothing to do
def test_two_processes_together_score_what_one_does(videos: tuple[str, ...], tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "data", splits={"train": ("a",), "val": videos}, frames=18)
    expected = scores(root, together=False)
    assert 0 < expected["mIoU"] < 1
    assert "mVC8" in expected
    mp.spawn(share, (2, root, tmp_path / "store", expected), nprocs=2)
