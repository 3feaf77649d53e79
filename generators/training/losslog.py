"""Losses of a run: averaged on the device, checked for finite values, kept in losses.csv."""

import csv
import os
from pathlib import Path
from typing import Any, cast

import torch
from accelerate.utils import reduce
from torch import Tensor

NEVER = torch.iinfo(torch.int64).max


class NonFiniteLoss(FloatingPointError):
    """A loss or a weight became infinite or not a number."""


class LossLog:
    """Losses since the last row, summed on the device, and all rows so far.

    The checkpoint contains all of it.
    """

    def __init__(self, rows: list[dict[str, Any]]):
        self.rows = rows
        self.names: list[str] = []
        self.sums: Tensor | None = None  # [K]
        self.count = 0
        # int64 [K]: the first iteration at which each loss was not finite, or NEVER.
        self.first_bad: Tensor | None = None

    def state(self) -> dict[str, Any]:
        """The log's state for a checkpoint, which `restore` reads."""
        return {"rows": self.rows, "names": self.names, "sums": self.sums, "count": self.count}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a stored state."""
        self.rows, self.names = state["rows"], state["names"]
        self.sums, self.count = state["sums"], state["count"]

    def add(self, step: int, losses: dict[str, Tensor]) -> None:
        """Add the losses of iteration `step`, scalars on the device."""
        values = torch.stack([value.detach().float() for value in losses.values()])
        if self.sums is None:
            self.names, self.sums = list(losses), torch.zeros_like(values)
        if self.first_bad is None:
            self.first_bad = torch.full_like(values, NEVER, dtype=torch.int64)
        # On the device, since reading the values here would make the host wait for the GPU at every
        # iteration.
        self.first_bad = torch.where(
            values.isfinite(), self.first_bad, self.first_bad.clamp(max=step)
        )
        self.sums = self.sums + values
        self.count += 1

    def close_row(self, phase: str, step: int) -> dict[str, float]:
        """End a row at iteration `step`; call `check` first.

        Returns:
            The mean losses since the last row, over all processes.
        """
        sums = cast(Tensor, self.sums)  # a row has at least one iteration
        means = cast(Tensor, reduce(sums / self.count, "mean")).tolist()
        values = dict(zip(self.names, means, strict=True))
        self.rows.append({"phase": phase, "step": step, **values})
        self.sums, self.count = None, 0
        return values

    def check(self, process: int, num_processes: int, last_good: str) -> None:
        """Check the losses of all processes, so that all of them stop together.

        Args:
            process: Index of this process.
            num_processes: Number of processes.
            last_good: Advice about the last good checkpoint, for the message.

        Raises:
            NonFiniteLoss: If a loss of any process was not finite.
        """
        if self.first_bad is None:
            return
        first = self.first_bad
        if num_processes > 1:
            # Minimum over the processes: sum tables that contain one process's row each.
            table = torch.zeros(num_processes, len(first), dtype=first.dtype, device=first.device)
            table[process] = first
            first = cast(Tensor, reduce(table, "sum")).amin(0)
        steps = first.tolist()
        step = min(steps)
        if step < NEVER:
            names = ", ".join(
                name for name, at in zip(self.names, steps, strict=True) if at == step
            )
            raise NonFiniteLoss(f"iteration {step}: {names} is not finite; {last_good}")

    def write(self, path: Path) -> None:
        """Write the rows as CSV, whole or not at all.

        Each loss has a column, which is empty in phases without that loss.
        """
        columns = list(dict.fromkeys(name for row in self.rows for name in row)) or [
            "phase",
            "step",
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(path.name + ".part")
        with half.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
        os.replace(half, path)
