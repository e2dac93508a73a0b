"""Who segments: holds the model once, and makes of each unit its outputs and its rows."""

import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from vidseg.corpus.frame_table import FrameTable, table_path
from vidseg.corpus.identity import identity_of
from vidseg.corpus.scenes import parts_at_cuts
from vidseg.corpus.units import Outcome, Part, Unit
from vidseg.errors import VidsegError, VidsegWarning, is_out_of_memory
from vidseg.files import scratch_folder
from vidseg.flow import flow_estimator
from vidseg.models import VideoModel
from vidseg.places import Place
from vidseg.stream import CutDetector, OverlayStyle, Segmenters, segment_to_files
from vidseg.stream.ledger import Identity
from vidseg.video import VideoReader, read_isolated
from vidseg.video.outputs import OutputKind
from vidseg.video.redact import redacted

Kind = Literal["masks", "mp4", "npz"]
# Suffix and writer of each kind of output. The name of a video may end in any suffix itself, so no writer is guessed.
_WRITTEN: Mapping[Kind, tuple[str, OutputKind]] = {
    "masks": ("", "masks"),
    "mp4": (".mp4", "overlay"),
    "npz": (".npz", "arrays"),
}

Progress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Assignment:
    """What is to be made of every video of a corpus; picklable.

    Attributes:
        out: the corpus's folder.
        model_name: a partition of the table.
        kinds: what is written beside the table.
        policy: which past frames serve as references, in the words of the command line.
        segmenter: options of `vidseg.stream.Segmenters`.
        reading: options of `vidseg.video.read_video`.
        fps: of folders of images; None for no clock.
        style: of overlays.
        tc: the flow by which temporal consistency is measured; None for not at all.
        shortest_part: seconds from which on videos are cut at scene cuts into parts of at least that; None for whole
            videos.
    """

    out: Place
    model_name: str
    kinds: tuple[Kind, ...] = ("masks",)
    policy: str = "auto"
    segmenter: Mapping[str, Any] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)
    fps: Fraction | None = None
    style: OverlayStyle = field(default_factory=OverlayStyle)
    tc: str | None = None
    shortest_part: float | None = None

    def outputs(self, unit: Unit) -> dict[Kind, str]:
        """Where a unit's outputs lie, below the corpus's folder."""
        return {kind: f"{kind}/{unit.name}{_WRITTEN[kind][0]}" for kind in self.kinds}

    def paths(self, unit: Unit) -> list[str]:
        """Where everything of a unit lies, its rows among it."""
        return [*self.outputs(unit).values(), table_path(unit, self.model_name)]


class Worker:
    """Works off units, one after the other.

    Args:
        model: in eval mode, with class map and preprocessing.
        assignment: what is to be made of each.
    """

    def __init__(self, model: VideoModel, assignment: Assignment) -> None:
        assert model.class_map is not None
        self._class_map = model.class_map
        self._assignment = assignment
        self._segmenters = Segmenters(model, assignment.policy, **assignment.segmenter)
        self._tc = None if assignment.tc is None else flow_estimator(assignment.tc)

    def work(self, unit: Unit, progress: Progress = lambda frames: None) -> Outcome:
        """Makes a unit's outputs, its rows last.

        Nothing that goes wrong with a unit is raised: others may be days of work.

        Args:
            unit: a whole video may come back cut into parts.
            progress: told of the number of frames done.
        """
        began = time.perf_counter()
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", VidsegWarning)
            try:
                outcome = self._work(unit, progress)
            except Exception as error:
                outcome = _failure(error, unit)
        if outcome.status == "failed":
            outcome = self._with_error_row(unit, outcome)
        remarks = dict.fromkeys([*outcome.remarks, *(_said(one) for one in warned)])
        return replace(outcome, remarks=tuple(remarks), seconds=time.perf_counter() - began)

    def _with_error_row(self, unit: Unit, failed: Outcome) -> Outcome:
        """Puts the reason why a unit failed where its rows would be."""
        table = table_path(unit, self._assignment.model_name)
        place = self._assignment.out.child(table)
        try:
            place.write(FrameTable(unit, self._class_map).to_parquet(errors=[failed.error]))
            return replace(failed, outputs={table: identity_of(place)})
        except Exception as error:  # the manifest still tells both
            return replace(failed, error=f"{failed.error}; nor could {place.uri} be written ({one_line(error)})")

    def _work(self, unit: Unit, progress: Progress) -> Outcome:
        source = unit.video.identity()
        with unit.video.place.fetched(unit.video.images) as path:
            try:
                outcome = self._segment_or_cut(unit, path, source, progress)
            except Exception as error:
                outcome = _failure(error, unit)

        def named(text: str) -> str:
            """A copy has a name that tells nobody anything."""
            return text.replace(str(path), unit.video.uri)

        return replace(
            outcome,
            error=named(outcome.error),
            problems=tuple(map(named, outcome.problems)),
            remarks=tuple(map(named, outcome.remarks)),
        )

    def _segment_or_cut(self, unit: Unit, path: Path, source: Identity | None, progress: Progress) -> Outcome:
        part = unit.part
        with read_isolated(
            path,
            fps=None if unit.video.images is None else self._assignment.fps,
            start=None if part is None else part.start,
            end=None if part is None else part.end,
            **self._assignment.reading,
        ) as reader:
            parts = self._parts(unit, reader)
            if len(parts) > 1:
                return Outcome(status="cut", source=source, parts=parts)
            return self._segment(unit, reader, source, progress)

    def _parts(self, unit: Unit, reader: VideoReader) -> tuple[Part, ...]:
        shortest, duration = self._assignment.shortest_part, reader.info.duration
        is_short = duration is not None and shortest is not None and duration <= shortest
        if shortest is None or unit.part is not None or reader.info.fps is None or is_short:
            return ()
        return parts_at_cuts(reader, shortest, CutDetector())

    def _segment(self, unit: Unit, reader: VideoReader, source: Identity | None, progress: Progress) -> Outcome:
        out, outputs = self._assignment.out, tuple(self._assignment.outputs(unit).values())
        rows = FrameTable(unit, self._class_map)
        with _made(out, outputs) as paths:
            report = segment_to_files(
                self._segmenters.at(reader.info.fps),
                reader,
                paths,
                kinds=[_WRITTEN[kind][1] for kind in self._assignment.kinds],
                style=self._assignment.style,
                progress=progress,
                watch=rows.add,
                flow=self._tc,
            )
        steadiness = report.steadiness
        table = table_path(unit, self._assignment.model_name)
        agreements = None if steadiness is None else steadiness.agreements
        out.child(table).write(rows.to_parquet(agreements, report.problems))
        return Outcome(
            status="partly" if report.problems else "done",
            source=source,
            outputs={path: identity_of(out.child(path)) for path in (*outputs, table)},
            frames=report.frames,
            compile_seconds=report.compile_seconds,
            problems=report.problems,
            remarks=report.remarks,
            temporal_consistency=None if steadiness is None else {"flow": steadiness.flow, **steadiness.scores},
        )


@contextmanager
def _made(out: Place, outputs: Sequence[str]) -> Iterator[list[Path]]:
    """Yields where outputs are to be written on this machine; at the end of the block they are in their places."""
    if out.local is not None:
        yield [out.local / output for output in outputs]
        return
    with scratch_folder() as scratch:
        yield [scratch / output for output in outputs]
        for output in outputs:
            out.child(output).replace_by(scratch / output)


def _said(warning: warnings.WarningMessage) -> str:
    kind = "" if issubclass(warning.category, VidsegWarning) else f"{warning.category.__name__}: "
    return f"warning: {kind}{' '.join(str(warning.message).split())}"


def one_line(error: BaseException) -> str:
    """What an error says, without the secrets of any address."""
    return redacted(" ".join(str(error).split())) or type(error).__name__


def _failure(error: Exception, unit: Unit) -> Outcome:
    if is_out_of_memory(error):
        reason = f"got {unit.label}, which takes more memory than there is; try a smaller --size or model"
        return Outcome(status="failed", error=reason)
    if isinstance(error, VidsegError | OSError):
        return Outcome(status="failed", error=one_line(error))
    # A bug: it must be seen, but the other videos may be days of work.
    trace = "".join(traceback.format_exception(error))
    return Outcome(status="failed", error=f"{type(error).__name__}: {one_line(error)}", trace=trace)
