"""Which runs there are, as data, in the order in which they are worth having.

First pairs of the per-frame baseline and CFFM, seed by seed, because the difference within a pair is what everything is
about; then the baseline at the best rate that was found for it ("tuned"), and CFFM with mining blocks that start from
nothing ("fresh"), for as many iterations and for more; then real video, with the weights that it starts from; then the
ablations, whose blocks start from nothing, too, the most telling first: assembling alone tells whether attention adds
to context, near references whether 9, 6 and 3 frames are too far for this camera, one reference whether one would do.
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
        group: where it belongs on the page: "pairs", "tuned", "fresh", "fresh_long", "start", "camvid", "davis"
            or "ablations".
        recipe: see `vidseg recipes`.
        seed: of weights, order and draws.
        fields: the recipe's fields that are changed, with their values as text.
        scorings: what it is scored on.
        after: the run whose weights it starts from; None if it starts from none, or from a model of the package.
        processes: that train together.
    """

    name: str
    group: str
    recipe: str
    seed: int = 0
    fields: tuple[tuple[str, str], ...] = ()
    scorings: tuple[Scoring, ...]
    after: str | None = None
    processes: int = 1


# The damaged frames are what the models are trained on, so they come first.
RENDERED = (
    Scoring(name="damaged", data="data/freedoom", layout="freedoom"),
    Scoring(name="clean", data="data/freedoom", layout="camvid"),
)
CAMVID = Scoring(name="camvid", data="data/camvid", layout="camvid")
DAVIS = Scoring(name="davis", data="data/davis16", layout="camvid")

SEEDS = (0, 1, 2)
ABLATIONS = ("assembling", "references321", "references3", "depth2", "references9", "references6")

# One pair shows how scores rise; the others need not be measured on their way, which takes a quarter of their time.
_UNMEASURED = (("data.val_split", "null"),)

_TUNED = (
    ("optimizer.head_factor", "10"),
    ("schedule.iterations", "3000"),
    ("output.validate_every", "1500"),
)
_FRESH = (("initial_weights", "segformer-b0-freedoom"),)
_LONG = (("schedule.iterations", "3000"),)

_REAL = (
    ("initial_weights", f"runs/{START}/last"),
    ("schedule.iterations", "400"),
    ("schedule.warmup", "40"),
    ("optimizer.learning_rate", "4e-4"),
    ("runtime.precision", "bf16"),
    ("runtime.batch_size", "2"),
    ("output.save_every", "100"),
    ("output.validate_every", "200"),
)


def _runs() -> Iterator[Run]:
    base, cffm = "segformer_b0_freedoom", "cffm_b0_freedoom"
    for seed in SEEDS:
        for recipe in (base, cffm):
            yield _rendered("pairs", recipe, seed)
    yield _rendered("tuned", base, SEEDS[0], _TUNED)
    yield _rendered("fresh", cffm, SEEDS[0], _FRESH)
    yield _rendered("fresh_long", cffm, SEEDS[0], (*_FRESH, *_LONG))
    # Two processes with one thread each, halves of the recipe's batch of 8.
    yield Run(
        name=START,
        group="start",
        recipe=START,
        fields=(("runtime.batch_size", "4"),),
        scorings=RENDERED,
        processes=2,
    )
    yield from _real(CAMVID, offsets="[3, 2, 1]")
    yield from _real(DAVIS, offsets="[9, 6, 3]")
    for ablation in ABLATIONS:
        yield _rendered("ablations", f"{cffm}_{ablation}", SEEDS[0])


def _rendered(group: str, recipe: str, seed: int, fields: tuple[tuple[str, str], ...] = ()) -> Run:
    measured = group in ("pairs", "tuned") and seed == SEEDS[0]
    suffix = "" if group in ("pairs", "ablations") else f"_{group}"
    return Run(
        name=f"{recipe}{suffix}-s{seed}",
        group=group,
        recipe=recipe,
        seed=seed,
        fields=fields if measured else (*fields, *_UNMEASURED),
        scorings=RENDERED,
    )


def _real(scoring: Scoring, *, offsets: str) -> Iterator[Run]:
    """A pair with the same batches, rates and schedule."""
    shared = (("data.root", scoring.data), *_REAL)
    each_frame = (
        ("data.clips.reference_offsets", offsets),
        ("data.clips.reverse_probability", "0.5"),
        ("loss.final_weight", "0"),
        ("loss.frame_weight", "1"),
    )
    for model, own in (("segformer", each_frame), ("cffm", ())):
        recipe = f"{model}_b0_{scoring.name}"
        yield Run(
            name=f"{recipe}-s0",
            group=scoring.name,
            recipe=recipe,
            fields=(*shared, *own),
            scorings=(scoring,),
            after=START,
        )


RUNS: tuple[Run, ...] = tuple(_runs())
