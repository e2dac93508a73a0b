"""``vidseg push``: a checkpoint and its card to the Hugging Face hub."""

from pathlib import Path
from typing import Any

from vidseg.cli.main import DONE, report
from vidseg.cli.parser import Parser
from vidseg.errors import InputError
from vidseg.files import read_json


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "push",
        "Uploads a checkpoint to the Hugging Face hub, with a card made from its training record and scores (or the "
        "README.md that lies in it). Log in first: hf auth login.",
        "vidseg push runs/clips/best hf://owner/name --scores scores.json --license apache-2.0",
    )
    parser.add_argument("directory", metavar="DIR", help="a checkpoint, such as a run's folder best")
    parser.add_argument("address", metavar="hf://owner/name", help="the repository; made if it does not exist")
    parser.add_argument(
        "--scores",
        action="append",
        metavar="F",
        help="what vidseg evaluate --json wrote of these weights, for the card; may be repeated",
    )
    parser.add_argument(
        "--license", metavar="L", help="of the weights, for the card (default: what the checkpoint states)"
    )
    parser.add_argument("--private", action="store_true", help="a new repository is hidden from others")
    parser.add_argument("--dry-run", action="store_true", help="print the card and what would be uploaded; no network")
    return parser


def run(args: Any) -> int:
    """Uploads, or says what would be."""
    from vidseg.checkpoints.hub import MODEL_CARD, plan_push, push

    scores = [_scores(Path(path)) for path in args.scores or ()]
    if args.dry_run:
        upload = plan_push(args.directory, args.address, scores=scores, license=args.license)
        card = upload.files[MODEL_CARD]
        print(card.read_text(encoding="utf-8") if isinstance(card, Path) else card)
        for name, file in upload.files.items():
            size = file.stat().st_size if isinstance(file, Path) else len(file.encode())
            report(f"would upload {name}, {size:,} bytes, to {args.address}")
        return DONE
    print(push(args.directory, args.address, scores=scores, license=args.license, private=args.private))
    return DONE


def _scores(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"got no readable scores {path} ({error}); expected what vidseg evaluate --json wrote"
        ) from error
    if not isinstance(value, dict):
        raise InputError(f"got scores {path} that are no JSON object; expected what vidseg evaluate --json wrote")
    return value
