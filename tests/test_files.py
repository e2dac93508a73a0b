"""Files and folders that appear complete or not at all."""

from pathlib import Path

import pytest

from vidseg.files import atomic_file, atomic_folder, read_json


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
