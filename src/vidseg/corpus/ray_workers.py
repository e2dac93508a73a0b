"""A corpus on a Ray cluster: each worker is an actor with a GPU, or so many cores, that holds the model once.

The model travels through Ray's object store, once a machine, so weights need not lie on the machines. A worker is
given one unit at a time. One that dies, or whose machine does, is replaced wherever there is room; machines that join
get workers, too.
"""

import logging
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from vidseg import __version__
from vidseg.corpus.dispatch import Returned
from vidseg.corpus.units import Outcome, Unit
from vidseg.corpus.worker import Assignment, Worker, one_line
from vidseg.errors import InputError, VidsegError, extra
from vidseg.models import VideoModel
from vidseg.threads import share_cores

# Of a worker without a GPU, where nothing else is said and its machine has so many.
_CORES = 4
_LEAST_STORE = 128 << 20  # bytes
# Seconds between two looks at how large the cluster is, and until it is said that no worker can be started.
_LOOK = 15.0
_PATIENCE = 30.0
# Workers that may fail to start one after the other.
_FALSE_STARTS = 3


class RayWorkers:
    """Actors of a cluster, as `vidseg.corpus.dispatch.Workers`.

    Args:
        model: in eval mode, on the CPU, with class map and preprocessing.
        assignment: what is to be made of each unit.
        address: of the cluster, as `ray.init` takes it: "local" for one of this machine alone that ends with the work,
            "auto", HOST:PORT, ray://HOST:PORT.
        workers: how many; None for as many as there is room for.
        cores: of each worker; None for 4, or all of a machine that has fewer.
        gpu: whether each has one; None if the cluster has any.
        say: told of what the user should know, a line at a time.

    Raises:
        InputError: if there is no such cluster, or no room in it for one worker.
        MissingExtraError: if Ray is not installed.
    """

    def __init__(
        self,
        model: VideoModel,
        assignment: Assignment,
        address: str,
        *,
        workers: int | None = None,
        cores: int | None = None,
        gpu: bool | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        with extra("ray"):
            import ray
        self._ray, self._say, self._fixed = ray, say, workers
        self._actor_class: Any = ray.remote(_Actor)
        self._actors: dict[Any, Any] = {}  # that are starting or working, by what they owe
        self._units: dict[Any, Unit] = {}  # that are being worked on, by the same
        self._idle: list[Any] = []
        self._names: dict[Any, str] = {}
        self._false_starts = 0
        self._owns = not ray.is_initialized()
        if self._owns:
            _connect(ray, address, model)
        try:
            self._gpu = bool(ray.cluster_resources().get("GPU")) if gpu is None else gpu
            self._cores = cores or cores_of_a_worker(self._machines(), has_gpu=self._gpu)
            if not self._fitting():
                raise InputError(
                    f"got a cluster of {_shown(ray.cluster_resources())}; expected room for a worker of "
                    f"{self._cores} cores{' and a GPU' if self._gpu else ''}; do: give --threads or --device cpu"
                )
            device = {"device": "cuda"} if self._gpu else {"device": "cpu", "threads": self._cores}
            assignment = replace(assignment, segmenter={**assignment.segmenter, **device})
            self._model, self._assignment = ray.put(model), ray.put(assignment)
        except BaseException:
            self.close()
            raise
        self._looked = self._last_ready = time.monotonic()
        self._grow()

    @property
    def room(self) -> int:
        """How many workers have nothing to do."""
        return len(self._idle)

    @property
    def busy(self) -> int:
        """How many units are being worked on."""
        return len(self._units)

    def give(self, unit: Unit) -> None:
        """Hands a unit to a worker that has nothing to do."""
        actor = self._idle.pop()
        promise = actor.work.remote(unit)
        self._actors[promise], self._units[promise] = actor, unit

    def wait(self) -> Sequence[Returned]:
        """What has come back within a second or two; workers that died are replaced.

        Raises:
            VidsegError: if workers cannot be started.
        """
        if time.monotonic() - self._looked > _LOOK:
            self._looked = time.monotonic()
            self._grow()
        promises = list(self._actors)
        if not promises:  # all machines went; others may come
            time.sleep(1.0)
            self._say_if_stuck()
            return []
        ready, _ = self._ray.wait(promises, num_returns=1, timeout=1.0)
        if ready:  # whatever else is there by now
            ready, _ = self._ray.wait(promises, num_returns=len(promises), timeout=0)
        self._say_if_stuck()
        found = [self._take(promise) for promise in ready]
        return [one for one in found if one is not None]

    def close(self) -> None:
        """Ends the workers, and the cluster if it was started for them."""
        for actor in (*self._actors.values(), *self._idle):
            self._ray.kill(actor)
        if self._owns:
            self._ray.shutdown()

    def _take(self, promise: Any) -> Returned | None:
        """What a worker owed; nothing if that was to start."""
        actor, unit = self._actors.pop(promise), self._units.pop(promise, None)
        errors = self._ray.exceptions
        try:
            owed = self._ray.get(promise)
        except errors.RayTaskError as error:
            # Raised in a worker that lives.
            if unit is None:
                self._note_false_start(actor, one_line(error.cause))
                return None
            owed = Outcome(status="failed", error=f"{type(error.cause).__name__}: {one_line(error.cause)}")
        except errors.RayError as error:
            name, reason = self._names.pop(actor, "one that was starting"), _cause_of_death(error)
            if unit is None:
                self._note_false_start(actor, reason)
                return None
            self._say(f"{unit.label} is done again: worker {name} died ({reason})")
            self._replace(actor)
            return Returned(unit=unit, worker=name, lost=reason)
        self._idle.append(actor)
        self._last_ready = time.monotonic()
        if unit is None:
            self._names[actor], self._false_starts = owed, 0
            return None
        return Returned(unit=unit, worker=self._names[actor], outcome=owed)

    def _note_false_start(self, actor: Any, reason: str) -> None:
        self._false_starts += 1
        if self._false_starts >= _FALSE_STARTS:
            raise VidsegError(f"got {self._false_starts} workers in a row that could not start, the last: {reason}")
        self._say(f"a worker could not start and is replaced: {reason}")
        self._replace(actor)

    def _replace(self, actor: Any) -> None:
        self._ray.kill(actor)  # it may live on behind a broken connection, and would do work twice
        self._grow()

    def _grow(self) -> None:
        """Starts as many workers as are missing."""
        wanted = self._fitting() if self._fixed is None else self._fixed
        environment = {"OMP_NUM_THREADS": str(self._cores)}
        share_cores(environment)
        for _ in range(wanted - len(self._actors) - len(self._idle)):
            actor = self._actor_class.options(
                num_cpus=self._cores,
                num_gpus=int(self._gpu),
                max_restarts=0,
                max_task_retries=0,
                runtime_env={"env_vars": environment},
            ).remote()
            self._actors[actor.start.remote(self._model, self._assignment, __version__)] = actor

    def _fitting(self) -> int:
        """How many workers the cluster has room for, now."""
        cores = (int(machine["CPU"] // self._cores) for machine in self._machines())
        if not self._gpu:
            return sum(cores)
        return sum(min(fits, int(machine["GPU"])) for fits, machine in zip(cores, self._machines(), strict=True))

    def _machines(self) -> list[dict[str, float]]:
        """The resources of each machine that lives and can have a worker."""
        machines = [machine["Resources"] for machine in self._ray.nodes() if machine["Alive"]]
        wanted = ("CPU", "GPU") if self._gpu else ("CPU",)
        return [machine for machine in machines if all(machine.get(name, 0) >= 1 for name in wanted)]

    def _say_if_stuck(self) -> None:
        if self._units or self._idle or time.monotonic() - self._last_ready < _PATIENCE:
            return
        self._last_ready = time.monotonic()
        self._say(f"no worker has started yet; the cluster has {_shown(self._ray.cluster_resources())}")


def cores_of_a_worker(machines: Sequence[Mapping[str, float]], *, has_gpu: bool) -> int:
    """How many cores each worker takes: few enough for one worker on the smallest machine, and for one on each GPU.

    Args:
        machines: the resources of each, "CPU" and "GPU".
        has_gpu: whether a worker takes a GPU as well.
    """
    shares = (machine["CPU"] // (machine["GPU"] if has_gpu else 1) for machine in machines)
    return max(1, min([_CORES, *map(int, shares)]))


class _Actor:
    """A worker in a process of its own, somewhere."""

    def start(self, model: VideoModel, assignment: Assignment, version: str) -> str:
        """Takes the model; returns this worker's name."""
        import ray

        if version != __version__:
            raise InputError(f"got vidseg {__version__} on a worker; expected {version}; do: install that everywhere")
        self._worker = Worker(model, assignment)
        node = ray.get_runtime_context().get_node_id()
        return f"{socket.gethostname()}/{node[:12]}/{os.getpid()}"

    def work(self, unit: Unit) -> Outcome:
        """See `Worker.work`."""
        return self._worker.work(unit)


def _connect(ray: Any, address: str, model: VideoModel) -> None:
    options: dict[str, Any] = {}
    if address == "local":
        size = sum(tensor.nbytes for tensor in model.state_dict().values())
        options = {"include_dashboard": False, "object_store_memory": max(_LEAST_STORE, 2 * size)}
    handler = signal.getsignal(signal.SIGTERM)  # which Ray replaces by its own
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING, **options)
    except Exception as error:  # of a cluster that does not start it raises no particular one
        remedy = "look at Ray's logs" if address == "local" else "start one with ray start --head, or say --ray local"
        raise InputError(
            f"got --ray {address}, where no cluster answers ({one_line(error)}); expected local, auto, HOST:PORT or "
            f"ray://HOST:PORT; do: {remedy}"
        ) from error
    finally:
        signal.signal(signal.SIGTERM, handler)


def _cause_of_death(error: BaseException) -> str:
    """Ray's reason, without the advice that follows it."""
    text = one_line(error)
    found = re.search(r"dead because ([^.]+)\.", text)
    return found[1] if found else text[:200]


def _shown(resources: Mapping[str, float]) -> str:
    return f"{resources.get('CPU', 0):g} cores and {resources.get('GPU', 0):g} GPUs"
