"""``vidseg pack``: a data set in tar shards, for object stores and archives."""

from typing import TYPE_CHECKING, Any

from vidseg.cli.main import DONE, Terminated, interrupted
from vidseg.cli.parser import Parser
from vidseg.cli.progress import progress_bar
from vidseg.files import write_json

if TYPE_CHECKING:
    from vidseg.data.packing import PackReport


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "pack",
        "Packs a data set into tar shards of WebDataset's form and an index. Every command that takes a data set's "
        "folder takes the folder of shards, on disk or in a store. Interrupted, the same command goes on.",
        "vidseg pack VSPW_480p --layout vspw -o s3://bucket/vspw-shards",
    )
    parser.add_argument("root", metavar="ROOT", help="the data set's folder, or its address in a store")
    parser.add_argument(
        "--layout",
        required=True,
        metavar="L",
        help="of the folder: vspw, cityscapes, camvid, kitti-step, freedoom or folder",
    )
    parser.add_argument(
        "-o", "--out", required=True, metavar="OUT", help="a new or empty folder, or the address of one in a store"
    )
    parser.add_argument("--split", action="append", help="which part of it; may be repeated (default: all)")
    parser.add_argument(
        "--shard-size", default="1GB", metavar="S", help="the most that a shard may have, e.g. 500MB (default: 1GB)"
    )
    parser.add_argument("--json", metavar="F", help="write a report")
    return parser


def run(args: Any) -> int:
    """Packs, and says what was written."""
    from vidseg.data.packing import pack, parse_bytes

    shard_size = parse_bytes(args.shard_size, "--shard-size")
    try:
        with progress_bar("packing", None, "files") as advance:
            done = pack(
                args.root, args.layout, args.out, splits=args.split or (), shard_size=shard_size, progress=advance
            )
    except (KeyboardInterrupt, Terminated) as stop:
        return interrupted(stop, "finished shards are kept; the same command goes on")
    _tell(done)
    print(f"next: vidseg doctor {done.out} --layout {args.layout}")
    if args.json:
        write_json(args.json, done.to_dict())
    return DONE


def _tell(done: "PackReport") -> None:
    total = sum(shard.bytes for shard in done.shards)
    kept = f" ({done.kept} of them finished before)" if done.kept else ""
    print(f"{done.out}: {done.files} files in {len(done.shards)} shard(s){kept}, {total / 1e6:.1f} MB, and their index")
    for split, videos in done.videos.items():
        print(f"{split}: {videos} video(s), {done.frames[split]} frame(s)")
