"""Folders of masks as entries of a report."""

from collections.abc import Sequence
from pathlib import Path

from vidseg.cli.temporal import DEFAULT, chosen_flow
from vidseg.data import VideoDataset
from vidseg.evaluate import PredictedLabels, evaluate_predictions
from vidseg.report import Entry

# With TC where that is possible.
FLOW, _ = chosen_flow(DEFAULT)


def scored(
    dataset: VideoDataset, folders: Sequence[Path], windows: tuple[int, ...] = (4,), flow: str | None = FLOW
) -> list[Entry]:
    """An entry a folder of masks."""
    return [
        Entry(
            name=folder.name,
            result={"command": f"made of {folder.name}"}
            | evaluate_predictions(folder, dataset, windows=windows, flow=flow).to_dict(),
            maps=PredictedLabels(folder),
        )
        for folder in folders
    ]
