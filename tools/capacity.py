"""What so many hours of video, or so many live streams, take: machines, hours, money, storage; what breaks first.

``python tools/capacity.py --hours 1e6`` works it out for CPUs, from what was measured (docs/runs/scale,
docs/runs/bench_b0_480p.json). No accelerator was measured: ``--fps F`` says how many frames a second yours does.
``--streams 1000`` is for live streams. ``--measure F.json`` measures this machine. ``--page docs/scale.md`` fills the
tables of that page. Prices are options; their defaults are assumptions, not offers.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scaling.costs import Bill, Constants, Offer, Work, bill, constants_of
from scaling.page import tables
from scaling.simulation import Limits, bound, loads, simulate
from scaling.streams import most_streams, threads_needed
from vidseg.errors import InputError, VidsegError

ROOT = Path(__file__).parents[1]
OVERHEADS = ROOT / "docs" / "runs" / "scale" / "overheads_480p.json"
BENCH = ROOT / "docs" / "runs" / "bench_b0_480p.json"
NOT_MEASURED = "no accelerator was measured here: its rate is the one that --fps says"


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser("capacity", description=(__doc__ or "").partition("\n")[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--hours", type=float, help="of video to segment")
    what.add_argument("--streams", type=int, help="live streams to segment at once")
    what.add_argument("--measure", metavar="F.json", help="measure this machine's cost of videos and frames")
    what.add_argument("--page", metavar="F.md", help="fill the tables of a page")
    parser.add_argument("--overheads", default=str(OVERHEADS), metavar="F.json", help="what --measure wrote")
    parser.add_argument("--bench", default=str(BENCH), metavar="F.json", help="what vidseg bench --json wrote")
    parser.add_argument("--fps", type=float, help="frames a second of one accelerator (default: none, cores compute)")
    parser.add_argument("--output", default="masks", help="masks, mp4 or table (default: masks)")
    parser.add_argument("--rate", type=float, default=25.0, help="frames a second of the videos (default: 25)")
    parser.add_argument("--mbit", type=float, help="a second, of the videos (default: as large as our own mp4)")
    parser.add_argument("--every", type=int, default=1, help="segment each so-manieth frame (default: 1)")
    parser.add_argument("--minutes", type=float, default=5.0, help="mean length of a video (default: 5)")
    parser.add_argument("--days", type=float, default=30.0, help="in which it is to be done (default: 30)")
    parser.add_argument("--cores", type=int, default=Offer.cores, help=f"of a machine (default: {Offer.cores})")
    parser.add_argument("--core-hour", type=float, default=Offer.core_hour, help="price of a core for an hour")
    parser.add_argument("--device-hour", type=float, default=Offer.device_hour, help="price of an accelerator, an hour")
    parser.add_argument(
        "--tb-month", type=float, default=Offer.terabyte_month, help="price of storing 1 TB for a month"
    )
    parser.add_argument("--months", type=float, default=Offer.months, help="that outputs are kept (default: 1)")
    parser.add_argument("--million-puts", type=float, default=Offer.million_puts, help="price of as many writes")
    parser.add_argument("--million-gets", type=float, default=Offer.million_gets, help="price of as many reads")
    parser.add_argument("--gbit", type=float, default=100.0, help="between store and machines, a second (default: 100)")
    parser.add_argument("--puts", type=float, default=Limits.puts, help="writes a second that the store takes")
    parser.add_argument("--gets", type=float, default=Limits.gets, help="reads a second that the store takes")
    parser.add_argument("--video", help="for --measure: what is decoded (default: the bundled sample)")
    parser.add_argument("--model", default="cffm-b0-freedoom", help="for --measure: whose labels are written")
    return parser


def main(words: Sequence[str]) -> int:
    """Runs one of the four."""
    args = build_parser().parse_args(words)
    try:
        if args.measure is not None:
            return _measure(args)
        measured, network = _read(args.overheads), network_core_seconds(_read(args.bench))
        if args.page is not None:
            from results import fill  # late: it brings all that draws the other pages

            fill(Path(args.page), tables(measured, network))
            return 0
        if args.fps is not None and not args.fps > 0:
            raise InputError(f"got --fps {args.fps}; expected a number above 0")
        for name in ("streams", "every", "cores", "rate"):
            if (value := getattr(args, name)) is not None and not 0 < value < float("inf"):
                raise InputError(f"got --{name} {value}; expected a number above 0")
        constants = constants_of(measured, network, args.output)
        if args.mbit is not None:
            constants = replace(constants, bytes_in=args.mbit * 1e6 / 8 / args.rate)
        print("\n".join(_streams(args, constants) if args.streams is not None else _hours(args, constants)))
    except VidsegError as error:
        print(f"capacity: error: {error}", file=sys.stderr)
        return 2
    return 0


def network_core_seconds(bench: dict) -> float:
    """Of one frame in the faster runtime, from decoded picture to labels: what was timed, times the cores it had."""
    ours = (bench["end_to_end"][name]["median"] for name in ("ours_torch", "ours_openvino"))
    return min(ours) * bench["environment"]["cores"]


def _hours(args: argparse.Namespace, constants: Constants) -> list[str]:
    work = Work(hours=args.hours, rate=args.rate, minutes_each=args.minutes, every=args.every)
    offer = Offer(
        cores=args.cores,
        core_hour=args.core_hour,
        device_hour=args.device_hour,
        terabyte_month=args.tb_month,
        million_puts=args.million_puts,
        million_gets=args.million_gets,
        months=args.months,
    )
    found = bill(work, constants, offer, days=args.days, device_rate=args.fps)
    load = loads(work, constants, args.fps)
    limits = Limits(network=args.gbit * 1e9 / 8, gets=args.gets, puts=args.puts)
    workers = max(1, found.machines * args.cores if args.fps is None else found.devices)
    rate, first = bound(load, workers, limits)
    needed = work.videos / (args.days * 86400)
    scale = max(1.0, workers / 200)
    outcome = simulate(work, load, round(workers / scale), limits.divided(scale))
    return [
        *_bill_lines(found, args),
        f"with these workers at most {rate:.3g} videos/s, needed {needed:.3g}; what sets it: {first}",
        f"simulated at 1:{scale:.0f}: busiest {outcome.first} ({outcome.busy[outcome.first]:.0%}), workers wait "
        + ", ".join(f"{share:.0%} for {part}" for part, share in outcome.waiting.items() if part != "compute"),
    ]


def _bill_lines(found: Bill, args: argparse.Namespace) -> list[str]:
    devices = (
        [] if args.fps is None else [NOT_MEASURED, f"accelerators: {found.devices:,} ({found.device_hours:,.0f} h)"]
    )
    return [
        f"{args.hours:,.0f} hours of video in {args.days:g} days, {args.output}:",
        *devices,
        f"machines of {args.cores} cores: {found.machines:,} ({found.core_hours:,.0f} core-hours)",
        f"read {found.terabytes_in:,.1f} TB in {found.gets:,.0f} requests, write {found.terabytes_out:,.1f} TB in "
        f"{found.puts:,.0f} requests",
        f"money: {found.money:,.0f} = compute {found.compute_money:,.0f} + requests {found.request_money:,.0f} + "
        f"storage {found.storage_money:,.0f}",
    ]


def _streams(args: argparse.Namespace, constants: Constants) -> list[str]:
    network = constants.network if args.fps is None else 0.0
    core_seconds = constants.decode * args.every + network + constants.write
    rate = args.rate / args.every
    each = most_streams(args.cores, rate, core_seconds)
    if not each:
        return [
            f"a machine of {args.cores} cores cannot bear one stream: a frame needs "
            f"{threads_needed(core_seconds, rate)} at once; do: --every N, more --cores, or --fps of an accelerator"
        ]
    devices = [] if args.fps is None else [NOT_MEASURED, f"accelerators: {-(-args.streams * rate // args.fps):,.0f}"]
    puts = args.streams * rate * constants.objects_per_frame
    gbit = args.streams * args.rate * constants.bytes_in * 8 / 1e9
    return [
        f"{args.streams:,} streams of {args.rate:g} frames/s, {rate:g} of them segmented, {args.output}:",
        *devices,
        f"machines of {args.cores} cores: {-(-args.streams // each):,} ({each} streams each, at most 1 % of the frames "
        "dropped; simulated)",
        f"network in: {gbit:.3g} of {args.gbit:g} Gbit/s; writes: {puts:,.0f} of {args.puts:,.0f} a second",
    ]


def _measure(args: argparse.Namespace) -> int:
    from scaling.measuring import measure  # late: torch is needed here only
    from vidseg.files import write_json

    sample = ROOT / "src" / "vidseg" / "assets" / "sample" / "images" / "e1m3_00.mp4"
    found = measure(args.model, args.video or str(sample))
    # Where it lies on this machine is nobody's business; of a folder of frames the name says too little alone.
    video = "the bundled sample" if args.video is None else "/".join(Path(args.video).parts[-2:])
    environment = {name: value for name, value in found["environment"].items() if name != "command"}
    write_json(args.measure, {**found, "environment": environment, "video": video, "model": args.model})
    return 0


def _read(path: str) -> dict:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"got no readable record {path} ({error}); do: make it with --measure or vidseg bench"
        ) from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
