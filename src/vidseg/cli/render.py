"""``vidseg render``: labelled video from a game engine."""

from typing import Any

from vidseg.cli.main import DONE
from vidseg.cli.parser import Parser
from vidseg.cli.progress import progress_bar
from vidseg.files import write_json


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "render",
        "Renders freedoom-video: walks through Freedoom's maps with an exact class for every pixel, in VSPW's layout. "
        "Finished videos are kept, so an interrupted call can be repeated. Needs the extra 'demo'.",
        "vidseg render freedoom --train-clips 8 --val-clips 2 --workers 2",
    )
    parser.add_argument("out", metavar="OUT", help="the data set's folder")
    parser.add_argument("--train-clips", type=int, default=80, metavar="N", help="videos for training (default: 80)")
    parser.add_argument("--val-clips", type=int, default=24, metavar="N", help="videos on other maps (default: 24)")
    parser.add_argument("--frames", type=int, default=60, metavar="N", help="per video (default: 60)")
    parser.add_argument("--resolution", default="320x240", metavar="WxH", help="one of the engine's (default: 320x240)")
    parser.add_argument("--clean-only", action="store_true", help="leave out the damaged frames")
    parser.add_argument("--seed", type=int, default=0, help="of everything (default: 0)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default: 1)")
    parser.add_argument("--json", metavar="F", help="write the manifest there, too")
    return parser


def run(args: Any) -> int:
    """Renders what is missing."""
    from vidseg.render import RenderConfig, render

    config = RenderConfig(
        seed=args.seed,
        train_clips=args.train_clips,
        val_clips=args.val_clips,
        frames=args.frames,
        resolution=args.resolution,
        degraded=not args.clean_only,
        workers=args.workers,
    )
    with progress_bar("rendering", args.train_clips + args.val_clips, "videos") as advance:
        manifest = render(args.out, config=config, progress=lambda done, total, name: advance(done, total))
    print(f"{args.out}: {args.train_clips} videos for training, {args.val_clips} for validation")
    if args.json:
        write_json(args.json, manifest)
    return DONE
