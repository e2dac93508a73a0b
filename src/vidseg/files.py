"""Writing files so that a reader never sees half of one.

Everything is written beside its destination under a temporary name and renamed into place when
complete. An exception (also KeyboardInterrupt) leaves no trace of the attempt.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path in the folder of `path`; on success it becomes `path`.

    The temporary name keeps the suffix, so that libraries which guess the format by it work.
    Parent folders are created.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("r+b") as written:  # for writing, or Windows refuses
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields an empty temporary folder beside `path`; on success it replaces `path`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            _exchange(temporary, path)
        else:
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _exchange(new: Path, old: Path) -> None:
    """Puts `new` where `old` is, which is removed; where that fails, `old` is back in its place."""
    aside = Path(tempfile.mkdtemp(dir=old.parent, prefix=f".{old.name}-old-"))
    try:
        old.replace(aside / old.name)
        new.replace(old)
    except BaseException:
        if not old.exists():
            (aside / old.name).replace(old)
        shutil.rmtree(aside)
        raise
    shutil.rmtree(aside)


def read_json(path: str | os.PathLike[str]) -> Any:
    """Reads JSON strictly, in UTF-8: unlike `json`, it takes no NaN, no infinity and no half of a character.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it holds anything else; says what.
    """
    text = Path(path).read_text(encoding="utf-8-sig")
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    # A lone surrogate is text that can neither be shown nor be stored.
    json.dumps(value, ensure_ascii=False).encode()
    return value


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes `value` as indented JSON, atomically. NaN is refused: JSON has none."""
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _umask() -> int:
    # The only portable way to read the umask is to set it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
