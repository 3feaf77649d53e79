"""The same curves in MLflow: `mlflow ui` in a browser, reached by the page's own links."""

import json
import os
import shutil
import socket
import subprocess
import sys

import made_results
import pytest
from mlflow_server import answering

from augment import tracking

START_S, DRAW_S = 240, 120  # of a machine that is busy with other work; seconds on an idle one


@pytest.fixture
def served(browser, tmp_path, monkeypatch, empty_store):
    """The address of `mlflow ui` for a store in the present folder.

    Needs a browser, so that the server is not started in vain.
    """
    monkeypatch.chdir(tmp_path)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--port", str(port)]
    with (tmp_path / "mlflow.log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--backend-store-uri", "sqlite:///mlflow.db"],
            env=os.environ | quiet,
            stdout=log,
            stderr=log,
        )
        try:
            yield answering(f"http://127.0.0.1:{port}", server, tmp_path / "mlflow.log")
        finally:
            server.terminate()
            server.wait(30)


def test_curves_are_drawn_over_one_another_and_told_apart_by_augmentation(
    served, browser, tmp_path, augment
):
    from selenium.webdriver.support.wait import WebDriverWait

    made_results.write(tmp_path, budgets=("iterations",), seeds=(0,), portions=(0.1, 1.0))
    (tmp_path / "params.yaml").write_text("dataset: {name: mini_market}\n")
    file = next(tmp_path.glob("results/reid/iterations/inception/patn/0.1/seed0.json"))
    with tracking.run("the arm of patn", {"stage": "train_reid"}, {}, file) as run:
        file.write_text(json.dumps(json.loads(file.read_text()) | {"mlflow": run.ids}))
    printed = augment("report", "--mlflow-url", served)
    assert printed.exit_code == 0 and "MLflow" not in printed.output

    def wait(condition):
        return WebDriverWait(browser, DRAW_S).until(lambda _: condition())

    def text():
        return browser.find_element("tag name", "body").text

    def lines():
        """The colours of the lines in each chart."""
        script = "return [...document.querySelectorAll('.js-plotly-plot')].map(chart => "
        return browser.execute_script(
            script + "[...chart.querySelectorAll('.js-line')].map(line => line.style.stroke))"
        )

    page = (tmp_path / "reports/index.html").as_uri()
    browser.get(page)
    browser.find_element("link text", "These curves in MLflow").click()
    names = [f"{name} inception iterations mini_market" for name in ("none", *made_results.GAPS)]
    wait(lambda: all(name in text() for name in names))
    assert "the arm of patn" not in text()
    wait(
        lambda: len(lines()) == 2 and all(len(set(chart)) == len(names) for chart in lines())
    )  # mAP and rank1
    assert browser.save_screenshot(str(tmp_path / "mlflow.png"))

    browser.get(
        browser.current_url.split("searchFilter=")[0]
        + "searchFilter=tags.augmentation%20%3D%20%27patn-star%27"
    )
    browser.refresh()
    wait(
        lambda: (
            names[names.index("patn-star inception iterations mini_market")] in text()
            and names[0] not in text()
        )
    )

    browser.get(page)
    browser.find_element("css selector", ".runs a").click()
    wait(lambda: "the arm of patn" in text())
