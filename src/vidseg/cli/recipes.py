"""``vidseg recipes``: what `vidseg train` can be told by name."""

import inspect
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from vidseg.cli.main import DONE
from vidseg.cli.parser import Parser
from vidseg.files import write_json


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "recipes", "Lists the recipes, or one recipe's fields with their values.", "vidseg recipes cffm_b0_vspw"
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="show this recipe's fields")
    parser.add_argument("--json", metavar="F", help="write what is shown")
    return parser


def run(args: Any) -> int:
    """Prints names and what they are for, or one tree of fields."""
    from vidseg.recipes import RECIPES, choices, find_recipe, option_names

    table = Table(box=None, show_header=False, pad_edge=False)
    if args.name is None:
        shown: Any = {name: inspect.getdoc(function) or "" for name, function in RECIPES.items()}
        for name, text in shown.items():
            table.add_row(name, text.splitlines()[0])
    else:
        config = find_recipe(args.name)
        shown = asdict(config)
        print(inspect.getdoc(RECIPES[args.name]), end="\n\n")
        chosen = choices(config)
        for option, value in chosen.items():
            table.add_row(f"--{option}", value)
        for option in (name for name in option_names(config) if name not in chosen):
            table.add_row(f"--{option}", str(_value(shown, option)))
    Console().print(table)
    if args.json:
        write_json(args.json, shown)
    return DONE


def _value(tree: dict[str, Any], option: str) -> Any:
    head, _, rest = option.partition(".")
    return _value(tree[head], rest) if rest else tree[head]
