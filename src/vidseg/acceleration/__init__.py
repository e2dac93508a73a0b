"""Exact algebra that makes inference fast: each fast path has a slow, obvious twin in `vidseg.models`."""

from vidseg.acceleration.dense_labels import DenseLabels, frame_labels
from vidseg.acceleration.labels import FastLabels
from vidseg.acceleration.model import FastCFFM, FastSegFormer, accelerate

__all__ = ["DenseLabels", "FastCFFM", "FastLabels", "FastSegFormer", "accelerate", "frame_labels"]
