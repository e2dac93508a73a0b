"""Miniature networks of `transformers`, saved by it together with their processors, and what it makes of a picture."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tiny

transformers = pytest.importorskip("transformers", reason="transformers is not installed")

CLASSES = ("wall", "floor", "sky", "tree", "person")
_LABELS = {"id2label": dict(enumerate(CLASSES)), "label2id": {name: index for index, name in enumerate(CLASSES)}}
_STAGES = {"out_features": ["stage1", "stage2", "stage3", "stage4"]}
_VIT = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32}
_DECODER = {"num_attention_heads": 2, "dim_feedforward": 32, "num_queries": 7, "encoder_feedforward_dim": 32}
_EOMT = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": 64, "patch_size": 8}
_EOMT |= {"num_blocks": 2, "num_queries": 7, "num_register_tokens": 2}
# Their classes build a loss that wants scipy, also where nothing is trained.
NEED_SCIPY = frozenset({"mask2former", "maskformer", "oneformer", "eomt", "eomt split", "eomt_dinov3", "videomt"})


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One entry of `KINDS`: makes a configuration, and a processor."""

    config: Callable[[], Any]
    processor: Callable[[], Any]


def _t(name: str, **fields: Any) -> Any:
    return getattr(transformers, name)(**fields)


def _swin() -> Any:
    return _t(
        "SwinConfig", image_size=64, embed_dim=8, depths=[1] * 4, num_heads=[1, 1, 2, 2], window_size=4, **_STAGES
    )


def _upernet(backbone: Any, width: int) -> Any:
    return _t(
        "UperNetConfig",
        backbone_config=backbone,
        hidden_size=16,
        auxiliary_in_channels=width,
        auxiliary_channels=8,
        **_LABELS,
    )


KINDS: dict[str, Kind] = {
    "segformer": Kind(
        config=lambda: _t("SegformerConfig", hidden_sizes=[8, 16, 20, 32], depths=[1] * 4, **_LABELS),
        processor=lambda: _t("SegformerImageProcessor", size=64),
    ),
    "upernet convnext": Kind(
        config=lambda: _upernet(_t("ConvNextConfig", hidden_sizes=[8, 8, 16, 16], depths=[1] * 4, **_STAGES), 16),
        processor=lambda: _t("SegformerImageProcessor", size=64),
    ),
    "upernet swin": Kind(
        config=lambda: _upernet(_swin(), 32),
        processor=lambda: _t("SegformerImageProcessor", size={"height": 64, "width": 96}, resample=3),
    ),
    "dpt": Kind(
        config=lambda: _t(
            "DPTConfig",
            image_size=64,
            backbone_out_indices=[0, 1, 2, 3],
            neck_hidden_sizes=[8, 8, 16, 16],
            fusion_hidden_size=16,
            is_hybrid=False,
            **_VIT,
            **_LABELS,
        ),
        processor=lambda: _t("DPTImageProcessor", size=65, ensure_multiple_of=32),
    ),
    "beit": Kind(
        config=lambda: _t(
            "BeitConfig", image_size=64, use_relative_position_bias=True, out_indices=[1, 2, 3, 4], **_VIT, **_LABELS
        ),
        processor=lambda: _t("BeitImageProcessor", size=64),
    ),
    "data2vec": Kind(
        config=lambda: _t(
            "Data2VecVisionConfig",
            image_size=64,
            use_relative_position_bias=True,
            out_indices=[1, 2, 3, 4],
            **_VIT,
            **_LABELS,
        ),
        processor=lambda: _t("BeitImageProcessor", size=80, do_center_crop=True, crop_size=64),
    ),
    "mobilevit": Kind(
        config=lambda: _t(
            "MobileViTConfig",
            image_size=64,
            hidden_sizes=[16, 16, 16],
            neck_hidden_sizes=[8, 8, 16, 16, 16, 16, 32],
            num_attention_heads=2,
            aspp_out_channels=16,
            **_LABELS,
        ),
        processor=lambda: _t("MobileViTImageProcessor", size={"shortest_edge": 72}, crop_size=64),
    ),
    "mobilevitv2": Kind(
        config=lambda: _t(
            "MobileViTV2Config",
            image_size=64,
            n_attn_blocks=[1, 1, 1],
            base_attn_unit_dims=[16, 16, 16],
            width_multiplier=0.25,
            aspp_out_channels=16,
            **_LABELS,
        ),
        processor=lambda: _t("MobileViTImageProcessor", size={"shortest_edge": 60}, crop_size=64),
    ),
    "mobilenet_v2": Kind(
        config=lambda: _t("MobileNetV2Config", depth_multiplier=0.25, image_size=65, **_LABELS),
        processor=lambda: _t("MobileNetV2ImageProcessor", size={"shortest_edge": 65}, crop_size=65),
    ),
    "mask2former": Kind(
        config=lambda: _t(
            "Mask2FormerConfig",
            backbone_config=_swin(),
            feature_size=32,
            mask_feature_size=32,
            hidden_dim=32,
            encoder_layers=2,
            decoder_layers=2,
            **_DECODER,
            **_LABELS,
        ),
        processor=lambda: _t("Mask2FormerImageProcessor", size={"shortest_edge": 60, "longest_edge": 256}),
    ),
    "maskformer": Kind(
        config=lambda: _t(
            "MaskFormerConfig",
            backbone_config=_swin(),
            fpn_feature_size=32,
            mask_feature_size=32,
            decoder_config=_t(
                "DetrConfig",
                d_model=16,
                encoder_layers=1,
                decoder_layers=1,
                encoder_ffn_dim=16,
                decoder_ffn_dim=16,
                encoder_attention_heads=2,
                decoder_attention_heads=2,
                num_queries=7,
            ),
            **_LABELS,
        ),
        processor=lambda: _t("MaskFormerImageProcessor", size={"shortest_edge": 64, "longest_edge": 90}),
    ),
    "oneformer": Kind(
        config=lambda: _t(
            "OneFormerConfig",
            backbone_config=_swin(),
            hidden_dim=32,
            mask_dim=32,
            conv_dim=32,
            encoder_layers=2,
            decoder_layers=2,
            task_seq_len=12,
            is_training=False,
            **_DECODER,
            **_LABELS,
        ),
        processor=lambda: _t("OneFormerImageProcessor", size={"shortest_edge": 64, "longest_edge": 128}),
    ),
    "eomt": Kind(
        config=lambda: _t("EomtConfig", **_EOMT, **_LABELS),
        processor=lambda: _t("EomtImageProcessor", size={"shortest_edge": 64, "longest_edge": 64}, do_pad=True),
    ),
    "eomt split": Kind(
        config=lambda: _t("EomtConfig", **_EOMT, **_LABELS),
        processor=lambda: _t(
            "EomtImageProcessor", size={"shortest_edge": 64, "longest_edge": None}, do_split_image=True
        ),
    ),
    "eomt_dinov3": Kind(
        config=lambda: _t("EomtDinov3Config", **_EOMT, **_LABELS),
        processor=lambda: _t("EomtImageProcessor", size={"shortest_edge": 64, "longest_edge": 64}, do_pad=True),
    ),
    "videomt": Kind(
        config=lambda: _t("VideomtConfig", **_EOMT, **_LABELS),
        processor=lambda: _t("VideomtVideoProcessor", size={"height": 64, "width": 64}),
    ),
}


def directory_of(root: Path, name: str) -> Path:
    """A directory with a network of a kind, random but the same ever again, and its processor; made once a root."""
    if name in NEED_SCIPY:
        pytest.importorskip("scipy", reason="scipy, which the network's class asks for, is not installed")
    directory = root / name.replace(" ", "_")
    if not directory.exists():
        network = network_of(name)
        network.save_pretrained(directory)
        processor_of(name).save_pretrained(directory)
    return directory


def network_of(name: str) -> Any:
    """A network of a kind, the same ever again, whose scores depend on everything it is given."""
    config = KINDS[name].config()
    auto = transformers.models.auto.modeling_auto
    classes = auto.MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES | auto.MODEL_FOR_UNIVERSAL_SEGMENTATION_MAPPING_NAMES
    network = getattr(transformers, classes[config.model_type])(config).eval()
    with torch.no_grad():
        _stir(network)
        _even_out(network, name)
    return network


def _stir(network: nn.Module) -> None:
    generator = torch.Generator().manual_seed(5)
    for name, parameter in network.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim > 1:
            parameter.copy_(noise * parameter.shape[1:].numel() ** -0.5)
        else:
            parameter.copy_(0.2 * noise + (0 if name.endswith("bias") else 1))


def _even_out(network: Any, name: str) -> None:
    """Norms for what they see, and no class that always wins."""
    given = _inputs(name, [tiny.video(1, 75, 101, seed=seed)[0].image for seed in range(4)])
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    network(**given)
    for norm in norms:
        norm.eval()
    outputs = network(**given)
    if name in NEED_SCIPY:
        scores, count = outputs.class_queries_logits.flatten(0, 1), len(CLASSES) + 1
    else:
        scores, count = outputs.logits.movedim(1, -1).flatten(0, -2), len(CLASSES)
    last = [
        module
        for part, module in network.named_modules()
        if count in (getattr(module, "out_features", 0), getattr(module, "out_channels", 0)) and "auxiliary" not in part
    ][-1]
    spread = scores.std(dim=0) / 2
    last.weight.div_(spread.view(-1, *[1] * (last.weight.ndim - 1)))
    last.bias.sub_(scores.mean(dim=0)).div_(spread)


def processor_of(name: str) -> Any:
    """The processor; OneFormer's with a tokenizer of single letters."""
    processor = KINDS[name].processor()
    if name != "oneformer":
        return processor
    letters = [*"abcdefghijklmnopqrstuvwxyz"]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    merges = [("t", "h"), ("th", "e</w>")]
    vocabulary = {token: index for index, token in enumerate([*tokens, "th", "the</w>"])}
    tokenizer = transformers.CLIPTokenizer(vocab=vocabulary, merges=merges)
    return transformers.OneFormerProcessor(image_processor=processor, tokenizer=tokenizer, task_seq_length=12)


@torch.inference_mode()
def their_scores(name: str, image_HW3: np.ndarray, network: Any) -> Tensor:
    """Scores [K,H,W] at the picture's size, by their processor, network and post-processing."""
    outputs = network(**_inputs(name, [image_HW3]))
    found = processor_of(name).post_process_semantic_segmentation(
        outputs, [image_HW3.shape[:2]], return_segmentation_scores=True
    )
    return found[0].segmentation_scores


def _inputs(name: str, images: list[np.ndarray]) -> dict[str, Any]:
    """What their processor makes of pictures of one size."""
    processor = processor_of(name)
    if name == "videomt":
        return dict(processor(images, return_tensors="pt", do_sample_frames=False))
    if name == "oneformer":
        return dict(processor(images=images, task_inputs=["semantic"] * len(images), return_tensors="pt"))
    inputs = dict(processor(images=images, return_tensors="pt"))
    return {key: value for key, value in inputs.items() if key != "patch_offsets" or value}
