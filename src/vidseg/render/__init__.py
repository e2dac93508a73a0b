"""Labelled video from a game engine: the data set `freedoom-video` (extra ``demo``)."""

from vidseg.render.classes import CLASS_MAP
from vidseg.render.dataset import Progress, RenderConfig, render, verify

__all__ = ["CLASS_MAP", "Progress", "RenderConfig", "render", "verify"]
