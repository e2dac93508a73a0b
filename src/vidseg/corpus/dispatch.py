"""Handing out units: no more than workers have room for, and those of a worker that died once more to another."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from vidseg.corpus.units import Outcome, Unit


@dataclass(frozen=True, kw_only=True, eq=False)
class Returned:
    """What comes back from a worker.

    Attributes:
        unit: that it had.
        worker: which.
        outcome: what it made of it; None if it died.
        lost: how it died.
    """

    unit: Unit
    worker: str
    outcome: Outcome | None = None
    lost: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Finished:
    """A unit that nobody will work on any more.

    Attributes:
        unit: the unit.
        outcome: what was made of it.
        worker: who did it, at last.
        lost: workers that died over it before, each with how.
    """

    unit: Unit
    outcome: Outcome
    worker: str
    lost: tuple[tuple[str, str], ...] = ()


class Workers(Protocol):
    """Who works; each on one unit at a time."""

    @property
    def room(self) -> int:
        """How many units can be handed over now."""

    @property
    def busy(self) -> int:
        """How many units are being worked on."""

    def give(self, unit: Unit) -> None:
        """Hands over a unit; there must be room."""

    def wait(self) -> Sequence[Returned]:
        """What has come back; waits for it a second or so, or until it is there."""

    def close(self) -> None:
        """Ends them, whatever they are at."""


def work_off(units: Iterable[Unit], workers: Workers, *, retries: int) -> Iterator[Finished | None]:
    """Has all units worked on.

    The units are drawn as there is room for them. Those of a dead worker come before new ones; so do the parts of a
    video that was cut, so that few videos are half done at any time.

    Args:
        units: whole videos, or what is left of them.
        workers: who works.
        retries: how often a unit is handed out again after its worker died; then it is given up.

    Yields:
        Every unit that is finished, failed ones too; None where a while passed without any.
    """
    fresh, again = iter(units), deque[Unit]()
    lost: dict[tuple[str, int | None], list[tuple[str, str]]] = {}
    is_drawn = False
    while True:
        while workers.room and not (is_drawn and not again):
            unit = again.popleft() if again else next(fresh, None)
            if unit is None:
                is_drawn = True
            else:
                workers.give(unit)
        if is_drawn and not again and not workers.busy:
            return
        returned = workers.wait()
        if not returned:
            yield None
        for one in returned:
            outcome = one.outcome
            if outcome is None:
                deaths = lost.setdefault(one.unit.key, [])
                deaths.append((one.worker, one.lost))
                if len(deaths) <= retries:
                    again.appendleft(one.unit)
                    continue
                outcome = Outcome(status="failed", error=_given_up(deaths))
            again.extendleft(Unit(video=one.unit.video, part=part) for part in reversed(outcome.parts))
            before = tuple(lost.pop(one.unit.key, ()))
            yield Finished(unit=one.unit, outcome=outcome, worker=one.worker, lost=before)


def _given_up(deaths: Sequence[tuple[str, str]]) -> str:
    times = "once" if len(deaths) == 1 else f"{len(deaths)} times"
    return (
        f"got a worker that died over it {times}, at last {deaths[-1][1]}; expected one that lives; it may take more "
        "memory than there is: try a smaller --size or larger machines"
    )
