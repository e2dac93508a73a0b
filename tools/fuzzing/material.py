"""The valid inputs that damage is done to: small, made at run time, the same each time."""

import json
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image

from fuzzing.bombs import zip_bomb
from official_weights import cffm_shapes, make_weights, mit_shapes, segformer_shapes
from tiny import ENCODER, cffm, segformer
from trees import camvid_tree, folder_tree, stripes, vspw_tree
from vidseg.checkpoints import save_checkpoint
from vidseg.types import RGB

FRAMES = 8
_SIZE = (48, 64)
_RATE = 10

# File name: codec, pixel format, what the codec is told, what the muxer is told.
_VIDEOS: dict[str, tuple[str, str, dict[str, str], dict[str, str]]] = {
    "h264.mp4": ("libx264", "yuv420p", {"g": "4", "bf": "1", "threads": "1"}, {}),
    "sound.mp4": ("libx264", "yuv420p", {"g": "4", "threads": "1"}, {}),
    "streamed.mp4": ("libx264", "yuv420p", {"g": "4", "threads": "1"}, {"movflags": "frag_keyframe+empty_moov"}),
    "faststart.mov": ("mpeg4", "yuv420p", {"g": "4"}, {"movflags": "faststart"}),
    "h264.mkv": ("libx264", "yuv420p", {"g": "4", "bf": "1", "threads": "1"}, {"fflags": "bitexact"}),
    "mpeg4.avi": ("mpeg4", "yuv420p", {"g": "4"}, {}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}, {}),
    "vp8.webm": ("libvpx", "yuv420p", {"deadline": "realtime", "threads": "1"}, {"fflags": "bitexact"}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"deadline": "realtime", "threads": "1"}, {"fflags": "bitexact"}),
    "animated.gif": ("gif", "rgb8", {}, {}),
    "mpeg2.ts": ("mpeg2video", "yuv420p", {"g": "4"}, {}),
    "h264.ts": ("libx264", "yuv420p", {"g": "4", "threads": "1"}, {}),
}
_IMAGES = ("png", "jpg", "bmp", "webp", "tif", "ppm")


def make_material(root: Path) -> None:
    """Writes everything under a new folder."""
    for name, settings in _VIDEOS.items():
        _write_video(root / "videos" / name, *settings)
    _write_images(root / "images")
    folder_tree(root / "folder", videos=("one",), frames=3)
    camvid_tree(root / "camvid", splits={"train": ("a",), "val": ("b",)}, frames=3)
    vspw_tree(root / "vspw", splits={"train": ("a",), "val": ("b",)}, frames=3)
    # What a perfect model would say of the folder: its own masks.
    shutil.copytree(root / "folder" / "masks", root / "predictions")
    for model in (segformer(3), cffm(3)):
        folder = root / "checkpoints" / type(model).__name__.lower()
        assert model.class_map is not None
        assert model.preprocessing is not None
        save_checkpoint(folder, model, class_map=model.class_map, preprocessing=model.preprocessing)
    _write_huggingface(root / "huggingface")
    (root / "pth").mkdir()
    for kind, weights in official_weights().items():
        torch.save({"state_dict": weights, "meta": {"CLASSES": ("a", "b", "c")}}, root / "pth" / f"{kind}.pth")
    (root / "bomb.zip").write_bytes(zip_bomb("bomb/data/0"))


def official_weights() -> dict[str, dict[str, torch.Tensor]]:
    """State dicts as the authors' files hold them, small, by the kind that ``vidseg convert --from`` takes."""
    widths, depths = (8, 16, 40, 64), (1, 1, 1, 1)
    return {
        "mit": make_weights(mit_shapes(widths, depths)),
        "segformer": make_weights(segformer_shapes(widths, depths, num_classes=3, channels=16)),
        "cffm": make_weights(cffm_shapes(widths, depths, mining_depth=1, num_classes=3, channels=16)),
    }


def picture(index: int) -> RGB:
    """Stripes that move, on noise that compresses badly enough to fill some kilobytes."""
    image, _ = stripes(index, size=_SIZE)
    noise = np.random.default_rng(index).integers(0, 30, image.shape)
    return (image * 0.8 + noise).astype(np.uint8)


def _write_video(path: Path, codec: str, pix_fmt: str, options: dict[str, str], muxer: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=muxer) as output:
        stream = output.add_stream(codec, rate=_RATE, options=options)
        stream.height, stream.width, stream.pix_fmt = *_SIZE, pix_fmt
        stream.codec_context.time_base = Fraction(1, _RATE)
        sound = output.add_stream("aac", rate=16000, layout="mono") if path.stem == "sound" else None
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, _RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            for begin in range(0, FRAMES * 16000 // _RATE, 1024):
                wave = np.sin(np.arange(begin, begin + 1024) / 9).astype(np.float32)[None]
                piece = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
                piece.sample_rate, piece.pts, piece.time_base = 16000, begin, Fraction(1, 16000)
                output.mux(sound.encode(piece))
            output.mux(sound.encode(None))


def _write_images(folder: Path) -> None:
    folder.mkdir()
    image = Image.fromarray(picture(0))
    for suffix in _IMAGES:
        image.save(folder / f"rgb.{suffix}")
    image.quantize(16).save(folder / "palette.png")
    image.convert("LA").save(folder / "transparent.png")
    Image.fromarray(np.arange(48 * 64, dtype=np.uint16).reshape(_SIZE) * 20).save(folder / "deep.png")
    image.save(folder / "progressive.jpg", progressive=True)
    more = [Image.fromarray(picture(index)) for index in (1, 2)]
    image.save(folder / "animated.webp", save_all=True, append_images=more, duration=100)
    image.save(folder / "pages.tif", save_all=True, append_images=more, compression="tiff_lzw")


def _write_huggingface(folder: Path) -> None:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation  # slow to import, and only here
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    config = SegformerConfig(
        hidden_sizes=list(ENCODER.widths),
        depths=list(ENCODER.depths),
        num_attention_heads=list(ENCODER.heads),
        decoder_hidden_size=16,
        id2label={0: "a", 1: "b", 2: "c"},
    )
    torch.manual_seed(0)
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    processor = {"do_resize": True, "size": {"height": 48, "width": 48}, "resample": 2, "do_normalize": True}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
