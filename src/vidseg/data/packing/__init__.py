"""Packing a data set into tar shards of WebDataset's form and an index, from which `vidseg.data` reads it again."""

from vidseg.data.packing.packing import PackReport, pack
from vidseg.data.packing.sizes import parse_bytes

__all__ = ["PackReport", "pack", "parse_bytes"]
