"""What DVC does with a finished sweep: experiments, metrics, plots, remotes, and a run without git."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo
from mlflow import MlflowClient

from augment.stages.plan import FILE
from augment.sweep.cells import rendered

ROOT = Path(__file__).parents[2]
ARM = "reid/iterations/inception/none/0.4/seed0.json"
WAIT_S = 300


class Project:
    """A folder with everything that dvc.yaml names; commands run its own copy of the code."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(folder),
            "DVC_NO_ANALYTICS": "1",
            "COLUMNS": "400",
        }

    def __call__(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, *command: str):
        return json.loads(self(*command))

    def result(self, name: str) -> dict:
        return json.loads((self.folder / "results" / name).read_text())

    def commit(self, message: str) -> None:
        self("git", "add", "--all")
        self("git", "commit", "--quiet", "--message", message)


def copy_code(folder: Path) -> None:
    for name in ("augment", "generators", "reid"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, folder)


@pytest.fixture(scope="module")
def project(tmp_path_factory, small_project_params):
    """A finished sweep, committed; every test leaves the commit `finished` checked out."""
    project = Project(tmp_path_factory.mktemp("project"))
    folder, sweep = project.folder, {"augmentations": ["puppet"], "cards": ["patn"]}
    copy_code(folder)
    params = small_project_params | {"sweep": small_project_params["sweep"] | sweep}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    (folder / FILE).write_text(rendered(folder / "params.yaml"))
    project("git", "init", "--quiet")
    for key in ("user.name", "user.email"):
        project("git", "config", key, "tester")
    project("dvc", "init", "--quiet")
    shutil.copytree(ROOT / ".dvc/plots", folder / ".dvc/plots")
    project("augment", "sweep", "--jobs", "2")
    project.commit("finished")
    project("git", "tag", "finished")
    return project


@pytest.fixture(scope="module")
def experiments(project):
    """What DVC shows of each: two from the queue, one in a temporary folder, one in this folder."""
    project(
        *("dvc", "exp", "run", "--queue"),
        *("--set-param", "reid.inception.learning_rate=0.1,0.2"),
    )
    queued = {
        line.split()[1]
        for line in project("dvc", "queue", "status").splitlines()
        if "Queued" in line
    }
    assert len(queued) == 2
    project("dvc", "queue", "start")
    try:
        started = time.monotonic()
        while not queued <= set(project("dvc", "exp", "list", "--name-only").split()):
            assert time.monotonic() - started < WAIT_S, project("dvc", "queue", "status")
            time.sleep(2)
    finally:
        project("dvc", "queue", "stop")
    seed = ("--set-param", "evaluation.seed=1")
    project("dvc", "exp", "run", "--temp", "--name", "temporary", *seed)
    project("dvc", "exp", "run", "--name", "here", *seed)
    back(project)
    (branch,) = [
        entry
        for entry in project.json("dvc", "exp", "show", "--json")
        if entry["rev"] != "workspace"
    ]
    shown = {one["name"]: one["revs"][0]["data"] for one in branch["experiments"]}
    assert shown.keys() == queued | {"temporary", "here"}
    return shown


def headline(shown: dict) -> dict:
    return shown["metrics"]["reports/headline.json"]["data"]


def at_rate(experiments: dict, learning_rate: float) -> str:
    """Name of the experiment from the queue with this learning rate."""
    (name,) = (
        name
        for name, shown in experiments.items()
        if name not in ("temporary", "here")
        and shown["params"]["params.yaml"]["data"]["reid"]["inception"]["learning_rate"]
        == learning_rate
    )
    return name


def back(project) -> None:
    project("git", "checkout", "--quiet", "--force", "finished")
    project("dvc", "checkout", "--quiet")


def test_experiments_have_their_results(project, experiments):
    for learning_rate in (0.1, 0.2):
        name = at_rate(experiments, learning_rate)
        project("dvc", "exp", "apply", name)
        assert "up to date" in project("dvc", "status")
        params = yaml.safe_load((project.folder / "params.yaml").read_text())
        assert params["reid"]["inception"]["learning_rate"] == learning_rate
        mAP = headline(experiments[name])["none"]["0.4"]["mAP"]
        assert mAP == pytest.approx(project.result(ARM)["mAP"], abs=1e-4)
        back(project)
    cards = [project.result("generators/patn.json")]
    for name in ("temporary", "here"):
        project("dvc", "exp", "apply", name)
        cards.append(project.result("generators/patn.json"))
        back(project)
    finished, temporary, here = cards
    assert (finished["seed"], temporary["seed"]) == (0, 1)
    assert temporary == here  # it has no output that persists, so DVC's run cache had it


def test_dvc_compares_experiments(project, experiments):
    first, second = at_rate(experiments, 0.1), at_rate(experiments, 0.2)
    compared = project.json("dvc", "exp", "diff", "--json", "--all", first, second)
    scores = compared["metrics"]["reports/headline.json"]
    assert scores.keys() >= {"none.0.4.mAP", "none.1.0.mAP", "puppet.0.4.mAP"}
    assert scores["none.0.4.mAP"]["old"] == headline(experiments[first])["none"]["0.4"]["mAP"]
    assert scores["none.0.4.mAP"]["new"] == headline(experiments[second])["none"]["0.4"]["mAP"]


def test_runs_of_experiments_land_in_the_projects_store(project, experiments):
    assert not list((project.folder / ".dvc/tmp").rglob("mlflow.db"))
    client = MlflowClient(f"sqlite:///{project.folder}/mlflow.db")
    found = client.search_runs([one.experiment_id for one in client.search_experiments()])
    stages = {}
    for run in found:
        name = run.data.tags.get("dvc_experiment")
        stages.setdefault(name, []).append(run.data.tags.get("stage", "curve"))
        if name is not None:
            assert Path(run.info.artifact_uri).is_relative_to(project.folder / "mlruns")
    # 0.2 is the rate of the baseline: DVC finds all stages unchanged and runs none.
    slow = at_rate(experiments, 0.1)
    assert stages.keys() == {None, slow, "temporary", "here"}
    assert stages[slow].count("train_reid") == 3
    assert stages[slow].count("evaluate_generator") == 1
    assert stages["temporary"].count("train_reid") == 0
    assert stages["temporary"].count("evaluate_generator") == 1
    assert set(stages["here"]) == {"curve"}  # of the report


def test_metrics_are_one_short_table(project, experiments):
    shown = project.json("dvc", "metrics", "show", "--json")[""]["data"]
    assert list(shown) == ["reports/headline.json"]
    assert shown["reports/headline.json"]["data"].keys() == {"none", "puppet"}
    assert len(project("dvc", "metrics", "show").splitlines()) == 2
    name = at_rate(experiments, 0.1)
    project("dvc", "exp", "apply", name)
    changed = project("dvc", "metrics", "diff", "--all", "finished").splitlines()
    assert len(changed) == 1 + 3  # a line for each number
    assert {line.split()[1] for line in changed[1:]} == {
        "none.0.4.mAP",
        "none.1.0.mAP",
        "puppet.0.4.mAP",
    }
    back(project)


PLOTS = ("mAP_against_portion", "rank-1_against_portion", "generator_losses", "report_cards")


def plots(page: Path) -> dict[str, list[dict]]:
    """The points of every plot of a page of `dvc plots`, by its name."""
    html = page.read_text()
    drawn = {}
    for part in html.split('<div id = "')[1:]:
        spec = json.loads(part[part.index("var spec = ") + 11 :].split(";\n")[0])
        drawn[part.split('"')[0]] = spec["data"]["values"]
    return drawn


def test_plots_show_curves_losses_and_report_cards(project):
    project("dvc", "plots", "show", "--out", "shown")
    drawn = plots(project.folder / "shown/index.html")
    shutil.rmtree(project.folder / "shown")
    assert tuple(drawn) == PLOTS
    points = {
        (point["augmentation"], float(point["position"])): float(point["mAP"])
        for point in drawn["mAP_against_portion"]
    }
    assert points.keys() == {("none", 0.4), ("none", 1.0), ("puppet", 0.4), ("puppet", 1.0)}
    assert points["none", 0.4] == pytest.approx(project.result(ARM)["mAP"], rel=1e-4)
    losses = {(point["panel"], point["loss"]) for point in drawn["generator_losses"]}
    assert {("patn: patn", "l1"), ("pose_network: pose_network", "heat")} <= losses
    ssim = project.result("generators/patn.json")["metrics"]["ssim"]["value"]
    (dot,) = [dot for dot in drawn["report_cards"] if dot["panel"] == "mini_market: SSIM"]
    assert dot["generator"] == "patn" and float(dot["value"]) == pytest.approx(ssim, rel=1e-4)


def test_plots_compare_commits(project, experiments):
    name = at_rate(experiments, 0.1)
    project("dvc", "plots", "diff", "finished", name, "--out", "compared")
    drawn = plots(project.folder / "compared/index.html")
    shutil.rmtree(project.folder / "compared")
    assert tuple(drawn) == PLOTS
    scores = {}
    for point in drawn["mAP_against_portion"]:
        if (point["augmentation"], float(point["position"])) == ("none", 0.4):
            scores[point["rev"]] = float(point["mAP"])
    expected = headline(experiments[name])["none"]["0.4"]["mAP"]
    assert scores == {
        "finished": pytest.approx(project.result(ARM)["mAP"], rel=1e-4),
        name: pytest.approx(expected, abs=1e-4),
    }


def test_a_second_clone_pulls_a_finished_sweep_and_has_nothing_to_run(project, tmp_path):
    project("dvc", "remote", "add", "--local", "--default", "store", str(tmp_path / "store"))
    project("dvc", "push")
    clone = Project(tmp_path / "clone")
    subprocess.run(["git", "clone", "--quiet", project.folder, clone.folder], check=True)
    clone("dvc", "remote", "add", "--local", "--default", "store", str(tmp_path / "store"))
    clone("dvc", "pull")
    assert "Running stage" not in clone("dvc", "repro")
    assert clone("git", "status", "--short") == ""
    for name in (ARM, "generators/patn.json"):
        assert clone.result(name) == project.result(name)
    for name in ("index.html", "headline.json"):
        assert (clone.folder / "reports" / name).is_file()
    assert clone("dvc", "metrics", "show") == project("dvc", "metrics", "show")


def test_without_git_a_run_works_and_the_commit_is_unknown(project, tmp_path):
    bare = Project(tmp_path / "without_git")
    bare.folder.mkdir()
    bare("dvc", "init", "--quiet", "--no-scm")
    copy_code(bare.folder)
    for name in ("params.yaml", FILE, "dvc.lock"):
        shutil.copy(project.folder / name, bare.folder)
    bare("dvc", "config", "cache.dir", str(project.folder / ".dvc/cache"))
    bare("dvc", "checkout", "--quiet")
    params = yaml.safe_load((bare.folder / "params.yaml").read_text())
    params["reid"]["inception"]["learning_rate"] = 0.15
    (bare.folder / "params.yaml").write_text(yaml.safe_dump(params))
    stage = "train_reid@iterations-inception-none-0.4-0"
    bare("augment", "sweep", stage)
    assert bare.result(ARM)["commit"] == "unknown"
    assert "Running stage" not in bare("dvc", "repro", stage)


def test_artifacts_are_files_of_the_sweep(project, tmp_path):
    project("git", "tag", "--annotate", "patn@v1.0.0", "--message", "a version")
    target = str(tmp_path / "patn.pt")
    project("dvc", "artifacts", "get", ".", "patn", "--out", target)
    file = project.folder / "models/full/patn/generator.pt"
    assert Path(target).read_bytes() == file.read_bytes()
    with Repo(str(project.folder)) as repo:
        artifacts = repo.artifacts.read()["dvc.yaml"]
    assert artifacts.keys() == {"patn", "pose-network", "reid"}
    for artifact in artifacts.values():
        assert (project.folder / artifact.path).is_file()
