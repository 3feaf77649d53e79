"""The store that everything is logged to, and the thread that talks to it."""

import dataclasses
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import click

DEFAULT_STORE = "mlflow.db"
ARTIFACTS = "mlruns"
DEFAULT_EXPERIMENT = "reid-augment"
CURVES_SUFFIX = "-curves"

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Store:
    """A connection.

    client: an MlflowClient
    uri: where it leads
    experiment: id of the experiment
    """

    client: Any
    uri: str
    experiment: str


class Calls:
    """Calls to one experiment of the store, made in order by a thread of their own.

    The thread begins by importing mlflow and connecting. After the first failure, which is printed
    once, it makes no further calls.

    Args:
        experiment: name of the experiment.
        numbers: file with the same numbers, which the message names if MLflow fails.
        enabled: False to make no calls at all.
    """

    def __init__(self, experiment: str, numbers: Path, enabled: bool = True):
        self._numbers = numbers
        self._store: Store | None = None
        self._thread = ThreadPoolExecutor(1, "mlflow") if enabled else None
        # The environment and the present folder are read now: they may change before the thread
        # runs.
        uri, artifacts = store_uri(), _artifacts(experiment)
        if self._thread is not None:
            self._thread.submit(self._connect, uri, experiment, artifacts)

    def add(self, call: Callable[[Store], Any]) -> None:
        """Make this call after the earlier ones."""
        if self._thread is not None:
            self._thread.submit(self._make, call)

    def always(self, call: Callable[[], Any]) -> None:
        """Make a call without the store after the earlier ones, also after a failure."""
        if self._thread is not None:
            self._thread.submit(call)

    def result(self, call: Callable[[Store], T]) -> T | None:
        """Make this call after the earlier ones, and wait; None after a failure."""
        return None if self._thread is None else self._thread.submit(self._make, call).result()

    def close(self) -> None:
        """Wait until all calls are made."""
        if self._thread is not None:
            self._thread.shutdown()

    def _make(self, call: Callable[[Store], T]) -> T | None:
        if self._store is None:
            return None
        try:
            return call(self._store)
        except Exception as error:  # whatever the store raises: the work goes on without it
            self._store = None
            _say(
                f"MLflow failed ({_first_line(error)}); the work goes on, the numbers stay in {self._numbers}"
            )
            return None

    def _connect(self, uri: str, name: str, artifacts: str | None) -> None:
        # MLflow's own retries would hold up a stage for minutes if a server does not answer.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        try:
            from mlflow import MlflowClient

            client = MlflowClient(uri)
            known = client.get_experiment_by_name(name)
            self._store = Store(
                client,
                uri,
                known.experiment_id if known else client.create_experiment(name, artifacts),
            )
        except Exception as error:  # not installed, no server, a locked or foreign database: see the package's head
            _say(
                f"MLflow at {uri} cannot be used ({_first_line(error)}); the numbers stay in {self._numbers}"
            )


def experiment_name() -> str:
    """The experiment of stages and arms; curves are in this name + CURVES_SUFFIX."""
    return os.environ.get("MLFLOW_EXPERIMENT_NAME", DEFAULT_EXPERIMENT)


def store_uri() -> str:
    """The store's address; absolute, because MLflow caches connections by their address."""
    outside = os.environ.get("MLFLOW_TRACKING_URI")
    return outside or f"sqlite:///{project_folder() / DEFAULT_STORE}"


def _artifacts(experiment: str) -> str | None:
    """Where a new experiment keeps its artifacts; None leaves it to the store."""
    outside = os.environ.get("MLFLOW_TRACKING_URI")
    return None if outside else str(project_folder() / ARTIFACTS / experiment)


def project_folder() -> Path:
    """The project's folder, absolute, also for a stage that runs in a temporary copy of it.

    DVC sets DVC_ROOT for every stage: the project's folder, even if an experiment of `dvc exp run
    --temp` or `--queue` runs in .dvc/tmp/exps, which is deleted after it.
    """
    return Path(os.environ.get("DVC_ROOT", "")).absolute()


def dvc_experiment() -> str:
    """Name of the DVC experiment that the process runs in; empty outside of one."""
    return os.environ.get("DVC_EXP_NAME", "")


def commit() -> str:
    """The current commit of the folder's repository; `unknown` outside of one."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _say(text: str) -> None:
    click.secho(f"Warning: {text}", fg="yellow", err=True)
