"""Evaluation: data set -> stream -> metrics, of a model or of anyone's mask files."""

from vidseg.evaluate.engines import EngineConfig
from vidseg.evaluate.model import WINDOWS, evaluate_model, validate
from vidseg.evaluate.predictions import evaluate_predictions
from vidseg.evaluate.result import Evaluation
from vidseg.evaluate.videos import select_videos

__all__ = [
    "WINDOWS",
    "EngineConfig",
    "Evaluation",
    "evaluate_model",
    "evaluate_predictions",
    "select_videos",
    "validate",
]
