"""The benchmark page, written from the JSON of runs: ``python -m vidseg.bench.page RUN.json… docs/benchmarks.md``.

Plots of a sweep are written beside the page, into a folder of its name.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vidseg.bench.plots import line_plot
from vidseg.errors import InputError
from vidseg.files import atomic_file

NAMES = {
    "naive": "CFFM as published: clips of 4 frames, unfused, three resizes, arg max",
    "ours_torch": "**vidseg, torch**",
    "ours_openvino": "**vidseg, OpenVINO**",
    "ours_int8": "vidseg, OpenVINO, int8",
    "ours_bf16": "vidseg, OpenVINO, bf16",
    "steady_torch": "vidseg, torch, steadied along the motion",
    "steady_openvino": "vidseg, OpenVINO, steadied along the motion",
    "segformer_torch": "vidseg's SegFormer, torch",
    "segformer_openvino": "vidseg's SegFormer, OpenVINO",
    "hf_torch": "`transformers`' SegFormer: processor, model, upsampling, arg max",
    "hf_openvino": "the same, its model exported to OpenVINO",
    "joint": "joint self-attention over all tokens of the clip, the rest accelerated",
    "encoder_torch": "encoder alone, torch",
    "encoder_openvino": "encoder alone, OpenVINO",
}
MEANINGS = {
    "naive_torch": "naive time / our time in torch",
    "naive_openvino": "naive time (in torch) / our time in OpenVINO",
    "hf_torch": "`transformers`' time in torch / our time in torch",
    "hf_openvino": "`transformers`' time in torch / our time in OpenVINO",
    "hf_exported": "`transformers`' time in OpenVINO / our time in OpenVINO",
    "steady_torch": "our time in torch, steadied / without; less is better",
    "steady_openvino": "our time in OpenVINO, steadied / without; less is better",
    "int8": "our time in OpenVINO / the same in int8",
    "bf16": "our time in OpenVINO / the same in bf16",
    "encoder_torch": "our time in torch / time of the encoder alone in torch; less is better",
    "encoder_openvino": "our time in OpenVINO / time of the encoder alone in OpenVINO; less is better",
    "limit": "our best time / the limit: the encoder's time in that runtime, and all other multiply-adds at the rate "
    "of large float32 matrix products on this machine; less is better",
}
FACTORS = {
    "size": "size of the frames",
    "backbone": "backbone (random weights)",
    "frames": "frames of a clip",
    "classes": "number of classes",
    "threads": "CPU threads",
    "depth": "mining blocks (random weights)",
}
_TURNS = {"first": "for the first time", "again": "with compiled graphs at hand"}
SERIES = {
    "naive": "naive, torch",
    "ours_torch": "vidseg, torch",
    "ours_openvino": "vidseg, OpenVINO",
    "hf_torch": "transformers, torch",
    "joint": "joint attention",
}

INTRODUCTION = """# Benchmarks

This page is generated from what `vidseg bench --json` wrote:
`python -m vidseg.bench.page RUN.json… docs/benchmarks.md`.

A time is that of one frame, from decoded RGB to the class of every pixel of it, streaming, batch 1: resizing,
normalisation, network, upsampling, arg max. Warm-up is excluded. The contenders of a run take turns, each labels the
same frame before the next frame comes: whatever else the machine does, it does to all of them. Ratios are of medians.
"""


def write_page(reports: Sequence[dict[str, Any]], path: Path) -> None:
    """Writes the page and its plots.

    Args:
        reports: as `benchmark` returns them, with "sweep" where there was one.
        path: of the page; plots go to the folder of the same name without suffix.
    """
    sections = [INTRODUCTION]
    for report in reports:
        sections += [_run_section(report), *_sweep_sections(report, path.with_suffix(""))]
    with atomic_file(path) as temporary:
        temporary.write_text("\n".join(sections), encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Runs and page from the command line.

    Raises:
        InputError: if a run's file holds something else.
    """
    if len(arguments) < 2:
        raise InputError("got no files; expected RUN.json… PAGE.md")
    *runs, page = map(Path, arguments)
    reports = [json.loads(run.read_text(encoding="utf-8")) for run in runs]
    for run, report in zip(runs, reports, strict=True):
        if not isinstance(report, dict) or "end_to_end" not in report:
            raise InputError(f"got {run}, which is no report of a benchmark; expected what vidseg bench --json wrote")
    write_page(reports, page)


def _run_section(report: dict[str, Any]) -> str:
    environment, absent = report["environment"], report["absent"]
    height, width = report["frame_size"]
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items() if version)
    lines = [
        f"## {report['model']}, {height}x{width}, {report['num_classes']} classes, on {environment['cpu']}, "
        f"{environment['date'][:10]}",
        "",
        f"{environment['cpu']}, {environment['cores']} cores ({environment['torch_threads']} threads in torch), "
        f"{environment['precision']}; {versions}; {environment['system']}, Python {environment['python']}. "
        f"Video: {report['video']}. Network input "
        f"{report['network_size'][0]}x{report['network_size'][1]}.",
        "",
        f"    {environment['command']}",
        "",
        *table(
            ("", "median, ms", "p95, ms", "frames/s", "runs"),
            [
                (
                    label,
                    _ms(timing["median"]),
                    _ms(timing["p95"]),
                    f"{1 / timing['median']:.2f}",
                    str(timing["runs"]),
                )
                for name, label in NAMES.items()
                if (timing := report["end_to_end"].get(name))
            ],
        ),
        *[f"Not measured: {name} ({reason})." for name, reason in absent.items()],
        "",
        *_ratio_table(report["ratios"]),
        "Stages of one frame in torch, measured one by one:",
        "",
        *table(
            ("stage", "median, ms", "p95, ms"),
            [(name, _ms(timing["median"]), _ms(timing["p95"])) for name, timing in report["stages"].items()],
        ),
        *_remarks(report),
    ]
    return "\n".join(lines) + "\n"


def _ratio_table(ratios: dict[str, float | None]) -> list[str]:
    rows = [(f"`{name}`", "–" if value is None else f"{value:.2f}", MEANINGS[name]) for name, value in ratios.items()]
    # A run that is there for its sweep may have measured none.
    return table(("ratio", "", "of median times"), rows) if any(ratios.values()) else []


def _remarks(report: dict[str, Any]) -> list[str]:
    lines = [
        f"- {report['border_share']:.1%} of the pixels lie on borders between classes; only for these is more than the "
        "arg max of small maps computed, so this share is part of every figure of ours.",
        f"- State of a stream: {_mb(report['state_bytes'])}.",
    ]
    if report["label_agreement"] is not None:
        lines.append(
            f"- Labels equal to the naive contender's on {report['label_agreement']:.4%} of the pixels or more."
        )
    if report["memory"]:
        memory = report["memory"]
        lines.append(
            f"- Memory over {memory['frames']} frames ({memory['runtime']}): {_mb(memory['loaded'])} with everything "
            f"loaded, peak {_mb(memory['peak'])}, growth over the last nine tenths {_mb(memory['growth'])}."
        )
    if segmented := report.get("segment"):
        lines += [_segment_line(turn, row) for turn, row in segmented.items()]
    if report["limit"]:
        limit = report["limit"]
        lines.append(
            f"- The limit ({limit['runtime']}): encoder {_ms(limit['encoder'])} ms, and "
            f"{limit['remaining'] / 1e9:.2f} G multiply-adds at {limit['rate'] / 1e9:.1f} G/s: "
            f"{_ms(limit['seconds'])} ms."
        )
    return lines


def _segment_line(turn: str, row: dict[str, float]) -> str:
    return (
        f"- `vidseg segment` on a file, {_TURNS[turn]}: {row['seconds']:.1f} s by the wall clock from its start to the "
        f"finished overlay, {row['frames_per_second']:.2f} frames/s; {row['sustained_frames_per_second']:.2f} from the "
        f"first labels to the last; {row['compile_seconds']:.1f} s went into compiling."
    )


def _sweep_sections(report: dict[str, Any], folder: Path) -> list[str]:
    sections = []
    for factor, cells in report.get("sweep", {}).items():
        values = [_value(cell["value"]) for cell in cells]
        shown = {name: label for name, label in SERIES.items() if any(name in cell["end_to_end"] for cell in cells)}
        series = {
            label: [cell["end_to_end"].get(name, {}).get("median") for cell in cells] for name, label in shown.items()
        }
        title = f"{report['model']}: cost against {FACTORS[factor]}"
        plot = folder / f"{report['model']}-{factor}.svg"
        with atomic_file(plot) as temporary:
            temporary.write_text(line_plot(title, FACTORS[factor], values, series), encoding="utf-8")
        lines = [
            f"### Cost against {FACTORS[factor]}",
            "",
            f"![{title}]({folder.name}/{plot.name})",
            "",
            *table(
                (FACTORS[factor], *(f"{label}, ms" for label in shown.values()), "border pixels"),
                [
                    (_value(cell["value"]), *(_cell(cell, name) for name in shown), f"{cell['border_share']:.1%}")
                    for cell in cells
                ],
            ),
            "¹ took over a minute and was measured once.",
        ]
        sections.append("\n".join(lines) + "\n")
    return sections


def _cell(cell: dict[str, Any], name: str) -> str:
    timing = cell["end_to_end"].get(name)
    if timing is None:
        return "–"
    return _ms(timing["median"]) + ("¹" if name in cell["measured_once"] else "")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table whose first column is text, with an empty one after it."""
    align = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(row)} |" for row in (head, align, *rows)] + [""]


def _value(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f}"


def _mb(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


if __name__ == "__main__":
    main(sys.argv[1:])
