"""Plan files: what they say, and what is wrong with them in one line."""

import json
from pathlib import Path

import pytest
import yaml

from vidseg.compare import read_plan
from vidseg.compare.plan import Job
from vidseg.compare.published import FIGURES, PUBLISHED
from vidseg.compare.reading import parse_plan
from vidseg.compare.training import config_of
from vidseg.compare.workplace import Workplace
from vidseg.errors import InputError

DATA = {"root": "data", "layout": "camvid"}
PAGE = Path(__file__).parents[2] / "docs" / "compare.md"


def plan(*systems: dict, **more) -> dict:
    return {"data": DATA, "systems": list(systems or ({"name": "A", "model": "m"},)), **more}


def trained(name: str, **more) -> dict:
    return {"name": name, "recipe": "segformer_b0_camvid", **more}


def test_a_plan_is_read_from_yaml_and_from_json(tmp_path):
    said = plan(trained("A", published="vspw/cffm_b0"), budget={"iterations": 40, "model.head": None}, seeds=[1, 2])
    (tmp_path / "plan.json").write_text(json.dumps(said))
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(said))
    found = read_plan(tmp_path / "plan.json")
    assert found == read_plan(tmp_path / "plan.yaml")
    assert (found.seeds, found.data.split) == ((1, 2), "val")
    assert found.budget == {"schedule.iterations": "40", "model.head": "null"}
    assert found.systems[0].published["mVC8"] == 87.7


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ({"systems": []}, "got no data"),
        (plan(budgets={}), "got budgets; expected one of"),
        (plan(seeds="many"), 'got seeds: "many"; expected tuple[int, ...]'),
        (plan(seeds=[0, 0]), "got seeds: [0, 0]"),
        (plan(size="large"), "got size 'large'"),
        (plan(protocol="mine"), 'got protocol: "mine"'),
        (plan(report={"video": 3}), "got report.video; expected one of videos"),
        (plan(report={"videos": 0}), "report: got 0 videos"),
        ({"data": DATA, "systems": {}}, "got systems: {}; expected a list"),
        ({"data": DATA, "systems": []}, "got systems: none"),
        (plan({"name": "A"}), "systems[0]: got none; expected one of recipe, model, weights_of"),
        (plan({"name": "A", "model": "m", "recipe": "r"}), "got recipe and model"),
        (plan({"name": "A", "modle": "m"}), "did you mean model?"),
        (plan({"model": "m"}), "got no systems[0].name"),
        (plan({"name": "A", "model": "m", "fields": {"x": 1}}), "systems[0]: got fields without recipe"),
        (plan({"name": "A", "model": "m", "steady": 1.5}), "systems[0]: got"),
        (plan({"name": "A", "model": "m"}, {"name": "a!", "model": "m"}), "got systems[1].name: a! after A"),
        (plan(trained("A", after="B")), "got systems[0].after: B; expected a system of the plan: A"),
        (plan(trained("A", after="B"), trained("B", after="A")), "which waits for itself"),
        (plan(trained("A", train=False)), "got train: false without after"),
        (plan({"name": "A", "model": "m", "published": "vspw/cfm_b0"}), "did you mean vspw/cffm_b0?"),
        (plan({"name": "A", "model": "m", "published": {"IoU": 3}}), "got systems[0].published.IoU"),
        (plan({"name": "A", "model": "m", "published": {"mIoU": "x"}}), "systems[0].published.mIoU"),
        (plan(baseline="B"), "got baseline: B"),
        ([1], "got a plan: [1]"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_field(said, hint):
    with pytest.raises(InputError) as caught:
        parse_plan(said)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_plan_is_named(tmp_path):
    (tmp_path / "plan.yaml").write_text("a: [")
    for name in ("plan.yaml", "absent.yaml"):
        with pytest.raises(InputError, match=name):
            read_plan(tmp_path / name)


def test_systems_come_after_what_they_need_with_the_seed_that_it_has():
    said = plan(
        trained("steady parent", after="start", seeds=[3, 4]),
        {"name": "steadied", "weights_of": "steady parent", "steady": 0.5},
        trained("start", seeds=[4]),
        {"name": "loaded", "model": "m"},
    )
    found = parse_plan(said)
    order = [(job.system.name, job.seed) for job in found.jobs()]
    parent = [("steady parent", 3), ("steady parent", 4)]
    assert order == [("start", 4), *parent, ("steadied", 3), ("steadied", 4), ("loaded", None)]
    assert [job.system.name for job in found.jobs(frozenset(["loaded"]))] == ["loaded"]
    assert {job.system.name for job in found.jobs(frozenset(["steadied"]))} == {"start", "steady parent", "steadied"}
    before = found.job_before(Job(system=found.systems[0], seed=3))
    assert before is not None
    assert (before.system.name, before.seed) == ("start", 4)


def test_a_run_has_the_budget_then_its_own_fields_and_the_data_set_s_classes(tmp_path):
    said = plan(
        trained("A"),
        trained("B", after="A", fields={"schedule.iterations": 60}),
        budget={"iterations": 50, "optimizer.learning_rate": 1e-3},
        seeds=[7],
    )
    found = parse_plan(said)
    work = Workplace(tmp_path, found)
    first, second = (config_of(found, work, job, 3) for job in found.jobs())
    assert (first.schedule.iterations, second.schedule.iterations) == (50, 60)
    assert (first.model.num_classes, first.runtime.seed, first.data.clips.seed) == (3, 7, 7)
    assert (first.data.val_split, first.output.save_every) == (None, 5)
    assert second.initial_weights == f"{first.output.folder}/last"
    for field in ("data.root", "model.num_classes", "output.folder"):
        broken = parse_plan(plan(trained("A", fields={field: "3"})))
        with pytest.raises(InputError, match=f"got field {field}"):
            config_of(broken, work, next(broken.jobs()), 3)


def test_published_rows_hold_what_a_table_can_show():
    for row in PUBLISHED.values():
        assert row.keys() <= set(FIGURES)
    assert PUBLISHED["vspw/mrcfa_b1"] == {
        **{"mIoU": 38.9, "wIoU": 60.0, "mVC8": 88.8, "mVC16": 84.4},
        "parameters": 16.2,
    }


def test_the_plans_in_the_docs_can_be_trained(tmp_path):
    blocks = [block.removeprefix("yaml\n") for block in PAGE.read_text().split("```")[1::2] if block.startswith("yaml")]
    assert len(blocks) == 2
    assert len(blocks[0].splitlines()) == 5
    for block in blocks:
        found = parse_plan(yaml.safe_load(block))
        for job in found.jobs():
            if job.system.recipe is not None:
                config_of(found, Workplace(tmp_path, found), job, 3)
