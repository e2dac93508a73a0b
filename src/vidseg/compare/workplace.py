"""Where a comparison keeps what, and whether what is there still is of the same content.

```
OUT/SYSTEM/seed-0/run          the training run, see `vidseg.train.run_folder`; "run/last" is the model
OUT/SYSTEM/seed-0/origin.json  what it was trained on and from
OUT/SYSTEM/seed-0/scores.json  what `vidseg evaluate --json` writes
OUT/SYSTEM/report.html         of its first seed
OUT/SYSTEM/described.json      parameters and multiply-adds
OUT/SYSTEM/failure.txt         where a failure came from that has no words of its own
OUT/timing.json                of all systems, taken in turns
OUT/compare.json  OUT/compare.md  OUT/compare.html
```
A system that is not trained here has "loaded" in place of "seed-0".
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidseg.compare.plan import Job, Plan, System
from vidseg.data import VideoDataset
from vidseg.evaluate import weights_sha256
from vidseg.files import read_json, write_json

Key = Mapping[str, Any]


class Workplace:
    """The output folder of a comparison.

    Args:
        root: of everything.
        plan: what is compared.
    """

    def __init__(self, root: Path, plan: Plan) -> None:
        self.root, self._plan = root, plan
        self._digests: dict[tuple[str, int, int], str] = {}

    @property
    def timing(self) -> Path:
        """The times of all systems."""
        return self.root / "timing.json"

    def folder(self, system: System) -> Path:
        """Everything of a system."""
        return self.root / system.folder

    def seed_folder(self, job: Job) -> Path:
        """Everything of one model."""
        return self.folder(job.system) / ("loaded" if job.seed is None else f"seed-{job.seed}")

    def run(self, job: Job) -> Path:
        """Where a model is trained."""
        return self.seed_folder(job) / "run"

    def scores(self, job: Job) -> Path:
        """What scoring a model leaves."""
        return self.seed_folder(job) / "scores.json"

    def report(self, system: System) -> Path:
        """The page of a system's scores and videos."""
        return self.folder(system) / "report.html"

    def model(self, job: Job) -> str:
        """What `vidseg.load` finds the model by, now or when it has been trained."""
        if job.system.model is not None:
            return job.system.model
        if job.system.weights_of is not None:
            before = self._plan.job_before(job)
            assert before is not None
            return self.model(before)
        return str(self.run(job) / "last")

    def sha256(self, job: Job) -> str | None:
        """Of the model's weights; None while it has not been trained."""
        model = self.model(job)
        if not Path(model).exists():
            return weights_sha256(model) if job.system.model is not None else None
        # Large weights are read once a call, unless they change meanwhile: a folder is replaced as a whole.
        about = Path(model).stat()
        known = (model, about.st_mtime_ns, about.st_ino)
        if known not in self._digests:
            self._digests[known] = weights_sha256(model)
        return self._digests[known]


def keep(path: Path, key: Key, result: Mapping[str, Any]) -> None:
    """Writes the result of a step with what it depends on."""
    write_json(path, {"of": key, **result})


def kept(path: Path, key: Key) -> dict[str, Any] | None:
    """The result of a step, if it is there and depends on the same; else None."""
    if not path.exists():
        return None
    found: dict[str, Any] = read_json(path)
    return found if found.get("of") == key else None


def fingerprint(dataset: VideoDataset) -> str:
    """A digest of a split: classes, names, and the sizes of all files, which change with nearly any content.

    Reading the content would take as long as scoring a fast model. Where the files lie does not matter.
    """
    sizes: dict[str, int] = {}

    def size_of(address: str | None) -> int:
        if address is None:
            return -1
        if address not in sizes:
            sizes[address] = dataset.tree.size(address)
        return sizes[address]

    digest = hashlib.sha256(repr((dataset.class_map.names, dataset.class_map.ignore)).encode())
    for video in dataset.videos:
        frames = [(frame.name, size_of(frame.image), size_of(frame.label)) for frame in video.frames]
        digest.update(repr((video.name, video.rate, frames)).encode())
    return digest.hexdigest()
