"""Networks of Hugging Face ``transformers`` on the contract of video models: wrapped, not written anew."""

from vidseg.models.foreign.config import ForeignConfig
from vidseg.models.foreign.model import Foreign
from vidseg.models.foreign.networks import build_foreign, wrap_network
from vidseg.models.foreign.videomt import VidEoMT

__all__ = ["Foreign", "ForeignConfig", "VidEoMT", "build_foreign", "wrap_network"]
