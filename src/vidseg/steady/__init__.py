"""Any model, steady: a motion-compensated memory of class scores, without training."""

from vidseg.steady.blending import Steadied, SteadyBlend
from vidseg.steady.config import REFERENCE_RATE, Steady
from vidseg.steady.steadier import Steadier, SteadyMemory

__all__ = ["REFERENCE_RATE", "Steadied", "Steadier", "Steady", "SteadyBlend", "SteadyMemory"]
