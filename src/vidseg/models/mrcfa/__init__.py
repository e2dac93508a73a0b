"""MRCFA: mining relations among cross-frame affinities (ECCV 2022)."""

from vidseg.models.mrcfa.model import MRCFA, MRCFAConfig, MRCFAFeatures

__all__ = ["MRCFA", "MRCFAConfig", "MRCFAFeatures"]
