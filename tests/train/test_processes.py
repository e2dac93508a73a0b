"""Several processes train as one: they start, fail and are interrupted together, and validate what one would."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from interrupts import obey_interrupts
from trees import camvid_tree
from vidseg.errors import InputError, TrainingError
from vidseg.train.processes import train_in_processes


def python(code: str) -> list[str]:
    return [sys.executable, "-c", f"import os, sys, time, signal\nrank = int(os.environ['RANK'])\n{code}"]


def test_each_rank_gets_its_environment(tmp_path):
    names = ("LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE", "MASTER_ADDR")
    code = f"open(os.path.join({str(tmp_path)!r}, str(rank)), 'w').write(' '.join(os.environ[n] for n in {names!r}))"
    assert train_in_processes(python(code), 2).code == 0
    assert [(tmp_path / str(rank)).read_text() for rank in (0, 1)] == ["0 2 2 1 127.0.0.1", "1 2 2 1 127.0.0.1"]


def test_the_first_failure_counts_and_is_heard():
    ending = train_in_processes(python("if rank == 0: sys.exit(0)\nprint('got x', file=sys.stderr)\nsys.exit(2)"), 2)
    assert (ending.code, ending.said) == (2, "got x\n")
    # What rank 0 says is on the terminal already.
    assert train_in_processes(python("sys.exit(2 * (rank == 0))"), 2).said == ""


def test_who_waits_for_one_that_failed_is_ended(monkeypatch):
    monkeypatch.setattr("vidseg.train.processes._GRACE", 0.2)
    began = time.monotonic()
    assert train_in_processes(python("time.sleep(600 * (rank == 0))\nsys.exit(2)"), 2).code == 2
    assert time.monotonic() - began < 300


def test_a_killed_process_is_said(monkeypatch):
    monkeypatch.setattr("vidseg.train.processes._GRACE", 0.2)
    with pytest.raises(TrainingError, match="process 1 of 2 killed by signal 9"):
        train_in_processes(python("os.kill(os.getpid(), 9) if rank else time.sleep(600)"), 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_all_and_all_may_take_their_time(number, tmp_path):
    code = (
        f"def save(n, f):\n    time.sleep(1 + rank)\n    open(os.path.join({str(tmp_path)!r}, f'saved{{rank}}'), 'w')\n"
        f"    sys.exit(128 + n)\nsignal.signal({int(number)}, save)\n"
        f"open(os.path.join({str(tmp_path)!r}, f'ready{{rank}}'), 'w')\ntime.sleep(600)"
    )

    def interrupt():
        while len(list(tmp_path.glob("ready*"))) < 2:
            time.sleep(0.05)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert train_in_processes(python(code), 2).code == 128 + number
    thread.join()
    assert len(list(tmp_path.glob("saved*"))) == 2


def test_processes_are_not_nested(monkeypatch):
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(InputError, match="leave one out"):
        train_in_processes(python(""), 2)


SMALL = (
    *("--model.encoder.widths", "[8,16,24,32]", "--model.encoder.depths", "[1,1,1,1]"),
    *("--model.encoder.heads", "[1,2,3,4]", "--model.head_channels", "16", "--model.num_classes", "3"),
    *("--augmentation.crop_size", "[32,32]", "--augmentation.base_size", "[48,32]", "--output.log_every", "1"),
    *("--preprocessing.short", "32", "--preprocessing.long", "48", "--runtime.batch_size", "2"),
    *("--runtime.workers", "0", "--runtime.device", "cpu", "--output.tensorboard", "false"),
)


@pytest.mark.slow
def test_an_interrupted_training_of_two_processes_ends_with_130_and_goes_on(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "data", splits={"train": ("a", "b"), "val": ("c", "d", "e")})
    words = [
        "--recipe",
        "segformer_b0_camvid",
        "--data.root",
        str(root),
        "--output.folder",
        str(tmp_path / "run"),
        *SMALL,
    ]
    words += ["--processes", "2", "--schedule.iterations", "40", "--output.validate_every", "5"]
    command = [sys.executable, "-m", "vidseg", "train", *words]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=obey_interrupts)
    assert process.stderr is not None
    validated = []
    while " 7/40" not in (line := process.stderr.readline()):
        validated += [line] if "mIoU" in line else []
        assert line or process.poll() is None
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=300)
    assert process.returncode == 130, rest
    assert len(validated) == 1  # of the two, one speaks
    assert rest.count("go on with --resume") == 1
    assert "Traceback" not in rest
    resumed = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=True, env=environment)
    assert "40/40" in resumed.stderr
    assert " 7/40" not in resumed.stderr


@pytest.mark.slow
def test_bad_input_found_by_the_processes_is_one_line(tmp_path: Path) -> None:
    root = camvid_tree(tmp_path / "data")
    words = [
        "--recipe",
        "segformer_b0_camvid",
        "--data.root",
        str(root),
        "--output.folder",
        str(tmp_path / "run"),
        *SMALL,
    ]
    command = [sys.executable, "-m", "vidseg", "train", *words, "--processes", "2", "--model.num_classes", "5"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "--model.num_classes 3" in done.stderr
