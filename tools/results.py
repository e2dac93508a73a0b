"""Writes docs/results.md, and its summary in README.md, from what the queue kept.

``make tables``, or ``python tools/results.py`` in the root of a checkout.
"""

from pathlib import Path

from benchmark.page import write_page, write_summary


def main(root: Path = Path()) -> None:
    """The pages of a checkout."""
    runs, models = root / "docs" / "runs", root / "src" / "vidseg" / "assets" / "models"
    benchmarks = sorted(runs.glob("bench_*.json"))
    bundled = sorted(path.parent for path in models.glob("*/config.json"))
    write_page(runs / "benchmark", runs / "earlier", benchmarks, bundled, root / "docs" / "results.md")
    write_summary(runs / "benchmark", root / "README.md")


if __name__ == "__main__":
    main()
