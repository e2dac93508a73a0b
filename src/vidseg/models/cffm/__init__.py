"""CFFM: coarse-to-fine feature mining (CVPR 2022), and CFFM++, which has a prior of the whole video."""

from vidseg.models.cffm.assembling import ReferenceConfig
from vidseg.models.cffm.model import CFFM, PAPER_REFERENCES, CFFMConfig, CFFMFeatures
from vidseg.models.cffm.prior import PriorConfig

__all__ = ["CFFM", "PAPER_REFERENCES", "CFFMConfig", "CFFMFeatures", "PriorConfig", "ReferenceConfig"]
