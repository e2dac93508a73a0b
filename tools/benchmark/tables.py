"""Tables of the page, as lines of Markdown; every number in them comes from a record or is marked as the paper's."""

from collections.abc import Mapping, Sequence

from benchmark import published
from benchmark.plan import SEEDS
from benchmark.results import Record, Results, class_iou, foreground_iou, score, spread

THEIRS = "*theirs*"
SCORES = ("mIoU", "wIoU", "mVC8", "mVC16", "mCC8", "mCC16")
_SIX = tuple((scoring, name) for scoring in ("damaged", "clean") for name in ("mIoU", "mVC8", "mVC16"))
_NONE = "–"
_MODELS = {"SegFormer-B0": "segformer_b0_freedoom", "CFFM-B0": "cffm_b0_freedoom"}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table whose first column is text, with an empty one after it."""
    align = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(row)} |" for row in (head, align, *rows)] + [""]


def published_table() -> list[str]:
    """The paper's main table."""
    rows = [
        (f"{method} {size}, {THEIRS}", *(f"{value:.1f}" for value in values))
        for (method, size), values in published.VSPW.items()
    ]
    return table(("VSPW val, protocol `vspw`", "mIoU", "wIoU", "mVC8", "mVC16", "frames/s (their GPU)"), rows)


def published_cityscapes_table() -> list[str]:
    """The paper's table of Cityscapes."""
    rows = [
        (f"{method} {size}, {THEIRS}", *(f"{value:.1f}" for value in values))
        for (method, size), values in published.CITYSCAPES.items()
    ]
    return table(("Cityscapes val", "mIoU", "frames/s (their GPU)"), rows)


def main_table(results: Results, scoring: str, protocol: str, starts: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The rendered benchmark: mean ± standard deviation over the seeds, beside the paper's B0.

    Args:
        results: of all runs.
        scoring: "damaged" or "clean".
        protocol: "vspw" or "exact".
        starts: scores 0–1 of the models that they start from, by name; for this scoring and protocol.
    """
    rows = []
    if protocol == "vspw":
        for method in ("SegFormer", "CFFM"):
            miou, wiou, vc8, vc16, _ = published.VSPW[method, "B0"]
            rows.append((f"{method}-B0 on VSPW, {THEIRS}", _NONE, *map(_one, (miou, wiou, vc8, vc16)), _NONE, _NONE))
    groups = {model: results.group("pairs", recipe) for model, recipe in _MODELS.items()}
    groups["SegFormer-B0, 3,000 iterations, rate 1e-3"] = results.group("tuned")
    groups["CFFM-B0, fresh mining blocks"] = results.group("fresh")
    groups["CFFM-B0, fresh mining blocks, 3,000 iterations"] = results.group("fresh_long")
    for label, records in groups.items():
        rows.append((label, str(len(records)), *(_over(records, scoring, protocol, name) for name in SCORES)))
    for label, scores in starts.items():
        rows.append((f"`{label}`, where the pair starts", "1", *(f"{100 * scores[name]:.2f}" for name in SCORES)))
    return table((f"freedoom-video val, {scoring}, `{protocol}`", "seeds", *SCORES), rows)


def summary_table(results: Results) -> list[str]:
    """The question in three rows: damaged frames, protocol `vspw`."""
    names = ("mIoU", "mVC8", "mVC16")
    base, ours = published.VSPW["SegFormer", "B0"], published.VSPW["CFFM", "B0"]
    paper = {name: (base[index], ours[index]) for name, index in zip(names, (0, 2, 3), strict=True)}
    rows = []
    for which, (model, recipe) in enumerate(_MODELS.items()):
        records = results.group("pairs", recipe)
        cells = (_over(records, "damaged", "vspw", name) for name in names)
        rows.append((model, *cells, *(f"{paper[name][which]:.1f}" for name in names)))
    pairs = results.pairs()
    gains = (_signed(_differences(pairs, "damaged", "vspw", name)) for name in names)
    rows.append(("difference", *gains, *(f"{after - before:+.1f}" for before, after in paper.values())))
    head = f"damaged frames, `vspw`, percent, {len(pairs)} seed{'' if len(pairs) == 1 else 's'}"
    return table((head, *names, *(f"{name} on VSPW, {THEIRS}" for name in names)), rows)


def difference_table(results: Results, scoring: str, protocol: str) -> list[str]:
    """CFFM minus SegFormer, seed by seed."""
    pairs = results.pairs()
    differences = {name: _differences(pairs, scoring, protocol, name) for name in SCORES}
    rows = []
    if protocol == "vspw":
        base, ours = published.VSPW["SegFormer", "B0"], published.VSPW["CFFM", "B0"]
        paper = [f"{after - before:+.1f}" for before, after in zip(base[:4], ours[:4], strict=True)]
        rows.append((f"on VSPW, {THEIRS}", *paper, _NONE, _NONE))
    for index, (base_record, _) in enumerate(pairs):
        rows.append((f"seed {base_record['seed']}", *(f"{differences[name][index]:+.2f}" for name in SCORES)))
    rows.append(("mean ± std", *(_signed(differences[name]) for name in SCORES)))
    spreads = {name: _spread_of_seeds(results, scoring, protocol, name) for name in SCORES}
    widest = (_NONE if value is None else f"{value:.2f}" for value in spreads.values())
    rows.append(("larger of the two models' std over seeds", *widest))
    rows.append(("more than that spread?", *(_verdict(spreads[name], differences[name]) for name in SCORES)))
    return table((f"CFFM-B0 − SegFormer-B0, {scoring}, `{protocol}`", *SCORES), rows)


def class_table(results: Results) -> list[str]:
    """IoU by class, means over the seeds."""
    columns, head = [], ["class"]
    for scoring in ("damaged", "clean"):
        means = {}
        for model, recipe in _MODELS.items():
            means[model] = _class_means(results.group("pairs", recipe), scoring)
            columns.append({name: _one(value) for name, value in means[model].items()})
            head.append(f"{model}, {scoring}")
        base, ours = means.values()
        shared = {name: _plus(ours[name], base.get(name)) for name in ours}
        columns.append(shared)
        head.append("difference")
    names = list(dict.fromkeys(name for column in columns for name in column))
    return table(head, [(name, *(column.get(name, _NONE) for column in columns)) for name in names])


def ablation_tables(results: Results) -> list[str]:
    """Layers, references and assembling alone, each beside the paper's figures; seed 0, all with fresh blocks."""
    rows = {record["recipe"]: record for record in results.group("ablations")}
    rows |= {record["recipe"]: record for record in results.group("fresh")}
    baselines = [record for record in results.group("pairs", _MODELS["SegFormer-B0"]) if record["seed"] == SEEDS[0]]
    prefix = "cffm_b0_freedoom"
    blocks = (
        ("mining layers", "B0", published.LAYERS, {1: prefix, 2: f"{prefix}_depth2"}),
        (
            "references, frames back",
            "B1",
            published.REFERENCES,
            {
                "3": f"{prefix}_references3",
                "6": f"{prefix}_references6",
                "9": f"{prefix}_references9",
                "3, 2, 1": f"{prefix}_references321",
                "9, 6, 3": prefix,
            },
        ),
        (
            "parts",
            "B1",
            published.ASSEMBLING,
            {"assembling alone": f"{prefix}_assembling", "assembling and mining": prefix},
        ),
    )
    lines = []
    for what, size, paper, recipes in blocks:
        theirs = [f"{name}, {THEIRS} ({size}, VSPW)" for name in ("mIoU", "mVC8", "mVC16")]
        ours = [f"{name}, {scoring}" for scoring, name in _SIX]
        body = []
        for value, recipe in recipes.items():
            record = rows.get(recipe)
            cells = ["not run yet", *[_NONE] * 5] if record is None else _six([record])
            body.append((str(value), *(_one(x) for x in paper[value]), *cells))
        if baselines:
            body.append(("no references: SegFormer-B0", _NONE, _NONE, _NONE, *_six(baselines)))
        lines += table((what, *theirs, *ours), body)
    return lines


def earlier_table(records: Sequence[Record]) -> list[str]:
    """The rounds before the one that counts, each in one or two things other."""
    base, ours = _MODELS.values()
    labels = {
        ("shuffled", base): "SegFormer-B0, frames of eight clips a batch",
        ("pairs", base): "SegFormer-B0, CFFM's batches",
        ("cold", ours): "CFFM-B0, context classifier anew",
        ("pairs", ours): "CFFM-B0, context classifier of single frames, blind to what is mined",
        ("ablations", f"{ours}_references321"): "… references 3, 2, 1",
        ("ablations", f"{ours}_assembling"): "… assembling alone",
        ("long", ours): "… 1,500 iterations, rate 4e-4",
    }
    groups = {
        label: [record for record in records if (record["group"], record["recipe"]) == which]
        for which, label in labels.items()
    }
    body = [(label, str(len(records)), *_six(records)) for label, records in groups.items()]
    return table(
        ("from scratch, then 700 iterations", "seeds", *(f"{name}, {scoring}" for scoring, name in _SIX)), body
    )


def real_table(results: Results, group: str) -> list[str]:
    """SegFormer against CFFM on real video; both protocols, foreground too where the classes are one object's."""
    foreground = group == "davis"
    head = [f"{group}, seed 0", *(f"{n}, `{p}`" for p in ("vspw", "exact") for n in ("mIoU", "mVC8", "mVC16"))]
    body = []
    for model in ("segformer", "cffm"):
        records = results.group(group, f"{model}_b0_{group}")
        label = {"segformer": "SegFormer-B0", "cffm": "CFFM-B0"}[model]
        if not records:
            body.append((label, "not run yet", *[_NONE] * (5 + foreground)))
            continue
        (record,) = records
        cells = [_maybe(record, group, p, n) for p in ("vspw", "exact") for n in ("mIoU", "mVC8", "mVC16")]
        body.append((label, *cells, *([f"{foreground_iou(record, group):.2f}"] if foreground else [])))
    return table([*head, *(["foreground IoU"] if foreground else [])], body)


def real_class_table(results: Results, group: str) -> list[str]:
    """IoU by class on real video."""
    columns = {}
    for model, label in (("segformer", "SegFormer-B0"), ("cffm", "CFFM-B0")):
        if records := results.group(group, f"{model}_b0_{group}"):
            columns[label] = class_iou(records[0], group, "exact")
    names = [name for name in next(iter(columns.values()), {}) if any(c[name] is not None for c in columns.values())]
    body = [(name, *(_one(column[name]) for column in columns.values())) for name in names]
    return table((f"IoU, {group}, `exact`", *columns), body) if columns else []


def _differences(pairs: Sequence[tuple[Record, Record]], scoring: str, protocol: str, name: str) -> list[float]:
    return [score(ours, scoring, protocol, name) - score(base, scoring, protocol, name) for base, ours in pairs]


def _class_means(records: Sequence[Record], scoring: str) -> dict[str, float | None]:
    found = [class_iou(record, scoring, "exact") for record in records]
    means: dict[str, float | None] = {}
    for name in found[0] if found else ():
        values = [value for ious in found if (value := ious[name]) is not None]
        means[name] = sum(values) / len(values) if values else None
    return means


def _over(records: Sequence[Record], scoring: str, protocol: str, name: str) -> str:
    if not records:
        return "not run yet"
    found = spread([score(record, scoring, protocol, name) for record in records])
    return f"{found.mean:.2f}" + ("" if found.std is None else f" ± {found.std:.2f}")


def _signed(values: Sequence[float]) -> str:
    if not values:
        return "not run yet"
    found = spread(values)
    return f"{found.mean:+.2f}" + ("" if found.std is None else f" ± {found.std:.2f}")


def _spread_of_seeds(results: Results, scoring: str, protocol: str, name: str) -> float | None:
    stds = []
    for recipe in _MODELS.values():
        values = [score(record, scoring, protocol, name) for record in results.group("pairs", recipe)]
        if len(values) < 2:
            return None
        stds.append(spread(values).std or 0.0)
    return max(stds)


def _verdict(widest: float | None, differences: Sequence[float]) -> str:
    if widest is None or not differences:
        return _NONE
    mean = spread(differences).mean
    if abs(mean) <= widest:
        return "no"
    return "yes" if mean > 0 else "yes, below"


def _six(records: Sequence[Record]) -> list[str]:
    """Damaged and clean frames, protocol `vspw`; mean ± standard deviation over seeds."""
    return [_over(records, scoring, "vspw", name) for scoring, name in _SIX]


def _maybe(record: Record, scoring: str, protocol: str, name: str) -> str:
    """A protocol that skips all videos has no scores."""
    value = record["scores"][scoring]["protocols"][protocol][name]
    return _NONE if value is None else f"{100 * value:.2f}"


def _one(value: float | None) -> str:
    return _NONE if value is None else f"{value:.1f}"


def _plus(after: float | None, before: float | None) -> str:
    return _NONE if after is None or before is None else f"{after - before:+.1f}"
