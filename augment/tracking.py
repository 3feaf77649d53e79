"""MLflow: the only file that imports it.

The store is MLFLOW_TRACKING_URI, or sqlite:///mlflow.db in the project's folder; the experiment is MLFLOW_EXPERIMENT_NAME,
or `reid-augment`. Tracking never costs a stage its work: where MLflow is missing or cannot be reached, or breaks off on the
way, that is said once, and the numbers stay in the files that the stage writes.
"""

import dataclasses
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

DEFAULT_STORE = "sqlite:///mlflow.db"
DEFAULT_EXPERIMENT = "reid-augment"
CURVE_TAG = "curve"


class Run:
    """A run that is under way; after the first failure every call does nothing."""

    def __init__(self, mlflow: Any, numbers: str):
        self._mlflow = mlflow
        self._numbers = numbers

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        self.attempt(lambda mlflow: mlflow.log_metrics(dict(values), step=step))

    def artifact(self, path: Path, folder: str | None = None) -> None:
        self.attempt(lambda mlflow: mlflow.log_artifact(str(path), artifact_path=folder))

    def attempt(self, call: Callable[[Any], None]) -> None:
        if self._mlflow is None:
            return
        try:
            call(self._mlflow)
        except Exception as error:  # whatever the store raises: the work goes on without it
            self._mlflow = None
            _say(f"MLflow failed ({_first_line(error)}); the work goes on, the numbers stay in {self._numbers}")


@contextmanager
def run(name: str, tags: Mapping[str, Any], params: Mapping[str, Any], numbers: Path) -> Iterator[Run]:
    """A run for one arm; it is marked failed where the block raises.

    Args:
        name: the run's name.
        tags: what to select by; the git commit is added.
        params: settings, nested ones flattened to dotted names.
        numbers: where the same numbers are kept on disk, for the message when MLflow cannot be reached.
    """
    current = Run(_connect(numbers), str(numbers))
    current.attempt(lambda mlflow: mlflow.start_run(run_name=name, tags={**_text(tags), "git_commit": _commit()}))
    current.attempt(lambda mlflow: mlflow.log_params(_text(flatten(params))))
    try:
        yield current
    except BaseException:
        current.attempt(lambda mlflow: mlflow.end_run("FAILED"))
        raise
    current.attempt(lambda mlflow: mlflow.end_run())


def replace_curve(name: str, tags: Mapping[str, Any], points: Mapping[int, Mapping[str, float]], numbers: Path) -> None:
    """A run per curve, whose metrics have the portion in percent as step; an older run of the same curve is deleted.

    Args:
        name: the curve, such as `mini_market inception patn`; unique within the experiment.
        points: portion in percent -> metrics.
    """
    current = Run(_connect(numbers), str(numbers))

    def write(mlflow: Any) -> None:
        chosen = f"tags.{CURVE_TAG} = '{name}'"
        for old in mlflow.search_runs(filter_string=chosen, output_format="list"):
            mlflow.delete_run(old.info.run_id)
        with mlflow.start_run(run_name=name, tags={**_text(tags), CURVE_TAG: name, "git_commit": _commit()}):
            for percent, values in sorted(points.items()):
                mlflow.log_metrics(dict(values), step=percent)

    current.attempt(write)


def flatten(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings and dataclasses as one mapping of dotted names."""
    flat: dict[str, Any] = {}
    for key, value in params.items():
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = dataclasses.asdict(value)
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _connect(numbers: Path) -> Any | None:
    # MLflow's own retries would hold a stage up for minutes where a server does not answer.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    store = os.environ.get("MLFLOW_TRACKING_URI", DEFAULT_STORE)
    try:
        import mlflow

        mlflow.set_tracking_uri(store)
        mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", DEFAULT_EXPERIMENT))
        return mlflow
    except Exception as error:  # not installed, no server, a locked or foreign database: see the module's head
        _say(f"MLflow at {store} cannot be used ({_first_line(error)}); the numbers stay in {numbers}")
        return None


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def _text(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in values.items()}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _say(text: str) -> None:
    click.secho(f"Warning: {text}", fg="yellow", err=True)
