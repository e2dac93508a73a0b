"""Checkpoints: save, load, convert, and the Hugging Face hub."""

from vidseg.checkpoints.classes import read_classes, vspw_classes
from vidseg.checkpoints.convert import Conversion, SourceKind, convert
from vidseg.checkpoints.hub import push
from vidseg.checkpoints.initial import InitialWeights, load_initial_weights
from vidseg.checkpoints.load import bundled_models, describe, find_checkpoint, load
from vidseg.checkpoints.store import (
    Checkpoint,
    EncoderCheckpoint,
    Record,
    load_checkpoint,
    load_encoder,
    read_record,
    save_checkpoint,
    save_encoder,
)

__all__ = [
    "Checkpoint",
    "Conversion",
    "EncoderCheckpoint",
    "InitialWeights",
    "Record",
    "SourceKind",
    "bundled_models",
    "convert",
    "describe",
    "find_checkpoint",
    "load",
    "load_checkpoint",
    "load_encoder",
    "load_initial_weights",
    "push",
    "read_classes",
    "read_record",
    "save_checkpoint",
    "save_encoder",
    "vspw_classes",
]
