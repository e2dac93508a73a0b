"""How steady a video's labels are while it is segmented: temporal consistency, which needs no ground truth.

See `vidseg.metrics.temporal` for what is measured.
"""

import heapq
import time
from collections.abc import Mapping
from dataclasses import dataclass

from vidseg.flow import FlowEstimator
from vidseg.types import Segmentation

_LOWEST = 10


@dataclass(frozen=True, kw_only=True)
class Break:
    """A frame at which labels did not move along.

    Attributes:
        frame: its number in the source.
        time: seconds from the start of the source; None where it has no clock.
        agreement: share of its visible pixels, 0–1, whose label is that of the frame before there.
    """

    frame: int
    time: float | None
    agreement: float


@dataclass(frozen=True, kw_only=True)
class Steadiness:
    """How steady a video's labels were.

    Attributes:
        flow: what estimated the motion.
        pairs: how many pairs of consecutive frames were compared.
        cuts: how many were not, because too little of the frame before was seen again.
        scores: TC under each protocol, 0–1; None if no pair was.
        agreement: share of all visible pixels, 0–1, whose label is that of the frame before there.
        agreements: of every frame the share of its visible pixels, 0–1, whose label is that of the frame before there;
            None where no pair counts.
        lowest: the frames where it breaks most, at most 10, the worst first.
        seconds: what it cost; other work went on meanwhile.
    """

    flow: str
    pairs: int
    cuts: int
    scores: Mapping[str, float | None]
    agreement: float | None
    agreements: tuple[float | None, ...]
    lowest: tuple[Break, ...]
    seconds: float


class SteadinessMeter:
    """Measures one video.

    Args:
        num_classes: of the labels.
        flow: estimates the motion.
    """

    def __init__(self, num_classes: int, flow: FlowEstimator) -> None:
        from vidseg.metrics import TemporalConsistency  # late: torchmetrics takes longer to import than all the rest

        self._consistency = TemporalConsistency(num_classes, flow)
        self._places: list[tuple[int, float | None]] = []
        self._seconds = 0.0

    def update(self, segmentation: Segmentation) -> None:
        """Takes the next frame."""
        began = time.perf_counter()
        frame = segmentation.frame
        self._consistency.update(frame.image, segmentation.labels)
        self._places.append((frame.index, frame.time))
        self._seconds += time.perf_counter() - began

    def result(self) -> Steadiness:
        """What was found so far."""
        tally = self._consistency.tally
        breaks = (
            Break(frame=index, time=seconds, agreement=agreement)
            for (index, seconds), agreement in zip(self._places, tally.agreements, strict=True)
            if agreement is not None
        )
        return Steadiness(
            flow=tally.flow,
            pairs=tally.pairs,
            cuts=tally.cuts,
            scores=tally.scores(),
            agreement=tally.agreement(),
            agreements=tuple(tally.agreements),
            lowest=tuple(heapq.nsmallest(_LOWEST, breaks, key=lambda one: one.agreement)),
            seconds=self._seconds,
        )
