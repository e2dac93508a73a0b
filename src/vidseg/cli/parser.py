"""What the parsers of all commands have in common."""

import argparse
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn

from jsonargparse import ArgumentError, ArgumentParser, DefaultHelpFormatter

if TYPE_CHECKING:
    from vidseg.steady import Steady

# Of `vidseg.steady.Steady`, which is not imported before it is needed; a test holds them together.
STRENGTH = 0.75


class _HelpFormatter(DefaultHelpFormatter):
    """Help texts name their defaults in the user's words, so none is added."""

    def _get_help_string(self, action: argparse.Action) -> str:
        return action.help or ""


class Parser(ArgumentParser):
    """A parser whose errors are exceptions of one line that name the nearest option.

    Args:
        name: of the command.
        description: one sentence.
        example: a command line that works.
    """

    def __init__(self, name: str = "", description: str = "", example: str = "", **options: Any) -> None:
        super().__init__(
            prog=f"vidseg {name}",
            description=description,
            epilog=f"example: {example}" if example else None,
            exit_on_error=False,
            formatter_class=_HelpFormatter,
            **options,
        )

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raises what would otherwise be printed with the usage."""
        message = re.sub(r'Parser key "([^"]+)":', lambda key: f"--{key[1].replace('_', '-')}:", message)
        message = re.sub(r"<class '(\w+)'>", r"\1", message)
        unknown = next((word for word in message.split() if word.startswith("--")), None)
        known = [option for action in self._actions for option in action.option_strings]
        # jsonargparse may hand its own error back once more.
        if unknown and "nrecognized" in message and "did you mean" not in message:
            nearest = get_close_matches(unknown.split("=")[0], known, n=1)
            message += f"; did you mean {nearest[0]}?" if nearest else ""
        raise ArgumentError(None, message)


def add_model_options(parser: argparse.ArgumentParser | ArgumentParser, *, required: bool = True) -> None:
    """--model and how it is run."""
    parser.add_argument(
        "--model",
        required=required,
        metavar="M",
        help="a bundled name (see vidseg models), a directory, or hf://owner/name",
    )
    add_preprocessing_option(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, … (default: auto)")
    parser.add_argument("--runtime", default="auto", help="what computes the network (default: auto)")
    add_precision_option(parser)
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads of the network (default: all cores)")
    parser.add_argument("--size", type=int, metavar="S", help="short side of the network's input in pixels")
    parser.add_argument(
        "--policy",
        default="auto",
        help="which past frames serve as references: auto (as the model was trained), vspw, none, offsets:9,6,3 or "
        "seconds:0.6,0.4,0.2; ':replicate' at the end fills missing ones with the first frame (default: auto)",
    )
    add_steady_options(parser)


def add_precision_option(parser: argparse.ArgumentParser | ArgumentParser) -> None:
    """--precision of what runs a model."""
    parser.add_argument(
        "--precision",
        default="exact",
        metavar="P",
        help="exact, or int8=FOLDER or bf16=FOLDER: an export of the model with --precision and --calibrate, whose "
        "labels were compared with exact's (default: exact)",
    )


def add_strength_option(parser: argparse.ArgumentParser | ArgumentParser) -> None:
    """--steady."""
    parser.add_argument(
        "--steady",
        nargs="?",
        type=float,
        const=STRENGTH,
        metavar="STRENGTH",
        help="blend every frame's class scores with those of the frame before, brought along the motion: any model "
        f"flickers less; 0 to less than 1, without a number {STRENGTH} (default: not at all)",
    )


def add_steady_options(parser: argparse.ArgumentParser | ArgumentParser) -> None:
    """--steady and what estimates the motion."""
    add_strength_option(parser)
    parser.add_argument(
        "--flow",
        metavar="F",
        help="what estimates motion, for --steady and for models that need it: dis, raft-small or raft-large, these "
        "also with a file of weights, raft-small=F.pth (default: dis)",
    )


def steady_of(args: Any) -> "Steady | None":
    """How a model is steadied, by the options of `add_steady_options`.

    Raises:
        InputError: for a strength out of range.
    """
    from vidseg.steady import Steady

    return None if not args.steady else Steady(strength=args.steady)


def add_preprocessing_option(parser: argparse.ArgumentParser | ArgumentParser) -> None:
    """--preprocessing."""
    parser.add_argument(
        "--preprocessing",
        choices=("processor",),
        metavar="P",
        help="'processor' resizes and crops as the model's processor of Hugging Face transformers does (default: the "
        "ratio is kept where the weights were trained so)",
    )
