"""Exact algebra that makes inference fast: each fast path has a slow, obvious twin in `vidseg.models`."""

from vidseg.acceleration.labels import FastLabels
from vidseg.acceleration.model import FastCFFM, FastSegFormer, accelerate

__all__ = ["FastCFFM", "FastLabels", "FastSegFormer", "accelerate"]
