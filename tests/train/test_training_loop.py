import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_training import SIZE, tiny_config, write_videos

from vidseg.checkpoints import load
from vidseg.data import ClipDataset, open_dataset
from vidseg.data.clip_dataset import ClipSample
from vidseg.errors import CheckpointError, DataError, InputError, TrainingError
from vidseg.models import PriorConfig, build_model
from vidseg.train import LossConfig, Notice, Progress, Saved, Validated
from vidseg.train.learner import Learner
from vidseg.train.loop import train
from vidseg.train.states import load_state, newest_state
from vidseg.transforms import AugmentationConfig
from vidseg.transforms.pipeline import ClipAugmentation


def states_equal(first: Path, second: Path) -> bool:
    def equal(a, b):
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
        if isinstance(a, list | tuple):
            return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
        return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b

    return equal(load_state(first)["learner"], load_state(second)["learner"])


def longer(config, iterations, **output):
    return replace(
        config,
        schedule=replace(config.schedule, iterations=iterations),
        output=replace(config.output, **output),
    )


@pytest.mark.parametrize("kind", ["segformer", "cffm"])
def test_one_clip_is_learned_by_heart(kind, squares, tmp_path, monkeypatch):
    config = longer(tiny_config(squares, tmp_path, kind=kind, batch_size=1), 80, log_every=1000)
    # Twice as large as on disk, so that few pixels lie at a border of classes.
    augmentation = AugmentationConfig(
        crop_size=(2 * SIZE, 2 * SIZE),
        base_size=(2 * SIZE, 2 * SIZE),
        scale_range=(1.0, 1.0),
        max_class_share=1,
        flip_probability=0,
        photometric="off",
    )
    config = replace(
        config,
        optimizer=replace(config.optimizer, learning_rate=1e-2),
        data=replace(config.data, clips=replace(config.data.clips, reverse_probability=0)),
        augmentation=augmentation,
    )
    # Ten frames have one target, the last of them, when played forwards.
    dataset = open_dataset(squares, "camvid", "train")
    dataset = replace(dataset, videos=(replace(dataset.videos[0], frames=dataset.videos[0].frames[:10]),))
    monkeypatch.setattr("vidseg.train.loop.open_dataset", lambda *_: dataset)
    train(config)
    model = load(tmp_path / "last")
    sample = ClipDataset(dataset, config.data.clips, ClipAugmentation(augmentation, ignore=255))[0, 0]
    labels = sample.labels[-1]
    with torch.inference_mode():
        logits = model(sample.clip[None]).final
    prediction = torch.nn.functional.interpolate(logits, labels.shape, mode="bilinear")[0].argmax(0)
    assert (prediction == labels)[labels != 255].float().mean() > 0.99


@pytest.mark.parametrize("extras", [{}, {"accumulation": 2, "ema_decay": 0.9, "clip_norm": 1.0, "workers": 1}])
def test_resumed_is_uninterrupted_to_the_bit(extras, squares, tmp_path):
    """With dropout and drop path on: every source of randomness goes on where it was."""
    straight = longer(tiny_config(squares, tmp_path / "straight", drop=0.2, **extras), 8)
    train(straight)
    halves = longer(tiny_config(squares, tmp_path / "halves", drop=0.2, **extras), 8, save_every=4)

    def stop_at_four(event):
        if isinstance(event, Saved) and event.iteration == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(halves, events=stop_at_four)
    result = train(halves, resume=True)
    assert result.iteration == 8
    assert states_equal(newest_state(tmp_path / "straight" / "states"), newest_state(tmp_path / "halves" / "states"))
    last = [(tmp_path / name / "last" / "model.safetensors").read_bytes() for name in ("straight", "halves")]
    assert last[0] == last[1]


def test_accumulated_gradients_are_those_of_the_larger_batch(squares, tmp_path):
    """Where nothing couples the samples of a batch: normalisation runs on fixed statistics here."""
    from vidseg.train.devices import launch

    gradients = []
    for accumulation in (1, 2):
        config = tiny_config(squares, tmp_path, accumulation=accumulation, batch_size=4 // accumulation)
        torch.manual_seed(0)
        model = build_model(config.model)
        model.class_map = open_dataset(squares, "camvid", "train").class_map
        model.train = lambda mode=True, model=model: torch.nn.Module.train(model, False)
        learner = Learner(launch(config), model, config)
        clip = torch.rand(4, 4, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 255
        labels = torch.randint(0, 3, (4, 4, 32, 32), generator=torch.Generator().manual_seed(2))
        parts = zip(clip.chunk(accumulation), labels.chunk(accumulation), strict=True)
        learner.compute_gradients([ClipSample(*part, ["video"] * len(part[0]), ["frame"]) for part in parts], 0)
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters()})
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-6)


def test_activation_checkpointing_and_bf16_change_memory_not_meaning(squares, tmp_path):
    losses = []
    for name, extras in {
        "plain": {},
        "recompute": {"activation_checkpointing": True},
        "bf16": {"precision": "bf16"},
    }.items():
        found = []
        train(
            tiny_config(squares, tmp_path / name, drop=0.2, **extras),
            events=lambda event, found=found: found.append(event.loss) if isinstance(event, Progress) else None,
        )
        losses.append(found)
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert losses[2] == pytest.approx(losses[0], rel=0.1)


def test_it_validates_keeps_the_best_and_writes_its_figures(squares, tmp_path):
    config = longer(tiny_config(squares, tmp_path), 6, validate_every=2, tensorboard=True)
    config = replace(config, data=replace(config.data, val_split="val"))
    scores = iter([0.3, 0.5, 0.4])
    events = []
    result = train(config, events=events.append, measure=lambda model: {"mIoU": next(scores)})
    assert [event.best for event in events if isinstance(event, Validated)] == [True, True, False]
    assert result.best == tmp_path / "best"
    assert load(result.best).training_record["iteration"] == 4
    assert load(result.last).training_record["iteration"] == 6
    rows = list(csv.DictReader((tmp_path / "validation.csv").read_text().splitlines()))
    assert [(row["iteration"], row["mIoU"]) for row in rows] == [("2", "0.3"), ("4", "0.5"), ("6", "0.4")]
    rows = csv.DictReader((tmp_path / "progress.csv").read_text().splitlines())
    assert [int(row["iteration"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert list((tmp_path / "tensorboard").iterdir())
    progress = [event for event in events if isinstance(event, Progress)][-1]
    assert progress.seconds_left == 0
    assert 0 <= progress.data_wait <= 1


def test_by_default_it_validates_through_the_stream(squares, tmp_path):
    config = longer(tiny_config(squares, tmp_path), 2)
    events = []
    train(replace(config, data=replace(config.data, val_split="val")), events=events.append)
    (validated,) = [event for event in events if isinstance(event, Validated)]
    assert {"mIoU", "mVC8"} <= validated.metrics.keys()


def test_initial_weights_are_copied_and_said(squares, tmp_path):
    train(tiny_config(squares, tmp_path / "first", kind="segformer"))
    config = tiny_config(squares, tmp_path / "second")
    events = []
    train(replace(config, initial_weights=str(tmp_path / "first" / "last")), events=events.append)
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert "copied encoder, head, classifier" in notice.message
    assert "set context_classifier to classifier" in notice.message
    assert "freshly initialised: blocks" in notice.message


def test_frozen_parts_stay_as_they_are_and_a_prior_learns_alone(squares, tmp_path):
    config = tiny_config(squares, tmp_path / "first")
    train(config)
    model = replace(config.model, prior=PriorConfig(prototypes=4, heads=1))
    config = replace(
        tiny_config(squares, tmp_path / "second"),
        model=model,
        loss=LossConfig(final_weight=0.0, frame_weight=0.0, auxiliary_weight=1.0),
        initial_weights=str(tmp_path / "first" / "last"),
        frozen=("encoder", "head", "blocks", "classifier", "context_classifier"),
    )
    train(config)
    before, after = (load(tmp_path / name / "last").state_dict() for name in ("first", "second"))
    # Norms' statistics are among them.
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    torch.manual_seed(config.runtime.seed)
    fresh = build_model(model).state_dict()
    changed = [name for name in after if name.startswith("prior.") and not torch.equal(after[name], fresh[name])]
    assert {"prior.query.weight", "prior.classifier.weight"} <= set(changed)
    with pytest.raises(InputError, match="got a part 'neck' to freeze; expected some of encoder"):
        train(replace(config, frozen=("neck",), output=replace(config.output, folder=str(tmp_path / "third"))))


def test_a_cold_start_is_said(squares, tmp_path):
    train(tiny_config(squares, tmp_path / "first", kind="segformer"))
    config = tiny_config(squares, tmp_path / "second")
    events = []
    train(replace(config, initial_weights=str(tmp_path / "first" / "last"), warm_start=False), events=events.append)
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert "context_classifier (the source has none)" in notice.message


def test_a_nan_stops_before_it_reaches_the_weights(squares, tmp_path, monkeypatch):
    config = longer(tiny_config(squares, tmp_path), 6, save_every=2)
    real = Learner.compute_gradients
    monkeypatch.setattr(
        Learner,
        "compute_gradients",
        lambda self, batches, iteration: real(self, batches, iteration) * (float("nan") if iteration == 3 else 1),
    )
    with pytest.raises(TrainingError, match="loss of nan at iteration 3"):
        train(config)
    assert newest_state(tmp_path / "states").name == "00000002.pt"


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("[enforce] DefaultCPUAllocator: not enough")]
)
def test_too_little_memory_is_explained(error, squares, tmp_path, monkeypatch):
    def fail(self, batches, iteration):
        raise error

    monkeypatch.setattr(Learner, "compute_gradients", fail)
    with pytest.raises(TrainingError, match="use a smaller"):
        train(tiny_config(squares, tmp_path))


def test_a_full_disk_leaves_the_earlier_state(squares, tmp_path, monkeypatch):
    config = longer(tiny_config(squares, tmp_path), 4, save_every=2)
    real = torch.save

    def full(state, path):
        if state["iteration"] == 4:
            Path(path).write_bytes(b"half of it")
            raise OSError(28, "No space left on device")
        real(state, path)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(CheckpointError, match="No space left"):
        train(config)
    assert [path.name for path in (tmp_path / "states").iterdir()] == ["00000002.pt"]
    monkeypatch.undo()
    assert train(config, resume=True).iteration == 4


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_sample_is_named_in_one_line_and_nothing_is_lost(workers, tmp_path):
    write_videos(tmp_path / "data_set", videos=2)
    for path in (tmp_path / "data_set" / "data" / "video1" / "origin").iterdir():
        path.write_bytes(b"no image")
    config = longer(tiny_config(tmp_path / "data_set", tmp_path / "run", batch_size=1, workers=workers), 6)
    with pytest.raises(DataError, match="video1") as caught:
        train(config)
    assert "\n" not in str(caught.value)
    assert newest_state(tmp_path / "run" / "states") is not None


def test_states_rotate(squares, tmp_path):
    train(longer(tiny_config(squares, tmp_path), 6, save_every=1, keep_states=2))
    assert sorted(path.name for path in (tmp_path / "states").iterdir()) == ["00000005.pt", "00000006.pt"]


def test_a_signal_saves_and_ends_the_run(squares, tmp_path):
    def interrupt(event):
        if isinstance(event, Progress) and event.iteration == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    result = train(tiny_config(squares, tmp_path), events=interrupt)
    # It comes after iteration 3, so the fourth is the one that hears of it.
    assert (result.iteration, result.interrupted_by) == (4, signal.SIGTERM)
    assert newest_state(tmp_path / "states").name == "00000004.pt"
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_does_not_fit_is_refused(squares, tmp_path):
    config = tiny_config(squares, tmp_path)
    with pytest.raises(InputError, match=r"--model\.num_classes 3"):
        train(replace(config, model=replace(config.model, num_classes=5)))
    with pytest.raises(InputError, match="one a class"):
        train(replace(config, loss=replace(config.loss, class_weights=(1.0, 2.0))))
    train(config)
    with pytest.raises(InputError, match="go on with --resume"):
        train(config)
    with pytest.raises(InputError, match=r"got optimizer\.learning_rate=0\.1"):
        train(replace(config, optimizer=replace(config.optimizer, learning_rate=0.1)), resume=True)
    (tmp_path / "states" / "00000006.pt").write_bytes(b"PK half")
    with pytest.raises(CheckpointError, match=r"00000006\.pt"):
        train(config, resume=True)


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import torch
torch.set_num_threads(1)
from tiny_training import tiny_config
from test_training_loop import longer
from vidseg.train.loop import train

root, folder, drop, batch, iterations = (*map(Path, sys.argv[1:3]), float(sys.argv[3]), *map(int, sys.argv[4:6]))
train(longer(tiny_config(root, folder, drop=drop, batch_size=batch), iterations, save_every=5), resume=True)
"""


def start(processes: int, *arguments: object) -> subprocess.Popen[bytes]:
    script = SCRIPT.format(tests=str(Path(__file__).parent))
    options = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    path = Path(arguments[1]).with_suffix(".py")
    path.write_text(script)
    command = [sys.executable, *(options if processes > 1 else []), str(path), *map(str, arguments)]
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_killed_at_any_moment_it_goes_on_to_the_bit(processes, squares, tmp_path):
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    assert start(processes, squares, straight, 0.2, 2, 60).wait() == 0
    run = start(processes, squares, killed, 0.2, 2, 60)
    while (newest := newest_state(killed / "states")) is None or newest.stem < "00000030":
        time.sleep(0.02)
        assert run.poll() is None, "finished before it could be killed"
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert start(processes, squares, killed, 0.2, 2, 60).wait() == 0
    assert states_equal(straight / "states" / "00000060.pt", killed / "states" / "00000060.pt")


@pytest.mark.slow
def test_two_processes_learn_what_one_with_a_batch_twice_as_large_learns(squares, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert start(1, squares, one, 0.0, 4, 3).wait() == 0
    assert start(2, squares, two, 0.0, 2, 3).wait() == 0
    first, second = (load_state(folder / "states" / "00000003.pt")["learner"] for folder in (one, two))
    # Adam makes full steps even of gradients that are zero but for rounding: those of biases in front of the BatchNorm.
    # So not weights are compared but gradients, by their running means, and not the BatchNorm's mean but its variance.
    means = [[state["exp_avg"] for state in learner["optimizer"]["state"].values()] for learner in (first, second)]
    torch.testing.assert_close(means[0], means[1], rtol=1e-3, atol=1e-5)
    variances = [learner["model"]["head.norm.running_var"] for learner in (first, second)]
    torch.testing.assert_close(variances[0], variances[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("native", "precision", "warned"), [(False, "bf16", 1), (False, "fp32", 0), (True, "bf16", 0)])
def test_a_precision_that_costs_time_is_said(native, precision, warned, squares, tmp_path, monkeypatch):
    # Not asked of this machine, whose answer would decide which cases there are.
    monkeypatch.setattr("torch.ops.mkldnn._is_mkldnn_bf16_supported", lambda: native)
    config = tiny_config(squares, tmp_path, device="cpu", precision=precision)
    told: list[object] = []
    train(longer(config, 1), events=told.append)
    said = [event.message for event in told if isinstance(event, Notice) and "bf16" in event.message]
    assert len(said) == warned
    assert all("--runtime.precision fp32" in message for message in said)
