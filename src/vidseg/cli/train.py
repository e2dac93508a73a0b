"""``vidseg train``: a recipe, any field of it overridden, in a run that can be stopped and resumed."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vidseg.cli.main import DONE, report
from vidseg.cli.parser import Parser
from vidseg.cli.progress import Advance, progress_bar
from vidseg.errors import InputError

if TYPE_CHECKING:
    from vidseg.train import Event


class _RecipeParser(Parser):
    """Takes every option that is not its own as a field of the recipe: which there are depends on the recipe."""

    def parse_args(  # type: ignore[override]  # one signature serves for the overloads
        self, args: Sequence[str] | None = None, *rest: Any, **options: Any
    ) -> Any:
        own, fields = _split(list(sys.argv[1:] if args is None else args))
        parsed = super().parse_args(own, *rest, **options)
        parsed.fields = fields
        return parsed


def build_parser() -> Parser:
    """The options of this command but for the recipe's fields."""
    parser = _RecipeParser(
        "train",
        "Trains a model by a recipe. Every field of the recipe is an option, too, such as --model.depth 2, "
        "--data.root VSPW_480p or --schedule.iterations 1000; 'vidseg recipes NAME' lists them with their values. "
        "On several GPUs: --processes 4. On several machines: torchrun --nnodes 2 … -m vidseg train …",
        "vidseg train --recipe cffm_b0_vspw --data.root VSPW_480p --output.folder runs/cffm-b0",
    )
    parser.add_argument("--recipe", required=True, metavar="NAME", help="see 'vidseg recipes'")
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="train in so many, one a GPU of this machine (default: 1)"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the newest state in the output folder")
    return parser


def run(args: Any) -> int:
    """Trains; after an interrupt everything is saved, and the exit code says what it was."""
    from vidseg.recipes import find_recipe, override
    from vidseg.train.loop import train

    config = override(find_recipe(args.recipe), args.fields)
    if args.processes != 1:
        return _run_processes(args)
    with progress_bar(args.recipe, config.schedule.iterations, "iterations") as advance:
        result = train(config, resume=args.resume, events=lambda event: show_event(event, advance))
    speaks = os.environ.get("RANK", "0") == "0"  # of several processes, one
    if result.interrupted_by:
        if speaks:
            report(f"interrupted at iteration {result.iteration}; everything is saved, go on with --resume")
        return 128 + result.interrupted_by
    if speaks:
        print(f"last model: {result.last}")
        if result.best is not None:
            print(f"best model: {result.best}")
    return DONE


def _run_processes(args: Any) -> int:
    """Runs this command once a process, and answers as one."""
    from vidseg.train.processes import train_in_processes

    if args.processes < 1:
        raise InputError(f"got {args.processes} processes; expected 1 or more")
    words = ["--recipe", args.recipe, *(f"--{name}={value}" for name, value in args.fields.items())]
    command = [sys.executable, "-m", "vidseg", "train", *words, *(["--resume"] if args.resume else [])]
    ending = train_in_processes(command, args.processes)
    print(ending.said, end="", file=sys.stderr)
    return ending.code


def show_event(event: "Event", advance: Advance) -> None:
    """Says what happened in a training."""
    from vidseg.train import Notice, Progress, Saved, Validated

    match event:
        case Progress():
            advance(event.iteration, event.iterations)
            report(
                f"{event.iteration}/{event.iterations} loss {event.loss:.4f}, learning rate "
                f"{event.learning_rate:.2e}, {event.clips_per_second:.1f} clips/s, {event.data_wait:.0%} waiting for "
                f"data, {_duration(event.seconds_left)} left"
            )
        case Validated():
            scores = ", ".join(f"{name} {value:.4f}" for name, value in event.metrics.items())
            report(f"{event.iteration}: {scores}{' (best so far)' if event.best else ''}")
        case Saved():
            report(f"{event.iteration}: saved {event.path}")
        case Notice():
            report(event.message)


def _split(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Separates the command's own words from the recipe's fields, given as ``--name value`` or ``--name=value``.

    Raises:
        InputError: for a field without value.
    """
    own: list[str] = []
    fields: dict[str, str] = {}
    queue = iter(words)
    for word in queue:
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or name in ("recipe", "resume", "processes", "help"):
            own.append(word)
            continue
        text = value if equals else next(queue, None)
        if text is None:
            raise InputError(f"got {word} without a value; expected one; write {word} VALUE")
        fields[name] = text
    return own, fields


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
