"""The segmenters that all clients share."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vidseg.checkpoints import describe, load
from vidseg.errors import InputError
from vidseg.flow import flow_estimator
from vidseg.runtime import EXACT, available_runtimes, guarantee_of
from vidseg.steady import Steady
from vidseg.stream import Segmenter

SMALLEST_SIDE, LARGEST_SIDE = 32, 1080

# How many are kept for whoever comes next; streams under way hold on to their own.
_KEPT = 3


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """What a client may choose of an engine.

    Attributes:
        model: one of the server's models.
        runtime: "auto" or a runtime that is installed.
        size: short side of the network's input, pixels; None for the model's own.
    """

    model: str
    runtime: str = "auto"
    size: int | None = None


class Engines:
    """Builds a segmenter for every choice once and hands it to all who choose the same.

    Args:
        models: names that clients may choose from.
        device: where they run.
        threads: CPU threads of the network.
        steady: blend class scores along the motion; None for not at all.
        flow: what estimates motion, a name that `vidseg.flow.flow_estimator` knows; None for DIS.
        precision: see `vidseg.Segmenter`; less than exact is for the one model that it was exported of.

    Raises:
        CheckpointError: if a model cannot be found.
        InputError: for an unknown device, or a lower precision of several models.
    """

    def __init__(
        self,
        models: Sequence[str],
        device: str = "auto",
        threads: int | None = None,
        *,
        steady: Steady | None = None,
        flow: str | None = None,
        precision: str = EXACT,
    ) -> None:
        if precision != EXACT and len(models) > 1:
            raise InputError(f"got precision {precision!r} for {len(models)} models; expected one; do: --model M once")
        guarantee_of(precision)  # said now rather than at the first frame
        self._precision = precision
        self._records = {name: describe(name) for name in models}
        self._device = device
        self._threads = threads
        self._steady = steady
        self._flow = flow
        self._made: OrderedDict[EngineChoice, Segmenter] = OrderedDict()
        self._building = threading.Lock()
        # What is below exact runs in OpenVINO, and "auto" finds it.
        self.runtimes = ("auto", *(available_runtimes(device) if precision == EXACT else ()))

    def describe(self) -> list[dict[str, Any]]:
        """The models as the page shows them: name, own size, classes with colours."""
        return [
            {
                "name": name,
                "size": record.preprocessing.short,
                "classes": [
                    {"name": label, "colour": list(colour)}
                    for label, colour in zip(record.class_map.names, record.class_map.palette, strict=True)
                ],
            }
            for name, record in self._records.items()
        ]

    def check(self, choice: EngineChoice) -> EngineChoice:
        """The choice itself if it is on offer.

        Raises:
            InputError: if it is not.
        """
        if choice.model not in self._records:
            raise InputError(f"got model {choice.model!r}; expected one of {', '.join(self._records)}")
        if choice.runtime not in self.runtimes:
            raise InputError(f"got runtime {choice.runtime!r}; expected one of {', '.join(self.runtimes)}")
        if choice.size is not None and not SMALLEST_SIDE <= choice.size <= LARGEST_SIDE:
            raise InputError(f"got size {choice.size}; expected {SMALLEST_SIDE} to {LARGEST_SIDE} pixels")
        return choice

    def segmenter(self, choice: EngineChoice) -> Segmenter:
        """The segmenter of a choice; the first call for it takes as long as loading and converting the model does.

        Raises:
            VidsegError: if the model or runtime cannot be had.
        """
        self.check(choice)
        with self._building:  # two who want the same wait for one
            if choice not in self._made:
                self._made[choice] = Segmenter(
                    load(choice.model),
                    self._device,
                    choice.runtime,
                    size=choice.size,
                    precision=self._precision,
                    threads=self._threads,
                    flow=None if self._flow is None else flow_estimator(self._flow),
                    steady=self._steady,
                )
            self._made.move_to_end(choice)
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
            return self._made[choice]
