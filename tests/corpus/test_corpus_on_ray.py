"""A corpus on a Ray cluster whose workers and machines die on the way gives what one process gives."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tiny
from corpora import contents, pictures, records, write_videos
from vidseg.checkpoints import load, save_checkpoint
from vidseg.cli.main import main
from vidseg.corpus import Assignment, Corpus, Manifest, OneProcess, RayWorkers, Worker, find_videos
from vidseg.errors import InputError
from vidseg.models import VideoModel
from vidseg.places import place_of
from vidseg.stream.ledger import Conditions

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# Seconds. On a busy machine Ray's own processes take longer to start than it waits by default.
os.environ |= {"RAY_raylet_start_wait_time_s": "300", "RAY_worker_register_timeout_seconds": "300"}
ray = pytest.importorskip("ray")

# Ray leaves sockets and logs open when its processes are ended, and forks from threads.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:ray"),
    pytest.mark.filterwarnings("ignore:.*RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

STORE = 80 << 20  # bytes


@pytest.fixture
def model(tmp_path: Path) -> VideoModel:
    made = tiny.cffm()
    save_checkpoint(tmp_path / "tiny", made, class_map=made.class_map, preprocessing=made.preprocessing)
    return load(tmp_path / "tiny")


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two machines of one core each, as far as Ray knows."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head)
    second = made.add_node(num_cpus=1, object_store_memory=STORE)
    try:
        yield made, second
    finally:
        ray.shutdown()
        made.shutdown()


def corpus_of(videos: Path, out: Path, model: VideoModel, said: list[str]) -> tuple[Corpus, Assignment]:
    place = place_of(out)
    manifest = Manifest(place)
    segmenter = {"runtime": "torch", "device": "cpu", "threads": 1}
    assignment = Assignment(out=place, model_name="tiny", kinds=("masks", "mp4"), segmenter=segmenter)
    found = find_videos([str(videos)], names=manifest.names, out=place)
    return Corpus(found, assignment, Conditions(model, {}), manifest, say=said.append), assignment


def test_a_killed_worker_and_a_removed_machine_change_nothing(cluster, model: VideoModel, tmp_path: Path) -> None:
    machines, second = cluster
    videos = write_videos(tmp_path / "in", 60)
    alone, assignment = corpus_of(tmp_path / "in", tmp_path / "alone", model, [])
    assert all(record["status"] == "done" for record in alone.work(OneProcess(Worker(model, assignment))))

    said: list[str] = []
    together, assignment = corpus_of(tmp_path / "in", tmp_path / "together", model, said)
    workers = RayWorkers(model, assignment, machines.address, cores=1, gpu=False, say=said.append)
    seen: dict[str, int] = {}  # units by worker
    is_killed = is_removed = False
    try:
        for record in together.work(workers):
            assert workers.busy <= 2
            if record is None:
                continue
            worker = record["worker"]
            seen[worker] = seen.get(worker, 0) + 1
            others = [name for name in seen if name != worker]
            if not is_killed and others and sum(seen.values()) >= 10:
                os.kill(int(others[0].split("/")[-1]), signal.SIGKILL)  # which is at work just now
                is_killed = True
            elif is_killed and not is_removed and sum(seen.values()) >= 30 and len(seen) >= 3:
                machines.remove_node(second)
                is_removed = True
    finally:
        workers.close()
    assert (is_killed, is_removed) == (True, True)
    assert together.tally.done == 60
    notes = records(tmp_path / "together")
    assert len(notes) == 60
    lost = [one for record in notes.values() for one in record["lost"]]
    assert together.tally.retries == len(lost) >= 2
    assert sum(record["retries"] for record in notes.values()) == len(lost)
    assert {one["reason"] for one in lost} >= {"its worker process has died"}
    assert sum("is done again: worker" in line for line in said) == len(lost)
    assert contents(tmp_path / "together/masks") == contents(tmp_path / "alone/masks")
    assert len(contents(tmp_path / "together/masks")) == 60 * 4
    overlays = contents(tmp_path / "together/mp4")
    assert overlays.keys() == contents(tmp_path / "alone/mp4").keys()
    for name in overlays:
        assert pictures(tmp_path / "together/mp4" / name) == pictures(tmp_path / "alone/mp4" / name)
    assert contents(tmp_path / "together/frames") == contents(tmp_path / "alone/frames")
    assert len(videos) == 60
    again, _ = corpus_of(tmp_path / "in", tmp_path / "together", model, said)
    assert (again.tally.skipped, again.left) == (60, [])


def test_the_command_on_a_cluster_of_its_own(model: VideoModel, tmp_path: Path) -> None:
    """Failures are told, and what only this process sees is refused."""
    write_videos(tmp_path / "in", 3)
    (tmp_path / "in/bad.mp4").write_bytes(b"no video")
    words = ["corpus", tmp_path / "in", "--model", tmp_path / "tiny", "--runtime", "torch", "--tc", "none"]
    ray_words = ["--ray", "local", "--threads", "1", "--workers", "1", "--json", tmp_path / "s.json"]
    assert main([str(word) for word in (*words, "-o", tmp_path / "out", *ray_words)]) == 1
    report = json.loads((tmp_path / "s.json").read_text())
    assert report["summary"].items() >= {"done": 3, "failed": 1, "left": 0, "frames": 12}.items()
    assert not ray.is_initialized()
    assert main([str(word) for word in (*words, "-o", tmp_path / "alone")]) == 1
    assert contents(tmp_path / "out/masks") == contents(tmp_path / "alone/masks")
    assert main([str(word) for word in (*words, "-o", "memory://out", *ray_words)]) == 2


def test_no_cluster_is_one_line(model: VideoModel, tmp_path: Path) -> None:
    assignment = Assignment(out=place_of(tmp_path), model_name="tiny")
    with pytest.raises(InputError, match=r"got --ray auto, where no cluster answers .*; do: start one"):
        RayWorkers(model, assignment, "auto")
