"""Faults that are known and cannot be mended here, or are being mended: reported, but no reason to exit with 1."""

import re

from fuzzing.judging import Verdict

# Kind, outcome, what the reason or case says (a regular expression), and why it may wait.
_KNOWN: tuple[tuple[str, str, str, str], ...] = (
    (
        "image",
        "unclear",
        r"wrote to the terminal: (tempfile\.tif|LZWDecode|TIFF\w*): ",
        "libtiff says on stderr what is wrong with a file, and Pillow cannot have it be quiet; our line follows",
    ),
)


def known(kind: str, verdict: Verdict) -> str | None:
    """Why a wrong verdict may wait; None if it may not."""
    for prefix, outcome, pattern, reason in _KNOWN:
        text = f"{verdict.reason} {verdict.what}"
        if kind.startswith(prefix) and verdict.outcome == outcome and re.search(pattern, text):
            return reason
    return None
