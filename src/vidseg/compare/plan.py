"""What is to be compared: one tree of frozen values, as a plan file says it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vidseg.bench.sizes import Size, parse_size
from vidseg.errors import InputError
from vidseg.report import ReportConfig
from vidseg.steady import Steady

Text = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class PlannedData:
    """The data set on which all systems are trained and scored.

    Attributes:
        root: its folder.
        layout: how it is laid out, a name in `vidseg.data.LAYOUTS`.
        split: what is scored.
        train_split: what is learned from.
    """

    root: str
    layout: str
    split: str = "val"
    train_split: str = "train"


@dataclass(frozen=True, kw_only=True)
class System:
    """One row of the table.

    Its weights are trained here by a recipe, or loaded, or those of another system that is run in another way.

    Attributes:
        name: in the table, unique.
        recipe: what it is trained by, see `vidseg recipes`.
        model: what `vidseg.load` finds.
        weights_of: the name of the system whose weights it has.
        fields: of the recipe that differ, as text by dotted name; they come after the plan's budget.
        after: the system whose weights training starts from; it is trained first.
        train: False takes the weights of `after` as they are, for systems that need no training.
        seeds: of training, if they are others than the plan's.
        steady: strength of steadying, see `vidseg.Steady`; None for none.
        flow: what estimates motion where the system needs it; None for DIS.
        policy: which past frames serve as references, in the words of the command line.
        published: the authors' figures by name (`FIGURES`), for the columns *theirs*.
    """

    name: str
    recipe: str | None = None
    model: str | None = None
    weights_of: str | None = None
    fields: Text = field(default_factory=dict)
    after: str | None = None
    train: bool = True
    seeds: tuple[int, ...] | None = None
    steady: float | None = None
    flow: str | None = None
    policy: str = "auto"
    published: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sources = {"recipe": self.recipe, "model": self.model, "weights_of": self.weights_of}
        if sum(source is not None for source in sources.values()) != 1:
            given = " and ".join(name for name, source in sources.items() if source is not None) or "none"
            raise InputError(f"got {given}; expected one of {', '.join(sources)}")
        idle = {"fields": self.fields, "after": self.after, "seeds": self.seeds, "train": not self.train}
        if self.recipe is None and (named := [name for name, value in idle.items() if value]):
            raise InputError(f"got {named[0]} without recipe; expected it for what is trained here; leave it out")
        if not self.train and self.after is None:
            raise InputError("got train: false without after; expected the system whose weights it takes")
        if self.after is not None and "initial_weights" in self.fields:
            raise InputError("got after and fields.initial_weights; expected one of them")
        _require_seeds(self.seeds)
        if self.steady is not None:
            Steady(strength=self.steady)

    @property
    def folder(self) -> str:
        """The name as that of a folder."""
        return re.sub(r"[^A-Za-z0-9._+-]+", "-", self.name).strip("-.") or "system"

    @property
    def before(self) -> str | None:
        """The system that must be finished first; None if it needs none."""
        return self.after or self.weights_of


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A comparison.

    Attributes:
        data: on what.
        systems: in the order of the table.
        budget: fields of all recipes, as text by dotted name; "iterations" and "batch_size" are short for
            "schedule.iterations" and "runtime.batch_size".
        seeds: with which each recipe is trained; from two on, scores are a mean and a standard deviation.
        size: "HxW" of the frames that are timed; the network's input is as large. None times what was scored: frames
            of the data set's own size, the network's input as the model has it.
        protocol: whose scores are shown, see docs/metrics.md; the JSON has both.
        tc: what estimates the motion for TC: "auto" for DIS where it is installed, "none", or a flow's name.
        runtime: what computes the networks when they are scored and timed.
        device: where they are scored; times are taken on the CPU.
        threads: CPU threads of scoring and timing; None for each runtime's own choice.
        rounds: how many frames of each system are timed.
        baseline: a system; the others' differences from it become a second table.
        report: how much the report of each system shows; None for no reports.
    """

    data: PlannedData
    systems: tuple[System, ...]
    budget: Text = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    size: str | None = None
    protocol: Literal["vspw", "exact"] = "vspw"
    tc: str = "auto"
    runtime: str = "torch"
    device: str = "auto"
    threads: int | None = None
    rounds: int = 40
    baseline: str | None = None
    report: ReportConfig | None = field(default_factory=lambda: ReportConfig(videos=4, frames=60))

    def __post_init__(self) -> None:
        if not self.systems:
            raise InputError("got systems: none; expected one or more")
        _require_seeds(self.seeds)
        if self.rounds < 1 or (self.threads is not None and self.threads < 1):
            raise InputError(f"got rounds: {self.rounds}, threads: {self.threads}; expected 1 or more")
        if self.size is not None:
            parse_size(self.size)
        self._require_names()

    @property
    def frame_size(self) -> Size | None:
        """(height, width) of `size`."""
        return None if self.size is None else parse_size(self.size)

    def system(self, name: str) -> System:
        """The system of a name in the plan."""
        return next(system for system in self.systems if system.name == name)

    def seeds_of(self, system: System) -> tuple[int | None, ...]:
        """The seeds of a system's models; None stands for one that was not trained here."""
        if system.weights_of is not None:
            return self.seeds_of(self.system(system.weights_of))
        return (None,) if system.recipe is None else system.seeds or self.seeds

    def jobs(self, only: frozenset[str] | None = None) -> Iterator["Job"]:
        """Every model of every system, those first that others need.

        Args:
            only: names of systems; these and what they need are given. None for all.
        """
        wanted = [system for system in self.systems if only is None or system.name in only]
        given: set[str] = set()
        for system in wanted:
            chain = [system]
            while (name := chain[-1].before) is not None:
                chain.append(self.system(name))
            for member in reversed(chain):
                if member.name not in given:
                    given.add(member.name)
                    yield from (Job(system=member, seed=seed) for seed in self.seeds_of(member))

    def job_before(self, job: "Job") -> "Job | None":
        """The model that a model needs: of the same seed, or else of the first."""
        if job.system.before is None:
            return None
        system = self.system(job.system.before)
        seeds = self.seeds_of(system)
        return Job(system=system, seed=job.seed if job.seed in seeds else seeds[0])

    def _require_names(self) -> None:
        known = {system.name: system for system in self.systems}
        names = ", ".join(known)
        # Folders of names that differ in capitals only are one on some systems.
        folders = [system.folder.lower() for system in self.systems]
        for index, system in enumerate(self.systems):
            where = f"systems[{index}]"
            if folders.index(system.folder.lower()) < index:
                other = self.systems[folders.index(system.folder.lower())].name
                raise InputError(f"got {where}.name: {system.name} after {other}; expected other letters or digits")
            for what, name in (("after", system.after), ("weights_of", system.weights_of)):
                if name is not None and name not in known:
                    raise InputError(f"got {where}.{what}: {name}; expected a system of the plan: {names}")
        for index, system in enumerate(self.systems):
            seen, before = {system.name}, system.before
            while before is not None:
                if before in seen:
                    raise InputError(
                        f"got systems[{index}].name: {system.name}, which waits for itself; expected after and "
                        "weights_of that end somewhere"
                    )
                seen.add(before)
                before = known[before].before
        if self.baseline is not None and self.baseline not in known:
            raise InputError(f"got baseline: {self.baseline}; expected a system of the plan: {names}")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One model of a system.

    Attributes:
        system: whose.
        seed: that it was trained with; None if it was not trained here.
    """

    system: System
    seed: int | None

    def __str__(self) -> str:
        return self.system.name if self.seed is None else f"{self.system.name}, seed {self.seed}"


def plain(value: Any) -> Any:
    """Dataclasses, tuples and mappings as JSON has them."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value


def _require_seeds(seeds: tuple[int, ...] | None) -> None:
    if seeds is not None and (not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds)):
        raise InputError(f"got seeds: {list(seeds)}; expected one or more different numbers from 0")
