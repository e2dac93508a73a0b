"""Many inputs one after the other: what is done is left out, what fails stops nobody, and in the end it is told."""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from vidseg.cli.main import DONE, PARTLY, USAGE, interrupted, report, report_error
from vidseg.errors import InputError, VidsegError, is_out_of_memory
from vidseg.files import write_json
from vidseg.video.redact import redacted

if TYPE_CHECKING:
    from vidseg.stream import Done, JobReport, Ledger

_MOST_NAMED = 10


class Batch:
    """What became of each input.

    Args:
        model: its name, for the report.
        targets: each input with its outputs.
        ledger: knows which inputs are done; None to segment them all.
        json: where the report goes, which is written however the work ends; None for no report.
        precision: what the report says of it.
        unsteady: why the steadiness of labels is not measured.
    """

    def __init__(
        self,
        model: str,
        targets: Sequence[tuple[str, list[str]]],
        ledger: "Ledger | None",
        json: str | None,
        *,
        precision: Mapping[str, Any],
        unsteady: str = "",
    ) -> None:
        self._model, self._targets, self._ledger, self._json = model, targets, ledger, json
        self._precision = dict(precision)
        self._unsteady = unsteady or "of live sources only where wanted: --tc dis"
        self._rows: list[dict[str, Any]] = []

    def work(self, segment: Callable[[str, list[str]], "JobReport"]) -> int:
        """Has every input segmented that is not done; returns the exit code.

        Raises:
            BaseException: any interrupt but one that ended a live source, after it is told what was done.
        """
        began = time.perf_counter()
        stopped_by = None
        try:
            for source, outputs in self._targets:
                try:
                    stopped_by = self._work_on(source, outputs, segment)
                except Exception as error:
                    self._note_failure(source, outputs, error)
                    continue
                if stopped_by is not None:
                    break
        finally:
            self._tell(time.perf_counter() - began)
        if stopped_by is not None:
            left = len(self._targets) - len(self._rows)
            left_out = f", {left} of {len(self._targets)} inputs were left out" if left else ""
            return interrupted(stopped_by, f"the outputs are complete{left_out}")
        states = {row["status"] for row in self._rows}
        if states == {"failed"}:
            return USAGE
        return PARTLY if "failed" in states or any(row["problems"] for row in self._rows) else DONE

    def _work_on(
        self, source: str, outputs: list[str], segment: Callable[[str, list[str]], "JobReport"]
    ) -> BaseException | None:
        if self._ledger is None:
            done = segment(source, outputs)
        else:
            from vidseg.stream import Done

            found = self._ledger.look_up(source, outputs)
            if isinstance(found, Done):
                self._note_skipped(source, outputs, found)
                return None
            if found:
                report(f"{redacted(source)} is segmented anew: {found}")
            identity = self._ledger.begin(source, outputs)
            done = segment(source, outputs)
            if done.stopped_by is None:
                self._ledger.complete(identity, outputs, Done(frames=done.frames, problems=done.problems))
        self._note(done, outputs)
        return done.stopped_by

    def _note(self, done: "JobReport", outputs: list[str]) -> None:
        self._rows.append(
            {
                "source": done.source,
                "status": "partly" if done.problems else "done",
                "outputs": outputs,
                "frames": done.frames,
                "dropped": done.dropped,
                "seconds": done.seconds,
                "first_frame_after": done.first_frame_after,
                "compile_seconds": done.compile_seconds,
                "frames_per_second": done.frames_per_second,
                "problems": list(done.problems),
                "remarks": list(done.remarks),
                "temporal_consistency": self._steadiness(done),
            }
        )

    def _steadiness(self, done: "JobReport") -> dict[str, Any]:
        found = done.steadiness
        if found is None:
            return {"absent": self._unsteady}
        return {
            "flow": found.flow,
            "pairs": found.pairs,
            "cuts": found.cuts,
            "TC": dict(found.scores),
            "agreement": found.agreement,
            "lowest": [asdict(one) for one in found.lowest],
            "seconds": found.seconds,
        }

    def _note_skipped(self, source: str, outputs: list[str], found: "Done") -> None:
        report(f"{redacted(source)} was done before: {found.frames} frames -> {', '.join(outputs)}")
        for problem in found.problems:
            report(f"warning: {problem}")
        self._note_undone(source, outputs, "skipped", found.frames, found.problems)

    def _note_failure(self, source: str, outputs: list[str], error: Exception) -> None:
        if is_out_of_memory(error):
            error = InputError(
                f"got {redacted(source)}, which takes more memory than there is; expected room for network and "
                "frames; try a smaller --size or model"
            )
        if not isinstance(error, VidsegError | OSError):  # a bug
            if len(self._targets) == 1:
                raise error
            traceback.print_exception(error)  # it must be seen, but the other inputs may be days of work
        report_error(error)
        self._note_undone(source, outputs, "failed", 0, ())
        self._rows[-1]["error"] = redacted(" ".join(str(error).split()))

    def _note_undone(self, source: str, outputs: list[str], status: str, frames: int, problems: Sequence[str]) -> None:
        self._rows.append(
            {
                "source": redacted(source),
                "status": status,
                "outputs": outputs,
                "frames": frames,
                "seconds": 0.0,
                "problems": list(problems),
            }
        )

    def _tell(self, seconds: float) -> None:
        """The summary, and the report if there is to be one."""
        counts = dict.fromkeys(("done", "partly", "skipped", "failed"), 0)
        for row in self._rows:
            counts[row["status"]] += 1
        left = len(self._targets) - len(self._rows)
        frames = sum(row["frames"] for row in self._rows if row["status"] != "skipped")
        if len(self._targets) > 1:
            words = [f"{count} {status}" for status, count in {**counts, "not finished": left}.items() if count]
            report(f"{len(self._targets)} inputs: {', '.join(words)}; {frames} frames in {seconds:.1f} s")
            failed = [row["source"] for row in self._rows if row["status"] == "failed"]
            if failed:
                more = f" and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
                report(f"failed: {', '.join(failed[:_MOST_NAMED])}{more}")
        if self._json is not None:
            summary = {"inputs": len(self._targets), **counts, "left": left, "frames": frames, "seconds": seconds}
            told = {"model": self._model, "precision": self._precision, "summary": summary, "videos": self._rows}
            write_json(self._json, told)
