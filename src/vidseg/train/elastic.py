"""What `torchrun --max-restarts` needs of a training: a group that can be formed again, and a job that is remembered.

When one process of a job ends, torchrun ends the others and starts all of them anew. Its agents live on, and with them
their store, in which the dead processes' addresses stand under the very names by which the new ones look for each
other; of agents on several machines, not even the number of restarts is the same. So the processes of an attempt first
agree on its number, by means of what only living ones can answer, and form their group under it.
"""

import os
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed
from torch.distributed import PrefixStore, Store, TCPStore  # type: ignore[attr-defined]  # its documented names

_PERIOD = 0.05  # seconds between looks into the store
_PATIENCE = timedelta(minutes=30)  # with processes that start on other machines


@dataclass(frozen=True, kw_only=True)
class ElasticJob:
    """A job of `torchrun`, as one of its processes sees it.

    Attributes:
        store: of the agents; what stands in it outlives the processes, and ends with the job.
        rank: of this process.
        world_size: number of processes.
    """

    store: Store
    rank: int
    world_size: int

    @classmethod
    def of_environment(cls) -> "ElasticJob | None":
        """The job that started this process; None where there is none whose agents keep a store."""
        if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != str(True):
            return None
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = TCPStore(address, port, is_master=False, timeout=_PATIENCE)
        rank, world_size = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE"))
        return cls(store=PrefixStore("vidseg", store), rank=rank, world_size=world_size)

    def attempt(self) -> int:
        """The number of this attempt, from 1: the same in all its processes, another one than in those before.

        All processes call it once. It waits for all of them; where one does not come, torchrun ends those that wait.
        """
        if self.rank:
            # What the process of this rank in an earlier attempt asked, or was told, must not be taken for ours.
            nonce = uuid.uuid4().hex
            self.store.set(f"asks/{self.rank}", nonce)
            number = int(self.store.get(f"answer/{nonce}"))
            self.store.add(f"joined/{number}", 1)
            return number
        number = self.store.add("attempts", 1)
        while self.store.add(f"joined/{number}", 0) < self.world_size - 1:
            for rank in range(1, self.world_size):
                if self.store.check([f"asks/{rank}"]):
                    self.store.set(f"answer/{self.store.get(f'asks/{rank}').decode()}", str(number))
            time.sleep(_PERIOD)
        return number

    def form_group(self, device: torch.device, timeout: timedelta) -> None:
        """Makes torch's default process group of this attempt's processes.

        Args:
            device: of this process.
            timeout: how long a process waits for the others.
        """
        distributed.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            store=PrefixStore(f"attempt/{self.attempt()}", self.store),
            rank=self.rank,
            world_size=self.world_size,
            timeout=timeout,
            device_id=device if device.type == "cuda" else None,
        )

    def remember(self, folder: Path) -> None:
        """Notes that this job trains into a folder: later attempts go on with what is there."""
        self.store.set(_key(folder), "")

    def remembers(self, folder: Path) -> bool:
        """Whether an earlier attempt of this job trained into a folder."""
        return bool(self.store.check([_key(folder)]))


def _key(folder: Path) -> str:
    return f"folder/{folder.resolve()}"
