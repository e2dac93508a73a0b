"""The second step of a system: its scores on the data set, and a page that shows what it makes of some videos."""

import shlex
from collections.abc import Callable
from typing import Any

from vidseg.compare.plan import Job, Plan, System
from vidseg.compare.workplace import Key, Workplace, kept
from vidseg.data import VideoDataset
from vidseg.evaluate import WINDOWS, EngineConfig, ModelLabels, evaluate_model
from vidseg.files import write_json
from vidseg.report import Entry, write_report
from vidseg.steady import Steady

Progress = Callable[[int, int], None]


def engine_of(plan: Plan, system: System) -> EngineConfig:
    """How a system is run.

    Raises:
        InputError: for an option that cannot be used.
    """
    return EngineConfig(
        device=plan.device,
        runtime=plan.runtime,
        policy=system.policy,
        threads=plan.threads,
        steady=None if system.steady is None else Steady(strength=system.steady),
        flow=system.flow,
    )


def scores_key(plan: Plan, work: Workplace, job: Job, data: str, tc: str | None) -> Key:
    """All that a model's scores depend on.

    Args:
        plan: with how models are run.
        work: where.
        job: which model.
        data: fingerprint of the split.
        tc: the flow by which TC is taken; None for no TC.
    """
    return {
        "weights_sha256": work.sha256(job),
        "data": data,
        "windows": list(WINDOWS),
        "tc": tc,
        "runtime": plan.runtime,
        **{name: getattr(job.system, name) for name in ("policy", "steady", "flow")},
    }


def command(plan: Plan, work: Workplace, job: Job, tc: str | None) -> str:
    """The same scoring by hand."""
    options = {
        "data": plan.data.root,
        "layout": plan.data.layout,
        "split": plan.data.split,
        "model": work.model(job),
        "policy": job.system.policy,
        "steady": job.system.steady,
        "flow": job.system.flow,
        "tc": tc or "none",
        "runtime": plan.runtime,
        "device": plan.device,
        "threads": plan.threads,
        "json": work.scores(job),
    }
    words = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
    return shlex.join(["vidseg", "evaluate", *words])


def scores_of(
    plan: Plan, work: Workplace, job: Job, dataset: VideoDataset, tc: str | None, progress: Progress | None = None
) -> dict[str, Any]:
    """Scores a model: what `vidseg evaluate --json` writes.

    Raises:
        VidsegError: as `vidseg.evaluate.evaluate_model`.
    """
    config = engine_of(plan, job.system)
    evaluation = evaluate_model(work.model(job), dataset, config, flow=tc, progress=progress)
    return {"command": command(plan, work, job, tc), **evaluation.to_dict()}


def report_job(
    plan: Plan, work: Workplace, job: Job, dataset: VideoDataset, key: Key, progress: Progress | None = None
) -> bool:
    """Writes the report of a model that has been scored; whether there was anything to do.

    Raises:
        VidsegError: as `vidseg.report.write_report`.
    """
    assert plan.report is not None
    result = kept(work.scores(job), key)
    path = work.report(job.system)
    shown: dict[str, Any] = {"scores": key, "videos": plan.report.videos, "frames": plan.report.frames}
    shown |= {"lines": plan.report.lines, "name": job.system.name}
    stamp = path.with_suffix(".json")
    if result is None or (path.exists() and kept(stamp, shown) is not None):
        return False
    maps = ModelLabels(work.model(job), engine_of(plan, job.system), dataset.spec)
    entry = Entry(name=job.system.name, result=result, maps=maps)
    write_report(path, [entry], dataset, plan.report, command=result["command"], progress=progress)
    write_json(stamp, {"of": shown})
    return True
