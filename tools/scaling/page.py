"""The tables of docs/scale.md, made of the measured constants alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from scaling.costs import Offer, Output, Work, bill, constants_of
from scaling.simulation import Limits, bound, loads, simulate
from scaling.streams import most_streams, threads_needed

_HOURS = 1e6
_STREAMS = 1000
_DAYS = 30.0
_OUTPUTS: tuple[Output, ...] = ("masks", "mp4", "table")
# Of an accelerator, frames a second: nobody measured one here.
_ASSUMED_RATES = (100.0, 300.0, 1000.0)


def tables(measured: Mapping[str, Any], network: float) -> dict[str, list[str]]:
    """The lines of every table by the name in its mark.

    Args:
        measured: what `scaling.measuring.measure` gave.
        network: core-seconds of the network for a frame.
    """
    return {
        "table: scale-constants": _constants(measured, network),
        "table: scale-million": _million(measured, network),
        "table: scale-devices": _devices(measured, network),
        "table: scale-breaks": _breaks(measured, network),
        "table: scale-streams": _streams(measured, network),
    }


def _constants(measured: Mapping[str, Any], network: float) -> list[str]:
    rows = [
        ("network, CFFM-B0 at 480p, a frame", f"{network * 1e3:.0f} core-ms"),
        ("decoding, a frame", f"{measured['decode_cpu_seconds_per_frame'] * 1e3:.2f} core-ms"),
        ("writing a mask", f"{measured['masks_cpu_seconds_per_frame'] * 1e3:.2f} core-ms"),
        ("writing a frame of mp4", f"{measured['mp4_cpu_seconds_per_frame'] * 1e3:.2f} core-ms"),
        ("start of a video", f"{measured['video_start_cpu_seconds']:.2f} core-s"),
        ("start of a worker: model loaded", f"{measured['worker_start_cpu_seconds']:.1f} core-s"),
        ("a frame of mp4", f"{measured['mp4_bytes_per_frame'] / 1e3:.1f} kB"),
        ("a mask", f"{measured['masks_bytes_per_frame'] / 1e3:.1f} kB"),
    ]
    return _table(("what", "takes"), rows)


def _million(measured: Mapping[str, Any], network: float) -> list[str]:
    rows = []
    for every in (1, 5, 25):
        for output in _OUTPUTS:
            found = bill(Work(hours=_HOURS, every=every), constants_of(measured, network, output), Offer(), days=_DAYS)
            rows.append(
                (
                    f"{25 / every:g}",
                    output,
                    f"{found.core_hours / 1e6:.2f} M",
                    f"{found.machines:,}",
                    f"{found.terabytes_in:,.0f}",
                    f"{found.terabytes_out:,.1f}",
                    f"{found.puts / 1e6:,.0f} M",
                    f"{found.compute_money:,.0f}",
                    f"{found.request_money:,.0f}",
                    f"{found.storage_money:,.0f}",
                )
            )
    return _table(
        (
            *("frames/s segmented", "output", "core-hours", "machines of 32 cores", "TB in", "TB out", "writes"),
            *("compute, $", "requests, $", "storage, $ a month"),
        ),
        rows,
    )


def _devices(measured: Mapping[str, Any], network: float) -> list[str]:
    constants = constants_of(measured, network, "masks")
    rows = []
    for rate in _ASSUMED_RATES:
        found = bill(Work(hours=_HOURS), constants, Offer(), days=_DAYS, device_rate=rate)
        feeding = rate * (constants.decode + constants.write)
        rows.append(
            (f"{rate:g}", f"{found.devices:,}", f"{feeding:.1f}", f"{found.machines:,}", f"{found.compute_money:,.0f}")
        )
    head = ("`--fps`, assumed", "accelerators", "cores that feed one", "machines of 32 cores", "compute, $")
    return _table(head, rows)


def _breaks(measured: Mapping[str, Any], network: float) -> list[str]:
    """Simulated with 200 workers at most, and limits as much smaller, which leaves every share as it is."""
    work, limits = Work(hours=_HOURS), Limits()
    rows = []
    for label, device_rate, counts in (
        ("cores", None, (1_000, 3_000, 20_000, 200_000)),
        ("accelerators of 300 frames/s (assumed)", 300.0, (10, 30, 100)),
    ):
        for output in ("masks", "mp4"):
            constants = constants_of(measured, network, output)
            load = loads(work, constants, device_rate)
            for count in counts:
                scale = max(1.0, count / 200)
                outcome = simulate(work, load, round(count / scale), limits.divided(scale))
                most, first = bound(load, count, limits)
                rows.append(
                    (
                        f"{count:,} {label}",
                        output,
                        f"{outcome.rate * scale:,.0f}",
                        f"{most * work.minutes_each * 60:,.0f}",
                        f"{_HOURS * 3600 / (outcome.rate * scale) / 86400:,.0f}",
                        first,
                        f"{sum(outcome.waiting.values()):.0%}",
                    )
                )
    head = ("workers", "output", "video-s a second", "bound", "days for 1 M hours", "breaks first", "workers wait")
    return _table(head, rows)


def _streams(measured: Mapping[str, Any], network: float) -> list[str]:
    cores, rows = Offer().cores, []
    for every in (1, 5, 25):
        rate = 25 / every
        constants = constants_of(measured, network, "masks")
        core_seconds = constants.decode * every + network + constants.write
        each = most_streams(cores, rate, core_seconds, seconds=20.0 * every**0.5)
        rows.append(
            (
                f"{rate:g}",
                f"{core_seconds * 1e3:.0f} core-ms",
                f"{threads_needed(core_seconds, rate)}",
                f"{each}",
                f"{-(-_STREAMS // each):,}" if each else "none bears one",
                f"{_STREAMS * 25 * constants.bytes_in * 8 / 1e9:.1f} Gbit/s",
                f"{_STREAMS * rate * constants.objects_per_frame:,.0f}",
            )
        )
    return _table(
        (
            *("frames/s segmented", "a frame takes", "cores at once", "streams a machine", "machines of 32 cores"),
            *("network in", "writes a second, if masks go to a store"),
        ),
        rows,
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
