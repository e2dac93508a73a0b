"""Evaluation: data set -> stream -> metrics, of a model or of anyone's mask files."""

from vidseg.evaluate.engines import EngineConfig, listed_rate
from vidseg.evaluate.label_maps import LabelMaps, ModelLabels, PredictedLabels
from vidseg.evaluate.model import WINDOWS, evaluate_model, validate, weights_sha256
from vidseg.evaluate.predictions import evaluate_predictions
from vidseg.evaluate.result import Evaluation
from vidseg.evaluate.videos import select_videos

__all__ = [
    "WINDOWS",
    "EngineConfig",
    "Evaluation",
    "LabelMaps",
    "ModelLabels",
    "PredictedLabels",
    "evaluate_model",
    "evaluate_predictions",
    "listed_rate",
    "select_videos",
    "validate",
    "weights_sha256",
]
