"""A case: one damaged input, what is done with it, and when success would be a lie."""

import io
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from random import Random

from vidseg.cli.main import main
from vidseg.errors import VidsegError

DONE, PARTLY, REFUSED = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an entry point made of an input.

    Attributes:
        code: the command's exit code; of a Python call 0 (done), 1 (done, with problems reported), 2 (refused).
        out: stdout.
        err: stderr; of a Python call its problems and its error in the command line's form.
        outputs: files that were written, or label maps and frames that were given.
    """

    code: int
    out: str = ""
    err: str = ""
    outputs: int = 0


def _never(answer: Answer) -> str | None:
    return None


@dataclass(frozen=True, kw_only=True)
class Case:
    """One damaged input.

    Attributes:
        what: what was done to which valid input, in words.
        call: gives it to an entry point.
        lie: called with an answer that is not a refusal; says why that is silent success on garbage, if it is.
        outputs: where the entry point writes; after a refusal nothing may be there.
        hungry: the input asks for much memory in so many words, so that having too little is an answer.
    """

    what: str
    call: Callable[[], Answer]
    lie: Callable[[Answer], str | None] = _never
    outputs: Path | None = None
    hungry: bool = False


MakeCase = Callable[[Random, Path, Path], Case]
"""Makes a case from random numbers, the folder of valid inputs, and a new folder for the damaged one."""


def command(words: Sequence[object], outputs: Path | None = None) -> Answer:
    """Runs ``vidseg WORD…`` as the installed command does; an exception that escapes becomes a stack trace."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else PARTLY
        except MemoryError:
            raise
        except BaseException:
            traceback.print_exc()
            code = PARTLY
    files = sum(path.is_file() for path in outputs.rglob("*")) if outputs is not None and outputs.exists() else 0
    return Answer(code=code, out=out.getvalue(), err=err.getvalue(), outputs=files)


def python_call(function: Callable[[], tuple[int, Sequence[str]]]) -> Answer:
    """Runs something of the Python API that gives a number of outputs and a list of problems."""
    try:
        outputs, problems = function()
    except VidsegError as error:
        return Answer(code=REFUSED, err=f"vidseg: error: {error}\n")
    except MemoryError:
        raise
    except BaseException as error:
        if "can't allocate memory" in str(error):  # torch's MemoryError
            raise MemoryError from error
        return Answer(code=PARTLY, err=traceback.format_exc())
    err = "".join(f"vidseg: warning: {problem}\n" for problem in problems)
    return Answer(code=PARTLY if problems else DONE, err=err, outputs=outputs)
