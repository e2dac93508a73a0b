"""Handing out units: bounded, each finished once, those of dead workers again, and given up in the end."""

from collections.abc import Sequence

import pytest

from vidseg.corpus import Outcome, Part, Unit, Video
from vidseg.corpus.dispatch import Finished, Returned, work_off
from vidseg.corpus.ray_workers import cores_of_a_worker
from vidseg.places import Place


def units(count: int) -> list[Unit]:
    return [Unit(video=Video(place=Place(_Store(), f"/{n}.mp4"), name=str(n), size=1)) for n in range(count)]


class _Store:
    protocol = "file"


class Crew:
    """So many workers; each unit's fate is the next of its list, else it is done."""

    def __init__(self, size: int, fates: dict[str, list[str]] | None = None) -> None:
        self.size, self.fates = size, fates or {}
        self.working: list[Unit] = []
        self.most = 0
        self.order: list[str] = []

    @property
    def room(self) -> int:
        return self.size - len(self.working)

    @property
    def busy(self) -> int:
        return len(self.working)

    def give(self, unit: Unit) -> None:
        self.working.append(unit)
        self.order.append(unit.name)
        self.most = max(self.most, len(self.working))

    def wait(self) -> Sequence[Returned]:
        unit = self.working.pop(0)
        fate = self.fates.get(unit.name, [])
        match fate.pop(0) if fate else "done":
            case "dies":
                return [Returned(unit=unit, worker=f"w{len(self.order)}", lost="its worker process has died")]
            case "later":
                self.working.insert(0, unit)
                return []
            case "cut":
                parts = (Part(index=0, start=None, end=1.0), Part(index=1, start=1.0, end=None))
                return [Returned(unit=unit, worker="w", outcome=Outcome(status="cut", parts=parts))]
        return [Returned(unit=unit, worker="w", outcome=Outcome(status="done", frames=1))]

    def close(self) -> None:
        pass


def finished(crew: Crew, count: int, retries: int = 2) -> list[Finished]:
    return [one for one in work_off(units(count), crew, retries=retries) if one is not None]


@pytest.mark.parametrize("size", [1, 3, 8])
def test_every_unit_is_finished_once_and_never_more_are_out_than_there_are_workers(size: int) -> None:
    crew = Crew(size)
    assert sorted(one.unit.name for one in finished(crew, 5)) == list("01234")
    assert crew.most == min(size, 5)


def test_units_are_drawn_only_when_there_is_room() -> None:
    drawn = []

    def endless():
        for unit in units(100):
            drawn.append(unit)
            yield unit

    results = work_off(endless(), Crew(2), retries=0)
    next(results)
    assert len(drawn) == 2


def test_a_dead_workers_unit_goes_to_the_next_and_its_record_tells() -> None:
    crew = Crew(2, {"0": ["dies", "later"]})
    by_name = {one.unit.name: one for one in finished(crew, 4)}
    assert by_name["0"].outcome.status == "done"
    assert [reason for _, reason in by_name["0"].lost] == ["its worker process has died"]
    assert all(not by_name[name].lost for name in "123")
    assert crew.order == ["0", "1", "0", "2", "3"]  # before new ones


def test_what_kills_every_worker_is_given_up() -> None:
    crew = Crew(1, {"1": ["dies"] * 9})
    by_name = {one.unit.name: one for one in finished(crew, 3, retries=2)}
    assert by_name["1"].outcome.status == "failed"
    assert "died over it 3 times, at last its worker process has died" in by_name["1"].outcome.error
    assert len(by_name["1"].lost) == 3
    assert crew.order == ["0", "1", "1", "1", "2"]


def test_the_parts_of_a_cut_video_come_next_and_die_by_themselves() -> None:
    crew = Crew(1, {"0": ["cut"], "0-part001": ["dies"]})
    results = finished(crew, 2)
    assert [one.unit.name for one in results] == ["0", "0-part000", "0-part001", "1"]
    assert [len(one.lost) for one in results] == [0, 0, 1, 0]


def test_while_nothing_comes_back_it_says_so() -> None:
    assert next(work_off(units(1), Crew(1, {"0": ["later"]}), retries=0)) is None


@pytest.mark.parametrize(
    ("machines", "has_gpu", "cores"),
    [
        ([{"CPU": 16.0, "GPU": 8.0}], True, 2),  # not 4, which would leave half of the GPUs without a worker
        ([{"CPU": 4.0, "GPU": 8.0}], True, 1),
        ([{"CPU": 64.0, "GPU": 2.0}], True, 4),
        ([{"CPU": 64.0}, {"CPU": 2.0}], False, 2),
        ([], False, 4),
    ],
)
def test_a_worker_takes_no_more_cores_than_leave_one_to_each(
    machines: list[dict[str, float]], has_gpu: bool, cores: int
) -> None:
    assert cores_of_a_worker(machines, has_gpu=has_gpu) == cores
