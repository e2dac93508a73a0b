"""The fuzzer: cases that can be made again, ends that are told apart, and oracles that know right from wrong."""

import io
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

from fuzzing.bombs import zip_bomb
from fuzzing.campaign import Tally, ended
from fuzzing.case import Answer, Case, command, python_call
from fuzzing.child import run_case
from fuzzing.class_lists import class_file_damage
from fuzzing.containers import parts_of
from fuzzing.judging import Verdict, judge
from fuzzing.material import make_material
from fuzzing.mutations import MUTATIONS, mutate
from fuzzing.pictures import IDS, mask_damage
from fuzzing.subjects import SUBJECTS, make_case
from fuzzing.texts import mutate_json
from fuzzing.videos import promised_frames
from fuzzing.weights import weights_damage

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fuzz") / "material"
    make_material(root)
    return root


def png(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()


def test_mutations_follow_from_the_seed_and_always_change_something():
    data = png(np.random.default_rng(0).integers(0, 255, (24, 32)).astype(np.uint8))
    for seed in range(200):
        once, twice = (mutate(Random(seed), data, [b"other" * 50]) for _ in range(2))
        assert once == twice
        assert once[0] != data
        assert mutate_json(Random(seed), {"a": [1, {"b": "c"}]}) == mutate_json(Random(seed), {"a": [1, {"b": "c"}]})
    assert mutate(Random(1), data)[0] != mutate(Random(2), data)[0]


def test_every_mutation_takes_anything():
    for data in (b"x", b"xy", b"\x89PNG\r\n\x1a\n", b"RIFF\xff\xff\xff\xff", b"\x1a\x45\xdf\xa3", bytes(5000)):
        for mutation in MUTATIONS:
            for seed in range(30):
                assert isinstance(mutation(Random(seed), data, [b"other"]), bytes)


def test_boxes_are_found():
    (level,) = parts_of(png(np.zeros((3, 3), np.uint8)))
    assert [png(np.zeros((3, 3), np.uint8))[box][4:8] for box in level] == [b"IHDR", b"IDAT", b"IEND"]
    box = (16).to_bytes(4) + b"trak" + (8).to_bytes(4) + b"mdia"
    mp4 = (8).to_bytes(4) + b"ftyp" + (8 + 2 * len(box)).to_bytes(4) + b"moov" + box * 2
    assert [len(level) for level in parts_of(mp4)] == [2, 2, 1, 0, 1, 0]
    assert parts_of(b"GIF89a") == []


def test_a_bomb_is_a_valid_archive():
    bomb = zip_bomb("a/data/0", megabytes=20)
    with zipfile.ZipFile(io.BytesIO(bomb)) as archive:
        assert archive.testzip() is None
        assert archive.getinfo("a/data/0").file_size == 20 << 20
    assert len(bomb) < 1 << 20


def test_ends_are_told_apart(tmp_path):
    def verdict(answer: Answer, **fields) -> str:
        case = Case(what="", call=lambda: answer, **fields)
        return judge(case, answer, tmp_path / "marker").outcome

    error = "vidseg: error: got a; expected b\n"
    assert verdict(Answer(code=0)) == "accepted"
    assert verdict(Answer(code=1, err="vidseg: warning: a is damaged\n")) == "reported"
    assert verdict(Answer(code=2, err=error)) == "refused"
    assert verdict(Answer(code=1)) == "unclear"
    assert verdict(Answer(code=2, err=error + error)) == "unclear"
    assert verdict(Answer(code=2, err="vidseg: error: oh\n")) == "unclear"
    assert verdict(Answer(code=2, err="vidseg: error: got " + "x" * 2000 + "\n")) == "unclear"
    assert verdict(Answer(code=0, err="[mp4 @ 0x7f] moov atom not found\n")) == "unclear"
    assert verdict(Answer(code=3, err=error)) == "unclear"
    assert verdict(Answer(code=0), lie=lambda answer: "frames are missing") == "silent"
    assert verdict(Answer(code=2, err=error), lie=lambda answer: "never asked of a refusal") == "refused"
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "half.png").touch()
    assert verdict(Answer(code=2, err=error), outputs=tmp_path / "out") == "left behind"
    assert verdict(python_call(lambda: [][0])) == "stack trace"
    (tmp_path / "marker").touch()
    assert verdict(Answer(code=2, err=error)) == "code run"


def test_commands_answer_like_the_installed_one():
    assert command(["--version"]).code == 0
    assert command(["nothing"]).err.startswith("vidseg: error: got command 'nothing'")


def hang() -> None:
    os.setsid()
    time.sleep(600)


def crash() -> None:
    os.setsid()
    os.kill(os.getpid(), signal.SIGSEGV)


def stumble() -> None:
    os.setsid()
    sys.exit(1)


@pytest.mark.parametrize(("function", "outcome"), [(hang, "hang"), (crash, "crash"), (stumble, "stack trace")])
def test_a_child_that_cannot_answer_is_a_failure(function, outcome, tmp_path):
    context = multiprocessing.get_context("spawn")
    assert ended(context, function, (), tmp_path, wall_seconds=10.0 if function is hang else 300.0).outcome == outcome


def test_a_tally_counts_and_says_so_in_one_line():
    tally = Tally()
    for index, outcome in enumerate(("accepted", "refused", "silent")):
        tally.add(index, Verdict(outcome=outcome, reason=""))
    assert list(tally.failures) == [2]
    assert "\n" not in tally.summary()
    assert tally.summary().startswith("3 cases (")
    assert "wrong: 1" in tally.summary()


def test_the_oracles_know_right_from_wrong(tmp_path):
    labels = np.random.default_rng(0).integers(0, 3, (24, 32)).astype(np.uint8)
    data = png(labels)
    for name, content in {
        "whole": data,
        "flipped": data[:60] + bytes([data[60] ^ 1]) + data[61:],
        "cut": data[:-30],
        "small": png(labels[:9]),
        "colours": png(np.stack([labels] * 3, -1)),
        "undefined": png(labels + np.uint8(100)),
    }.items():
        path = tmp_path / f"{name}.png"
        path.write_bytes(content)
        assert (mask_damage(path, IDS) is None) == (name == "whole"), name
    assert class_file_damage(b'{"classes": ["a", "b"]}', 2) is None
    for wrong in ("[", "NaN", '["a"]', '["a", 1]', '["a", "a"]', '{"classes": ["a", "b"], "ignore": 1}'):
        assert class_file_damage(wrong.encode(), 2) is not None, wrong
    weights = save({"a": torch.ones(4), "b": torch.zeros(2, 2)})
    assert weights_damage(weights) is None
    assert weights_damage(weights + b"more") is not None
    assert weights_damage(save({"a": torch.tensor([1.0, float("nan")])})) is not None


@pytest.mark.slow
def test_headers_promise_what_they_hold(material):
    promises = {path.name: promised_frames(path) for path in sorted((material / "videos").iterdir())}
    assert all(0 <= count <= 8 for count in promises.values())
    assert promises["h264.mp4"] == 8


@pytest.mark.slow
def test_a_case_is_always_the_same(material, tmp_path, monkeypatch):
    def contents(folder: Path) -> dict[str, bytes]:
        files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    for index in range(3 * len(SUBJECTS)):
        made = []
        for place in (tmp_path / f"{index}a", tmp_path / f"{index}b"):
            place.mkdir()
            monkeypatch.chdir(place)
            made.append((make_case(7, index, material, Path("input")).what, contents(place)))
        assert made[0] == made[1]


@pytest.mark.slow
def test_a_case_runs_in_a_child_and_hands_over_its_verdict(material, tmp_path):
    (tmp_path / "case").mkdir()
    arguments = (0, 3, str(material), str(tmp_path / "case"))
    verdict = ended(multiprocessing.get_context("spawn"), run_case, arguments, tmp_path / "case")
    assert verdict.outcome in ("accepted", "reported", "refused"), verdict
    assert json.loads((tmp_path / "case" / "verdict.json").read_text())["what"] == verdict.what


@pytest.mark.slow
def test_a_minute_of_fuzzing_finds_nothing(tmp_path):
    words = [sys.executable, str(ROOT / "tools" / "fuzz.py"), "--seconds", "60", "--seed", "1", "--keep", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"seed 1: \d+ cases \(.+\): .+; wrong: \d+.*", done.stdout.splitlines()[-1])
