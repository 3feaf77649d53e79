"""MLflow tracking; the only module that imports mlflow.

The store is MLFLOW_TRACKING_URI, or sqlite:///mlflow.db in the project's folder; the experiment is
MLFLOW_EXPERIMENT_NAME, or `reid-augment`. A DVC experiment that runs in a temporary folder
logs to the project's store as well, and tags its runs with its name (`dvc_experiment`). Tracking
never costs a stage its work: if MLflow is not installed, cannot be reached or fails midway, one
warning is printed, and the numbers stay in the files that the stage writes.
"""

import dataclasses
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

DEFAULT_STORE = "mlflow.db"
ARTIFACTS = "mlruns"
DEFAULT_EXPERIMENT = "reid-augment"
CURVE_TAG = "curve"
COLOUR_TAG = "mlflow.runColor"
DVC_EXPERIMENT_TAG = "dvc_experiment"


class Run:
    """A run in progress; after the first failure every call does nothing."""

    def __init__(self, name: str, tags: Mapping[str, Any], numbers: Path, enabled: bool = True):
        self._numbers = numbers
        self._id = ""
        self._store = _connect(numbers) if enabled else None
        self.attempt(lambda store: self._create(store, name, tags))

    def params(self, values: Mapping[str, Any]) -> None:
        def write(store: "_Store") -> None:
            from mlflow.entities import Param

            store.client.log_batch(
                self._id, params=[Param(key, str(value)) for key, value in flatten(values).items()]
            )

        self.attempt(write)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        def write(store: "_Store") -> None:
            from mlflow.entities import Metric

            now_ms = int(time.time() * 1000)
            store.client.log_batch(
                self._id,
                metrics=[Metric(key, value, now_ms, step) for key, value in values.items()],
            )

        self.attempt(write)

    @property
    def ids(self) -> dict[str, str] | None:
        """The ids of experiment and run in the addresses of MLflow's pages; None without a run."""
        return (
            None if self._store is None else {"experiment": self._store.experiment, "run": self._id}
        )

    def artifact(self, path: Path, folder: str) -> None:
        self.attempt(lambda store: store.client.log_artifact(self._id, str(path), folder))

    def end(self, status: str) -> None:
        self.attempt(lambda store: store.client.set_terminated(self._id, status))

    def attempt(self, call: Callable[["_Store"], None]) -> None:
        if self._store is None:
            return
        try:
            call(self._store)
        except Exception as error:  # whatever the store raises: the work goes on without it
            self._store = None
            _say(
                f"MLflow failed ({_first_line(error)}); the work goes on, the numbers stay in {self._numbers}"
            )

    def _create(self, store: "_Store", name: str, tags: Mapping[str, Any]) -> None:
        text = {key: str(value) for key, value in tags.items()} | {"git_commit": commit()}
        if experiment := dvc_experiment():
            text[DVC_EXPERIMENT_TAG] = experiment
        self._id = store.client.create_run(store.experiment, run_name=name, tags=text).info.run_id


@dataclasses.dataclass(frozen=True)
class _Store:
    client: Any
    experiment: str


@contextmanager
def run(
    name: str,
    tags: Mapping[str, Any],
    params: Mapping[str, Any],
    numbers: Path,
    enabled: bool = True,
) -> Iterator[Run]:
    """A run for one arm; it is marked as failed if the block raises.

    Args:
        name: the run's name.
        tags: keys to select runs by; the git commit is added.
        params: settings, nested ones flattened to dotted names.
        numbers: file with the same numbers, which the message names if MLflow cannot be reached.
        enabled: False in all processes but the main one.
    """
    current = Run(name, tags, numbers, enabled)
    current.params(params)
    try:
        yield current
    except BaseException:
        current.end("FAILED")
        raise
    current.end("FINISHED")


def replace_curve(
    name: str,
    tags: Mapping[str, Any],
    points: Mapping[int, Mapping[str, float]],
    colour: str,
    numbers: Path,
) -> None:
    """Write a run for a curve and delete older runs of the same curve in the same DVC experiment.

    The step of its metrics is the portion in percent; x2 and x3 follow as 112 and 124.

    Args:
        name: the curve, such as `patn inception iterations mini_market`; unique within the
            experiment.
        points: step -> metrics.
        colour: line colour in MLflow, #rrggbb.
        numbers: as in run.
    """

    def delete_older(store: _Store) -> None:
        for old in store.client.search_runs([store.experiment], f"tags.{CURVE_TAG} = '{name}'"):
            same = old.data.tags.get(DVC_EXPERIMENT_TAG, "") == dvc_experiment()
            if same and old.info.run_id != current._id:
                store.client.delete_run(old.info.run_id)

    current = Run(name, {**tags, CURVE_TAG: name, COLOUR_TAG: colour}, numbers)
    for percent, values in sorted(points.items()):
        current.metrics(percent, values)
    current.end("FINISHED")
    current.attempt(delete_older)


def flatten(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings and dataclasses to one mapping of dotted names."""
    flat: dict[str, Any] = {}
    for key, value in params.items():
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = dataclasses.asdict(value)
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _connect(numbers: Path) -> _Store | None:
    # MLflow's own retries would hold up a stage for minutes if a server does not answer.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    outside = os.environ.get("MLFLOW_TRACKING_URI")
    store = outside or f"sqlite:///{project_folder() / DEFAULT_STORE}"
    artifacts = None if outside else str(project_folder() / ARTIFACTS)
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", DEFAULT_EXPERIMENT)
    try:
        from mlflow import MlflowClient

        client = MlflowClient(store)
        known = client.get_experiment_by_name(name)
        return _Store(
            client, known.experiment_id if known else client.create_experiment(name, artifacts)
        )
    except (
        Exception
    ) as error:  # not installed, no server, a locked or foreign database: see the module's head
        _say(
            f"MLflow at {store} cannot be used ({_first_line(error)}); the numbers stay in {numbers}"
        )
        return None


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
