"""From hours of video to cores, machines, hours, money and storage: arithmetic over measured constants, nothing else.

Units are in the names: seconds of one core, bytes, frames, money as the prices have it.
"""

import math
from dataclasses import dataclass
from typing import Literal

from vidseg.errors import InputError

Output = Literal["masks", "mp4", "table"]
_PART = 8 * 2**20  # bytes of one request for a part of a large object
_TABLE_BYTES = 100.0  # of a row of class shares, as Parquet packs it


@dataclass(frozen=True, kw_only=True)
class Constants:
    """What a video and a frame take.

    Attributes:
        video_start: core-seconds of a video, however short.
        decode: core-seconds of a frame, also of those that are not segmented.
        network: core-seconds of a segmented frame; 0 where an accelerator computes it.
        write: core-seconds of writing a segmented frame's output.
        bytes_in: of a frame of the input video.
        bytes_out: of a segmented frame's output.
        objects_per_frame: output objects of a segmented frame: 1 for masks, 0 where a video makes one object.
    """

    video_start: float
    decode: float
    network: float
    write: float
    bytes_in: float
    bytes_out: float
    objects_per_frame: float

    def __post_init__(self) -> None:
        if min(vars(self).values()) < 0:
            raise InputError(f"got {self}; expected no negative constant")


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be done.

    Attributes:
        hours: of video.
        rate: frames a second of it.
        minutes_each: the mean length of a video.
        every: each so-manieth frame is segmented.
    """

    hours: float
    rate: float = 25.0
    minutes_each: float = 5.0
    every: int = 1

    def __post_init__(self) -> None:
        if not (self.hours > 0 and self.rate > 0 and self.minutes_each > 0 and self.every >= 1):
            raise InputError(f"got {self}; expected hours, rate and minutes above 0, and every of at least 1")

    @property
    def videos(self) -> float:
        """How many there are."""
        return self.hours * 60 / self.minutes_each

    @property
    def frames(self) -> float:
        """Of all videos."""
        return self.hours * 3600 * self.rate

    @property
    def segmented(self) -> float:
        """How many of the frames are segmented."""
        return self.frames / self.every


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What machines and storage cost, and how they are used.

    Attributes:
        cores: of a machine.
        core_hour: money.
        device_hour: money for an accelerator, its machine's cores not included.
        terabyte_month: money for storing 10^12 bytes.
        million_puts: money for that many requests that write.
        million_gets: money for that many requests that read.
        used: the share of the time that cores are busy.
        months: how long outputs are kept.
    """

    cores: int = 32
    core_hour: float = 0.04
    device_hour: float = 2.0
    terabyte_month: float = 23.0
    million_puts: float = 5.0
    million_gets: float = 0.4
    used: float = 0.85
    months: float = 1.0

    def __post_init__(self) -> None:
        if self.cores < 1 or not 0 < self.used <= 1 or min(vars(self).values()) < 0:
            raise InputError(f"got {self}; expected at least one core, a used share of 0–1 and no negative price")


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What the work takes.

    Attributes:
        core_hours: busy ones.
        device_hours: of accelerators, busy ones.
        paid_core_hours: with the time that cores idle.
        machines: so many, if it is to be done in time.
        devices: accelerators, if it is to be done in time.
        terabytes_in: read.
        terabytes_out: written.
        gets: requests that read.
        puts: requests that write.
        compute_money: for cores and accelerators.
        request_money: for requests.
        storage_money: for the outputs.
    """

    core_hours: float
    device_hours: float
    paid_core_hours: float
    machines: int
    devices: int
    terabytes_in: float
    terabytes_out: float
    gets: float
    puts: float
    compute_money: float
    request_money: float
    storage_money: float

    @property
    def money(self) -> float:
        """All of it."""
        return self.compute_money + self.request_money + self.storage_money


def bill(work: Work, constants: Constants, offer: Offer, *, days: float, device_rate: float | None = None) -> Bill:
    """Works it out.

    Args:
        work: what is to be done.
        constants: what it takes.
        offer: what that costs.
        days: in which it is to be done.
        device_rate: frames a second of one accelerator, which nobody measured here; None computes on cores.

    Raises:
        InputError: for no time, or an accelerator that does nothing.
    """
    if not days > 0 or (device_rate is not None and not device_rate > 0):
        raise InputError(f"got days {days}, frames a second {device_rate}; expected above 0")
    network = constants.network if device_rate is None else 0.0
    core_hours = (
        work.videos * constants.video_start
        + work.frames * constants.decode
        + work.segmented * (network + constants.write)
    ) / 3600
    device_hours = 0.0 if device_rate is None else work.segmented / device_rate / 3600
    bytes_in, bytes_out = work.frames * constants.bytes_in, work.segmented * constants.bytes_out
    gets = work.videos * math.ceil(bytes_in / work.videos / _PART)
    single = work.videos * max(1, math.ceil(bytes_out / work.videos / _PART))
    puts = work.segmented * constants.objects_per_frame or single
    return Bill(
        core_hours=core_hours,
        device_hours=device_hours,
        paid_core_hours=core_hours / offer.used,
        machines=math.ceil(core_hours / offer.used / (days * 24) / offer.cores),
        devices=math.ceil(device_hours / offer.used / (days * 24)),
        terabytes_in=bytes_in / 1e12,
        terabytes_out=bytes_out / 1e12,
        gets=gets,
        puts=puts,
        compute_money=(core_hours * offer.core_hour + device_hours * offer.device_hour) / offer.used,
        request_money=(gets * offer.million_gets + puts * offer.million_puts) / 1e6,
        storage_money=bytes_out / 1e12 * offer.terabyte_month * offer.months,
    )


def constants_of(measured: dict[str, float], network: float, output: Output) -> Constants:
    """The constants of one kind of output.

    Args:
        measured: what `scaling.measuring.measure` gave.
        network: core-seconds of a frame.
        output: a folder of masks, an mp4, or a row of class shares alone.
    """
    writes: dict[Output, tuple[float, float, float]] = {
        "masks": (measured["masks_cpu_seconds_per_frame"], measured["masks_bytes_per_frame"], 1.0),
        "mp4": (measured["mp4_cpu_seconds_per_frame"], measured["mp4_bytes_per_frame"], 0.0),
        "table": (0.0, _TABLE_BYTES, 0.0),
    }
    if output not in writes:
        raise InputError(f"got output {output!r}; expected one of {', '.join(writes)}")
    write, bytes_out, objects = writes[output]
    return Constants(
        video_start=measured["video_start_cpu_seconds"],
        decode=measured["decode_cpu_seconds_per_frame"],
        network=network,
        write=write,
        bytes_in=measured["mp4_bytes_per_frame"],
        bytes_out=bytes_out,
        objects_per_frame=objects,
    )
