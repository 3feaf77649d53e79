"""MLflow tracking; the only package that imports mlflow.

The store is MLFLOW_TRACKING_URI, or sqlite:///mlflow.db in the project's folder; the experiment is
MLFLOW_EXPERIMENT_NAME, or `reid-augment`. Curves are in an experiment of their own, whose name ends
in `-curves`. A DVC experiment that runs in a temporary folder logs to the project's store as well,
and tags its runs with its name (`dvc_experiment`).

All calls to MLflow are made by a thread of their own, in order, so that importing it and waiting
for a server hold up no stage. Tracking never costs a stage its work: if MLflow is not installed,
cannot be reached or fails midway, one warning is printed, and the numbers stay in the files that
the stage writes. A run that is killed loses at most the calls that still wait.
"""

from augment.tracking import data_sets
from augment.tracking.curves import CURVE_TAG, Curves, chart_address, curves
from augment.tracking.models import Model
from augment.tracking.runs import Run, flatten, run
from augment.tracking.store import DEFAULT_EXPERIMENT, commit

__all__ = [
    "CURVE_TAG",
    "DEFAULT_EXPERIMENT",
    "Curves",
    "Model",
    "Run",
    "chart_address",
    "commit",
    "curves",
    "data_sets",
    "flatten",
    "run",
]
