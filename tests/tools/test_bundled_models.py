"""The bundled models have the scores that their config.json, and through it docs/results.md, says."""

import os
from importlib import resources
from pathlib import Path

import pytest

from vidseg.checkpoints import bundled_models, describe
from vidseg.data import open_dataset
from vidseg.evaluate import EngineConfig, evaluate_model

SCORES = ("mIoU", "wIoU", "mVC8", "mVC16", "mCC8", "mCC16")


# Of rendered video; the sample has labels of no other classes.
RENDERED = [name for name in bundled_models() if name.endswith("-freedoom")]


def scores_again(name: str, root: Path, layout: str, split: str) -> dict[str, float]:
    result = evaluate_model(name, open_dataset(root, layout, split), EngineConfig(runtime="torch"))
    return {score: result.scores["protocols"]["vspw"][score] for score in SCORES}


def stored(name: str, prefix: str) -> dict[str, float]:
    metrics = describe(name).metrics
    assert metrics is not None
    if prefix + SCORES[0] not in metrics:
        pytest.skip(f"{name} has no stored scores of these frames")
    return {score: metrics[prefix + score] for score in SCORES}


def test_they_fit_into_25_megabytes():
    models = Path(str(resources.files("vidseg"))) / "assets" / "models"
    assert sum(path.stat().st_size for path in models.rglob("*") if path.is_file()) < 25_000_000


@pytest.mark.slow
@pytest.mark.parametrize("name", RENDERED)
def test_the_sample_scored_again(name):
    sample = Path(str(resources.files("vidseg"))) / "assets" / "sample"
    # Processors round differently: a pixel of the sample more or less is 1e-7 of its score.
    assert scores_again(name, sample, "folder", "all") == pytest.approx(stored(name, "sample_"), abs=1e-6)


@pytest.mark.slow
@pytest.mark.skipif("VIDSEG_FREEDOOM" not in os.environ, reason="VIDSEG_FREEDOOM does not name a rendered data set")
@pytest.mark.parametrize(("prefix", "layout"), [("", "camvid"), ("damaged_", "freedoom")])
@pytest.mark.parametrize("name", RENDERED)
def test_the_whole_validation_set_scored_again(name, prefix, layout):
    root = Path(os.environ["VIDSEG_FREEDOOM"])
    assert scores_again(name, root, layout, "val") == pytest.approx(stored(name, prefix), abs=1e-6)
