"""Writing files so that a reader never sees half of one.

Everything is written beside its destination under a temporary name and renamed into place when
complete. An exception (also KeyboardInterrupt) leaves no trace of the attempt; what ``kill -9`` leaves is removed
when the same destination is written again. Processes lock what they write, so that none removes another's.
"""

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

if sys.platform != "win32":
    import fcntl

# Within the folder that is in the making: what is to be, and what it takes the place of.
_NEW, _OLD = "new", "old"


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path in the folder of `path`; on success it becomes `path`.

    The temporary name keeps the suffix, so that libraries which guess the format by it work.
    Parent folders are created.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    recover(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_prefix(path), suffix=path.suffix)
    temporary = Path(name)
    with ExitStack() as stack:
        stack.callback(temporary.unlink, missing_ok=True)
        if sys.platform == "win32":  # where an open file cannot be renamed
            os.close(handle)
        else:
            stack.callback(os.close, handle)
            _lock(handle)
        yield temporary
        with temporary.open("r+b") as written:  # for writing, or Windows refuses
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields an empty temporary folder beside `path`; on success it replaces `path`."""
    path = Path(path)
    with _workplace(path) as workplace:
        temporary = workplace / _NEW
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            path.replace(workplace / _OLD)
        try:
            temporary.replace(path)
        except BaseException:
            _put_back(workplace, path)
            raise


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yields an empty folder for temporary files; what processes that were killed left of theirs is removed."""
    with _workplace(Path(tempfile.gettempdir()) / "scratch") as workplace:
        yield workplace / _NEW


@contextmanager
def locked(path: str | os.PathLike[str]) -> Iterator[bool]:
    """Whether this process, and nobody else, holds the lock of that name while the block runs.

    The file stays. Where there are no locks, on Windows and on some network file systems, everybody holds it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        if sys.platform != "win32":
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            except OSError:  # a file system without locks
                pass
        yield True


@contextmanager
def _workplace(path: Path) -> Iterator[Path]:
    """Yields a temporary folder beside `path` that nobody else removes, with an empty folder `_NEW` in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    recover(path)
    workplace = Path(tempfile.mkdtemp(dir=path.parent, prefix=_prefix(path), suffix=path.suffix))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, workplace, ignore_errors=True)
        if sys.platform != "win32":
            handle = os.open(workplace, os.O_RDONLY)
            stack.callback(os.close, handle)
            _lock(handle)
        (workplace / _NEW).mkdir()
        yield workplace


def recover(path: str | os.PathLike[str]) -> None:
    """Removes what processes that were killed left of their attempts to write `path`.

    A folder that was just being replaced is put back. What a living process writes is let be.
    """
    path = Path(path)
    if not path.parent.is_dir():
        return
    ours = re.compile(re.escape(_prefix(path)) + r"[a-z0-9_]{8}" + re.escape(path.suffix))
    for entry in list(os.scandir(path.parent)):
        if ours.fullmatch(entry.name) and not _is_in_use(Path(entry.path)):
            with suppress(OSError):  # what cannot be removed harms nobody
                if entry.is_dir(follow_symlinks=False):
                    _put_back(Path(entry.path), path)
                    shutil.rmtree(entry.path)
                else:
                    Path(entry.path).unlink()


def _lock(handle: int) -> None:
    """Until the handle is closed, or the process ends, however it does."""
    if sys.platform != "win32":
        # Some network file systems know no locks; there `_is_in_use` takes everything for in use.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)


def _prefix(path: Path) -> str:
    return f".{path.stem}.vidseg-"


def _put_back(workplace: Path, path: Path) -> None:
    if (workplace / _OLD).exists() and not path.exists():
        (workplace / _OLD).replace(path)


def _is_in_use(path: Path) -> bool:
    """Whether a living process holds its lock; on Windows, which has no such locks, one always might."""
    if sys.platform == "win32":
        return True
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # it has just come into its place, or is another user's
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def read_json(path: str | os.PathLike[str]) -> Any:
    """Reads JSON strictly, in UTF-8: unlike `json`, it takes no NaN, no infinity and no half of a character.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it holds anything else; says what.
    """
    return parse_json(Path(path).read_text(encoding="utf-8-sig"))


def parse_json(text: str) -> Any:
    """The same of a file's text.

    Raises:
        ValueError: if it holds anything else; says what.
    """
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
