"""Entry point: finds the command, runs it, turns errors into one line and an exit code.

Exit codes: 0 done; 1 done in part, or findings; 2 bad input or usage; 130 and 143 interrupted (SIGINT, SIGTERM), after
saving what can be saved.
"""

import os
import signal
import sys
import warnings
from difflib import get_close_matches
from importlib import import_module
from keyword import iskeyword
from types import FrameType
from typing import TextIO

from jsonargparse import ArgumentError

from vidseg import __version__
from vidseg.errors import VidsegError, VidsegWarning, is_out_of_memory
from vidseg.threads import share_cores

# Modules are imported when their command runs: --help must not wait for torch.
COMMANDS = {
    "segment": "a class for every pixel of every frame of a video",
    "corpus": "many videos, from and to any store, on one machine or a Ray cluster",
    "app": "a local page: drop a video, use the webcam, watch it live",
    "import": "what was drawn in CVAT, LabelMe, … as a data set to train on",
    "masks": "masks of annotation tools to class ids",
    "train": "train a model by a recipe",
    "recipes": "the recipes, and the fields of each",
    "evaluate": "scores of a model, or of anyone's mask files, on a data set",
    "report": "results of several models beside each other, with videos, in one HTML file",
    "compare": "systems trained, scored and timed side by side, in one table",
    "doctor": "whether a data set is whole, and what to do where it is not",
    "pack": "a data set in tar shards, for object stores and archives",
    "export": "write a model as files for ONNX Runtime or OpenVINO",
    "convert": "bring published weights into vidseg's own form",
    "push": "upload a checkpoint and its card to the Hugging Face hub",
    "models": "the bundled models",
    "info": "what a model is: size, classes, training, scores",
    "bench": "how fast a model is on this machine, and against what",
    "render": "make labelled video with a game engine",
    "demo": "segment the bundled sample with the bundled models",
}

DONE, PARTLY, USAGE = 0, 1, 2


class Terminated(SystemExit):
    """SIGTERM came; unwinds like KeyboardInterrupt, so that nothing half-written stays."""


def entry() -> None:
    """What the installed command calls."""
    share_cores()
    code = main(sys.argv[1:])
    # An interruption inside an `exec`, as dataclasses and OpenVINO call it, has `python -m` die of SIGINT at its end
    # though it was dealt with; the next `exec` makes CPython forget it.
    exec("")
    sys.exit(code)


def main(argv: list[str]) -> int:
    """Runs one command and returns its exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        _print_overview(sys.stdout if argv else sys.stderr)
        return DONE if argv else USAGE
    if argv[0] in ("-V", "--version"):
        print(f"vidseg {__version__}")
        return DONE
    name, *arguments = argv
    if name not in COMMANDS:
        nearest = get_close_matches(name, COMMANDS, n=1)
        hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
        report(f"error: got command '{name}'; expected one of {', '.join(COMMANDS)}{hint}")
        return USAGE
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        warnings.simplefilter("always", VidsegWarning)
        signal.signal(signal.SIGTERM, _terminate)
        return _run(name, arguments)


def _run(name: str, arguments: list[str]) -> int:
    try:
        # A module cannot have the name of a keyword.
        command = import_module(f"vidseg.cli.{name}{'_' if iskeyword(name) else ''}")
        parser = command.build_parser()
        code: int = command.run(parser.parse_args(arguments))
        sys.stdout.flush()  # here, where it is noticed if nobody reads any more
        return code
    except ArgumentError as error:
        report_error(error, f"; see vidseg {name} --help")
    except BrokenPipeError:
        # Who reads stdout (`| head`) has seen enough; what is still to be flushed at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PARTLY
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        report("error: got too little memory; expected room for network and frames; try a smaller --size or model")
    except (VidsegError, OSError) as error:
        # Of an OSError (a vanished file, a full disk, a missing permission) the system's words name the file.
        report_error(error)
    except (KeyboardInterrupt, Terminated) as stop:
        return interrupted(stop, "unfinished outputs were removed")
    return USAGE


def interrupted(stop: BaseException, consequence: str) -> int:
    """Says that SIGINT or SIGTERM came and what became of the outputs; returns the exit code for it."""
    word, number = ("terminated", signal.SIGTERM) if isinstance(stop, Terminated) else ("interrupted", signal.SIGINT)
    report(f"{word}; {consequence}")
    return 128 + number


def report(message: str) -> None:
    """Says something to the user, on stderr, without the secrets of any address in it."""
    if "://" in message:
        from vidseg.video.redact import redacted  # late, because FFmpeg comes along

        message = redacted(message)
    print(f"vidseg: {message}", file=sys.stderr)


def report_error(error: BaseException, advice: str = "") -> None:
    """Says in one line what went wrong."""
    report(f"error: {' '.join(str(error).split())}{advice}")


def _print_overview(stream: TextIO) -> None:
    width = max(map(len, COMMANDS))
    lines = "\n".join(f"  {name:{width}}  {text}" for name, text in COMMANDS.items())
    print(
        f"usage: vidseg COMMAND [OPTIONS]\n\nVideo semantic segmentation with the context of the frames before.\n\n"
        f"commands:\n{lines}\n\nvidseg COMMAND --help tells more, with an example.",
        file=stream,
    )


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    text = " ".join(str(message).split())
    report(f"warning: {text}" if issubclass(category, VidsegWarning) else f"warning: {category.__name__}: {text}")


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
