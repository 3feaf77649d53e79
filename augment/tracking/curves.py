"""Curves over the portion: a run each, in an experiment of their own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from augment.tracking import models
from augment.tracking.runs import Run
from augment.tracking.store import CURVES_SUFFIX, Calls, experiment_name

CURVE_TAG = "curve"
COLOUR_TAG = "mlflow.runColor"


class Curves:
    """The experiment of the curves."""

    def __init__(self, calls: Calls):
        self._calls = calls

    @property
    def experiment(self) -> str | None:
        """The experiment's id, None without MLflow; waits for all calls so far."""
        return self._calls.result(lambda store: store.experiment)

    def replace(
        self,
        name: str,
        tags: Mapping[str, Any],
        points: Mapping[int, Mapping[str, float]],
        colour: str,
    ) -> None:
        """Write a run for a curve and delete older runs of the same curve in the same DVC
        experiment.

        The step of its metrics is the portion in percent; x2 and x3 follow as 112 and 124.

        Args:
            name: the curve, such as `patn inception iterations mini_market`; unique within the
                experiment.
            points: step -> metrics.
            colour: line colour in MLflow, #rrggbb.
        """
        current = Run(self._calls, name, {**tags, CURVE_TAG: name, COLOUR_TAG: colour})
        for percent, values in sorted(points.items()):
            current.metrics(percent, values)
        current.end("FINISHED")
        current.delete_older(f"tags.{CURVE_TAG} = '{name}'")

    def best(self, dataset: str, run: str, mAP: float) -> None:
        """Register the re-ID model of a run as the best one on a data set."""
        self._calls.add(lambda store: models.set_best(store, f"reid-{dataset}", run, mAP))


@contextmanager
def curves(numbers: Path, enabled: bool = True) -> Iterator[Curves]:
    """The experiment of the curves; leaving the block waits until everything is logged.

    Args:
        numbers, enabled: as in `run`.
    """
    calls = Calls(experiment_name() + CURVES_SUFFIX, numbers, enabled)
    try:
        yield Curves(calls)
    finally:
        calls.close()


def chart_address(server: str, experiment: str) -> str:
    """The address of MLflow's chart of all curves.

    Args:
        server: the server's address.
        experiment: id of the experiment of the curves.
    """
    only_curves = f"compareRunsMode=CHART&searchFilter=tags.{CURVE_TAG}%20!%3D%20%27%27"
    return f"{server.rstrip('/')}/#/experiments/{experiment}/runs?{only_curves}"
