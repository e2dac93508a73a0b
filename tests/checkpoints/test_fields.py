from dataclasses import asdict, dataclass
from typing import Literal

import pytest

from vidseg.checkpoints.fields import read_dataclass
from vidseg.errors import CheckpointError, InputError


@dataclass(frozen=True, kw_only=True)
class Inner:
    size: int
    rate: float = 0.5

    def __post_init__(self) -> None:
        if self.size < 0:
            raise InputError(f"got size={self.size}; expected 0 or more")


@dataclass(frozen=True, kw_only=True)
class Round:
    radius: int
    kind: Literal["round"] = "round"


@dataclass(frozen=True, kw_only=True)
class Square:
    side: int
    kind: Literal["square"] = "square"


@dataclass(frozen=True, kw_only=True)
class Shaped:
    shape: Round | Square
    other: Round | Square | None = None


@dataclass(frozen=True, kw_only=True)
class Outer:
    inner: Inner
    pair: tuple[int, int]
    items: tuple[Inner, ...] = ()
    mode: Literal["fast", "slow"] = "fast"
    name: str | None = None
    flag: bool = False


GOOD = {"inner": {"size": 3}, "pair": [1, 2]}


def test_nested_values_come_back() -> None:
    value = Outer(inner=Inner(size=1), pair=(3, 4), items=(Inner(size=2), Inner(size=3)), mode="slow", name="x")
    assert read_dataclass(Outer, asdict(value), "here") == value


def test_members_of_a_union_are_told_by_their_kind_and_without_one_it_is_the_first() -> None:
    value = Shaped(shape=Square(side=1), other=Round(radius=2))
    assert read_dataclass(Shaped, asdict(value), "here") == value
    assert read_dataclass(Shaped, {"shape": {"radius": 3}, "other": None}, "here") == Shaped(shape=Round(radius=3))
    with pytest.raises(CheckpointError, match="'oval' as 'kind' of 'shape' of here; expected one of 'round', 'square'"):
        read_dataclass(Shaped, {"shape": {"kind": "oval"}}, "here")
    with pytest.raises(CheckpointError, match="3 as 'shape' of here; expected an object"):
        read_dataclass(Shaped, {"shape": 3}, "here")


def test_defaults_and_whole_numbers_for_numbers() -> None:
    value = read_dataclass(Outer, {"inner": {"size": 3, "rate": 1}, "pair": [1, 2]}, "here")
    assert value == Outer(inner=Inner(size=3, rate=1.0), pair=(1, 2))
    assert isinstance(value.inner.rate, float)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pear": [1, 2]}, "unknown field 'pear' of here; the nearest known is 'pair'"),
        ({"xyzzy": 1}, "unknown field 'xyzzy' of here; expected one of inner, pair"),
        ({"inner": {}}, "no field 'size' of 'inner' of here"),
        ({"inner": 3}, "3 as 'inner' of here; expected an object"),
        ({"inner": {"size": 1.5}}, "1.5 as 'size' of 'inner' of here; expected a whole number"),
        ({"inner": {"size": True}}, "True as 'size'"),
        ({"inner": {"size": "3"}}, "'3' as 'size'"),
        ({"inner": {"size": 3, "rate": "fast"}}, "'fast' as 'rate'.*expected a number"),
        ({"inner": {"size": -1}}, "size=-1; expected 0 or more; in 'inner' of here"),
        ({"pair": [1, 2, 3]}, "3 values as 'pair' of here; expected 2"),
        ({"pair": "12"}, "'12' as 'pair' of here; expected a list"),
        ({"pair": [1, None]}, "None as item 1 of 'pair'"),
        ({"items": [{"size": 1}, {}]}, "no field 'size' of item 1 of 'items'"),
        ({"mode": "medium"}, "'medium' as 'mode' of here; expected one of 'fast', 'slow'"),
        ({"name": 3}, "3 as 'name' of here; expected a string"),
        ({"flag": 1}, "1 as 'flag' of here; expected true or false"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        read_dataclass(Outer, {**GOOD, **changes}, "here")
