"""Slots on a Ray cluster: a stage is a Ray task. The only module that imports Ray."""

import logging
import os
import socket
from concurrent.futures import Executor, Future
from typing import Any


class RayExecutor(Executor):
    """Submits calls as Ray tasks.

    Args:
        address: Of the head node, as `ray.init` takes it; `auto` for the cluster that runs here.
        cpus, gpus: What a task reserves.

    Raises:
        ValueError: If Ray is not installed, or no cluster answers.
    """

    def __init__(self, address: str, cpus: float, gpus: float):
        try:
            import ray
        except ImportError as error:
            raise ValueError("--on ray: pip install 'reid-augment[ray]'") from error
        self._ray = ray
        try:
            _knock(address)
            ray.init(
                address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                # Workers import this installation, not a copy of the folder.
                runtime_env={"env_vars": {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}},
            )
        except (OSError, ValueError) as error:
            raise ValueError(f"--on ray --address {address}: {error}") from error
        # The scheduler runs a stage again whose worker was lost.
        self._options = {"num_cpus": cpus, "num_gpus": gpus, "max_retries": 0}

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future:
        task = self._ray.remote(**self._options)(fn)
        return task.remote(*args, **kwargs).future()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError at once where nothing listens; Ray would try for minutes."""
    host, _, port = address.partition(":")
    if port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()
