"""``vidseg app`` as a process: where it listens, what it says, that it cleans up."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from websockets.sync.client import connect

from interrupts import obey_interrupts
from vidseg.cli.main import main


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_without_a_trace(tiny_model: Path, tmp_path: Path, number: int, code: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "vidseg", "app", "--model", str(tiny_model), "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        preexec_fn=obey_interrupts,
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


def test_it_ends_with_a_page_open_and_a_video_under_way(tiny_model: Path, images: Path, tmp_path: Path) -> None:
    video = tmp_path / "long.mp4"
    assert main(["segment", str(images), "-o", str(video), "--fps", "0.1", "--model", str(tiny_model)]) == 0
    server_files = tmp_path / "server"
    server_files.mkdir()
    command = [sys.executable, "-m", "vidseg", "app", "--runtime", "torch", "--model", str(tiny_model), "--port", "0"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(server_files)}
    ) as process:
        assert process.stderr is not None
        address = re.findall(r"http://\S+", process.stderr.readline())[0]
        with connect(address.replace("http", "ws") + "/ws", origin=address, max_size=None) as page:
            token = json.loads(page.recv())["session"]
            upload = f"{address}/api/sessions/{token}/upload?name=long.mp4"
            request = urllib.request.Request(upload, video.read_bytes(), {"Origin": address})
            assert json.loads(urllib.request.urlopen(request, timeout=60).read())["frames"] == 11
            order = {"source": "webcam", "model": str(tiny_model), "runtime": "torch", "opacity": 0.5}
            page.send(json.dumps({"type": "start", "outlines": False, "keep": True, **order}))
            assert json.loads(page.recv())["state"] == "preparing"  # and waits for a picture that never comes
            assert list(server_files.rglob("upload-*"))
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
        assert (process.returncode, process.stderr.read().count("\n")) == (143, 1)
    assert list(server_files.iterdir()) == []


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
