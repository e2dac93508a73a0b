"""Compiled graphs are found again, only where they are the same, and a damaged file harms nothing."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import tiny
import toys
from vidseg.acceleration import accelerate
from vidseg.errors import VidsegWarning
from vidseg.models import VideoModel
from vidseg.runtime import openvino as room
from vidseg.runtime.graph import StepGraph
from vidseg.runtime.graph_cache import GraphCache, fingerprint, user_cache
from vidseg.stream import Segmenter

SIZE = (32, 64)


def key_of(model: VideoModel, size: tuple[int, int] = SIZE, step: str = "step", facts: tuple[object, ...] = ()) -> str:
    graph = StepGraph(accelerate(model), step, channels_last=True)
    key = fingerprint(graph, graph.example(1, size), facts)
    assert key is not None
    return key


def test_the_key_is_that_of_weights_sizes_step_and_facts() -> None:
    model = tiny.cffm()
    key = key_of(model)
    assert key == key_of(tiny.cffm())
    others = [key_of(model, (64, 64)), key_of(model, step="start"), key_of(model, facts=(1,))]
    with torch.no_grad():
        model.classifier.bias[0] += 1e-3
    assert len({key, key_of(model), *others}) == 5


@pytest.mark.parametrize("kind", toys.KINDS)
def test_kinds_of_this_package_have_keys_and_those_of_others_none(kind: str) -> None:
    model = toys.toy(kind)
    graph = StepGraph(accelerate(model), next(iter(model.steps())), channels_last=True)
    key = fingerprint(graph, graph.example(1, SIZE), ())
    assert (key is not None) == type(model).__module__.startswith("vidseg")


def test_a_module_of_other_code_has_no_key() -> None:
    class Own(nn.Conv2d):
        pass

    graph = StepGraph(accelerate(tiny.cffm()), "step", channels_last=True)
    graph.model.extra = Own(1, 1, 1)
    assert fingerprint(graph, graph.example(1, SIZE), ()) is None


def test_what_is_read_back_computes_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDSEG_CACHE", str(tmp_path))
    first = labels()
    assert {path.suffix for path in tmp_path.iterdir()} == {".graph"}
    with monkeypatch.context() as patch:
        patch.setattr(room, "to_openvino", None)  # nothing is traced any more
        assert np.array_equal(first, labels())
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert np.array_equal(first, labels())
    with monkeypatch.context() as patch:
        patch.setattr(room, "to_openvino", None)
        assert np.array_equal(first, labels())


def test_a_graph_that_openvino_refuses_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDSEG_CACHE", str(tmp_path))
    first = labels()
    for path in tmp_path.iterdir():
        GraphCache(tmp_path).put(path.stem, b"no graph")
    assert np.array_equal(first, labels())
    assert all(path.stat().st_size > 100 for path in tmp_path.iterdir())


def test_off_is_off_and_the_default_is_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert user_cache() is None
    monkeypatch.delenv("VIDSEG_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = user_cache()
    assert cache is not None
    assert cache.folder.name == "graphs"
    assert cache.folder.parent.name == "vidseg"


def test_what_was_used_last_stays(tmp_path: Path) -> None:
    cache = GraphCache(tmp_path, most_bytes=300)
    for when, key in ((10, "old"), (20, "used"), (30, "new")):
        cache.put(key, b"x" * 80)
        os.utime(tmp_path / f"{key}.graph", (when, when))
    assert cache.get("old") is None
    assert cache.get("used") == b"x" * 80
    cache.put("newest", b"y" * 100)
    assert cache.get("new") is None
    assert cache.get("used") is not None


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = GraphCache(tmp_path / "file" / "folder")
    with pytest.warns(VidsegWarning, match="VIDSEG_CACHE"):
        cache.put("key", b"blob")
    assert cache.get("key") is None


SCRIPT = """
import sys
from pathlib import Path
from vidseg.runtime.graph_cache import GraphCache
cache, blob = GraphCache(Path(sys.argv[1])), bytes(2**20)
for _ in range(40):
    cache.put("same", blob)
    assert cache.get("same") == blob
"""


def test_processes_that_store_the_same_graph_at_once_agree(tmp_path: Path) -> None:
    words = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    processes = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    assert [path.name for path in tmp_path.iterdir()] == ["same.graph"]


def labels() -> np.ndarray:
    """Of two frames, by OpenVINO."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", VidsegWarning)
        segmenter = Segmenter(tiny.cffm(), runtime="openvino", threads=1)
        return np.stack([seg.labels for seg in segmenter.segment(tiny.video(2, height=32, width=64))])
