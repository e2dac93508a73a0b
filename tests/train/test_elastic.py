"""torchrun starts all processes of a training anew when one ends: they find each other, and go on to the same end."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from tiny_training import tiny_config
from torch import distributed
from torch.distributed import HashStore

from vidseg.errors import InputError, TrainingError
from vidseg.evaluate import EngineConfig, validate
from vidseg.train.agreement import decided_by_rank_zero
from vidseg.train.elastic import ElasticJob
from vidseg.train.failures import lost_processes_explained
from vidseg.train.interruption import caught_signals


def attempts(store: HashStore, *ranks: int, world_size: int) -> list[int | None]:
    """What each rank is told, all at once; None for one that waits in vain."""
    found: dict[int, int] = {}

    def ask(rank: int) -> None:
        found[rank] = ElasticJob(store=store, rank=rank, world_size=world_size).attempt()

    threads = [threading.Thread(target=ask, args=(rank,), daemon=True) for rank in ranks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60 if len(ranks) == world_size else 1)
    return [found.get(rank) for rank in ranks]


def test_all_of_an_attempt_get_its_number_and_the_dead_count_for_nothing() -> None:
    store = HashStore()
    assert attempts(store, 0, 1, 2, world_size=3) == [1, 1, 1]
    assert attempts(store, 2, 1, 0, world_size=3) == [2, 2, 2]
    # Of the third attempt rank 1 never comes, and whoever waited is ended.
    store.set("asks/2", "of one that was killed before it was answered")
    assert attempts(store, 1, 2, 0, world_size=3) == [3, 3, 3]


def test_only_torchruns_agents_remember_a_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TORCHELASTIC_USE_AGENT_STORE", raising=False)
    assert ElasticJob.of_environment() is None
    job = ElasticJob(store=HashStore(), rank=0, world_size=1)
    job.remember(tmp_path / "a" / ".." / "run")
    assert job.remembers(tmp_path / "run")
    assert not job.remembers(tmp_path / "another")


class Told:
    """Stands for a Fabric of two processes that share a decision."""

    world_size = 2

    def __init__(self, *, zero: bool, sent: object = None) -> None:
        self.is_global_zero, self.sent = zero, sent

    def broadcast(self, value: object) -> object:
        self.sent = value if self.is_global_zero else self.sent
        return self.sent


def test_what_rank_zero_finds_or_refuses_all_do() -> None:
    first = Told(zero=True)
    assert decided_by_rank_zero(first, lambda: 7) == 7  # type: ignore[arg-type]
    assert decided_by_rank_zero(Told(zero=False, sent=first.sent), lambda: 8) == 7  # type: ignore[arg-type]

    def refuse() -> int:
        raise InputError("got no folder")

    with pytest.raises(InputError, match="no folder"):
        decided_by_rank_zero(first, refuse)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no folder"):
        decided_by_rank_zero(Told(zero=False, sent=first.sent), lambda: 8)  # type: ignore[arg-type]


def test_a_lost_process_is_one_line_and_other_errors_stay_as_they_are() -> None:
    words = "[../third_party/gloo/gloo/transport/tcp/pair.cc:5]\n Connection closed by peer"
    with pytest.raises(TrainingError, match="Connection closed by peer") as caught, lost_processes_explained(Path("r")):
        raise RuntimeError(words)
    assert "\n" not in str(caught.value)
    with pytest.raises(TrainingError), lost_processes_explained(Path("r")):
        raise distributed.DistBackendError("NCCL")
    with pytest.raises(RuntimeError, match="something else"), lost_processes_explained(Path("r")):
        raise RuntimeError("something else")


def test_who_has_lost_its_launcher_stops_as_if_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(launched: bool, parent: int) -> int:
        with monkeypatch.context() as patch:
            patch.delenv("RANK", raising=False)
            if launched:
                patch.setenv("RANK", "0")
            with caught_signals() as interruption:
                patch.setattr(os, "getppid", lambda: parent)
                return interruption.asked()

    assert asked(launched=True, parent=1) == signal.SIGTERM
    assert asked(launched=True, parent=os.getppid()) == 0
    assert asked(launched=False, parent=1) == 0  # one that was started alone may outlive its shell


SCRIPT = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {tests!r})
import torch
torch.set_num_threads(1)
from tiny_training import tiny_config
from vidseg.train import Progress
from vidseg.train.learner import Learner
from vidseg.train.loop import train

root, folder, fault = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
config = tiny_config(root, folder, drop=0.2, timeout_minutes=0.5 if fault == "hang" else 720.0)
config = replace(
    config,
    schedule=replace(config.schedule, iterations=8),
    output=replace(config.output, save_every=3, validate_every=8),
    data=replace(config.data, val_split="train"),
)
real = Learner.compute_gradients

def faulty(self, batches, iteration):
    if (iteration, os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"]) == (5, "1", "0"):
        match fault:
            case "exception":
                raise ValueError("a fault")
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                os.kill(os.getpid(), signal.SIGSTOP)
    return real(self, batches, iteration)

Learner.compute_gradients = faulty
train(config)
"""


def torchrun(root: Path, folder: Path, fault: str, *, restarts: int = 1) -> "subprocess.CompletedProcess[str]":
    script = folder.with_suffix(".py")
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent)))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [f"--max-restarts={restarts}", str(script), str(root), str(folder), fault]
    return subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)


@pytest.fixture(scope="module")
def straight(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two processes that nothing befell."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    done = torchrun(squares, folder, "none")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["kill", "exception", "hang"])
def test_a_process_that_fails_is_started_again_with_all_others_and_the_end_is_the_same(
    fault: str, squares: Path, straight: Path, tmp_path: Path
) -> None:
    done = torchrun(squares, tmp_path / "run", fault)
    assert done.returncode == 0, done.stderr
    for name in ("last", "best"):
        weights = [(folder / name / "model.safetensors").read_bytes() for folder in (straight, tmp_path / "run")]
        assert weights[0] == weights[1]


@pytest.mark.slow
def test_processes_of_torchrun_share_a_validation_and_score_what_one_does(squares: Path, straight: Path) -> None:
    from vidseg.checkpoints import load
    from vidseg.data import open_dataset

    torch.set_num_threads(1)
    engine = EngineConfig(device="cpu", runtime="torch")
    alone = validate(load(straight / "last"), open_dataset(squares, "camvid", "train"), config=engine)
    header, row = (straight / "validation.csv").read_text().splitlines()
    shared = dict(zip(header.split(","), row.split(","), strict=True))
    assert {name: float(value) for name, value in shared.items() if name != "iteration"} == alone  # to the bit


@pytest.mark.slow
def test_a_new_job_in_a_used_folder_is_refused_however_often_it_is_restarted(squares: Path, straight: Path) -> None:
    before = (straight / "last" / "model.safetensors").stat().st_mtime_ns
    done = torchrun(squares, straight, "none", restarts=1)
    assert done.returncode != 0
    assert "go on with --resume" in done.stderr
    assert (straight / "last" / "model.safetensors").stat().st_mtime_ns == before


def test_a_timeout_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="timeout_minutes=0"):
        tiny_config(tmp_path, tmp_path, timeout_minutes=0)
