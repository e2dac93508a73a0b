"""``vidseg import``: what was drawn in an annotation tool, as a data set to train on."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidseg.cli.main import DONE, PARTLY, report
from vidseg.cli.parser import Parser
from vidseg.cli.progress import progress_bar
from vidseg.files import write_json

if TYPE_CHECKING:
    from vidseg.data.annotations import ImportReport

_MOST_NAMED = 10


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "import",
        "Brings masks and polygons of annotation tools (CVAT, COCO, LabelMe, Supervisely, Pascal VOC, CamVid, KITTI, "
        "FiftyOne) into a data set of layout folder, new or old: masks, frames, class list and splits. Exit code 1: "
        "some frames could not be brought in.",
        "vidseg import cvat-export.zip my-videos --media clip.mp4",
    )
    parser.add_argument("export", metavar="EXPORT", help="the tool's archive, its unpacked folder, or its one file")
    parser.add_argument("root", metavar="ROOT", help="the data set's folder; what it has already stays")
    parser.add_argument(
        "--format",
        metavar="F",
        help="cvat, coco, labelme, supervisely, voc, camvid, kitti or fiftyone (default: the one that it looks like)",
    )
    parser.add_argument(
        "--media",
        metavar="PATH",
        help="the video or the folder of images that was annotated, or a folder of several, where neither ROOT/images "
        "nor the export holds them",
    )
    parser.add_argument(
        "--background",
        metavar="NAME",
        help="the class of pixels on which nothing was drawn, in frames with something drawn (default: no label)",
    )
    parser.add_argument("--json", metavar="F", help="write a report")
    return parser


def run(args: Any) -> int:
    """Reads all, writes what fits, and says what was left out."""
    from vidseg.data.annotations import import_annotations, read_annotations
    from vidseg.data.annotations.formats import unpacked

    media = None if args.media is None else Path(args.media)
    with unpacked(Path(args.export)) as folder:
        name, annotations = read_annotations(folder, args.format)
        with progress_bar("painting", None, "masks") as advance:
            done = import_annotations(
                annotations, Path(args.root), media=media, background=args.background, progress=advance
            )
    _tell(done)
    if args.json:
        write_json(args.json, {"format": name, **done.to_dict()})
    masks, replaced = (sum(getattr(video, key) for video in done.videos) for key in ("masks", "replaced"))
    again = f", {replaced} in place of older ones" if replaced else ""
    print(
        f"{args.root}: {masks} mask(s){again} of {len(done.videos)} video(s) from {name}, {len(done.classes)} "
        f"class(es); next: vidseg doctor {args.root} --layout folder"
    )
    return PARTLY if done.failures else DONE


def _tell(done: "ImportReport") -> None:
    for failure in done.failures[:_MOST_NAMED]:
        report(f"error: {failure}")
    if len(done.failures) > _MOST_NAMED:
        report(f"error: {len(done.failures) - _MOST_NAMED} more frames could not be brought in; --json names all")
    if done.left_out:
        counts = ", ".join(f"{count} {kind}" for kind, count in done.left_out.items())
        report(f"left out, for they are no areas: {counts}")
    total = done.unlabelled + sum(done.pixels.values())
    if done.unlabelled:
        report(f"{done.unlabelled / total:.1%} of the pixels have no label; --background NAME would make them a class")
