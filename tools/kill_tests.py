"""Kills long work with ``kill -9`` at random moments, resumes it, and compares with work that nobody disturbed.

    python tools/kill_tests.py segment --kills 25 --work kills --json segment.json
    python tools/kill_tests.py train --kills 25 --work kills --json train.json
    python tools/kill_tests.py torchrun --kills 5 --work kills --json torchrun.json

`segment`: `vidseg segment --skip-done` over ten videos with four kinds of output. `train`: a small SegFormer on the
toy videos of `examples/`, validated on the way. For each kill the work is begun in a new folder, its process (not those
that it started: they have to notice) is killed after a random time, and the same command goes on, for training with
--resume. In the end there must be the same files, hidden ones included, with the same contents; no process of the
killed session may live on, and nothing may lie in the folder for temporary files. Needs Linux. Exit code 1 otherwise.
`torchrun`: the same training in two processes; of one run, one process after the other is killed (SIGKILL or SIGTERM)
after random iterations, and torchrun starts them again. Work that takes far longer than undisturbed is a failure, too.
"""

import argparse
import getpass
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from vidseg.bench.frames import drifting
from vidseg.types import Frame
from vidseg.video import OverlayWriter, VideoInfo

ROOT = Path(__file__).parents[1]
PATIENCE = 20.0  # seconds for orphans to notice that they are
LONGEST = 600.0  # seconds of one run; it takes tens
MARK = "VIDSEG_KILL_TEST"  # in the environment of all processes of a work: the folder that it works in
USUAL_CACHES = {f"torchinductor_{getpass.getuser()}"}  # torch makes it, killed or not


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is killed.

    Attributes:
        command: begins it, and makes everything in the working directory.
        resumed: goes on with it.
        digest: of a file; what may differ from run to run is no part of it.
    """

    command: Sequence[str]
    resumed: Sequence[str]
    digest: Callable[[Path], str]


def main() -> int:
    """Reads the command line, kills, and tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("segment", "train", "torchrun"))
    parser.add_argument("--kills", type=int, default=25, help="(default: 25)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument("--frames", type=int, default=40, help="of each of the ten videos (default: 40)")
    parser.add_argument("--iterations", type=int, default=40, help="of a training (default: 40)")
    parser.add_argument(
        "--work", type=Path, required=True, metavar="DIR", help="a new folder; it is removed if all is well"
    )
    parser.add_argument("--json", type=Path, metavar="F", help="write what happened")
    args = parser.parse_args()
    args.work.mkdir(parents=True)
    # Not in the working folder: the path of a loader's sockets, which lie in it, must be short.
    with TemporaryDirectory(prefix="kills-") as temporary:
        return kill(args, Path(temporary))


def kill(args: argparse.Namespace, temporary: Path) -> int:
    """Kills as often as asked for, with a folder for temporary files."""
    rng = random.Random(args.seed)
    match args.kind:
        case "segment":
            work = segmenting(args.work, args.frames)
        case "train":
            work = training(args.work, args.iterations)
        case _:
            work = in_two_processes(training(args.work, args.iterations), restarts=args.kills)
    seconds = undisturbed(work, args.work, temporary)
    expected = contents(args.work / "straight", work.digest)
    if args.kind == "torchrun":
        return tell(args, seconds, expected, [ranks_killed(work, args, temporary, expected, seconds, rng)], args.kills)
    trials: list[dict[str, object]] = []
    caught = 0
    while caught < args.kills:  # where the work was faster than the moment, there was nothing to kill
        trial = killed_and_resumed(work, args.work, temporary, expected, rng.uniform(0, seconds))
        trials.append(trial)
        caught += bool(trial["killed"])
        print(f"{caught}/{args.kills}: {json.dumps(trial)}", flush=True)
    return tell(args, seconds, expected, trials, caught)


def tell(
    args: argparse.Namespace, seconds: float, expected: dict[str, str], trials: list[dict[str, object]], kills: int
) -> int:
    """Writes and says what happened; returns the exit code."""
    failures = sum(bool(trial["faults"]) for trial in trials)
    summary = {
        "kind": args.kind,
        "seed": args.seed,
        "seconds": seconds,
        "files": len(expected),
        "kills": kills,
        "failures": failures,
        "trials": trials,
    }
    if args.json:
        args.json.write_text(json.dumps(summary, indent=2) + "\n")
    print(f"{args.kind}: {kills} kills, {len(expected)} files each, {failures} failures")
    if not failures:
        shutil.rmtree(args.work)
    return 1 if failures else 0


def segmenting(folder: Path, frames: int) -> Work:
    """Ten videos of two sizes into overlays, masks, arrays and shares."""
    inputs = []
    for number in range(10):
        size = (96, 160) if number % 2 else (120, 160)
        path = (folder / f"video{number}.mp4").resolve()
        info = VideoInfo(name=path.name, width=size[1], height=size[0], fps=Fraction(15), time_base=Fraction(1, 15))
        with OverlayWriter(path, info) as writer:
            for index, image in zip(range(frames), drifting(size, seed=number), strict=False):
                writer.write(image, Frame(image=image, index=index, time=index / 15, duration=1 / 15))
        inputs.append(str(path))
    command = [
        sys.executable,
        "-m",
        "vidseg",
        "segment",
        *inputs,
        "-o",
        "{name}.mp4",
        "-o",
        "masks",
        "-o",
        "{name}.npz",
    ]
    command += ["-o", "shares/{name}.csv", "--model", "cffm-b0-freedoom", "--runtime", "torch", "--size", "96"]
    command += ["--threads", "1", "--skip-done"]
    return Work(command=command, resumed=command, digest=digest_of_output)


def training(folder: Path, iterations: int) -> Work:
    """A SegFormer on the toy videos, with a loader worker, states every five iterations and validation every ten."""
    data = (folder / "toy").resolve()
    subprocess.run([sys.executable, ROOT / "examples" / "toy_videos.py", data], check=True, stdout=subprocess.DEVNULL)
    fields = {
        "data.root": data,
        "model.num_classes": 3,
        "schedule.iterations": iterations,
        "augmentation.crop_size": "[64, 64]",
        "augmentation.base_size": "[96, 72]",
        "preprocessing.short": 64,
        "preprocessing.long": 96,
        "runtime.batch_size": 2,
        "runtime.workers": 1,
        "output.folder": "run",
        "output.save_every": 5,
        "output.validate_every": 10,
        "output.tensorboard": "false",
    }
    words = [word for name, value in fields.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "vidseg", "train", "--recipe", "segformer_b0_small", *words]
    return Work(command=command, resumed=[*command, "--resume"], digest=digest_of_training)


def in_two_processes(work: Work, *, restarts: int) -> Work:
    """A training of a tiny model under torchrun; every iteration has a row of figures, which tell how far it is."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    launcher += [f"--max-restarts={restarts}"]
    fields = {
        "output.log_every": 1,
        "model.encoder.widths": "[8, 16, 24, 32]",
        "model.encoder.depths": "[1, 1, 1, 1]",
        "model.encoder.heads": "[1, 2, 3, 4]",
        "model.head_channels": 16,
        "initial_weights": "null",
    }
    command = [*launcher, *work.command[1:], *(word for name in fields for word in (f"--{name}", str(fields[name])))]
    return Work(command=command, resumed=command, digest=work.digest)


def undisturbed(work: Work, folder: Path, temporary: Path) -> float:
    """Does the work in one go; returns the seconds it took."""
    began = time.monotonic()
    place = folder / "straight"
    place.mkdir()
    code = started(work.command, place, temporary).wait(LONGEST)
    if code:
        raise SystemExit(f"the undisturbed run ended with exit code {code}: {(place / 'log').read_text()[-2000:]}")
    return time.monotonic() - began


def killed_and_resumed(
    work: Work, folder: Path, temporary: Path, expected: dict[str, str], after: float
) -> dict[str, object]:
    """One trial: what was found wrong, if anything."""
    place = folder / "killed"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    process = started(work.command, place, temporary)
    try:
        process.wait(timeout=after)
        killed = False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed = True
    faults = [f"process {orphan} lives on" for orphan in orphans(place)]
    leftovers = sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if ".vidseg-" in path.name)
    finished = [code for code in [started(work.resumed, place, temporary).wait(LONGEST)] if code]
    faults += [f"exit code {code} when resumed: {(place / 'log').read_text()[-500:]}" for code in finished]
    faults += differences(contents(place, work.digest), expected, temporary)
    return {"after_s": round(after, 2), "killed": killed, "left_by_the_killed": leftovers, "faults": faults}


def differences(found: dict[str, str], expected: dict[str, str], temporary: Path) -> list[str]:
    """What is not as after undisturbed work."""
    faults = [f"{name} is missing" for name in expected.keys() - found.keys()]
    faults += [f"{name} is stray" for name in found.keys() - expected.keys()]
    faults += [f"{name} differs" for name in expected.keys() & found.keys() if expected[name] != found[name]]
    usual = (*USUAL_CACHES, "torchelastic_")  # torchrun's folder of logs, which stays
    return faults + [f"{path} is stray" for path in temporary.iterdir() if not path.name.startswith(usual)]


def ranks_killed(
    work: Work,
    args: argparse.Namespace,
    temporary: Path,
    expected: dict[str, str],
    seconds: float,
    rng: random.Random,
) -> dict[str, object]:
    """One run of torchrun, of whose processes some are killed: when, and what was found wrong, if anything."""
    place = args.work / "killed"
    place.mkdir()
    began = time.monotonic()
    shared_before = set(Path("/dev/shm").iterdir())
    deadline = began + max(LONGEST, 3 * seconds * (args.kills + 1))  # each start takes as long as a run, or longer
    agent = started(work.command, place, temporary)
    moments: list[dict[str, object]] = []
    # After iteration 0 is while they start.
    for iteration in sorted(rng.sample(range(args.iterations - 1), args.kills)):
        rank, (number,) = rng.randrange(2), rng.choices((signal.SIGKILL, signal.SIGTERM), weights=(4, 1))
        pid = process_of_rank(rank, agent, deadline, place, after=iteration, restarts=len(moments))
        time.sleep(rng.uniform(0, 0.5 if iteration else 3))
        os.kill(pid, number)
        moments.append(
            {
                "after_s": round(time.monotonic() - began, 2),
                "iteration": iteration,
                "reached": reached(place),
                "rank": rank,
                "signal": number.name,
                "restarts_before": len(moments),
            }
        )
        print(json.dumps(moments[-1]), flush=True)
        while environment_of(pid):  # SIGTERM lets it save
            time.sleep(0.02)
    code = agent.wait(deadline - time.monotonic())
    faults = [f"exit code {code}: {(place / 'log').read_text()[-2000:]}"] if code else []
    faults += [f"process {orphan} lives on" for orphan in orphans(place)]
    found = contents(place, work.digest)
    faults += differences(without_earlier_states(found), without_earlier_states(expected), temporary)
    faults += [f"{path} is stray" for path in set(Path("/dev/shm").iterdir()) - shared_before]
    weights = "run/last/model.safetensors"
    return {
        "moments": moments,
        "seconds": round(time.monotonic() - began, 1),
        "sha256_straight": expected[weights],
        "sha256_killed": found.get(weights),
        "faults": faults,
    }


def without_earlier_states(found: dict[str, str]) -> dict[str, str]:
    """Before the last one there may be a state of when a process was told to stop."""
    states = sorted(name for name in found if "/states/" in name)
    return {name: digest for name, digest in found.items() if name not in states[:-2]}  # it has a digest beside it


def process_of_rank(
    rank: int, agent: "subprocess.Popen[bytes]", deadline: float, place: Path, *, after: int, restarts: int
) -> int:
    """Waits for an iteration to be done, and for so many restarts; the process of a rank then."""
    while time.monotonic() < deadline:
        if agent.poll() is not None:
            raise SystemExit(f"torchrun ended with exit code {agent.returncode} before iteration {after}: see its log")
        if reached(place) >= after:
            for pid in started_in(place):
                environment = environment_of(pid)
                facts = environment.get("RANK"), environment.get("TORCHELASTIC_RESTART_COUNT"), parent_of(pid)
                if facts == (str(rank), str(restarts), agent.pid):
                    return pid
        time.sleep(0.02)
    raise SystemExit(f"iteration {after} was not reached in time: see the log in {place}")


def reached(place: Path) -> int:
    """The last iteration that a run has a row of."""
    progress = place / "run" / "progress.csv"
    if not progress.exists():
        return 0
    rows = [row for row in progress.read_text().split("\n")[1:-1] if row]
    return int(rows[-1].partition(",")[0]) if rows else 0


def environment_of(pid: int) -> dict[str, str]:
    """What a process was started with; nothing where it has ended."""
    try:
        entries = (Path("/proc") / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    return dict(entry.decode().split("=", 1) for entry in entries if b"=" in entry)


def parent_of(pid: int) -> int | None:
    """By /proc; None where the process has ended."""
    try:
        return int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def started(command: Sequence[str], place: Path, temporary: Path) -> "subprocess.Popen[bytes]":
    """The work in its own session, with one thread, its words in the file log."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(temporary), MARK: str(place)}
    with (place / "log").open("ab") as log:
        return subprocess.Popen(command, cwd=place, env=environment, stdout=log, stderr=log, start_new_session=True)


def orphans(place: Path) -> list[int]:
    """Processes that are there after `PATIENCE`."""
    deadline = time.monotonic() + PATIENCE
    while (alive := started_in(place)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return alive


def started_in(place: Path) -> list[int]:
    """Living processes of the work in a folder, by /proc: whatever session and parent they have by now."""
    found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in found if environment_of(pid).get(MARK) == str(place)]


def contents(place: Path, digest: Callable[[Path], str]) -> dict[str, str]:
    """Every file, hidden ones too, with its digest; empty folders are files without one."""
    return {
        path.relative_to(place).as_posix(): "" if path.is_dir() else digest(path)
        for path in sorted(place.rglob("*"))
        if path != place / "log"
    }


def digest_of_output(path: Path) -> str:
    """Arrays by what is in them, for an archive holds times; anything else by its bytes."""
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            parts = [np.load(io.BytesIO(archive.read(name))).tobytes() for name in sorted(archive.namelist())]
        return sha256(b"".join(parts)).hexdigest()
    return sha256(path.read_bytes()).hexdigest()


def digest_of_training(path: Path) -> str:
    """States by their values, models by their bytes; curves hold wall time and may hold iterations twice.

    Equal states may be written as other bytes, which their own digests are of.
    """
    if path.suffix in (".csv", ".sha256"):
        return ""
    if path.suffix == ".pt":
        state = torch.load(path, map_location="cpu", weights_only=True)
        return sha256("".join(described(state)).encode()).hexdigest()
    return sha256(path.read_bytes()).hexdigest()


def described(value: object) -> list[str]:
    """A nested state as text, tensors by the digest of their bits."""
    if isinstance(value, torch.Tensor):
        return [f"{value.dtype}{tuple(value.shape)}", sha256(value.contiguous().numpy().tobytes()).hexdigest()]
    if isinstance(value, dict):
        return [part for key in value for part in (repr(key), *described(value[key]))]
    if isinstance(value, list | tuple):
        return [part for item in value for part in described(item)]
    return [repr(value)]


if __name__ == "__main__":
    sys.exit(main())
