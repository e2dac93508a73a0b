"""``vidseg app``: a local page to drop a video on, or to point a camera at."""

import ipaddress
from typing import Any

from vidseg.cli.main import DONE, report
from vidseg.cli.parser import Parser, add_precision_option, add_steady_options, steady_of


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "app",
        "Serves a page on this machine: drop a video, use the webcam or name an address, and watch its classes live; "
        "masks and overlay can be downloaded. Needs the extra 'app'. Ctrl-C ends it and removes all its files.",
        "vidseg app --model cffm-b0-freedoom",
    )
    parser.add_argument(
        "--model",
        dest="models",
        action="append",
        metavar="M",
        help="a bundled name, a directory, or hf://owner/name that the page offers; may be repeated, the first is "
        "proposed (default: the bundled models)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1, this machine)")
    parser.add_argument("--port", type=int, default=8420, help="0 for any that is free (default: 8420)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, … (default: auto)")
    parser.add_argument("--runtime", default="auto", help="the runtime that the page proposes (default: auto)")
    add_precision_option(parser)
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads of the network (default: all cores)")
    add_steady_options(parser)
    parser.add_argument("--max-upload-mb", type=float, default=512, metavar="MB", help="largest file (default: 512)")
    parser.add_argument("--max-minutes", type=float, default=10, metavar="M", help="longest video (default: 10)")
    parser.add_argument("--max-streams", type=int, default=4, metavar="N", help="videos at once (default: 4)")
    parser.add_argument("--max-clients", type=int, default=16, metavar="N", help="open pages at once (default: 16)")
    parser.add_argument("--no-urls", action="store_true", help="take no addresses, uploads and webcams only")
    parser.add_argument(
        "--allow-host",
        dest="allowed_hosts",
        action="append",
        metavar="NAME",
        help="a name under which browsers know this machine, besides localhost and plain addresses; may be repeated",
    )
    return parser


def run(args: Any) -> int:
    """Serves until interrupted."""
    from vidseg.app import AppConfig, serve
    from vidseg.checkpoints import bundled_models

    config = AppConfig(
        models=tuple(args.models or bundled_models()),
        host=args.host,
        port=args.port,
        device=args.device,
        runtime=args.runtime,
        precision=args.precision,
        threads=args.threads,
        steady=steady_of(args),
        flow=args.flow,
        max_upload_mb=args.max_upload_mb,
        max_minutes=args.max_minutes,
        max_streams=args.max_streams,
        max_clients=args.max_clients,
        allowed_hosts=tuple(args.allowed_hosts or ()),
        urls=not args.no_urls,
    )
    if not _is_this_machine(config.host):
        report("warning: whoever reaches this address can use the page; there is no password")
    serve(config, announce=lambda address: report(f"serving {address} (Ctrl-C ends it)"))
    return DONE


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
