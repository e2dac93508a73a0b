"""vidseg: video semantic segmentation, a class for every pixel of every frame, live."""

__version__ = "0.1.0"
