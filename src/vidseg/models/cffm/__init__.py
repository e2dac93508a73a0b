"""CFFM: coarse-to-fine feature mining (CVPR 2022)."""

from vidseg.models.cffm.assembling import ReferenceConfig
from vidseg.models.cffm.model import CFFM, PAPER_REFERENCES, CFFMConfig, CFFMFeatures

__all__ = ["CFFM", "PAPER_REFERENCES", "CFFMConfig", "CFFMFeatures", "ReferenceConfig"]
