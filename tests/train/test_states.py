"""Training states on disk: kept in turn, checked when read, and passed over where they are damaged."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_training import tiny_config

from vidseg.errors import CheckpointError
from vidseg.train import Notice
from vidseg.train.loop import train
from vidseg.train.states import newest_whole_state, save_state


def save(folder: Path, *iterations: int, keep: int = 2) -> None:
    for iteration in iterations:
        save_state(folder, iteration, {"iteration": iteration, "weights": torch.arange(1000.0)}, keep=keep)


def flip_a_bit(path: Path) -> None:
    """In the midst of the weights, where neither zip nor pickle would notice."""
    content = bytearray(path.read_bytes())
    place = content.index(torch.arange(1000.0).numpy().tobytes()[1000:1100])
    content[place] ^= 1
    path.write_bytes(bytes(content))


def test_each_state_lies_beside_its_digest_and_old_ones_go(tmp_path: Path) -> None:
    save(tmp_path, 1, 2, 3)
    (tmp_path / "00000009.sha256").write_text("of a process that was killed before its state was in place")
    save(tmp_path, 4)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"{number:08d}.{suffix}" for number in (3, 4) for suffix in ("pt", "sha256")]
    digest, name = (tmp_path / "00000004.sha256").read_text().split()
    assert (len(digest), name) == (64, "00000004.pt")


@pytest.mark.parametrize("damage", ["a flipped bit", "half of it", "nothing"])
def test_a_damaged_state_is_passed_over_and_goes_with_the_next(damage: str, tmp_path: Path) -> None:
    save(tmp_path, 5, 10)
    newest = tmp_path / "00000010.pt"
    if damage == "a flipped bit":
        flip_a_bit(newest)
        assert torch.load(newest, weights_only=True)["iteration"] == 10  # torch sees nothing
    else:
        newest.write_bytes(newest.read_bytes()[:700] if damage == "half of it" else b"")
    found = newest_whole_state(tmp_path)
    assert found is not None
    assert (found.state["iteration"], found.damaged) == (5, (newest,))
    save(tmp_path, 8)
    assert sorted(path.stem for path in tmp_path.glob("*.pt")) == ["00000005", "00000008"]


def test_a_state_of_an_older_version_has_no_digest(tmp_path: Path) -> None:
    save(tmp_path, 5)
    (tmp_path / "00000005.sha256").unlink()
    found = newest_whole_state(tmp_path)
    assert found is not None
    assert found.state["iteration"] == 5


def test_where_all_are_damaged_nothing_is_begun_anew(tmp_path: Path) -> None:
    assert newest_whole_state(tmp_path) is None
    save(tmp_path, 5, 10)
    for path in tmp_path.glob("*.pt"):
        flip_a_bit(path)
    with pytest.raises(CheckpointError, match=r"00000010\.pt.*\.sha256.*start anew"):
        newest_whole_state(tmp_path)


def test_a_run_says_which_state_it_passed_over_and_ends_the_same(squares: Path, tmp_path: Path) -> None:
    config = tiny_config(squares, tmp_path, drop=0.2)
    config = replace(
        config,
        schedule=replace(config.schedule, iterations=4),
        output=replace(config.output, save_every=2),
    )
    result = train(config)
    expected = (result.last / "model.safetensors").read_bytes()
    newest = tmp_path / "states" / "00000004.pt"
    newest.write_bytes(newest.read_bytes()[:-1] + b"x")
    told: list[object] = []
    train(config, resume=True, events=told.append)
    (notice,) = [event for event in told if isinstance(event, Notice)]
    assert "damaged state" in notice.message
    assert "00000002.pt" in notice.message
    assert (result.last / "model.safetensors").read_bytes() == expected
