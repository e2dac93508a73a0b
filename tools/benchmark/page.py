"""docs/results.md, written from the kept records alone: the same records give the same bytes.

What the figures mean is said by people, in notes.md beside the records; the page takes it up as it stands.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark import prose, tables
from benchmark.curves import curves, smoothed
from benchmark.plan import RUNS
from benchmark.results import Record, Results, read_earlier, read_results
from benchmark.tables import table
from vidseg.errors import InputError
from vidseg.files import atomic_file

_BEGIN, _END = "<!-- results: written by make tables -->", "<!-- end of results -->"
_CURVE_SPAN = 5
_STARTS = ("segformer-b0-freedoom", "cffm-b0-freedoom")
# What the prefixes of a bundled model's scores mean (tools/bundle.py).
_FRAMES = {"": "clean", "damaged_": "damaged", "sample_": "bundled sample"}


def write_page(records: Path, earlier: Path, benchmarks: Sequence[Path], bundled: Sequence[Path], page: Path) -> None:
    """Writes the page, and its curves into the folder of the same name.

    Args:
        records: the folder of what the queue keeps, with notes.md.
        earlier: the folder of what it kept of runs that are planned no more.
        benchmarks: JSON of `vidseg bench`.
        bundled: folders of the bundled models.
        page: the Markdown file.
    """
    results, rounds = read_results(records), read_earlier(earlier)
    models = {model.name: json.loads((model / "config.json").read_text()) for model in bundled}
    folder = page.with_suffix("")
    drawings = _drawings(results)
    for drawn in folder.glob("*.svg"):
        if drawn.name not in drawings:
            drawn.unlink()
    for name, drawing in drawings.items():
        with atomic_file(folder / name) as temporary:
            temporary.write_text(drawing, encoding="utf-8")
    sections = [
        prose.INTRODUCTION,
        *_progress(results),
        prose.EXPECTED,
        (records / "notes.md").read_text(encoding="utf-8"),
        *_rendered(results, models, drawings),
        prose.ABLATIONS,
        *tables.ablation_tables(results),
        *_real(results),
        prose.EARLIER,
        *tables.earlier_table(rounds),
        *_bundled(models),
        prose.SPEED,
        *_speed([json.loads(path.read_text(encoding="utf-8")) for path in benchmarks]),
        prose.BUDGET,
        *_runs(results.records.values(), records.name),
        *_runs(rounds, earlier.name),
        "The full sha256 of every checkpoint and the command lines stand in the records.\n",
        "## The paper's tables\n",
        *tables.published_table(),
        *tables.published_cityscapes_table(),
    ]
    text = "\n".join(sections).rstrip("\n") + "\n"
    with atomic_file(page) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_summary(records: Path, page: Path) -> None:
    """Puts the summary of the results between its marks in another page.

    Raises:
        InputError: if the page has no marks.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end:
        raise InputError(f"got {page} without {_BEGIN} and {_END}; expected both; put them where the table belongs")
    lines = tables.summary_table(read_results(records))
    with atomic_file(page) as temporary:
        temporary.write_text("\n".join([before + begin, "", *lines, end + after]), encoding="utf-8")


def _progress(results: Results) -> list[str]:
    if not results.absent:
        return [f"All {len(RUNS)} planned runs are here.", ""]
    names = ", ".join(f"`{run.name}`" for run in results.absent)
    return [f"{len(results.records)} of {len(RUNS)} planned runs are here. **Not run yet**: {names}.", ""]


def _rendered(results: Results, models: Mapping[str, Any], drawings: Iterable[str]) -> list[str]:
    lines = [prose.RENDERED]
    for scoring, prefix in (("damaged", "damaged_"), ("clean", "")):
        starts = {name: models[name]["metrics"] for name in _STARTS if name in models}
        scored = {name: {score: own[prefix + score] for score in tables.SCORES} for name, own in starts.items()}
        # The models of the package carry scores of one protocol.
        for protocol in ("vspw", "exact"):
            lines += tables.main_table(results, scoring, protocol, scored if protocol == "vspw" else {})
    lines += ["### The difference", ""]
    for scoring in ("damaged", "clean"):
        for protocol in ("vspw", "exact"):
            lines += tables.difference_table(results, scoring, protocol)
    lines += ["### IoU by class", "", "Means over the seeds, protocol `exact`.", "", *tables.class_table(results)]
    lines += ["### Curves", ""]
    lines += [f"![{name}](results/{name})" for name in drawings]
    return [*lines, ""]


def _drawings(results: Results) -> dict[str, str]:
    labels = {
        "segformer_b0_freedoom_scratch": "from scratch",
        "segformer_b0_freedoom": "SegFormer-B0",
        "cffm_b0_freedoom": "CFFM-B0",
    }
    shown = ("start", "pairs")
    chosen = {n: labels[record["recipe"]] for n, record in results.records.items() if record["group"] in shown}
    scratch = {name: label for name, label in chosen.items() if label == "from scratch"}
    pairs = {name: label for name, label in chosen.items() if label != "from scratch"}

    def series(names: dict[str, str], points: Callable[[str], list[tuple[float, float]]]) -> list[Any]:
        return [(label, found) for name, label in names.items() if (found := points(name))]

    def loss(name: str) -> list[tuple[float, float]]:
        # CFFM's has two parts; divided by the sum of their weights, losses are cross-entropies and can be compared.
        weights = results.records[name]["config"]["loss"]
        total = weights["final_weight"] + weights["frame_weight"]
        rows = smoothed(results.curves[name, "progress"], "loss", _CURVE_SPAN)
        return [(iteration, value / total) for iteration, value in rows]

    def measured(score: str) -> Callable[[str], list[tuple[float, float]]]:
        return lambda name: [
            (row["iteration"], 100 * row[score]) for row in results.curves[name, "validation"] if score in row
        ]

    plots = {
        "loss.svg": ("Cross-entropy, mean of 100 iterations", "loss / its weights", series(pairs, loss)),
        "miou.svg": ("mIoU on damaged validation video", "mIoU, %, exact", series(pairs, measured("mIoU"))),
        "mvc16.svg": (
            "mVC16 on damaged validation video",
            "mVC16, %, protocol exact",
            series(pairs, measured("mVC16")),
        ),
        "scratch-loss.svg": ("Cross-entropy from scratch, mean of 100 iterations", "loss", series(scratch, loss)),
    }
    return {name: curves(*plot) for name, plot in plots.items() if plot[2]}


def _real(results: Results) -> list[str]:
    lines = [prose.REAL]
    for group in ("camvid", "davis"):
        lines += [*tables.real_table(results, group), *tables.real_class_table(results, group)]
    return lines


def _bundled(models: Mapping[str, Any]) -> list[str]:
    rows = []
    for model, config in models.items():
        metrics = config["metrics"]
        for prefix, frames in _FRAMES.items():
            if prefix + tables.SCORES[0] not in metrics:
                continue
            cells = (f"{100 * metrics[prefix + name]:.4f}" for name in tables.SCORES)
            rows.append((f"`{model}`, {frames}", *cells, f"`{config['weights_sha256'][:12]}`"))
    return [prose.BUNDLED, *table(("model, frames", *tables.SCORES, "sha256 of the file"), rows)]


def _speed(reports: Sequence[dict[str, Any]]) -> list[str]:
    contenders = {
        "ours_torch": "CFFM-{}, torch",
        "ours_openvino": "CFFM-{}, OpenVINO",
        "segformer_torch": "SegFormer-{}, torch",
        "segformer_openvino": "SegFormer-{}, OpenVINO",
    }
    rows = []
    for report in reports:
        (size,) = re.findall(r"-(b\d)", report["model"])
        height, width = report["frame_size"]
        environment = report["environment"]
        what = f"{height}x{width}, {report['num_classes']} classes, {environment['cores']} cores"
        for name, label in contenders.items():
            if timing := report["end_to_end"].get(name):
                rows.append((label.format(size.upper()), what, f"{1 / timing['median']:.2f}", environment["cpu"]))
    return table(("model", "frames", "frames/s", "processor"), rows)


def _runs(records: Iterable[Record], folder: str) -> list[str]:
    rows = [_run(record, folder) for record in records]
    head = (
        "run",
        "iterations",
        "frames an iteration",
        "rates of encoder, rest",
        "parameters",
        "training, min",
        "scoring, min",
        "sha256 of the last weights",
    )
    return table(head, rows)


def _run(record: Record, folder: str) -> tuple[str, ...]:
    config = record["config"]
    clips, runtime, optimizer = config["data"]["clips"], config["runtime"], config["optimizer"]
    frames = len(clips["reference_offsets"]) + 1 if clips["frames"] == "clip" else 1
    count = frames * runtime["batch_size"] * runtime["accumulation"] * record["processes"]
    processes = "" if record["processes"] == 1 else f" ({record['processes']} processes)"
    scoring = sum(scores["seconds"] for scores in record["scores"].values())
    return (
        f"[{record['name']}](runs/{folder}/{record['name']}.json)",
        str(config["schedule"]["iterations"]),
        str(count),
        f"{optimizer['learning_rate']:g}, {optimizer['learning_rate'] * optimizer['head_factor']:g}",
        f"{record['parameters']:,}",
        f"{record['training_seconds'] / 60:.0f}{processes}",
        f"{scoring / 60:.0f}",
        f"`{record['checkpoints']['last'][:12]}`",
    )
