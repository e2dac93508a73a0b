"""Which runs there are, as data, in the order in which they are worth having.

First the weights that all others start from; then pairs of the per-frame baseline and CFFM, seed by seed, because the
difference within a pair is what everything is about; then the same comparison on real video; then short runs.
The cold ones came first: pairs whose CFFM has a new context classifier. The short CFFM is the same with the recipe's
warm start, and the ablations differ from it alone. Of these the ones that could explain the comparison come first:
near references tell whether 9, 6 and 3 frames are too far for this camera, assembling alone whether attention adds to
context, one reference whether one would do.
"""

from collections.abc import Iterator
from dataclasses import dataclass

START = "segformer_b0_freedoom_scratch"


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """A data set that a finished model is scored on.

    Attributes:
        name: what the page calls it.
        data: its folder.
        layout: how it is read.
    """

    name: str
    data: str
    layout: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """A model to train and to score.

    Attributes:
        name: of its folder under runs/, and of its record.
        group: where it belongs on the page: "start", "pairs", "camvid", "davis", "short", "cold" or "ablations".
        recipe: see `vidseg recipes`.
        seed: of weights, order and draws.
        fields: the recipe's fields that are changed, with their values as text.
        scorings: what it is scored on.
        after: the run whose weights it starts from; None for none.
        processes: that train together.
    """

    name: str
    group: str
    recipe: str
    seed: int = 0
    fields: tuple[tuple[str, str], ...] = ()
    scorings: tuple[Scoring, ...]
    after: str | None = START
    processes: int = 1


# The damaged frames are what the models are trained on, so they come first.
RENDERED = (
    Scoring(name="damaged", data="data/freedoom", layout="freedoom"),
    Scoring(name="clean", data="data/freedoom", layout="camvid"),
)
CAMVID = Scoring(name="camvid", data="data/camvid", layout="camvid")
DAVIS = Scoring(name="davis", data="data/davis16", layout="camvid")

SEEDS = (0, 1, 2)
ABLATIONS = ("references321", "assembling", "references3", "depth2", "references9", "references6")

# One pair shows how scores rise; the others need not be measured on their way, which takes a quarter of their time.
_UNMEASURED = (("data.val_split", "null"),)

_SHORT = (
    ("schedule.iterations", "700"),
    ("optimizer.learning_rate", "1e-4"),
    ("optimizer.head_factor", "10"),
    ("output.validate_every", "350"),
)
_COLD = (("warm_start", "false"),)

_REAL = (
    ("initial_weights", f"runs/{START}/last"),
    ("schedule.iterations", "400"),
    ("schedule.warmup", "40"),
    ("optimizer.learning_rate", "4e-4"),
    ("runtime.precision", "bf16"),
    ("output.save_every", "100"),
    ("output.validate_every", "200"),
)


def _runs() -> Iterator[Run]:
    # Two processes with one thread each, halves of the recipe's batch of 8.
    yield Run(
        name=START,
        group="start",
        recipe=START,
        fields=(("runtime.batch_size", "4"),),
        scorings=RENDERED,
        after=None,
        processes=2,
    )
    for seed in SEEDS:
        pair = ("segformer_b0_freedoom", "cffm_b0_freedoom")
        # CFFM takes longer: where two runs share the machine, both end about together if it begins the last pair.
        for recipe in pair if seed != SEEDS[-1] else reversed(pair):
            fields = _UNMEASURED if seed != SEEDS[0] else ()
            yield Run(
                name=f"{recipe}-s{seed}", group="pairs", recipe=recipe, seed=seed, fields=fields, scorings=RENDERED
            )
    yield from _real(CAMVID, offsets="[3, 2, 1]")
    yield from _real(DAVIS, offsets="[9, 6, 3]")
    yield _short("short", "cffm_b0_freedoom", SEEDS[0])
    for ablation in ABLATIONS:
        yield _short("ablations", f"cffm_b0_freedoom_{ablation}", SEEDS[0])
    for seed in SEEDS:
        yield _short("short", "segformer_b0_freedoom", seed, measured=seed == SEEDS[0])
        yield _short("cold", "cffm_b0_freedoom", seed, measured=seed == SEEDS[0])


def _short(group: str, recipe: str, seed: int, *, measured: bool = False) -> Run:
    suffix = "short" if group == "ablations" else group
    fields = (*_SHORT, *(() if measured else _UNMEASURED), *(_COLD if group == "cold" else ()))
    return Run(
        name=f"{recipe}_{suffix}-s{seed}", group=group, recipe=recipe, seed=seed, fields=fields, scorings=RENDERED
    )


def _real(scoring: Scoring, *, offsets: str) -> Iterator[Run]:
    """A pair with the same clips, frames an iteration, rates and schedule."""
    shared = (("data.root", scoring.data), *_REAL)
    each_frame = (
        ("data.clips.reference_offsets", offsets),
        ("data.clips.frames", "each"),
        ("data.clips.reverse_probability", "0.5"),
        ("runtime.batch_size", "8"),
    )
    for model, own in (("segformer", each_frame), ("cffm", (("runtime.batch_size", "2"),))):
        recipe = f"{model}_b0_{scoring.name}"
        yield Run(name=f"{recipe}-s0", group=scoring.name, recipe=recipe, fields=(*shared, *own), scorings=(scoring,))


RUNS: tuple[Run, ...] = tuple(_runs())
