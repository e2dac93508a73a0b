"""Brings a corpus to its end: what is done is left out, the rest is handed out, and the manifest has every outcome."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from vidseg.corpus.dispatch import Finished, Workers, work_off
from vidseg.corpus.manifest import Manifest, Record
from vidseg.corpus.resuming import Left, what_is_left
from vidseg.corpus.videos import Video
from vidseg.corpus.worker import Assignment
from vidseg.stream.ledger import Conditions


@dataclass(kw_only=True)
class Tally:
    """How far a corpus is.

    Attributes:
        videos: how many it has.
        skipped: were done before.
        skipped_partly: of these, with problems.
        done: are done now, without problems in any part.
        partly: are done now, with problems.
        failed: have failed, or a part of them has.
        frames: segmented now.
        retries: how often a unit was given to another worker.
        errors: of failed videos, by address.
        began: when work began, by `time.perf_counter`.
        share: of what there was to do, how much is settled, 0–1; by bytes where they are known.
        worked: the same without what failed, which takes no time and tells nothing of the rest.
        in_flight: units being worked on.
    """

    videos: int = 0
    skipped: int = 0
    skipped_partly: int = 0
    done: int = 0
    partly: int = 0
    failed: int = 0
    frames: int = 0
    retries: int = 0
    errors: dict[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.perf_counter)
    share: float = 0.0
    worked: float = 0.0
    in_flight: int = 0

    @property
    def seconds(self) -> float:
        """Since work began."""
        return time.perf_counter() - self.began

    @property
    def settled(self) -> int:
        """How many videos need no more work."""
        return self.skipped + self.done + self.partly + self.failed

    @property
    def seconds_left(self) -> float | None:
        """About how long the rest takes, if it goes on as it went; None before anything is done."""
        return self.seconds * (1 - self.share) / self.worked if self.worked else None


class Corpus:
    """A corpus and what is to be made of it.

    Args:
        videos: all.
        assignment: what is to be made of each.
        conditions: what outputs depend on besides.
        manifest: of the same folder.
        say: told of what the user should know, a line at a time.

    Attributes:
        tally: how far it is.
        left: what there is to do, of each video that is not done.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        assignment: Assignment,
        conditions: Conditions,
        manifest: Manifest,
        *,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._assignment, self._conditions, self._manifest, self._say = assignment, conditions, manifest, say
        self.tally = Tally(videos=len(videos))
        self.left: list[Left] = []
        for left in what_is_left(videos, manifest, conditions, assignment):
            if left.reason:
                say(f"{left.video.uri} is segmented anew: {left.reason}")
            if left.units:
                self.left.append(left)
            else:
                self.tally.skipped += 1
                self.tally.skipped_partly += any(record["status"] == "partly" for record in left.done)
        self._weights = _weights(self.left)
        self._open = {left.video.uri: len(left.units) for left in self.left}
        self._worst: dict[str, str] = {
            left.video.uri: "partly" for left in self.left if any(one["status"] == "partly" for one in left.done)
        }

    def work(self, workers: Workers, *, retries: int = 2) -> Iterator[Record | None]:
        """Has what is left done.

        Args:
            workers: who do it; the caller closes them.
            retries: how often a unit is handed out again after its worker died.

        Yields:
            The record of every unit, when it is in the manifest; None where a while passed without any.

        Raises:
            OSError: if the manifest cannot be written.
        """
        self._manifest.begin(self._conditions.to_dict())
        self.tally.began = time.perf_counter()
        units = (unit for left in self.left for unit in left.units)
        for finished in work_off(units, workers, retries=retries):
            self.tally.in_flight = workers.busy
            if finished is None:
                yield None
                continue
            before = dict(self._manifest.records.get(finished.unit.video.uri, {}))
            record = self._record(finished)
            self._manifest.note(record)
            self._count(finished)
            if finished.unit.part is None and finished.outcome.status != "failed":
                self._remove_leftovers(finished, before)
            yield record

    def _record(self, finished: Finished) -> Record:
        unit, outcome = finished.unit, finished.outcome
        record: dict[str, Any] = {
            "video": unit.video.uri,
            "part": None if unit.part is None else unit.part.index,
            "name": unit.video.name,
            "status": outcome.status,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "worker": finished.worker,
            "retries": len(finished.lost),
            "lost": [{"worker": worker, "reason": reason} for worker, reason in finished.lost],
            "frames": outcome.frames,
            "seconds": round(outcome.seconds, 3),
            "compile_seconds": round(outcome.compile_seconds, 3),
            "problems": list(outcome.problems),
            "temporal_consistency": outcome.temporal_consistency,
            "outputs": dict(outcome.outputs),
            "source": outcome.source,
        }
        if unit.part is not None:
            record |= {"start": unit.part.start, "end": unit.part.end}
        if outcome.parts:
            record["parts"] = [asdict(part) for part in outcome.parts]
        if outcome.error:
            record["error"] = outcome.error
        return record

    def _count(self, finished: Finished) -> None:
        unit, outcome, tally = finished.unit, finished.outcome, self.tally
        uri = unit.video.uri
        for line in (*outcome.remarks, *(f"warning: {problem}" for problem in outcome.problems)):
            self._say(f"{unit.label}: {line}")
        if outcome.trace:
            self._say(outcome.trace)
        tally.retries += len(finished.lost)
        tally.frames += outcome.frames
        self._open[uri] += len(outcome.parts) - 1
        if outcome.status == "cut":
            self._weights[uri] /= len(outcome.parts)
            return
        tally.share = min(1.0, tally.share + self._weights[uri])
        if outcome.status == "failed":
            tally.errors[uri] = outcome.error
            self._worst[uri] = "failed"
        else:
            tally.worked += self._weights[uri]
        if outcome.status == "partly":
            self._worst.setdefault(uri, "partly")
        if not self._open[uri]:
            worst = self._worst.get(uri, "done")
            setattr(tally, worst, getattr(tally, worst) + 1)

    def _remove_leftovers(self, finished: Finished, before: dict[int | None, Record]) -> None:
        """Removes what an earlier run, which cut the video elsewhere or not at all, has left of it."""
        parts: set[int | None] = {part.index for part in finished.outcome.parts} or {None}
        for part, record in before.items():
            if part in parts or record["status"] in ("cut", "removed"):
                continue
            for path in record["outputs"]:
                self._assignment.out.child(path).remove()
            if part is not None:
                self._manifest.note({**record, "status": "removed", "outputs": {}})


def _weights(left: Sequence[Left]) -> dict[str, float]:
    """The share of each unit of a video in all the work, by bytes; unknown ones count as the mean of the others."""
    known = [one.video.size for one in left if one.video.size]
    mean = sum(known) / len(known) if known else 1
    sizes: dict[str, float] = {one.video.uri: one.video.size or mean for one in left}
    total = sum(sizes.values())
    return {one.video.uri: sizes[one.video.uri] / total / len(one.units) for one in left}
