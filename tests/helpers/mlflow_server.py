"""A real MLflow server for tests."""

import time
import urllib.error
import urllib.request

import pytest

START_S = 240  # of a machine that is busy with other work; seconds on an idle one


def answering(address, server, log):
    """`address`, once the server's process answers there; its log explains a failure."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return address
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"no answer:\n{log.read_text()[-2000:]}")
