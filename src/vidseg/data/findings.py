"""What the doctor hands over: findings with a remedy each, a summary of every split, and an exit code."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["remark", "finding", "unreadable"]

_EXIT_CODES: dict[Severity, int] = {"remark": 0, "finding": 1, "unreadable": 2}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that the doctor noticed.

    Attributes:
        severity: "remark" (good to know), "finding" (would change a result), "unreadable" (nothing can be read).
        split: where it was noticed; "" for the root as a whole.
        path: the file or folder.
        what: what is the matter with it.
        remedy: what to do about it.
    """

    severity: Severity
    split: str
    path: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.path} {self.what}; do: {self.remedy}"


@dataclass(frozen=True, kw_only=True)
class SplitSummary:
    """What one split holds.

    Attributes:
        name: of the split.
        videos: how many.
        frames: how many.
        labelled_frames: how many.
        class_pixels: labelled pixels of each class, by its name.
    """

    name: str
    videos: int
    frames: int
    labelled_frames: int
    class_pixels: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Report:
    """The doctor's report on a data set.

    Attributes:
        root: what was examined.
        layout: what it was examined as.
        splits: what each split holds.
        findings: what was noticed, split by split.
    """

    root: str
    layout: str
    splits: tuple[SplitSummary, ...]
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able copy, with the exit code."""
        return {**asdict(self), "exit_code": exit_code(self)}


def exit_code(report: Report) -> int:
    """0 clean or remarks only; 1 findings that would change a result; 2 root or split unreadable."""
    return max((_EXIT_CODES[finding.severity] for finding in report.findings), default=0)
