"""``vidseg app`` as a process: where it listens, what it says, that it cleans up."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_without_a_trace(tiny_model: Path, tmp_path: Path, number: int, code: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "vidseg", "app", "--model", str(tiny_model), "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:
        assert process.stderr is not None
        announced = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", announced)
        assert found, announced
        (folder,) = tmp_path.iterdir()
        assert folder.stat().st_mode & 0o077 == 0
        with urllib.request.urlopen(found[0], timeout=60) as answer:
            assert b"vidseg" in answer.read()
        process.send_signal(number)
        said = process.stderr.read()
        assert process.wait(timeout=60) == code
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_one_line(run, tiny_model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = run("app", "--model", tiny_model, "--port", port)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"port {port}" in err
    assert "--port 0" in err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--model", "no-such-model"], "hf://owner/name"),
        (["--runtime", "magic"], "expected one of auto"),
        (["--host", "no.such.host.invalid"], "cannot be used"),
        (["--max-minutes", "0"], "more than 0"),
        (["--port", "99999"], "expected 0"),
    ],
)
def test_bad_options_are_one_line(run, tiny_model: Path, words: list[str], hint: str) -> None:
    model = [] if "--model" in words else ["--model", str(tiny_model)]
    code, _, err = run("app", "--port", "0", *model, *words)
    assert code == 2
    assert hint in err
    assert err.count("\n") == 1 + ("warning" in err)


def test_without_the_extra_there_is_a_hint(tiny_model: Path) -> None:
    script = (
        "import sys\n"
        "sys.modules['uvicorn'] = None\n"
        "from vidseg.cli.main import main\n"
        f"sys.exit(main(['app', '--model', {str(tiny_model)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "pip install 'vidseg[app]'" in done.stderr
