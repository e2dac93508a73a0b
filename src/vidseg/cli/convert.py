"""``vidseg convert``: published weights into vidseg's own form."""

from typing import Any, get_args

from vidseg.cli.main import DONE
from vidseg.cli.parser import Parser
from vidseg.files import write_json

KINDS = {
    "cffm": "the authors' CFFM .pth",
    "mrcfa": "the authors' MRCFA .pth",
    "segformer": "the authors' SegFormer .pth",
    "hf": "a Hugging Face SegFormer directory or hf://owner/name",
    "mit": "an ImageNet mit_b*.pth, as initial weights for training",
    "mmseg": "an mmsegmentation .pth (1.x or 0.x): PSPNet, UPerNet, OCRNet, DeepLabV3+, FCN, SegFormer",
    "vspw": "a .pth of the VSPW authors' systems",
}


def build_parser() -> Parser:
    """The options of this command."""
    parser = Parser(
        "convert",
        "Brings published weights into vidseg's own form: a folder with model.safetensors and config.json.",
        "vidseg convert cffm_mit_b1.pth cffm-b1-vspw --from cffm",
    )
    parser.add_argument("checkpoint", metavar="CKPT", help="the file or directory to convert")
    parser.add_argument("out_dir", metavar="OUT_DIR", help="the folder to make")
    kinds = "; ".join(f"{kind}: {text}" for kind, text in KINDS.items())
    parser.add_argument("--from", dest="kind", required=True, choices=tuple(KINDS), help=kinds)
    parser.add_argument("--system", metavar="NAME", help="which of VSPW's systems, where the file cannot tell")
    parser.add_argument(
        "--classes", metavar="F.json", help="a list of class names, or {classes, palette, ignore}; VSPW's names for 124"
    )
    parser.add_argument("--json", metavar="F", help="write a report")
    return parser


def run(args: Any) -> int:
    """Converts and says what was made."""
    from vidseg.checkpoints import SourceKind, convert

    assert set(get_args(SourceKind)) == set(KINDS)
    done = convert(args.checkpoint, args.out_dir, args.kind, system=args.system, classes=args.classes)
    what = "an encoder (initial weights for training)"
    if done.num_classes is not None:
        what = f"{done.architecture} with {done.num_classes} classes ({done.class_names})"
    print(f"{done.directory}: {what}, {done.num_parameters:,} parameters")
    if args.json:
        write_json(
            args.json,
            {
                "directory": str(done.directory),
                "architecture": done.architecture,
                "num_classes": done.num_classes,
                "class_names": done.class_names,
                "parameters": done.num_parameters,
                "source_sha256": done.source_sha256,
            },
        )
    return DONE
