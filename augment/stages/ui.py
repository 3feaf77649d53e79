"""ui: MLflow's pages on the project's store, opened at the chart of the curves."""

import json
import os
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from urllib.parse import quote

import click

from augment.tracking import chart_address
from augment.tracking.store import CURVES_SUFFIX, experiment_name, project_folder, store_uri

START_S = 120
# Neither is needed to look at runs.
QUIET = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def run(host: str, port: int, browser: bool, dry_run: bool) -> None:
    """Serve until interrupted. A store that is itself a server is only opened.

    Raises:
        OSError: If the server does not answer, or something else uses the port.
    """
    store = store_uri()
    if store.startswith(("http://", "https://")):
        click.echo(f"ui: {store} is a server")
        if not dry_run:
            _open(store, browser)
        return
    # MLflow listens on all addresses for 0.0.0.0; the browser is on this machine.
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store]
    command += ["--host", host, "--port", str(port), "--workers", "1"]
    click.echo(f"ui: {store} at {address}")
    if dry_run:
        click.echo(shlex.join(command))
        return
    if _answers(address):
        raise OSError(f"{address}: something else answers there; choose another --port")
    server = subprocess.Popen(command, env=QUIET | os.environ, cwd=project_folder())
    try:
        _wait(address, server)
        _open(address, browser)
        click.echo("Press Ctrl-C to stop.")
        server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.terminate()
        server.wait()
    if server.returncode > 0:
        raise OSError(f"mlflow server has stopped with status {server.returncode}")


def _open(address: str, browser: bool) -> None:
    """Print the page's address, and open it."""
    page = _page(address)
    click.echo(page)
    if browser and not webbrowser.open(page):
        click.echo("no browser found; open this address")


def _page(address: str) -> str:
    """The curves' chart; MLflow's first page if there are no curves yet."""
    name = quote(experiment_name() + CURVES_SUFFIX)
    query = f"{address.rstrip('/')}/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}"
    try:
        with urllib.request.urlopen(query, timeout=30) as answer:
            return chart_address(address, json.load(answer)["experiment"]["experiment_id"])
    except (urllib.error.HTTPError, KeyError):
        click.echo("no curves yet: `augment report` logs them")
        return address


def _wait(address: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_S
    while not _answers(address):
        if server.poll() is not None:
            raise OSError(f"mlflow server has stopped with status {server.returncode}")
        if time.monotonic() > end:
            raise OSError(f"{address}: no answer within {START_S} s")
        time.sleep(0.2)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True  # a server, though not MLflow's
    except OSError:
        return False
