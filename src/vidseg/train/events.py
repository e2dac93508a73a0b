"""What a training run tells its caller while it goes on. The caller shows it; this room prints nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The figures of the iterations since the last `Progress`.

    Attributes:
        iteration: how many are done.
        iterations: how many there are.
        loss: mean over these iterations and all processes.
        learning_rate: the encoder's, of the last one.
        clips_per_second: of all processes together.
        data_wait: share of the time spent waiting for data, 0–1.
        seconds_left: at this rate.
    """

    iteration: int
    iterations: int
    loss: float
    learning_rate: float
    clips_per_second: float
    data_wait: float
    seconds_left: float


@dataclass(frozen=True, kw_only=True)
class Validated:
    """The model was measured.

    Attributes:
        iteration: after how many.
        metrics: name to value.
        best: it is the best so far and was kept.
    """

    iteration: int
    metrics: Mapping[str, float]
    best: bool


@dataclass(frozen=True, kw_only=True)
class Saved:
    """The training state was written; a run can go on from there.

    Attributes:
        iteration: after how many.
        path: the file.
    """

    iteration: int
    path: Path


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that the user should know, in one line."""

    message: str


Event = Progress | Validated | Saved | Notice
Events = Callable[[Event], None]


def unheard(event: Event) -> None:
    """Takes events and does nothing."""
