"""Slots on this machine: its cores shared out, and one GPU each where there are any."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor

import psutil

STAGE_BYTES = 2 << 30  # of memory; the default's stages take about 1 GiB each


def executor(jobs: int) -> Executor:
    """Runs each stage in a process of its own, which a thread waits for."""
    return ThreadPoolExecutor(jobs, "stage")


def slots(jobs: int | None) -> list[Mapping[str, str]]:
    """Environment variables of each slot.

    Args:
        jobs: Number of slots; None for one per GPU, or without a GPU one per core, as far as memory
            suffices.

    Raises:
        ValueError: If there are more slots than GPUs.
    """
    cores, devices = len(os.sched_getaffinity(0)), gpus()
    fitting = psutil.virtual_memory().available // STAGE_BYTES
    count = jobs or len(devices) or max(1, min(cores, fitting))
    if devices and count > len(devices):
        raise ValueError(f"--jobs {count}: this machine has {len(devices)} GPUs, one for each job")
    threads = {"OMP_NUM_THREADS": str(max(1, cores // count)), "OMP_WAIT_POLICY": "passive"}
    if not devices:
        return [threads] * count
    return [threads | {"CUDA_VISIBLE_DEVICES": device} for device in devices[:count]]


def gpus() -> list[str]:
    """Numbers of the NVIDIA GPUs that this process may use, without importing torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [device for device in visible.split(",") if device.strip()]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
    return [str(number) for number, _ in enumerate(listed.stdout.splitlines())]
