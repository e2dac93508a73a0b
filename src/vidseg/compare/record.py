"""What a comparison found, in one JSON-able value from which tables and the page are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from vidseg import __version__
from vidseg.bench.machine import environment
from vidseg.bench.sizes import Size
from vidseg.compare import scoring, training
from vidseg.compare.plan import Job, Plan, System, plain
from vidseg.compare.timing import Timed, timing_key
from vidseg.compare.workplace import Workplace, kept
from vidseg.data import VideoDataset
from vidseg.train.finished import stored

SCHEMA_VERSION = 1
# Of `vidseg evaluate`'s JSON. What is told frame by frame, and the confusion matrix, stay in the files of the seeds.
_KEPT = ("date", "versions", "engine", "windows", "temporal_consistency", "protocols", "per_class", "per_video")
_KEPT_OF_TIMING = ("machine", "frame_size", "video", "runtime")


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """What the steps of a comparison have in common.

    Attributes:
        plan: what is compared.
        work: where everything is kept.
        dataset: the split that is scored.
        data: its fingerprint.
        tc: the flow by which TC is taken; None for no TC.
        frame_size: (height, width) of the frames that are timed.
        command: that asked for the comparison.
        failures: why systems could not be finished, by name.
    """

    plan: Plan
    work: Workplace
    dataset: VideoDataset
    data: str
    tc: str | None
    frame_size: Size
    command: str
    failures: dict[str, str] = field(default_factory=dict)

    def scores_key(self, job: Job) -> Mapping[str, Any]:
        """What a model's scores depend on."""
        return scoring.scores_key(self.plan, self.work, job, self.data, self.tc)

    def description_key(self, job: Job) -> Mapping[str, Any]:
        """What the description of a model depends on."""
        return {
            "weights_sha256": self.work.sha256(job),
            "frame_size": list(self.frame_size),
            "whole": self.plan.size is not None,
        }

    def jobs_of(self, system: System) -> list[Job]:
        """The models of a system."""
        return [Job(system=system, seed=seed) for seed in self.plan.seeds_of(system)]

    def timed(self) -> list[Timed]:
        """The systems that have weights to be timed, each with those of its first seed."""
        found = []
        for system in self.plan.systems:
            job = self.jobs_of(system)[0]
            if system.name not in self.failures and (sha256 := self.work.sha256(job)) is not None:
                found.append(Timed(system=system, model=self.work.model(job), sha256=sha256))
        return found


def record_of(scene: Scene) -> dict[str, Any]:
    """Everything that is there by now; what is of other weights, data or settings is left out."""
    plan, dataset = scene.plan, scene.dataset
    machine = environment(plan.threads)
    timing = kept(scene.work.timing, timing_key(plan, scene.timed(), scene.data)) or {}
    return {
        "schema_version": SCHEMA_VERSION,
        "vidseg": __version__,
        "command": scene.command,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {name: machine[name] for name in ("cpu", "cores", "system", "python", "versions")},
        "plan": plain(plan),
        "protocol": plan.protocol,
        "baseline": plan.baseline,
        "data": {
            "name": dataset.tree.name,
            "layout": dataset.layout,
            "split": dataset.split,
            "classes": list(dataset.class_map.names),
            "videos": len(dataset.videos),
            "frames": sum(len(video.frames) for video in dataset.videos),
            "labelled_frames": sum(1 for _ in dataset.labelled_frames()),
            "fingerprint": scene.data,
        },
        "timing": {name: timing[name] for name in _KEPT_OF_TIMING} if timing else None,
        "systems": [_system(scene, system, timing) for system in plan.systems],
    }


def _system(scene: Scene, system: System, timing: Mapping[str, Any]) -> dict[str, Any]:
    jobs = scene.jobs_of(system)
    described: dict[str, Any] | None = None
    if system.name not in scene.failures and scene.work.sha256(jobs[0]) is not None:
        described = kept(scene.work.folder(system) / "described.json", scene.description_key(jobs[0]))
    report = scene.work.report(system)
    return {
        "name": system.name,
        "recipe": system.recipe,
        "model": system.model,
        "weights_of": system.weights_of,
        "steady": system.steady,
        "failure": scene.failures.get(system.name),
        "untimed": timing.get("absent", {}).get(system.name),
        "published": dict(system.published),
        "report": str(report.relative_to(scene.work.root)) if report.exists() else None,
        "described": None if described is None else {name: described[name] for name in described if name != "of"},
        "timing": timing.get("systems", {}).get(system.name),
        "seeds": [one for job in jobs if (one := _seed(scene, job)) is not None],
    }


def _seed(scene: Scene, job: Job) -> dict[str, Any] | None:
    """One model with its scores; None while it has none."""
    if job.system.name in scene.failures or scene.work.sha256(job) is None:
        return None
    scores = kept(scene.work.scores(job), scene.scores_key(job))
    if scores is None:
        return None
    commands = [scores["command"]]
    trained: dict[str, Any] | None = None
    if job.system.recipe is not None:
        trained = stored(scene.work.model(job)).get("training")
        if job.system.train:
            classes = scene.dataset.class_map.num_classes
            commands.insert(0, training.command(scene.plan, scene.work, job, classes))
    return {
        "seed": job.seed,
        "weights_sha256": scores["model"]["weights_sha256"],
        "commands": commands,
        "training": trained,
        **{name: scores[name] for name in _KEPT},
    }
