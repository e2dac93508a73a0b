"""Writes docs/results.md from what the queue kept: ``make tables``, or ``python tools/results.py`` in the checkout."""

from pathlib import Path

from benchmark.page import write_page


def main(root: Path = Path()) -> None:
    """The page of a checkout."""
    runs, models = root / "docs" / "runs", root / "src" / "vidseg" / "assets" / "models"
    benchmarks = sorted(runs.glob("bench_*.json"))
    bundled = sorted(path.parent for path in models.glob("*/config.json"))
    write_page(runs / "benchmark", benchmarks, bundled, root / "docs" / "results.md")


if __name__ == "__main__":
    main()
