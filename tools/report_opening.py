"""Times how long a browser takes to open a report of many classes: from the click to the first frame shown.

    python tools/report_opening.py docs/runs/report_opening.json

The videos are made up: 10 of 90 frames of 240x427 with 124 classes, and masks of two made-up models. Needs the extra
`dev` and a Chromium. Run from the root of a checkout.
"""

import argparse
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, "tests")

from browser import open_browser
from moving_shapes import shapes_predictions, shapes_tree
from report_entries import scored
from vidseg.bench.machine import environment
from vidseg.data import open_dataset
from vidseg.errors import VidsegWarning
from vidseg.files import write_json
from vidseg.report import write_report

SHAPE: dict[str, Any] = {"num_classes": 124, "videos": 10, "frames": 90, "size": (240, 427)}
OPENINGS = 7


def main() -> None:
    """Makes the report, opens it several times and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("json", type=Path, help="where the figures go")
    args = parser.parse_args()
    warnings.simplefilter("error", VidsegWarning)  # a report that had to leave frames out is not the one to be timed
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shapes_tree(folder / "data", **SHAPE)
        for seed in (1, 2):
            shapes_predictions(folder / f"model_{seed}", **SHAPE, seed=seed)
        dataset = open_dataset(folder / "data", "camvid", "val")
        entries = scored(dataset, [folder / "model_1", folder / "model_2"])
        size = write_report(folder / "report.html", entries, dataset)
        with open_browser() as browser:
            seconds = [opening(browser, folder / "report.html") for _ in range(OPENINGS)]
            version = browser.version
    write_json(
        args.json,
        {
            "what": "from asking for the file to the first frame shown, every opening with an empty cache",
            "report": {**SHAPE, "models": 2, "bytes": size},
            "seconds": seconds,
            "median_seconds": statistics.median(seconds),
            "browser": f"Chromium {version}",
            "environment": environment(None),
        },
    )
    print(
        f"{size / 1e6:.1f} MB, median {statistics.median(seconds):.2f} s, all: {[round(value, 2) for value in seconds]}"
    )


def opening(browser: Any, path: Path) -> float:
    """Seconds until the page says that its first frame is shown."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True)
    page = context.new_page()
    began = time.perf_counter()
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    taken = time.perf_counter() - began
    context.close()
    return taken


if __name__ == "__main__":
    main()
