"""Brings a comparison to its end: trains, scores, times, reports, and writes the tables.

Each step looks first whether what it would make is there already. A system that fails keeps no other from its turn.
"""

import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from vidseg.checkpoints import describe as describe_checkpoint
from vidseg.compare import scoring, training
from vidseg.compare.page import write_page
from vidseg.compare.plan import Job, Plan
from vidseg.compare.record import Scene, record_of
from vidseg.compare.table import markdown
from vidseg.compare.timing import describe, frame_size, time_systems, timing_key
from vidseg.compare.workplace import Workplace, fingerprint, keep, kept
from vidseg.data import open_dataset
from vidseg.errors import InputError, VidsegError
from vidseg.evaluate.classes import require_same_classes
from vidseg.evaluate.videos import labelled_videos
from vidseg.files import atomic_file, write_json
from vidseg.train import Events

STEPS = ("train", "score", "time", "report")

Say = Callable[[str], None]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """How a comparison ended.

    Attributes:
        record: everything that was found, as in OUT/compare.json.
        failures: why systems could not be finished or timed, by name.
    """

    record: dict[str, Any]
    failures: dict[str, str]


def compare(
    plan: Plan,
    out: Path,
    *,
    steps: Sequence[str] = STEPS,
    only: Sequence[str] | None = None,
    tc: str | None = None,
    command: str = "",
    say: Say = lambda line: None,
    events: Events = lambda event: None,
    progress: Progress = lambda what, done, total: None,
) -> Outcome:
    """Does what is left of a comparison, and writes its tables.

    On SIGINT or SIGTERM training stores what it has, and the exception of the signal comes; the same call goes on.

    Args:
        plan: what is compared.
        out: the folder of everything that is written.
        steps: some of `STEPS`; the tables are always written, of what is there.
        only: names of the systems that are trained, scored and reported, with those they need; None for all. Times
            are taken of all systems together, or not at all.
        tc: the flow by which TC is taken; None for no TC.
        command: that the tables name as theirs.
        say: is told what happens, a line at a time.
        events: is told of the progress of trainings.
        progress: is told of other progress: what is being done, how much is done, of how much.

    Raises:
        InputError: for a plan that does not fit the recipes or the data, or an unknown step or system.
        DataError: if the data set cannot be read.
    """
    if unknown := [step for step in steps if step not in STEPS]:
        raise InputError(f"got steps {', '.join(unknown)}; expected some of {', '.join(STEPS)}")
    names = [system.name for system in plan.systems]
    if unknown := [name for name in only or () if name not in names]:
        raise InputError(f"got --only {', '.join(unknown)}; expected systems of the plan: {', '.join(names)}")
    dataset = labelled_videos(open_dataset(plan.data.root, plan.data.layout, plan.data.split))
    scene = Scene(
        plan=plan,
        work=Workplace(out, plan),
        dataset=dataset,
        data=fingerprint(dataset),
        tc=tc,
        frame_size=frame_size(plan, dataset),
        command=command,
    )
    running = _Running(scene, say, events, progress)
    running.require_recipes()
    jobs = list(plan.jobs(None if only is None else frozenset(only)))
    running.check_models(jobs)
    if "train" in steps:
        running.train(jobs)
    if set(steps) & {"score", "time", "report"}:
        running.describe(jobs)
    if "score" in steps:
        running.score(jobs)
    if "time" in steps and only is None:
        running.time()
    if "report" in steps and plan.report is not None:
        running.report(jobs)
    record = record_of(scene)
    write_record(record, out)
    untimed = {one["name"]: one["untimed"] for one in record["systems"] if one["untimed"] is not None}
    return Outcome(record=record, failures=untimed | scene.failures)


def write_record(record: dict[str, Any], out: Path) -> None:
    """Writes a comparison's three files into a folder: JSON, Markdown and the page."""
    write_json(out / "compare.json", record)
    with atomic_file(out / "compare.md") as temporary:
        temporary.write_text("\n".join(markdown(record)).rstrip() + "\n", encoding="utf-8")
    write_page(out / "compare.html", record)


class _Running:
    """A comparison on its way."""

    def __init__(self, scene: Scene, say: Say, events: Events, progress: Progress) -> None:
        self._scene, self._say, self._events, self._progress = scene, say, events, progress
        self._plan, self._work, self._dataset = scene.plan, scene.work, scene.dataset
        self._classes = scene.dataset.class_map.num_classes

    def require_recipes(self) -> None:
        """What is wrong with any recipe or field is said before hours are spent on others."""
        for index, system in enumerate(self._plan.systems):
            if system.recipe is not None:
                try:
                    training.config_of(self._plan, self._work, self._scene.jobs_of(system)[0], self._classes)
                except InputError as error:
                    raise InputError(f"systems[{index}] {system.name}: {error}") from error

    def check_models(self, jobs: Sequence[Job]) -> None:
        """Whether models that are loaded exist and know the data set's classes."""

        def check(job: Job) -> None:
            if (model := job.system.model) is not None:
                require_same_classes(describe_checkpoint(model).class_map, self._dataset.class_map)

        self._each(jobs, check)

    def train(self, jobs: Sequence[Job]) -> None:
        """Trains what is to be trained."""
        wanted = [job for job in jobs if job.system.recipe is not None]
        if not wanted:
            return
        learned = open_dataset(self._plan.data.root, self._plan.data.layout, self._plan.data.train_split)
        data = fingerprint(learned)

        def train(job: Job) -> None:
            self._require_before(job)
            config = training.config_of(self._plan, self._work, job, self._classes)
            training.train_job(config, self._work, job, learned, data, self._events, self._say)

        self._each(wanted, train)

    def describe(self, jobs: Sequence[Job]) -> None:
        """Counts parameters and multiply-adds of each system."""

        def describe_one(job: Job) -> None:
            self._require_weights(job)
            path, key = self._work.folder(job.system) / "described.json", self._scene.description_key(job)
            if kept(path, key) is None:
                whole = self._plan.size is not None
                keep(path, key, describe(self._work.model(job), self._scene.frame_size, whole=whole))

        self._each(self._first_seeds(jobs), describe_one)

    def score(self, jobs: Sequence[Job]) -> None:
        """Scores every model."""

        def score(job: Job) -> None:
            self._require_weights(job)
            key, path = self._scene.scores_key(job), self._work.scores(job)
            if kept(path, key) is None:
                self._say(f"{job}: scoring")
                shown = partial(self._progress, f"scoring {job}")
                keep(path, key, scoring.scores_of(self._plan, self._work, job, self._dataset, key["tc"], shown))

        self._each(jobs, score)

    def time(self) -> None:
        """Times all systems that have weights, unless just these were timed before."""
        timed = self._scene.timed()
        key = timing_key(self._plan, timed, self._scene.data)
        if not timed or kept(self._work.timing, key) is not None:
            return
        keep(self._work.timing, key, time_systems(self._plan, timed, self._dataset, self._say))

    def report(self, jobs: Sequence[Job]) -> None:
        """Writes a page for each system, of its first seed."""

        def report(job: Job) -> None:
            shown = partial(self._progress, f"report of {job.system.name}")
            key = self._scene.scores_key(job)
            if scoring.report_job(self._plan, self._work, job, self._dataset, key, shown):
                self._say(f"{job.system.name}: wrote {self._work.report(job.system)}")

        self._each(self._first_seeds(jobs), report)

    def _each(self, jobs: Iterable[Job], do: Callable[[Job], None]) -> None:
        """Does a step for every model of systems that have not failed.

        What fails is said in a line and noted. Also what has no words of its own: hours of other systems are not lost
        for it; where it came from is kept in a file.
        """
        for job in jobs:
            system = job.system
            if system.name in self._scene.failures:
                continue
            try:
                do(job)
                continue
            except (VidsegError, OSError) as error:
                reason = " ".join(str(error).split())
            except Exception as error:
                log = self._work.folder(system) / "failure.txt"
                with atomic_file(log) as temporary:
                    temporary.write_text(traceback.format_exc(), encoding="utf-8")
                reason = f"{type(error).__name__}: {' '.join(str(error).split())}; see {log}"
            self._scene.failures[system.name] = reason
            self._say(f"{job}: failed, the others go on: {reason}")

    def _first_seeds(self, jobs: Sequence[Job]) -> list[Job]:
        return list({job.system.name: job for job in reversed(jobs)}.values())[::-1]

    def _require_before(self, job: Job) -> None:
        before = self._plan.job_before(job)
        if before is not None and before.system.name in self._scene.failures:
            raise InputError(f"got no weights to start from: {before.system.name} is not finished; mend that first")

    def _require_weights(self, job: Job) -> None:
        self._require_before(job)
        if self._work.sha256(job) is None:
            raise InputError(f"got no weights in {self._work.model(job)}; expected a trained model; do step train")
