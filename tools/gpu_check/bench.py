"""Rates of streams from tensors to labels, cell by cell, as far as the time goes."""

import time

import torch

from gpu_check.plan import Plan
from gpu_check.record import Record, one_line
from vidseg.bench.device import cells, measure

# Left for a cell that is begun, compilation and all; one takes longer, and the process is stopped with all others kept.
_LEAST = 4


def bench(record: Record, plan: Plan, device: torch.device, until: float) -> None:
    """Adds a row a cell; which were not reached stands beside them."""
    record.set(rows=[], failed=[])
    planned = list(cells(plan.backbones, plan.sizes, plan.arithmetics, plan.runtimes))
    for number, cell in enumerate(planned):
        record.set(not_reached=[left.to_dict() for left in planned[number:]])
        if until - time.perf_counter() < _LEAST:
            return
        try:
            record.add("rows", measure(cell, device, seconds=plan.cell_seconds))
        # A kernel that a card lacks, memory, a package: the next cell may do without.
        except Exception as error:
            record.add("failed", cell.to_dict() | {"error": one_line(error)})
    record.set(not_reached=[])
