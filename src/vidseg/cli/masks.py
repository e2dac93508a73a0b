"""``vidseg masks``: masks of annotation tools to class ids."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidseg.cli.main import DONE, PARTLY, USAGE, report
from vidseg.cli.mask_tables import describe_unsettled, print_colours, print_plan
from vidseg.cli.parser import Parser
from vidseg.cli.progress import progress_bar
from vidseg.errors import InputError
from vidseg.files import write_json
from vidseg.types import IGNORE_8BIT

if TYPE_CHECKING:
    from vidseg.data.mask_keys import KeyKind
    from vidseg.data.mask_sources import MaskSource
    from vidseg.data.mask_survey import MaskSurvey
    from vidseg.data.mask_tables import MaskTable


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "masks",
        "Converts the masks of annotation tools to class ids: palette PNGs of the same relative names and a "
        "classes.json. Say how the masks are to be read with one of --table, --class, --guess, --channel, --ids, "
        "--one-based, --binary or --one-hot. Unknown colours or values are listed, and nothing is written, unless "
        "--nearest or --unknown says what they are. Exit code 0: done; 1: some masks could not be read, all others are "
        "written; 2: nothing is written.",
        "vidseg masks export/SegmentationClass my-videos/masks --table export/labelmap.txt",
    )
    parser.add_argument("source", metavar="IN", help="a folder of masks, subfolders and all, or one file")
    parser.add_argument(
        "out", metavar="OUT", nargs="?", help="the folder to make; with --guess it may be a table.json, or left out"
    )
    parser.add_argument(
        "--table",
        metavar="T",
        help="colours or values of the classes: labelmap.txt (CVAT, VOC), label_colors.txt, a CSV, a JSON of name and "
        "colour or value, or voc or cityscapes",
    )
    parser.add_argument(
        "--class",
        dest="classes",
        action="append",
        metavar="NAME=C",
        help="one more class of the table, with its colour (#rrggbb or r,g,b) or value; may be repeated",
    )
    parser.add_argument(
        "--guess",
        action="store_true",
        help="list the colours found with their shares; without OUT nothing is written, with OUT table.json a table to "
        "put names in, with a folder every colour becomes a class of its own",
    )
    parser.add_argument("--channel", metavar="C", help="the class ids are in this channel: R, G, B, A or L")
    parser.add_argument("--ids", action="store_true", help="the masks hold class ids, only in another kind of file")
    parser.add_argument("--one-based", action="store_true", help="the masks hold class ids plus 1; 0 is no label")
    parser.add_argument("--binary", action="store_true", help="black and white: 0 is the first class, 255 the second")
    parser.add_argument(
        "--one-hot", metavar="L", help="one black and white mask a class, in folders or with suffixes of its name"
    )
    parser.add_argument(
        "--names", metavar="N", help="of classes without a table: a,b,c, or a file (classes.json, class_names.txt)"
    )
    parser.add_argument(
        "--void", action="append", metavar="V", help="this colour, value or class is no label; may be repeated"
    )
    parser.add_argument(
        "--nearest",
        type=float,
        default=0.0,
        metavar="D",
        help="take unknown colours up to this far off for the nearest",
    )
    parser.add_argument("--unknown", metavar="U", help="all (other) unknown pixels become: ignore, or a class's name")
    parser.add_argument("--overlap", metavar="O", help="pixels in several one-hot classes: first, last or ignore")
    parser.add_argument("--pattern", metavar="P", help="which files of IN, e.g. '**/mask/*.png' (default: all images)")
    parser.add_argument("--strip", default="", metavar="S", help="what mask names end with and image names do not")
    parser.add_argument("--json", metavar="F", help="write a report")
    return parser


def run(args: Any) -> int:
    """Reads everything, says what is there, and writes only if all of it is settled."""
    _check_options(args)
    from vidseg.data.mask_conversion import plan_conversion, require_new, write_masks
    from vidseg.data.mask_survey import survey_masks

    out = None if args.out is None else Path(args.out)
    if out is not None:
        require_new(out)
    source, table = _source_and_table(args)
    with progress_bar("reading", len(source.frames), "masks") as advance:
        survey = survey_masks(source, advance)
    for _, reason in survey.failures:
        report(f"error: {reason}")
    if not survey.frames:
        raise InputError(f"got {len(survey.failures)} mask(s), none of which can be read; expected masks")
    if args.guess:
        print_colours(survey)
        if out is not None:
            _require_exact_colours(survey)
        if out is None or out.suffix.lower() == ".json":
            return _write_guess(args, survey, out)
    plan = plan_conversion(
        source, survey, _final_table(args, table, survey), nearest=args.nearest, unknown=args.unknown
    )
    print_plan(plan)
    settled = not plan.unsettled
    if args.json:
        write_json(args.json, {"out": str(out) if settled else None, **plan.to_dict()})
    if not settled:
        report(describe_unsettled(plan))
        return USAGE
    assert out is not None
    with progress_bar("writing", len(survey.frames), "masks") as advance:
        write_masks(source, plan, out, advance)
    left_out = f"; {len(survey.failures)} could not be read" if survey.failures else ""
    print(f"{out}: {len(survey.frames)} mask(s) of {plan.class_map.num_classes} class(es), classes.json{left_out}")
    return PARTLY if survey.failures else DONE


def _check_options(args: Any) -> None:
    """Refuses what cannot be meant, before anything is read.

    Raises:
        InputError: if there is no way or more than one to read the masks, or an option that does nothing.
    """
    from vidseg.data.mask_pixels import CHANNELS

    table = args.table is not None or bool(args.classes)
    ways = {
        "--table or --class": table,
        "--guess": args.guess,
        # A channel may hold the values of a table, or class ids plus 1.
        "--channel": args.channel is not None and not table and not args.one_based,
        "--ids": args.ids,
        "--one-based": args.one_based,
        "--binary": args.binary,
        "--one-hot": args.one_hot is not None,
    }
    chosen = [way for way, given in ways.items() if given]
    if not chosen:
        raise InputError(_which_way(Path(args.source)))
    if len(chosen) > 1 or (args.channel and (args.guess or args.ids or args.binary or args.one_hot)):
        both = chosen if len(chosen) > 1 else [*chosen, "--channel"]
        raise InputError(f"got {' and '.join(both)}; expected one way to read the masks; leave the others out")
    if args.channel is not None:
        args.channel = args.channel.upper()
    _require_choice("--channel", args.channel, CHANNELS)
    _require_choice("--one-hot", args.one_hot, ("folders", "suffixes"))
    _require_choice("--overlap", args.overlap, ("first", "last", "ignore"))
    if args.overlap is not None and args.one_hot is None:
        raise InputError("got --overlap without --one-hot; expected both; leave it out")
    if args.names is not None and (table or args.guess):
        raise InputError("got --names with names from elsewhere; expected one of both; write them into the table")
    if not args.nearest >= 0:
        raise InputError(f"got --nearest {args.nearest}; expected a distance of 0 or more")
    if args.out is None and not args.guess:
        raise InputError("got no OUT; expected the folder to make, or --guess")
    suffix = "" if args.out is None else Path(args.out).suffix.lower()
    if suffix in (".png", ".jpg", ".json") and not (suffix == ".json" and args.guess):
        raise InputError(f"got OUT {args.out}; expected the name of a folder")
    if args.out is not None and Path(args.out).resolve().is_relative_to(Path(args.source).resolve()):
        raise InputError(f"got OUT {args.out} inside of IN {args.source}; expected it elsewhere; give another")
    if args.guess and (args.out is None or suffix == ".json"):
        idle = {"--void": args.void, "--unknown": args.unknown, "--nearest": args.nearest}
        if given := [name for name, value in idle.items() if value]:
            raise InputError(f"got {given[0]} where nothing is converted; expected it with --table; leave it out")


def _require_choice(option: str, value: str | None, choices: Sequence[str]) -> None:
    if value is not None and value not in choices:
        raise InputError(f"got {option} {value!r}; expected {', '.join(choices[:-1])} or {choices[-1]}")


def _which_way(source: Path) -> str:
    """What to say if nobody said how the masks are to be read."""
    from vidseg.data.mask_advice import conversion_option, find_table
    from vidseg.data.mask_sources import find_masks

    first = next(iter(find_masks(source).values()))
    table = find_table(source)
    option = conversion_option(first) if table is None else f"--table {table}"
    return (
        f"got no way to read the masks; expected one of --table, --class, --guess, --channel, --ids, --one-based, "
        f"--binary, --one-hot; by {first if table is None else table} it could be {option}"
    )


def _source_and_table(args: Any) -> "tuple[MaskSource, MaskTable | None]":
    """What to read; with the table, where it does not depend on what is found."""
    from vidseg.data.mask_keys import Key
    from vidseg.data.mask_sources import MaskSource, find_masks, one_hot_frames, plain_frames
    from vidseg.data.mask_table_files import parse_class, read_names, read_table
    from vidseg.data.mask_tables import build_table

    table = None
    if args.table is not None or args.classes:
        table = build_table([]) if args.table is None else read_table(args.table)
        table = table.with_classes(parse_class(text) for text in args.classes or ())
    masks = find_masks(Path(args.source), args.pattern, args.strip)
    if args.one_hot is not None:
        names = None if args.names is None else read_names(args.names).names
        frames, classes = one_hot_frames(masks, args.one_hot, names)
        table = build_table([(name, Key("value", index)) for index, name in enumerate(classes)])
        source = MaskSource(frames=frames, kind="value", one_hot=classes, overlap=args.overlap, nearest=args.nearest)
        return source, table
    colours = args.guess or args.binary or (table is not None and table.kind == "colour")
    if colours and args.channel is not None:
        raise InputError("got --channel with a table of colours; expected one of values; leave --channel out")
    kind: KeyKind = "colour" if colours else "value"
    return MaskSource(frames=plain_frames(masks), kind=kind, channel=args.channel), table


def _final_table(args: Any, table: "MaskTable | None", survey: "MaskSurvey") -> "MaskTable":
    """The table, made of what was found where none was given, and with what is no label."""
    from vidseg.data.mask_keys import parse_key
    from vidseg.data.mask_survey import seems_edge
    from vidseg.data.mask_table_files import read_names
    from vidseg.data.mask_tables import binary_table, colour_table, id_table

    named = None if args.names is None else read_names(args.names)
    names = None if named is None else named.names
    if table is None and args.guess:
        table = colour_table(code for code in survey.codes if not seems_edge(survey, code))
    elif table is None and args.binary:
        table = binary_table(survey.codes.keys(), names)
    elif table is None:
        void = {key.code for word in args.void or () if word.isdigit() and (key := parse_key(word))}
        table = id_table(survey.codes.keys() - void, names, first=1 if args.one_based else 0)
    if named is not None and named.palette is not None and len(named.palette) == len(table.names):
        table = table.with_palette(named.palette)
    for word in args.void or ():
        table = table.without_class(word) if word in table.names else table.with_void(parse_key(word))
    return table


def _require_exact_colours(survey: "MaskSurvey") -> None:
    """Refuses to make classes of colours that were changed by compression, or of a photo's.

    Raises:
        InputError: if the masks are JPEG, or seem to have no classes, or more than class ids of 8 bits.
    """
    from vidseg.data.mask_survey import seems_edge

    lossy = next(
        (frame.files[0] for frame in survey.frames if frame.files[0].lower().endswith((".jpg", ".jpeg"))), None
    )
    if lossy is not None:
        raise InputError(
            f"got JPEG {lossy}, which changes colours; expected PNG to guess from; write a table, --nearest D"
        )
    count = sum(not seems_edge(survey, code) for code in survey.codes)
    if not 0 < count <= IGNORE_8BIT:
        raise InputError(
            f"got {count} colours that fill an area, of {len(survey.codes)}; expected 1 to {IGNORE_8BIT}, as masks "
            "have; write a table, or give masks"
        )


def _write_guess(args: Any, survey: "MaskSurvey", out: Path | None) -> int:
    """Writes the table of the colours found, or says how to go on without one."""
    from vidseg.data.mask_keys import rgb
    from vidseg.data.mask_survey import colours_dict, seems_edge

    if args.json:
        write_json(args.json, {"masks": len(survey.frames), "colours": colours_dict(survey)})
    if out is None:
        print(
            f"nothing was written; do: vidseg masks {args.source} table.json --guess, put names in the table, then: "
            f"vidseg masks {args.source} OUT --table table.json"
        )
        return DONE
    table = {f"colour_{code:06x}": list(rgb(code)) for code in sorted(survey.codes) if not seems_edge(survey, code)}
    write_json(out, table)
    left_out = len(survey.codes) - len(table)
    note = f" ({left_out} colours that seem to be edges only are left out)" if left_out else ""
    print(f"{out}: {len(table)} colour(s){note}; put names in it, then: vidseg masks {args.source} OUT --table {out}")
    return DONE
