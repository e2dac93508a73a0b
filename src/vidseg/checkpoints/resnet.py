"""ResNets as research code names them, into timm's names."""

from vidseg.checkpoints.renaming import Renaming
from vidseg.models import TimmConfig
from vidseg.models.layers import IMAGENET_MEAN, IMAGENET_STD

# Blocks a stage -> depth, of basic blocks and of bottlenecks.
_BASIC = {(2, 2, 2, 2): 18, (3, 4, 6, 3): 34}
_BOTTLENECK = {(3, 4, 6, 3): 50, (3, 4, 23, 3): 101, (3, 8, 36, 3): 152}


def resnet_depth(source: Renaming, theirs: str) -> int:
    """How many layers a ResNet has, by its blocks.

    Raises:
        CheckpointError: for a ResNet of another depth.
    """
    blocks = tuple(source.count(f"{theirs}layer{stage}") for stage in range(1, 5))
    known = _BOTTLENECK if f"{theirs}layer1.0.conv3.weight" in source else _BASIC
    if blocks not in known:
        raise source.unknown(f"a ResNet of {list(blocks)} blocks", f"one of {[list(sizes) for sizes in known]}")
    return known[blocks]


def move_resnet_stages(source: Renaming, theirs: str, ours: str) -> None:
    """Moves all blocks; names are alike."""
    for stage in range(1, 5):
        for index in range(source.count(f"{theirs}layer{stage}")):
            block = f"layer{stage}.{index}"
            for layer in (1, 2, 3):
                if f"{theirs}{block}.conv{layer}.weight" in source:
                    source.move_layer(f"{theirs}{block}.conv{layer}", f"{ours}{block}.conv{layer}", bias=False)
                    source.move_batch_norm(f"{theirs}{block}.bn{layer}", f"{ours}{block}.bn{layer}")
            if f"{theirs}{block}.downsample.0.weight" in source:
                source.move_layer(f"{theirs}{block}.downsample.0", f"{ours}{block}.downsample.0", bias=False)
                source.move_batch_norm(f"{theirs}{block}.downsample.1", f"{ours}{block}.downsample.1")


def imagenet_encoder(name: str, *, dilated: bool = False, mmseg_variant: bool = False) -> TimmConfig:
    """A model of timm for weights that were trained on images normalised as ImageNet's are."""
    return TimmConfig(
        name=name,
        output_stride=8 if dilated else None,
        variant="mmseg" if mmseg_variant else None,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )
