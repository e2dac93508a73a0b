"""The page of systems names commands that exist."""

import re
from pathlib import Path

import pytest

from vidseg.cli.convert import KINDS
from vidseg.recipes import RECIPES

PAGE = Path(__file__).parents[2] / "docs" / "systems.md"


def test_every_recipe_and_source_of_weights_on_the_page_exists() -> None:
    text = PAGE.read_text(encoding="utf-8")
    recipes = re.findall(r"--recipe (\w+)", text)
    sources = re.findall(r"--from (\w+)", text)
    assert len(recipes) > 30
    assert [name for name in recipes if name not in RECIPES] == []
    assert set(sources) <= set(KINDS)


@pytest.mark.parametrize("data", ["vspw", "cityscapes"])
def test_every_published_recipe_is_on_the_page(data: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    published = [name for name in RECIPES if name.endswith(f"_{data}") and "Published" in str(RECIPES[name].__doc__)]
    missing = [name for name in published if name not in text and f"…_{name.split('_')[1]}_{data}" not in text]
    assert missing == []
