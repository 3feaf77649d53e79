"""System metrics of a run: the use of CPU, memory, disk, network and GPU (with nvidia-ml-py)."""

import logging
from typing import Any

import click

from augment.tracking.store import Store

LOGGER = "mlflow.system_metrics.system_metrics_monitor"


class Machine:
    """MLflow's monitor, which samples every 10 s (MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL).

    It is an extra: if it cannot start, one warning is printed, and the run goes on without it.
    """

    def __init__(self):
        self._monitor: Any = None

    def start(self, store: Store, run: str) -> None:
        try:
            from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

            logging.getLogger(LOGGER).setLevel(logging.CRITICAL)  # it reports start and stop
            self._monitor = SystemMetricsMonitor(run, tracking_uri=store.uri)
            self._monitor.start()
        except Exception as error:  # whatever it raises
            self._monitor = None
            click.secho(f"Warning: no system metrics ({error})", fg="yellow", err=True)

    def stop(self) -> None:
        """Stop its thread and log what it has sampled."""
        if self._monitor is not None:
            self._monitor.finish()
            self._monitor = None
