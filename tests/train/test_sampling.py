import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vidseg.data import FrameRecord, VideoRecord
from vidseg.data.trees import LocalTree
from vidseg.errors import InputError
from vidseg.train.sampling import Plan, load_batches, own_samples

PLAN = Plan(num_samples=7, batch_size=4, seed=3)


def test_every_epoch_has_every_sample_once_in_an_order_of_its_own():
    keys = [key for iteration in range(7) for batch in PLAN.batches(iteration) for key in batch]
    epochs = [[index for epoch, index in keys if epoch == number] for number in range(4)]
    assert all(sorted(order) == list(range(7)) for order in epochs)
    assert len({tuple(order) for order in epochs}) == 4


def test_two_processes_share_what_one_with_a_larger_batch_takes():
    for iteration in range(5):
        shares = [replace(PLAN, batch_size=2, world_size=2, rank=rank).batches(iteration)[0] for rank in (0, 1)]
        assert [PLAN.batches(iteration)[0]] == [shares[0] + shares[1]]


def test_accumulation_takes_as_many_batches_in_the_same_order():
    for iteration in range(5):
        first, second = replace(PLAN, batch_size=2, accumulation=2).batches(iteration)
        assert [first + second] == PLAN.batches(iteration)


def test_the_seed_decides_the_order():
    assert PLAN.batches(0) == replace(PLAN).batches(0)
    assert PLAN.batches(0) != replace(PLAN, seed=4).batches(0)


@pytest.mark.skipif(os.name != "posix", reason="sockets with a path are POSIX's")
def test_a_folder_that_no_socket_fits_into_is_refused_rather_than_waited_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("long" * 30)))
    unread: Any = None
    with pytest.raises(InputError, match=r"expected at most 71.*TMPDIR"):
        next(load_batches(unread, PLAN, start=0, stop=1, workers=1, pin_memory=False))


class Clips:
    """Stands for a ClipDataset of videos with so many clips each."""

    def __init__(self, *counts: int) -> None:
        names = [f"video{number}" for number in range(len(counts))]
        tree = LocalTree("data")
        self.videos = [
            VideoRecord(tree=tree, name=name, frames=(FRAME,) * n) for name, n in zip(names, counts, strict=True)
        ]
        self.owners = [name for name, n in zip(names, counts, strict=True) for _ in range(n)]

    def samples_of(self, videos: set[str]) -> list[int]:
        return [number for number, owner in enumerate(self.owners) if owner in videos]


FRAME = FrameRecord(name="0", number=0, image="0.png")


@pytest.mark.parametrize("counts", [(3, 3), (1, 5, 2, 4), (7, 1, 1, 1, 1)])
def test_videos_of_their_own_are_read_by_no_other_process_and_all_by_one(counts: tuple[int, ...]):
    clips: Any = Clips(*counts)
    shares = [own_samples(clips, 2, rank) for rank in (0, 1)]
    assert sorted(shares[0] + shares[1]) == list(range(len(clips.owners)))
    owners = [{clips.owners[number] for number in share} for share in shares]
    assert not owners[0] & owners[1]


def test_each_process_goes_through_its_own_samples_epoch_by_epoch():
    own = [1, 4, 6]
    plan = replace(PLAN, batch_size=2, accumulation=2, world_size=2, rank=1, own=own)
    keys = [key for iteration in range(3) for batch in plan.batches(iteration) for key in batch]
    assert len(keys) == 3 * 2 * 2
    assert [epoch for epoch, _ in keys] == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert all(sorted(number for epoch, number in keys if epoch == which) == own for which in range(4))
    assert plan.samples_per_iteration == 8  # of all processes


def test_more_processes_than_videos_are_refused():
    clips: Any = Clips(3)
    with pytest.raises(InputError, match=r"--data\.shard_by clip"):
        own_samples(clips, 2, 0)
