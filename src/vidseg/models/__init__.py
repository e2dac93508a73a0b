"""Models as pure torch: they know nothing of files, devices, configuration files or the command line."""

from vidseg.errors import InputError
from vidseg.models.cffm import CFFM, CFFMConfig, ReferenceConfig
from vidseg.models.contract import ClipLogits, ReferenceModel
from vidseg.models.mit import MIT_SIZES, MiTConfig, MixTransformer
from vidseg.models.segformer import SegFormer, SegFormerConfig

ModelConfig = SegFormerConfig | CFFMConfig
Model = SegFormer | CFFM

CONFIGS: dict[str, type[SegFormerConfig] | type[CFFMConfig]] = {
    "segformer": SegFormerConfig,
    "cffm": CFFMConfig,
}


def build_model(config: ModelConfig) -> Model:
    """A freshly initialised model, in training mode, for a configuration."""
    return SegFormer(config) if isinstance(config, SegFormerConfig) else CFFM(config)


def architecture_of(config: ModelConfig) -> str:
    """The name in `CONFIGS` of a configuration's architecture."""
    return next(name for name, cls in CONFIGS.items() if type(config) is cls)


def encoder_size(name: str) -> MiTConfig:
    """The Mix Transformer of a published size, "b0" to "b5".

    Raises:
        InputError: for another name.
    """
    try:
        return MIT_SIZES[name]
    except KeyError:
        raise InputError(f"got encoder size {name!r}; expected one of {', '.join(MIT_SIZES)}") from None


__all__ = [
    "CFFM",
    "CONFIGS",
    "MIT_SIZES",
    "CFFMConfig",
    "ClipLogits",
    "MiTConfig",
    "MixTransformer",
    "Model",
    "ModelConfig",
    "ReferenceConfig",
    "ReferenceModel",
    "SegFormer",
    "SegFormerConfig",
    "architecture_of",
    "build_model",
    "encoder_size",
]
