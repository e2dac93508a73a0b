"""What the figures of a run mean together: ratios of median times, all of the same run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vidseg.bench.complexity import Complexity
from vidseg.bench.timing import Timing

# Each ratio is the median time of the first contender by that of the second.
RATIOS = {
    "naive_torch": ("naive", "ours_torch"),
    "naive_openvino": ("naive", "ours_openvino"),
    "hf_torch": ("hf_torch", "ours_torch"),
    "hf_openvino": ("hf_torch", "ours_openvino"),
    "hf_exported": ("hf_openvino", "ours_openvino"),
    "steady_torch": ("steady_torch", "ours_torch"),
    "steady_openvino": ("steady_openvino", "ours_openvino"),
    "int8": ("ours_openvino", "ours_int8"),
    "bf16": ("ours_openvino", "ours_bf16"),
    "encoder_torch": ("ours_torch", "encoder_torch"),
    "encoder_openvino": ("ours_openvino", "encoder_openvino"),
}


@dataclass(frozen=True, kw_only=True)
class Limit:
    """How fast this machine could at best run the model.

    Attributes:
        runtime: our fastest.
        encoder: seconds of the encoder alone in it.
        remaining: multiply-adds of a frame that are not the encoder's, accelerated.
        rate: multiply-adds a second of a large float32 matrix product in torch.
        best: median seconds of our fastest, end to end.
    """

    runtime: str
    encoder: float
    remaining: int
    rate: float
    best: float

    @property
    def seconds(self) -> float:
        """The encoder's time, and all else at the rate of a matrix product."""
        return self.encoder + self.remaining / self.rate

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able description."""
        return asdict(self) | {"seconds": self.seconds}


def limit_of(timings: Mapping[str, Timing], counted: Complexity, rate: float | None) -> Limit | None:
    """The limit for our fastest runtime; None where something that it is made of was not measured."""
    measured = [name for name in ("torch", "openvino") if f"ours_{name}" in timings and f"encoder_{name}" in timings]
    if rate is None or not measured or counted.accelerated is None:
        return None
    fastest = min(measured, key=lambda name: timings[f"ours_{name}"].median)
    return Limit(
        runtime=fastest,
        encoder=timings[f"encoder_{fastest}"].median,
        remaining=sum(count for part, count in counted.accelerated.items() if part != "encoder"),
        rate=rate,
        best=timings[f"ours_{fastest}"].median,
    )


def ratios_of(timings: Mapping[str, Timing], limit: Limit | None) -> dict[str, float | None]:
    """All of `RATIOS`, and "limit": our fastest time by the limit's. None for what was not measured."""
    ratios: dict[str, float | None] = {
        name: timings[over].median / timings[under].median if over in timings and under in timings else None
        for name, (over, under) in RATIOS.items()
    }
    return ratios | {"limit": limit.best / limit.seconds if limit else None}
