"""What a worker does, on this machine or another: run the command of one stage.

Imports the standard library alone, so that a worker starts at once.
"""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
MARKER = Path(".dvc/tmp/sweep/project")
PR_SET_PDEATHSIG = 1
QUIET = {"TQDM_MININTERVAL": "2"}  # seconds between updates of a progress bar in a log


@dataclass(frozen=True)
class Task:
    """The command of one stage.

    name: of the stage, as in dvc.yaml
    commands: shell commands, run one after the other until one fails
    folder: the project's folder, an absolute path that all workers see
    log: file that receives what the commands print, below `folder`
    environment: variables to set in addition to the worker's own
    """

    name: str
    commands: tuple[str, ...]
    folder: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)


def run(task: Task) -> int:
    """Run the commands of a task. Returns the exit status of the last one, negative after a signal.

    A stage runs once at a time: a process of it that outlived a killed sweep is waited for.
    """
    log = task.folder / task.log
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = QUIET | os.environ | dict(task.environment)
    with ExitStack() as opened:
        lock = opened.enter_context(log.with_suffix(".lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        output = opened.enter_context(log.open("wb"))  # not before: an earlier process may write it
        for command in task.commands:
            process = subprocess.Popen(
                ["/bin/sh", "-c", command],
                cwd=task.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[lock.fileno()],  # the lock is held until the command has ended
                preexec_fn=_die_with_parent if LIBC else None,
            )
            if status := process.wait():
                return status
    return 0


def _die_with_parent() -> None:
    """Have the kernel kill this process when its worker is killed; it resumes in the next sweep."""
    assert LIBC is not None
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def mark(folder: Path, token: str) -> None:
    """Write the project's marker, by which a worker proves that it sees the project's folder."""
    (folder / MARKER).parent.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text(token)


def marker(folder: Path) -> str:
    """The marker as a worker sees it; empty if it cannot be read."""
    try:
        return (folder / MARKER).read_text()
    except OSError:
        return ""
