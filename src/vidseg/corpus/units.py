"""The pieces that a corpus is worked off in, and what becomes of each. State never crosses from one to another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vidseg.corpus.videos import Video
from vidseg.stream.ledger import Identity

Status = Literal["done", "partly", "failed", "cut"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of a video between two scene cuts.

    Attributes:
        index: counted from 0.
        start: seconds from the start of the video; None for its beginning.
        end: seconds; None for its end.
    """

    index: int
    start: float | None
    end: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Unit:
    """What a worker is given at once.

    Attributes:
        video: the whole.
        part: the piece of it; None for all.
    """

    video: Video
    part: Part | None = None

    @property
    def name(self) -> str:
        """By which its outputs are found."""
        return self.video.name if self.part is None else f"{self.video.name}-part{self.part.index:03d}"

    @property
    def label(self) -> str:
        """What it is called in messages."""
        return self.video.uri if self.part is None else f"{self.video.uri} (part {self.part.index})"

    @property
    def key(self) -> tuple[str, int | None]:
        """By which the manifest knows it."""
        return self.video.uri, None if self.part is None else self.part.index


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a worker made of a unit.

    Attributes:
        status: "done"; "partly", with problems; "failed", with an error and no outputs; "cut": into parts, which are
            units of their own.
        source: the video as it was when work began.
        outputs: what was written, by its path below the corpus's folder.
        frames: how many were segmented.
        seconds: it took.
        compile_seconds: of these, for compiling the network.
        problems: what was amiss, one line each.
        remarks: what the user should know although nothing is amiss, warnings among them; one line each.
        temporal_consistency: the video's, by protocol, with the flow; None if it was not measured.
        error: why it failed, in one line.
        trace: where, if it is a bug.
        parts: of what was cut.
    """

    status: Status
    source: Identity | None = None
    outputs: Mapping[str, Identity] = field(default_factory=dict)
    frames: int = 0
    seconds: float = 0.0
    compile_seconds: float = 0.0
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    temporal_consistency: Mapping[str, Any] | None = None
    error: str = ""
    trace: str = ""
    parts: tuple[Part, ...] = ()
