"""The tests that need a GPU; dry, how many there are."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

import torch

from gpu_check.plan import Plan
from gpu_check.record import Record

_ROOT = Path(__file__).parents[2]
_MARK = "pytest.mark.gpu"


def run_tests(record: Record, plan: Plan, device: torch.device, until: float) -> None:
    """Runs them, or lists them where there is no GPU.

    Raises:
        RuntimeError: if one failed, or none was found.
    """
    files = [str(path) for path in sorted(_ROOT.glob("tests/*/test_*.py")) if _MARK in path.read_text(encoding="utf-8")]
    # Other versions than the pinned ones may warn of other things.
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "gpu",
        "-p",
        "no:cacheprovider",
        "-n0",
        "-W",
        "default",
        *files,
    ]
    if device.type != "cuda":
        listed = subprocess.run([*command, "--collect-only"], cwd=_ROOT, capture_output=True, text=True)
        names = [line for line in listed.stdout.splitlines() if "::" in line]
        record.set(tests=names, run=False)
        if listed.returncode or not names:
            raise RuntimeError(f"pytest could not collect them: {listed.stdout[-300:]} {listed.stderr[-300:]}")
        return
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        limit = max(1.0, until - time.perf_counter())
        done = subprocess.run([*command, f"--junitxml={results}"], cwd=_ROOT, timeout=limit)
        cases = list(ElementTree.parse(results).iter("testcase")) if results.exists() else []
    rows = [_row(case) for case in cases]
    record.set(run=True, tests=rows)
    failed = [row["name"] for row in rows if row["outcome"] not in ("passed", "skipped")]
    if done.returncode or failed:
        raise RuntimeError(f"{len(failed)} of {len(rows)} failed: {', '.join(failed) or 'none ran'}")


def _row(case: ElementTree.Element) -> dict[str, object]:
    bad = next((part for part in case if part.tag in ("failure", "error", "skipped")), None)
    return {
        "name": f"{case.get('classname')}::{case.get('name')}",
        "seconds": float(case.get("time", 0)),
        "outcome": "passed" if bad is None else {"failure": "failed"}.get(bad.tag, bad.tag),
        "message": None if bad is None else " ".join((bad.get("message") or "").split())[:300],
    }
