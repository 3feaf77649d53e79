"""dvc.yaml under `augment sweep` and real DVC, in a copy of the project with small params."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dvc.dependency import ParamsDependency
from dvc.repo import Repo

from augment.profiles import rendering as profiles
from augment.profiles.rendering import descriptions
from augment.stages.plan import FILE
from augment.sweep.cells import rendered

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.filterwarnings(  # within DVC
    "ignore:_NoneStep.value:DeprecationWarning"
)
ARM = "iterations-inception"


@pytest.fixture(scope="module")
def dvc(tmp_path_factory, small_project_params):
    """dvc("repro", ...) -> what it printed, in a repository with everything that dvc.yaml names.

    dvc.sweep() runs `augment sweep` there. The stages run the repository's own copy of the code.
    """
    folder = tmp_path_factory.mktemp("repository")
    for name in ("augment", "generators", "reid"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    (folder / "params.yaml").write_text(yaml.safe_dump(small_project_params))
    (folder / FILE).write_text(rendered(folder / "params.yaml"))
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "DVC_NO_ANALYTICS": "1",
    }

    def run(*command, fails=False):
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout

    def call(*arguments, fails=False):
        return run("dvc", *arguments, fails=fails)

    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    call("init", "--quiet")
    call.folder = folder
    call.sweep = lambda: run(sys.executable, "-m", "augment", "sweep", "--jobs", "2")
    return call


def stages_run(output):
    """Stages that a run of `dvc repro` or `augment sweep` has started."""
    found = re.findall(r"Running stage '([^']+)'|\] (\S+): started", output)
    return {repro or sweep for repro, sweep in found}


def out_of_date(dvc):
    return {stage.split(":")[-1] for stage in Repo(dvc.folder).status()}


def change(folder, edit):
    file = folder / "params.yaml"
    params = yaml.safe_load(file.read_text())
    edit(params)
    file.write_text(yaml.safe_dump(params))


def test_the_pipeline_runs_once_and_then_only_what_changed(dvc):
    assert stages_run(dvc.sweep()) == {
        "plan",
        "prepare",
        "reduce@0.4",
        "reduce@1.0",
        "train_pose_network@full",
        "train_generator@patn-full",
        "generate@patn-0.4",
        "generate_puppets@puppet-0.4",
        f"train_reid@{ARM}-none-0.4-0",
        f"train_reid@{ARM}-none-1.0-0",
        f"train_reid@{ARM}-classic-0.4-0",
        f"train_reid_augmented@{ARM}-patn-0.4-0",
        f"train_reid_augmented@{ARM}-puppet-0.4-0",
        "evaluate_generator@patn-full",
        "evaluate_untrained@copy_source",
        "report",
    }
    for name in ("curves.csv", "summary.csv", "curves.png", "generators.csv"):
        assert (dvc.folder / "reports" / name).is_file()
    assert (dvc.folder / "mlflow.db").is_file()
    assert stages_run(dvc("repro")) == set()

    change(dvc.folder, lambda params: params["generators"]["patn"].update(lambda_l1=3.0))
    # So small a model may come to the same scores, and then there is nothing new to report.
    assert stages_run(dvc.sweep()) - {"report"} == {
        "plan",
        "train_generator@patn-full",
        "generate@patn-0.4",
        f"train_reid_augmented@{ARM}-patn-0.4-0",
        "evaluate_generator@patn-full",
    }


def test_new_arms_are_planned_first_and_then_run(dvc):
    change(dvc.folder, lambda params: params["sweep"]["portions"].append(0.7))
    stopped = dvc("repro", fails=True)
    assert "plan: sweep.yaml follows params.yaml's section `sweep` again" in stopped
    assert not any(name.startswith("train") for name in stages_run(stopped))
    assert stages_run(dvc.sweep()) == {
        "plan",
        "reduce@0.7",
        f"train_reid@{ARM}-none-0.7-0",
        "report",
    }


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("generators/spt/losses.py", set()),  # no cell of SPT
        ("generators/pose_network/pose_network.py", {"train_pose_network@full"}),
        (
            "generators/patn/patn.py",
            {"train_generator@patn-full", "generate@patn-0.4", "evaluate_generator@patn-full"},
        ),
        (
            "generators/puppet/puppet.py",
            {"generate_puppets@puppet-0.4", "evaluate_untrained@copy_source"},
        ),
    ],
)
def test_an_edit_of_one_paper_concerns_its_own_stages_alone(dvc, file, stages):
    if (
        "pose_network" in file
    ):  # the pose network also judges report cards and is a generator's part
        stages = stages | {name for name in out_of_cells(dvc) if "evaluate" in name}
        stages |= {"train_generator@patn-full", f"train_reid_augmented@{ARM}-patn-0.4-0"}
        stages |= {f"train_reid_augmented@{ARM}-puppet-0.4-0"}
    path = dvc.folder / file
    before = path.read_text()
    path.write_text(before + "\nEDITED = True\n")
    assert out_of_date(dvc) == stages
    path.write_text(before)
    assert out_of_date(dvc) == set()


def out_of_cells(dvc):
    return dvc("stage", "list", "--name-only").split()


@pytest.mark.parametrize(
    ("file", "stage", "made"),
    [
        ("puppet/puppet.py", "generate_puppets@puppet-0.4", "data/generated/puppet/0.4/plan.json"),
        ("patn/patn.py", "train_generator@patn-full", "models/full/patn/checkpoint.pt"),
    ],
)
def test_work_of_older_code_is_not_taken_for_up_to_date(dvc, file, stage, made):
    path, work = dvc.folder / "generators" / file, dvc.folder / made
    before, source = work.read_bytes(), path.read_text()
    path.write_text(source + "\nEDITED = True\n")
    printed = dvc("repro", "--single-item", stage)
    assert "exist already" not in printed and "is complete" not in printed
    assert work.read_bytes() != before
    path.write_text(source + "\n# A comment is no other code.\n")
    assert "starting afresh" in dvc("repro", "--single-item", stage) or "patn" in stage
    edited = work.read_bytes()
    path.write_text(source)
    dvc("repro", "--single-item", stage)
    assert work.read_bytes() == edited


DARKER = """
_render = Puppet.render
Puppet.render = lambda *arguments, **more: _render(*arguments, **more) * 0.3
"""


def test_darker_puppets_are_drawn_after_an_edit(dvc):
    """Regression: an edit of the puppets' code left all pictures unchanged."""
    path = dvc.folder / "generators/puppet/puppet.py"
    folder = dvc.folder / "data/generated/puppet/0.4/bounding_box_train"
    before, source = (
        {file.name: file.read_bytes() for file in folder.glob("*.jpg")},
        path.read_text(),
    )
    path.write_text(source + DARKER)
    dvc("repro", "--single-item", "generate_puppets@puppet-0.4")
    after = {file.name: file.read_bytes() for file in folder.glob("*.jpg")}
    assert after.keys() == before.keys() and all(after[name] != before[name] for name in before)
    path.write_text(source)
    dvc("repro", "--single-item", "generate_puppets@puppet-0.4")
    assert {file.name: file.read_bytes() for file in folder.glob("*.jpg")} == before


@pytest.mark.parametrize("profile", descriptions())
def test_dvc_reads_every_profile(dvc, profile):
    """Whatever a stage needs is in the repository or made by another one."""
    (dvc.folder / "params.yaml").write_text(profiles.rendered(profile))
    (dvc.folder / FILE).write_text(rendered(dvc.folder / "params.yaml"))
    found = Repo(dvc.folder).index
    found.check_graph()  # no cycle, and no two stages write one thing
    made = {Path(out.fs_path) for stage in found.stages for out in stage.outs}
    for stage in found.stages:
        deps = (Path(dep.fs_path) for dep in stage.deps if not isinstance(dep, ParamsDependency))
        for dep in deps:
            assert (
                made & {dep, *dep.parents}
                or dep.exists()
                or any(dep in out.parents for out in made)
            ), f"{stage.name}: {dep}"
