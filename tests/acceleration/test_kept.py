"""Tables are made once, dropped in time, and listed for whoever has to keep them alive."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from vidseg.acceleration.kept import forget_all, handed_out, kept


def test_a_table_is_made_once_until_others_take_its_place() -> None:
    made = []

    @kept(maxsize=2)
    def table(size: int) -> list[int]:
        made.append(size)
        return [size]

    assert table(1) is table(1)
    assert made == [1]
    table(2), table(3), table(1)
    assert made == [1, 2, 3, 1]
    forget_all()
    table(1)
    assert made == [1, 2, 3, 1, 1]


def test_what_is_asked_for_is_listed_whether_made_or_kept() -> None:
    @kept(maxsize=4)
    def table(size: int) -> torch.Tensor:
        return torch.zeros(size)

    before = table(1)
    with handed_out() as outer, handed_out() as inner:
        one, two = table(1), table(2)
    table(3)
    assert outer[0] is inner[0] is one is before
    assert outer[1] is inner[1] is two
    assert len(outer) == len(inner) == 2


def test_an_error_ends_the_list() -> None:
    @kept(maxsize=4)
    def table(size: int) -> list[int]:
        return [size]

    with pytest.raises(RuntimeError, match="stop"), handed_out() as tables:
        raise RuntimeError("stop")
    table(1)
    assert tables == []


def test_threads_have_lists_of_their_own_however_equal_they_are() -> None:
    @kept(maxsize=4)
    def table(size: int) -> torch.Tensor:
        return torch.zeros(size)

    with ThreadPoolExecutor(1) as other, handed_out() as tables:
        with handed_out() as inner:
            other.submit(table, 2).result()
        mine = table(2)
        with handed_out():  # of as many tensors, which have no one answer to ==
            table(2)
        table(2)
    assert inner == []
    assert len(tables) == 3
    assert all(handed is mine for handed in tables)
