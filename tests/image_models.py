"""Small image models and encoders of timm that tests of many rooms share."""

import torch
from torch import nn

import tiny
from vidseg.models import CFFMConfig, ModelConfig, PerFrameConfig, TimmConfig, VideoModel, build_model, encoder_config
from vidseg.models.heads import PSPConfig, UPerConfig, auxiliary_fcn
from vidseg.types import Preprocessing

PSPNET_R18 = PerFrameConfig(
    encoder=TimmConfig(name="resnet18", output_stride=8, variant="mmseg"),
    head=PSPConfig(channels=16),
    num_classes=5,
    auxiliary=auxiliary_fcn(8),
)


def cffm_over(encoder: str, *, head: UPerConfig | None = None) -> CFFMConfig:
    return CFFMConfig(
        encoder=encoder_config(encoder), num_classes=5, depth=1, head_channels=16, heads=2, head=head, dropout=0.0
    )


def built(config: ModelConfig) -> VideoModel:
    """A model whose norms and classifiers are not as they start."""
    torch.manual_seed(0)
    model = build_model(config)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.7, 1.3)
                nn.init.normal_(module.bias, std=0.1)
                nn.init.normal_(module.running_mean, std=0.1)
                nn.init.uniform_(module.running_var, 0.8, 1.2)
    model.class_map = tiny.class_map(config.num_classes)
    model.preprocessing = Preprocessing(short=48, long=96, multiple=32)
    return model.eval()
