"""What all commands have in common: help, versions, one-line errors, exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest

from vidseg import __version__
from vidseg.cli import segment
from vidseg.cli.main import COMMANDS, Terminated, main


def test_the_overview_names_every_command(run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert all(name in out for name in COMMANDS)
    assert run()[0] == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert f"example: vidseg {command}" in " ".join(capsys.readouterr().out.split())


def test_help_needs_neither_torch_nor_extras() -> None:
    script = (
        "import sys\n"
        "from vidseg.cli.main import COMMANDS, main\n"
        "for command in COMMANDS:\n"
        "    try: main([command, '--help'])\n"
        "    except SystemExit: pass\n"
        "heavy = {'torch', 'torchvision', 'lightning_fabric', 'openvino', 'onnx', 'vizdoom', 'starlette', 'uvicorn'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(' '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_version(run) -> None:
    assert run("--version") == (0, f"vidseg {__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["segmnt"], "did you mean 'segment'?"),
        (["segment"], "required"),
        (["segment", "a", "-o", "b.mp4", "--modle", "m"], "--model"),
        (["segment", "a", "-o", "b.mp4", "--model", "m", "--size", "big"], "--size"),
        (["segment", "a", "-o", "b.mp4", "--model", "no-such-model"], "hf://owner/name"),
        (["info", "no-such-model"], "hf://owner/name"),
        (["convert", "no-such-file", "out", "--from", "cffm"], "no-such-file"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(run, words: list[str], hint: str) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("vidseg: error: ")
    assert hint in err


@pytest.mark.parametrize("size", [1 << 50, 1 << 62])
def test_too_little_memory_is_said_in_one_line(run, monkeypatch, size: int) -> None:
    import torch

    monkeypatch.setattr(segment, "run", lambda args: torch.empty(size, 2, dtype=torch.int64))
    code, _, err = run("segment", "a", "-o", "b.mp4", "--model", "m")
    assert (code, err.count("\n")) == (2, 1)
    assert "memory" in err


def test_other_failures_keep_their_trace(run, monkeypatch) -> None:
    def fail(args: object) -> int:
        raise RuntimeError("a bug")

    monkeypatch.setattr(segment, "run", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        run("segment", "a", "-o", "b.mp4", "--model", "m")


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "vidseg", "models"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait(timeout=60)) == ("", 1)
    process.stderr.close()


@pytest.mark.parametrize(("interrupt", "code"), [(KeyboardInterrupt(), 130), (Terminated(), 143)])
def test_interrupts_have_exit_codes_of_their_own(run, monkeypatch, interrupt: BaseException, code: int) -> None:
    def stop(args: object) -> int:
        raise interrupt

    monkeypatch.setattr(segment, "run", stop)
    got, _, err = run("segment", "a", "-o", "b.mp4", "--model", "m")
    assert got == code
    assert err.count("\n") == 1


def test_an_interruption_inside_an_exec_has_the_same_exit_code(tmp_path: Path) -> None:
    lines = (
        "import sys",
        "from vidseg.cli import main, models",
        "models.run = lambda arguments: exec('raise KeyboardInterrupt')",
        "sys.argv[1:] = ['models']",
        "main.entry()",
    )
    (tmp_path / "interrupted_in_exec.py").write_text("\n".join(lines))
    command = [sys.executable, "-m", "interrupted_in_exec"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (130, "vidseg: interrupted; unfinished outputs were removed\n")
