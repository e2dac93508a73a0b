"""Files and folders that appear complete or not at all."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vidseg.files import atomic_file, atomic_folder, read_json, recover


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _fill(folder: Path, name: str) -> None:
    with atomic_folder(folder) as temporary:
        (temporary / name).touch()


def test_a_file_has_the_mode_that_any_new_file_has(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with atomic_file(tmp_path / "ours") as temporary:
        temporary.write_text("x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    _fill(tmp_path / "out", "old")
    _fill(tmp_path / "out", "new")
    assert (_names(tmp_path), _names(tmp_path / "out")) == (["out"], ["new"])


@pytest.mark.parametrize("failing_call", [1, 2])
def test_a_folder_that_cannot_be_replaced_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing_call: int
) -> None:
    _fill(tmp_path / "out", "old")
    replace, calls = Path.replace, []

    def failing(path: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == failing_call:
            raise PermissionError("no")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(PermissionError):
        _fill(tmp_path / "out", "new")
    assert (_names(tmp_path), _names(tmp_path / "out")) == (["out"], ["old"])


@pytest.mark.parametrize("name", ["out", "out.v2"])
def test_what_a_killed_process_left_goes_when_the_same_is_written_again(tmp_path: Path, name: str) -> None:
    _killed(tmp_path / name, "folder")
    _killed(tmp_path / "a.csv", "file")
    (tmp_path / f".{name}-mine").mkdir()
    (tmp_path / ".a-20240101.csv").touch()
    others = {f".{name}-mine", ".a-20240101.csv"}
    assert len(_names(tmp_path)) == 4
    with atomic_file(tmp_path / "a.csv") as temporary:
        temporary.write_text("x")
    _fill(tmp_path / name, "new")
    assert set(_names(tmp_path)) == others | {name, "a.csv"}


def test_what_a_living_process_writes_is_let_be(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "a.csv") as ours, atomic_folder(tmp_path / "out") as folder:
        subprocess.run([sys.executable, "-c", WRITE, tmp_path / "a.csv", "file", ""], check=True)
        subprocess.run([sys.executable, "-c", WRITE, tmp_path / "out", "folder", ""], check=True)
        assert ours.exists()
        assert folder.exists()
        assert (tmp_path / "a.csv").read_text() == "theirs"
        ours.write_text("ours")
    assert (tmp_path / "a.csv").read_text() == "ours"
    assert _names(tmp_path) == ["a.csv", "out"]


def test_a_folder_that_was_being_replaced_when_the_process_was_killed_is_put_back(tmp_path: Path) -> None:
    _fill(tmp_path / "out", "old")
    _killed(tmp_path / "out", "folder", "between")
    assert not (tmp_path / "out").exists()
    recover(tmp_path / "out")
    assert (_names(tmp_path), _names(tmp_path / "out")) == (["out"], ["old"])


WRITE = """
import os, sys
from pathlib import Path
from vidseg.files import atomic_file, atomic_folder

path, kind, moment = sys.argv[1:]
if moment == "between":
    Path.replace = lambda place, target, replace=Path.replace: (replace(place, target), os.kill(os.getpid(), 9))
if kind == "file":
    with atomic_file(path) as temporary:
        temporary.write_text("theirs")
        if moment == "within":
            os.kill(os.getpid(), 9)
else:
    with atomic_folder(path) as temporary:
        (temporary / "theirs").touch()
        if moment == "within":
            os.kill(os.getpid(), 9)
"""


def _killed(path: Path, kind: str, moment: str = "within") -> None:
    process = subprocess.run([sys.executable, "-c", WRITE, path, kind, moment], check=False)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a": NaN}',
        "[-Infinity]",
        '"\\ud800"',
        "[" * 100_000 + "]" * 100_000,
        "9" * 5000,
        b"\xff\xfe{\x00}\x00",
    ],
)
def test_json_is_read_strictly(tmp_path: Path, text: str | bytes) -> None:
    (tmp_path / "a.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError):
        read_json(tmp_path / "a.json")


def test_json_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": [1.5, "\xc3\xa9"]}')
    assert read_json(tmp_path / "a.json") == {"a": [1.5, "é"]}
