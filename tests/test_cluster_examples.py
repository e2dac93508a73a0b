"""The files of docs/cluster.md: a script that a shell parses, objects with all fields, commands that vidseg takes.

Not checked: anything that only Slurm, JobSet's or Kueue's own schemas know.
"""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from vidseg.cli.train import build_parser
from vidseg.recipes import find_recipe, override
from vidseg.train import TrainConfig

DOCS = Path(__file__).parents[1] / "docs"
FILES = DOCS / "examples" / "cluster"
SBATCH = (FILES / "train.sbatch").read_text(encoding="utf-8")
# What sbatch's manual lists, as far as it is used here, with the form of the values.
DIRECTIVES = {
    "job-name": r"[\w-]+",
    "nodes": r"\d+",
    "ntasks-per-node": r"\d+",
    "cpus-per-task": r"\d+",
    "gpus-per-node": r"\d+",
    "time": r"\d+:\d\d:\d\d",
    "requeue": None,
    "open-mode": r"append|truncate",
    "signal": r"(B:)?[A-Z]+@\d+",
    "output": r"\S*%j\S*",
}


def trained(words: list[str]) -> tuple[Any, TrainConfig]:
    """What the command line makes of the words after "vidseg train"."""
    args = build_parser().parse_args(words)
    return args, override(find_recipe(args.recipe), args.fields)


def objects(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FILES / name).read_text(encoding="utf-8")))


def after(words: list[str], *command: str) -> list[str]:
    """The words that follow some others."""
    place = next(k for k in range(len(words)) if words[k : k + len(command)] == list(command))
    return words[place + len(command) :]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_batch_script_is_one() -> None:
    done = subprocess.run(["bash", "-n", FILES / "train.sbatch"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert SBATCH.startswith("#!/bin/bash\n")


def test_its_directives_are_sbatchs_and_come_before_any_command() -> None:
    lines = SBATCH.splitlines()
    directives = [line for line in lines if line.startswith("#SBATCH")]
    first_command = next(k for k, line in enumerate(lines) if line and not line.startswith("#"))
    assert max(k for k, line in enumerate(lines) if line.startswith("#SBATCH")) < first_command
    for line in directives:
        name, equals, value = line.removeprefix("#SBATCH --").partition("=")
        form = DIRECTIVES[name]
        assert re.fullmatch(form, value) if form else not equals, line


def test_the_batch_script_starts_as_many_processes_as_it_has_gpus_for_and_vidseg_takes_its_words() -> None:
    command = next(part for part in SBATCH.replace("\\\n", " ").splitlines() if "torchrun" in part and "srun" in part)
    words = shlex.split(command.partition("||")[0])
    gpus = re.search(r"--gpus-per-node=(\d+)", SBATCH)
    assert gpus is not None
    assert f"--nproc-per-node={gpus[1]}" in words
    args, config = trained(after(words, "-m", "vidseg", "train"))
    assert args.resume
    assert config.data.cache is not None
    assert config.data.shard_by == "video"


def test_the_job_set_has_what_its_kind_needs_and_vidseg_takes_its_words() -> None:
    (job_set,) = objects("jobset.yaml")
    assert (job_set["apiVersion"], job_set["kind"]) == ("jobset.x-k8s.io/v1alpha2", "JobSet")
    assert set(job_set) == {"apiVersion", "kind", "metadata", "spec"}
    name, spec = job_set["metadata"]["name"], job_set["spec"]
    assert set(spec) == {"network", "failurePolicy", "replicatedJobs"}
    (replicated,) = spec["replicatedJobs"]
    job = replicated["template"]["spec"]
    assert job["parallelism"] == job["completions"]
    pod = job["template"]["spec"]
    assert pod["restartPolicy"] == "Never"  # a Job's pods need one; torchrun and JobSet restart
    (container,) = pod["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    command = container["command"]
    assert f"--nnodes={job['parallelism']}" in command
    assert f"--nproc-per-node={container['resources']['limits']['nvidia.com/gpu']}" in command
    # Pods of a JobSet are called so within its network.
    endpoint = f"{name}-{replicated['name']}-0-0.{spec['network']['subdomain']}:29500"
    assert f"--rdzv-endpoint={endpoint}" in command
    args, config = trained(after(command, "-m", "vidseg", "train"))
    assert args.resume
    assert config.data.cache is not None
    assert Path(config.data.cache.folder).parent in {Path(mount["mountPath"]) for mount in container["volumeMounts"]}


def test_the_queue_is_the_one_that_the_job_set_names_and_has_room_for_it() -> None:
    found = {thing["kind"]: thing for thing in objects("queue.yaml")}
    assert {thing["apiVersion"] for thing in found.values()} == {"kueue.x-k8s.io/v1beta2"}
    flavor, cluster, local = (found[kind] for kind in ("ResourceFlavor", "ClusterQueue", "LocalQueue"))
    (job_set,) = objects("jobset.yaml")
    assert job_set["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == local["metadata"]["name"]
    assert local["spec"]["clusterQueue"] == cluster["metadata"]["name"]
    (group,) = cluster["spec"]["resourceGroups"]
    (offered,) = group["flavors"]
    assert offered["name"] == flavor["metadata"]["name"]
    (resource,) = offered["resources"]
    assert [resource["name"]] == group["coveredResources"]
    job = job_set["spec"]["replicatedJobs"][0]["template"]["spec"]
    gpus = job["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"]
    assert resource["nominalQuota"] >= gpus * job["parallelism"]


def test_vidseg_takes_the_commands_of_the_page() -> None:
    page = (DOCS / "cluster.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```([^\n]*)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    commands = [shlex.split(line) for language, block in blocks if not language for line in block.splitlines()]
    assert len(commands) == 3
    for words in commands:
        trained(after(words, "vidseg", "train"))


def test_a_word_that_vidseg_does_not_know_would_be_noticed() -> None:
    with pytest.raises(ValueError, match=r"--data\.shard_by"):
        trained(["--recipe", "cffm_b0_vspw", "--data.shard_buy", "video"])
