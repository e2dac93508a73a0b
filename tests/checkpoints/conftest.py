"""Tiny models and their class maps."""

import pytest

from vidseg.models import CFFM, CFFMConfig, MiTConfig, SegFormer, SegFormerConfig
from vidseg.types import ClassMap


@pytest.fixture
def tiny() -> MiTConfig:
    return MiTConfig(widths=(8, 16, 20, 32), depths=(1, 2, 1, 1))


@pytest.fixture
def classes() -> ClassMap:
    return ClassMap(names=("sky", "road", "car"), palette=((1, 2, 3), (4, 5, 6), (7, 8, 9)))


@pytest.fixture
def cffm(tiny: MiTConfig) -> CFFM:
    return CFFM(CFFMConfig(encoder=tiny, num_classes=3, depth=2, head_channels=16, heads=2))


@pytest.fixture
def segformer(tiny: MiTConfig) -> SegFormer:
    return SegFormer(SegFormerConfig(encoder=tiny, num_classes=3, head_channels=16))
