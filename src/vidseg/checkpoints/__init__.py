"""Checkpoints: save, load, convert, and the Hugging Face hub."""

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
    "EncoderCheckpoint",
    "Record",
    "bundled_models",
    "describe",
    "find_checkpoint",
    "load",
    "load_checkpoint",
    "load_encoder",
    "read_record",
    "save_checkpoint",
    "save_encoder",
]
