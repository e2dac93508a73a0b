"""Whether an answer is right: in good order, one clear line, nothing left behind, no success on garbage."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from fuzzing.case import DONE, PARTLY, REFUSED, Answer, Case

Outcome = Literal[
    # Right ones.
    "accepted",
    "reported",
    "refused",
    # Wrong ones.
    "stack trace",
    "hang",
    "crash",
    "memory",
    "code run",
    "silent",
    "unclear",
    "left behind",
]
RIGHT: tuple[Outcome, ...] = ("accepted", "reported", "refused")

# Longer than that no message is read.
_LONGEST_LINE = 1000
# What commands say on stderr beside "vidseg: …": how a video went.
_PROGRESS = re.compile(r".+: \d+ frames, [\d.]+ frames/s.* -> .+")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a case ended.

    Attributes:
        outcome: the kind of end.
        reason: why it is a wrong one; of a right one the first line of what was said.
        what: the case, in words.
    """

    outcome: Outcome
    reason: str
    what: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def judge(case: Case, answer: Answer, marker: Path) -> Verdict:
    """Judges an answer.

    Args:
        case: that was answered.
        answer: what came.
        marker: is there if a hostile input's code was run.
    """
    if marker.exists():
        return Verdict(outcome="code run", reason="the input's own code was run", what=case.what)
    lines = answer.err.splitlines()
    if "Traceback (most recent call last)" in answer.err:
        return Verdict(outcome="stack trace", reason=lines[-1] if lines else "", what=case.what)
    if answer.code not in (DONE, PARTLY, REFUSED):
        return Verdict(outcome="unclear", reason=f"exit code {answer.code}", what=case.what)
    if reason := _unclear(answer, lines):
        return Verdict(outcome="unclear", reason=reason, what=case.what)
    if reason := _left_behind(case, answer):
        return Verdict(outcome="left behind", reason=reason, what=case.what)
    if answer.code != REFUSED and (reason := case.lie(answer)):
        return Verdict(outcome="silent", reason=reason, what=case.what)
    outcome: Outcome = {DONE: "accepted", PARTLY: "reported", REFUSED: "refused"}[answer.code]  # type: ignore[assignment]
    return Verdict(outcome=outcome, reason=next(iter(lines), ""), what=case.what)


def _unclear(answer: Answer, lines: list[str]) -> str | None:
    """Why a user would not know what is the matter; None if all is clear."""
    for line in lines:
        if not line.startswith("vidseg: ") and not _PROGRESS.fullmatch(line):
            return f"not in vidseg's own words: {line}"
        if len(line) > _LONGEST_LINE:
            return f"a line of {len(line)} characters: {line[:200]}…"
        if "\x1b" in line or "\x00" in line:
            return f"control characters: {line!r}"
    errors = [line for line in lines if line.startswith("vidseg: error: ")]
    # The doctor lists on stdout what it found unreadable.
    if answer.code == REFUSED and len(errors) != 1 and "unreadable: " not in answer.out:
        return f"refused with {len(errors)} lines of error"
    if answer.code == REFUSED and errors and "got " not in errors[0] and "Errno" not in errors[0]:
        return f"does not say what it got: {errors[0]}"
    if answer.code == PARTLY and not lines and not answer.out:
        return "done in part without a word"
    return None


def _left_behind(case: Case, answer: Answer) -> str | None:
    if case.outputs is None or not case.outputs.exists():
        return None
    files = [str(path) for path in case.outputs.rglob("*") if not path.is_dir()]
    temporary = [str(path) for path in case.outputs.rglob(".*")]
    if temporary:
        return f"temporary files: {temporary[:3]}"
    return f"refused, but wrote {files[:3]}" if answer.code == REFUSED and files else None
