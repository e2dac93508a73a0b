"""The tools that measure streams and starts do so."""

import json

import pytest

import startup
import stream_rates
import tiny
from vidseg.stream import Segmenter


def test_rates_of_streams_are_those_of_all_their_frames() -> None:
    segmenter = Segmenter(tiny.segformer(), "cpu", "torch", max_batch=2)
    row = stream_rates.measured(segmenter, 2, 5, "40x56")
    assert row["frames_per_second"] > 0
    assert 0 < row["p95_seconds"] < 10 / row["frames_per_second"]


def test_the_table_of_streams_compares_the_two_ways() -> None:
    rows = [
        {"streams": 4, "way": way, "frames_per_second": rate, "p95_seconds": late}
        for way, rate, late in (("in turn", 10, 0.4), ("batched", 15, 0.3), ("in turn", 10, 0.4), ("batched", 15, 0.3))
    ]
    assert stream_rates.table(rows).splitlines()[2] == "| 4 | 10.0 | 15.0 | 1.50 | 400 | 300 |"


def test_a_start_is_run_for_every_clip_state_and_tree(monkeypatch: pytest.MonkeyPatch, tmp_path, capsys) -> None:
    ran = []

    def timed(command, environment):
        ran.append((environment.get("PYTHONPATH"), environment.get("VIDSEG_CACHE")))
        if "--json" in command:
            row = {"frames": 2, "first_frame_after": 1.5, "compile_seconds": 1.0}
            with open(command[command.index("--json") + 1], "w") as file:
                json.dump({"videos": [row]}, file)
        return {"seconds": 3.0, "cpu_seconds": 2.0}

    monkeypatch.setattr(startup, "timed", timed)
    path = tmp_path / "out.json"
    words = [
        "a.mp4",
        "b.mp4",
        "--tree",
        f"one={tmp_path / '1'}",
        "--tree",
        f"two={tmp_path / '2'}",
        "--json",
        str(path),
    ]
    assert startup.main(words) == 0
    runs = ran[1:]  # the first is the floor
    assert len(runs) == 2 * 3 * 2
    assert [cache == "off" for _, cache in runs[:4]] == [True, True, False, False]
    assert runs[2] == runs[4]  # the second start of a tree finds what its first left
    assert len({cache for _, cache in runs}) == 1 + 2 * 2
    assert len(json.loads(path.read_text())["runs"]) == 12
    assert "| one | second | 2 | 3.0 | 2.0 | 1.5 |" in capsys.readouterr().out
