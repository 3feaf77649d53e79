"""Slots on a SLURM cluster, by submitit: stages are jobs. The only module that imports submitit."""

import threading
import time
from concurrent.futures import Executor, Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

JOBS = Path(".dvc/tmp/sweep/jobs")
GATHER_S = 1.0  # submissions within this time become one job array


class SlurmExecutor(Executor):
    """Submits calls as SLURM jobs; those that arrive together form a job array.

    Args:
        folder: The project's folder, on a file system that all nodes share.
        cluster: `slurm`, or `local` to run the same jobs on this machine.
        parameters: Of `submitit.AutoExecutor`, e.g. slurm_partition, timeout_min.

    Raises:
        ValueError: If submitit is not installed, or SLURM not found.
    """

    def __init__(self, folder: Path, cluster: str = "slurm", **parameters: Any):
        try:
            import submitit
        except ImportError as error:
            raise ValueError("--on slurm: pip install 'reid-augment[slurm]'") from error
        try:
            self._jobs = submitit.AutoExecutor(folder / JOBS, cluster)
        except RuntimeError as error:
            raise ValueError(f"--on slurm: {error}") from error
        self._jobs.update_parameters(**parameters)
        self._arrived: SimpleQueue[tuple[Future, Any, tuple]] = SimpleQueue()
        self._open = True
        self._thread = threading.Thread(target=self._work, name="slurm", daemon=True)
        self._thread.start()

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future:
        future: Future = Future()
        self._arrived.put((future, fn, args))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._open = False
        self._thread.join()

    def _work(self) -> None:
        under_way: list[tuple[Future, Any]] = []
        while self._open:
            under_way += self._submit_together()
            for future, job in [pair for pair in under_way if pair[1].done()]:
                under_way.remove((future, job))
                if error := job.exception():
                    future.set_exception(error)
                else:
                    future.set_result(job.result())
        for _, job in under_way:  # an interrupted sweep; its stages resume in the next one
            job.cancel()

    def _submit_together(self) -> list[tuple[Future, Any]]:
        together = []
        end = time.monotonic() + GATHER_S
        while (rest := end - time.monotonic()) > 0:
            try:
                together.append(self._arrived.get(timeout=rest))
            except Empty:
                break
        if not together:
            return []
        try:
            with self._jobs.batch():
                jobs = [self._jobs.submit(fn, *args) for _, fn, args in together]
        except Exception as error:  # sbatch refused: whatever it says is each stage's error
            for future, *_ in together:
                future.set_exception(error)
            return []
        return [(future, job) for (future, *_), job in zip(together, jobs, strict=True)]
