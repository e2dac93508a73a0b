"""``vidseg info``: what a model is, or an export."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from vidseg.cli.export_info import export_config, print_export
from vidseg.cli.main import DONE
from vidseg.cli.parser import Parser, add_preprocessing_option
from vidseg.files import write_json
from vidseg.types import Preprocessing

if TYPE_CHECKING:
    from vidseg.bench.complexity import Complexity


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "info",
        "Says what a model is: size, classes, training, scores, multiply-adds; or what an export is.",
        "vidseg info cffm-b0-freedoom --size 720x1280",
    )
    parser.add_argument("model", metavar="M", help="a bundled name, a directory, hf://owner/name, or an export")
    add_preprocessing_option(parser)
    parser.add_argument(
        "--size", default="480x853", metavar="HxW", help="frames to count multiply-adds for (default: 480x853)"
    )
    parser.add_argument("--frames", type=int, metavar="T", help="clip length to count for (default: the model's)")
    parser.add_argument("--json", metavar="F", help="write all of it")
    return parser


def run(args: Any) -> int:
    """Prints what a checkpoint holds, or an export."""
    if (config := export_config(args.model)) is not None:
        print_export(config)
        if args.json:
            write_json(args.json, config)
        return DONE
    from vidseg.bench.complexity import complexity
    from vidseg.bench.sizes import for_frames_of, parse_size
    from vidseg.checkpoints import describe, load
    from vidseg.models import architecture_of, encoder_name

    size = parse_size(args.size)
    record = describe(args.model, preprocessing=args.preprocessing)
    model = load(args.model, preprocessing=args.preprocessing)
    network_size = for_frames_of(size, record.preprocessing).network_size(*size)
    counted = complexity(record.config, network_size, args.frames)
    parameters = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    report = {
        "model": args.model,
        "architecture": architecture_of(record.config),
        "encoder": encoder_name(record.config.encoder),
        "config": asdict(record.config),
        "parameters": {"total": sum(parameters.values())} | {name: n for name, n in parameters.items() if n},
        "reference_offsets": list(model.reference_offsets),
        "preprocessing": record.preprocessing.to_dict(),
        **record.class_map.to_dict(),
        "training": record.training,
        "metrics": record.metrics,
        "license": record.license,
        "source_sha256": record.source_sha256,
        "complexity": {"frame_size": list(size)} | counted.to_dict(),
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("architecture", report["architecture"])
    table.add_row("encoder", report["encoder"])
    table.add_row("parameters", f"{report['parameters']['total']:,}")
    table.add_row("references", ", ".join(f"-{offset}" for offset in model.reference_offsets) or "none")
    for name, tensor in model.blank_state(1, network_size).items():
        shape = "x".join(map(str, tensor.shape[1:]))
        table.add_row(f"state: {name}", f"{shape}, {tensor.nbytes / 1e6:.2f} MB at {args.size}")
    table.add_row("input", _input(record.preprocessing))
    table.add_row("classes", f"{record.class_map.num_classes}: {', '.join(record.class_map.names)}")
    for name in ("training", "metrics"):
        for key, value in (report[name] or {}).items():
            table.add_row(f"{name}: {key}", f"{value:.4g}" if isinstance(value, float) else str(value))
    table.add_row("license", record.license or "not stated")
    console = Console()
    console.print(table)
    console.print()
    console.print(_complexity_table(counted, args.size))
    if set(counted.steps) - {"start", "step"}:
        for name, parts in counted.steps.items():
            console.print(f"step {name!r}: {sum(parts.values()) / 1e9:.3f} G multiply-adds, accelerated")
    if counted.attention is not None:
        cost = counted.attention
        console.print(
            f"one layer over the {cost.tokens:,} tokens of the clip at stride 8: joint self-attention "
            f"{cost.joint / 1e9:.1f} G, mining {cost.context_tokens} tokens a window {cost.mined / 1e9:.2f} G "
            f"({cost.ratio:.0f} times less)"
        )
    if args.json:
        write_json(args.json, report)
    return DONE


def _input(kept: Preprocessing) -> str:
    """How frames are brought to the network's size."""
    low_pass = ", antialiased" if kept.antialias else ""
    if kept.geometry is not None:
        return f"{kept.geometry}; {kept.interpolation}{low_pass} (the processor's geometry)"
    return f"ratio kept, within {kept.short}x{kept.long}, multiples of {kept.multiple}, {kept.interpolation}{low_pass}"


def _complexity_table(counted: "Complexity", size: str) -> Table:
    """Parameters and multiply-adds of every part."""
    height, width = counted.image_size
    table = Table(
        "part", title=f"{size} frames, computed at {height}x{width}", title_justify="left", box=None, pad_edge=False
    )
    columns: dict[str, tuple[Mapping[str, float], str]] = {
        "parameters": (counted.parameters, "{:,}"),
        f"clip of {counted.frames}, G multiply-adds": (_giga(counted.clip), "{:.3f}"),
        "stream": (_giga(counted.stream), "{:.3f}"),
    }
    columns["stream, accelerated"] = _giga(counted.accelerated), "{:.3f}"
    for head in columns:
        table.add_column(head, justify="right")
    for part in counted.parameters:
        table.add_row(part, *(form.format(counts.get(part, 0)) for counts, form in columns.values()))
    table.add_row("total", *(form.format(sum(counts.values())) for counts, form in columns.values()))
    return table


def _giga(counts: dict[str, int]) -> dict[str, float]:
    return {part: count / 1e9 for part, count in counts.items()}
