"""A run of a stage: params, tags, metrics, sheets."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from augment.tracking import data_sets, models
from augment.tracking.machine import Machine
from augment.tracking.store import Calls, Store, commit, dvc_experiment, experiment_name

DVC_EXPERIMENT_TAG = "dvc_experiment"


class Run:
    """A run in progress; its methods return at once, and `calls` makes the calls."""

    def __init__(self, calls: Calls, name: str, tags: Mapping[str, Any]):
        self._calls = calls
        self._id = ""
        self._machine = Machine()
        text = {key: str(value) for key, value in tags.items()}
        if experiment := dvc_experiment():
            text[DVC_EXPERIMENT_TAG] = experiment

        def create(store: Store) -> None:
            made = text | {"git_commit": commit()}
            self._id = store.client.create_run(
                store.experiment, run_name=name, tags=made
            ).info.run_id

        calls.add(create)

    @property
    def ids(self) -> dict[str, str] | None:
        """The ids of experiment and run in the addresses of MLflow's pages; None without a run.

        Waits for all calls so far.
        """
        return self._calls.result(lambda store: {"experiment": store.experiment, "run": self._id})

    def params(self, values: Mapping[str, Any]) -> None:
        flat = flatten(values)

        def write(store: Store) -> None:
            from mlflow.entities import Param

            store.client.log_batch(
                self._id, params=[Param(key, str(value)) for key, value in flat.items()]
            )

        self._calls.add(write)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        now_ms, kept = int(time.time() * 1000), dict(values)

        def write(store: Store) -> None:
            from mlflow.entities import Metric

            store.client.log_batch(
                self._id, metrics=[Metric(key, value, now_ms, step) for key, value in kept.items()]
            )

        self._calls.add(write)

    def inputs(self, describe: Callable[[], data_sets.Inputs]) -> None:
        """Log data sets and their tags; `describe` is called by MLflow's thread."""

        def write(store: Store) -> None:
            sets, tags = describe()
            store.client.log_inputs(self._id, [data_sets.entity(each) for each in sets])
            for key, value in tags.items():
                store.client.set_tag(self._id, key, value)

        self._calls.add(write)

    def artifact(self, path: Path, folder: str) -> None:
        """Log a file, which must stay as it is until the run ends."""
        whole_path = str(path.absolute())
        self._calls.add(lambda store: store.client.log_artifact(self._id, whole_path, folder))

    def image(self, step: int, path: Path, key: str = "samples") -> None:
        """Log an image file of a step; MLflow shows those of one key with a slider."""
        whole_path = path.absolute()

        def write(store: Store) -> None:
            with Image.open(whole_path) as image:
                store.client.log_image(self._id, image, key=key, step=step)

        self._calls.add(write)

    def model(self, model: models.Model) -> None:
        """Log a finished model, whose weights must not change until the run ends."""
        self._calls.add(lambda store: models.log(store, self._id, model))

    def watch(self) -> None:
        """Log the use of CPU, memory, disk, network and GPU until the run ends."""
        self._calls.add(lambda store: self._machine.start(store, self._id))

    def end(self, status: str) -> None:
        self._calls.always(self._machine.stop)
        self._calls.add(lambda store: store.client.set_terminated(self._id, status))

    def delete_older(self, filter_string: str) -> None:
        """Delete the experiment's other runs of a filter, if they are of the same DVC experiment."""
        present = dvc_experiment()

        def delete(store: Store) -> None:
            for old in store.client.search_runs([store.experiment], filter_string):
                same = old.data.tags.get(DVC_EXPERIMENT_TAG, "") == present
                if same and old.info.run_id != self._id:
                    store.client.delete_run(old.info.run_id)

        self._calls.add(delete)


@contextmanager
def run(
    name: str,
    tags: Mapping[str, Any],
    params: Mapping[str, Any],
    numbers: Path,
    enabled: bool = True,
    watch: bool = False,
) -> Iterator[Run]:
    """A run for one arm; it is marked as failed if the block raises.

    Leaving the block waits until everything is logged.

    Args:
        name: the run's name.
        tags: keys to select runs by; the git commit and the DVC experiment are added.
        params: settings, nested ones flattened to dotted names.
        numbers: file with the same numbers, which the message names if MLflow cannot be reached.
        enabled: False in all processes but the main one.
        watch: whether to log system metrics, for stages that take long.
    """
    calls = Calls(experiment_name(), numbers, enabled)
    current = Run(calls, name, tags)
    current.params(params)
    if watch:
        current.watch()
    try:
        yield current
    except BaseException:
        current.end("FAILED")
        raise
    else:
        current.end("FINISHED")
    finally:
        calls.close()


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
