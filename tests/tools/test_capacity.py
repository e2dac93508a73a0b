"""The calculator of docs/scale.md: hand-computed bills, conservation, what more of something must do; and the page."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

import capacity
from results import fill
from scaling.costs import Constants, Offer, Work, bill, constants_of
from scaling.page import tables
from scaling.simulation import Limits, bound, loads, simulate
from scaling.streams import most_streams, simulate_streams, threads_needed

ROOT = Path(__file__).parents[2]
CONSTANTS = Constants(
    video_start=1.0, decode=0.01, network=0.5, write=0.09, bytes_in=10_000, bytes_out=2_000, objects_per_frame=1
)
WORK = Work(hours=10, rate=10, minutes_each=6)


def test_a_bill_by_hand() -> None:
    # 100 videos, 360,000 frames: 100 s of starts and 0.6 s a frame are 216,100 s of a core.
    found = bill(WORK, CONSTANTS, Offer(cores=4, core_hour=0.1, used=0.5, terabyte_month=20, months=2), days=0.25)
    assert found.core_hours == pytest.approx(216_100 / 3600)
    assert found.paid_core_hours == pytest.approx(2 * 216_100 / 3600)
    assert found.machines == math.ceil(216_100 / 3600 / 0.5 / 6 / 4) == 6
    assert (found.devices, found.device_hours) == (0, 0)
    assert found.terabytes_in == pytest.approx(0.0036)
    assert found.terabytes_out == pytest.approx(0.00072)
    # 36 MB of a video are 5 parts of 8 MiB; a mask a frame.
    assert (found.gets, found.puts) == (500, 360_000)
    assert found.compute_money == pytest.approx(0.1 * 2 * 216_100 / 3600)
    assert found.request_money == pytest.approx(500 * 0.4e-6 + 360_000 * 5e-6)
    assert found.storage_money == pytest.approx(0.00072 * 20 * 2)
    assert found.money == pytest.approx(found.compute_money + found.request_money + found.storage_money)


def test_an_accelerator_takes_the_network_and_nothing_else() -> None:
    cores = bill(WORK, CONSTANTS, Offer(used=1.0), days=1)
    found = bill(WORK, CONSTANTS, Offer(used=1.0), days=1, device_rate=100)
    assert found.device_hours == pytest.approx(1.0)
    assert found.devices == 1
    assert cores.core_hours - found.core_hours == pytest.approx(360_000 * 0.5 / 3600)
    assert found.compute_money == pytest.approx(found.core_hours * 0.04 + 2.0)


def test_skipped_frames_are_decoded_but_neither_segmented_nor_written() -> None:
    found = bill(replace(WORK, every=10), CONSTANTS, Offer(), days=1)
    assert found.core_hours == pytest.approx((100 + 360_000 * 0.01 + 36_000 * 0.59) / 3600)
    assert found.puts == 36_000
    assert found.terabytes_in == pytest.approx(0.0036)


@pytest.mark.parametrize("field", ["video_start", "decode", "network", "write", "bytes_in", "bytes_out"])
def test_more_of_anything_never_costs_less(field: str) -> None:
    more = replace(CONSTANTS, **{field: 2 * getattr(CONSTANTS, field)})
    one, other = bill(WORK, CONSTANTS, Offer(), days=1), bill(WORK, more, Offer(), days=1)
    assert other.money > one.money
    assert other.machines >= one.machines


def test_twice_the_hours_are_twice_the_bill() -> None:
    one, two = bill(WORK, CONSTANTS, Offer(), days=1), bill(replace(WORK, hours=20), CONSTANTS, Offer(), days=1)
    for name in ("core_hours", "terabytes_in", "terabytes_out", "gets", "puts", "money"):
        assert getattr(two, name) == pytest.approx(2 * getattr(one, name))


def test_a_simulation_stays_below_its_bound_and_near_it() -> None:
    load = loads(WORK, CONSTANTS)
    assert load["compute"] == pytest.approx(1 + 3600 * 0.6)
    assert load["writing requests"] == 3600
    assert loads(WORK, CONSTANTS, 100)["compute"] == pytest.approx(36)
    for limits, first in (
        (Limits(), "compute"),
        (Limits(puts=10.0), "writing requests"),
        (Limits(network=1e5), "network"),
        (Limits(gets=0.01), "reading requests"),
    ):
        most, part = bound(load, 20, limits)
        outcome = simulate(WORK, load, 20, limits, videos_each=40)
        assert part == outcome.first == first
        assert 0.9 < outcome.rate / (most * 360) <= 1.0001
        assert outcome.busy[first] > 0.9
        assert all(share >= 0 for share in (*outcome.busy.values(), *outcome.waiting.values()))


def test_what_workers_do_is_what_the_store_sees() -> None:
    load = loads(WORK, CONSTANTS)
    outcome = simulate(WORK, load, 20, Limits(puts=100.0), videos_each=40)
    written = outcome.busy["writing requests"] * 100.0 * outcome.seconds
    assert written == pytest.approx(outcome.rate * outcome.seconds * WORK.rate, rel=0.02)


def test_more_workers_never_do_less_and_stop_helping_at_the_bound() -> None:
    load = loads(WORK, CONSTANTS)
    rates = [simulate(WORK, load, count, Limits(puts=40.0), videos_each=30).rate for count in (5, 20, 80)]
    assert rates[0] < rates[1]
    assert rates[2] == pytest.approx(bound(load, 80, Limits(puts=40.0))[0] * 360, rel=0.15)


def test_streams_that_fit_drop_nothing_and_streams_that_do_not_drop_the_rest() -> None:
    few = simulate_streams(4, 8, 10, 0.05)
    assert few.frames == pytest.approx(4 * 10 * 60, rel=0.03)
    assert few.dropped == 0
    assert few.busy == pytest.approx(4 * 10 * 0.05 / 8, rel=0.05)
    assert few.delay == pytest.approx(0.05, rel=0.2)
    many = simulate_streams(32, 8, 10, 0.05)  # twice what 8 cores can do
    assert many.busy == pytest.approx(1, rel=0.03)
    assert many.dropped == pytest.approx(0.5, rel=0.1)
    assert most_streams(8, 10, 0.05, seconds=20) in range(12, 17)
    assert threads_needed(0.5, 10) == 8
    assert simulate_streams(1, 4, 10, 0.5).dropped == 1.0
    assert most_streams(4, 10, 0.5) == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--hours", "-1"), "expected hours"),
        (("--hours", "1", "--days", "0"), "expected above 0"),
        (("--hours", "1", "--fps", "0"), "got --fps 0"),
        (("--hours", "1", "--output", "films"), "got output 'films'; expected one of masks, mp4, table"),
        (("--hours", "1", "--overheads", "/nowhere.json"), "got no readable record /nowhere.json"),
        (("--hours", "1", "--cores", "0"), "got --cores 0"),
        (("--streams", "10", "--every", "0"), "got --every 0"),
        (("--streams", "10", "--cores", "0"), "got --cores 0"),
        (("--streams", "10", "--rate", "0"), "got --rate 0"),
        (("--streams", "0"), "got --streams 0"),
    ],
)
def test_what_cannot_be_worked_out_is_one_line(words: tuple[str, ...], told: str, capsys) -> None:
    assert capacity.main(words) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert told in err


def test_the_command_says_that_no_accelerator_was_measured(capsys) -> None:
    assert capacity.main(["--hours", "1000", "--fps", "300"]) == 0
    assert "no accelerator was measured here" in capsys.readouterr().out
    assert capacity.main(["--hours", "1000"]) == 0
    assert "accelerator" not in capsys.readouterr().out
    assert capacity.main(["--streams", "10", "--every", "5"]) == 0
    assert "10 streams of 25 frames/s, 5 of them segmented" in capsys.readouterr().out


def test_the_page_is_what_the_tool_writes(tmp_path: Path) -> None:
    measured = json.loads(capacity.OVERHEADS.read_text())
    network = capacity.network_core_seconds(json.loads(capacity.BENCH.read_text()))
    page = ROOT / "docs" / "scale.md"
    copy = tmp_path / "scale.md"
    copy.write_text(re.sub(r"(?s)(<!-- table: [^\n]+ -->\n).*?(?=<!-- end)", r"\1", page.read_text()))
    fill(copy, tables(measured, network))
    assert copy.read_text() == page.read_text()
    assert measured["size"] == [480, 853]
    assert network == pytest.approx(0.235516 * 2, rel=1e-4)
    assert constants_of(measured, network, "table").write == 0
