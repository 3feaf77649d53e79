"""dvc.yaml under real DVC, in a copy of the project with small params."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from dvc.dependency import ParamsDependency
from dvc.repo import Repo

from augment import paths
from augment.arms import Arm
from augment.augmentations import PROTOCOLS, Augmentation
from generators import GENERATORS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dvc(tmp_path_factory, small_project_params):
    """dvc("repro", ...) -> what it printed, in a repository with everything that dvc.yaml names."""
    folder = tmp_path_factory.mktemp("repository")
    for name in ("augment", "generators", "reid"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    (folder / "params.yaml").write_text(yaml.safe_dump(small_project_params))
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}

    def call(*arguments):
        done = subprocess.run(["dvc", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    call("init", "--quiet")
    call.folder = folder
    return call


def stages_run(output):
    return set(re.findall(r"Running stage '([^']+)'", output))


def change(folder, edit):
    file = folder / "params.yaml"
    params = yaml.safe_load(file.read_text())
    edit(params)
    file.write_text(yaml.safe_dump(params))


def test_the_pipeline_runs_once_and_then_only_what_changed(dvc):
    reid, augmented = "train_reid@iterations-inception", "train_reid_augmented@iterations-inception"
    first = stages_run(dvc("repro"))
    assert first == {
        "prepare", "reduce@0.4", "reduce@1.0", "train_pose_network", "train_generator@patn", "generate@patn-0.4",
        "generate_puppet@puppet-0.4", f"{reid}-0.4-0", f"{reid}-1.0-0", "train_reid_classic@iterations-inception-0.4-0",
        f"{augmented}-patn-0.4-0", f"{augmented}-puppet-0.4-0", "evaluate_generator@patn", "evaluate_untrained@copy_source",
        "report",
    }  # fmt: skip
    for name in ("curves.csv", "summary.csv", "curves.png", "generators.csv"):
        assert (dvc.folder / "reports" / name).is_file()
    assert (dvc.folder / "mlflow.db").is_file()

    assert stages_run(dvc("repro")) == set()

    change(dvc.folder, lambda params: params["sweep"]["portions"].append(0.7))
    assert stages_run(dvc("repro")) == {"reduce@0.7", f"{reid}-0.7-0", "report"}

    change(dvc.folder, lambda params: params["generators"]["patn"].update(lambda_l1=3.0))
    # So small a model may come to the same scores, and then there is nothing new to report.
    assert stages_run(dvc("repro")) - {"report"} == {
        "train_generator@patn",
        "generate@patn-0.4",
        f"{augmented}-patn-0.4-0",
        "evaluate_generator@patn",
    }


@pytest.mark.parametrize(
    "protocol, trained", [("star", "train_generator@patn"), ("leak_free", "train_generator_reduced@patn-0.4")]
)
def test_a_protocol_is_a_switch_away(dvc, protocol, trained):
    name = f"generate_{protocol}@patn-0.4"
    assert name not in dvc("stage", "list", "--name-only").split()
    lists = {protocol: ["patn"], "augmentations": [f"patn-{protocol}"], "pose_networks": [0.4]}
    change(dvc.folder, lambda params: params["sweep"].update(lists))
    listed = dvc("stage", "list", "--name-only").split()
    reid = f"train_reid_augmented@iterations-inception-patn-{protocol}-0.4-0"
    assert {"train_pose_network_reduced@0.4", trained, name, reid} <= set(listed)


def test_puppets_recomposition_and_online_are_switches_away(dvc):
    lists = {"puppets": "puppet-plate", "recomposed": "patn", "online": "puppet-online", "augmentations": "patn-recomposed"}
    change(dvc.folder, lambda params: params["sweep"].update({key: [name] for key, name in lists.items()}))
    listed = set(dvc("stage", "list", "--name-only").split())
    assert {
        "generate_puppet@puppet-plate-0.4",
        "recompose@patn-0.4",
        "train_reid_augmented@iterations-inception-patn-recomposed-0.4-0",
        "train_reid_online@iterations-inception-puppet-online-0.4-0",
    } <= listed


def test_budgets_and_extended_sets_are_switches_away(dvc):
    lists = {"budgets": ["epochs"], "ratios": [2], "extended": ["patn"], "extended_puppets": ["puppet"], "classic": [1.0]}
    change(dvc.folder, lambda params: params["sweep"].update(lists, extended_augmentations=["patn", "puppet"]))
    assert {
        "generate_extended@patn-2",
        "generate_puppet_extended@puppet-2",
        "train_reid@epochs-inception-1.0-0",
        "train_reid_classic@epochs-inception-1.0-0",
        "train_reid_extended@epochs-inception-patn-2-0",
        "train_reid_extended@epochs-inception-puppet-2-0",
    } <= set(dvc("stage", "list", "--name-only").split())


@pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # within DVC
@pytest.mark.parametrize("profile", sorted((ROOT / "profiles").glob("*.yaml")), ids=lambda file: file.stem)
def test_dvc_reads_every_profile(dvc, profile):
    """Every arm of the sweep is a stage, and whatever a stage needs is in the repository or made by another one."""
    (dvc.folder / "params.yaml").write_text(profile.read_text())
    sweep = yaml.safe_load(profile.read_text())["sweep"]
    found = Repo(dvc.folder).index
    found.check_graph()  # no cycle, and no two stages write one thing
    made = {Path(out.fs_path) for stage in found.stages for out in stage.outs}
    for stage in found.stages:
        for dep in (Path(dep.fs_path) for dep in stage.deps if not isinstance(dep, ParamsDependency)):
            assert made & {dep, *dep.parents} or dep.exists() or any(dep in out.parents for out in made), f"{stage.name}: {dep}"
    stages = [stage.name for stage in found.stages]
    cells = len(sweep["budgets"]) * len(sweep["models"]) * len(sweep["seeds"])
    sets = len(sweep["portions"]) + len(sweep["classic"]) + len(sweep["ratios"]) * len(sweep["extended_augmentations"])
    sets += len(sweep["augmented_portions"]) * (len(sweep["augmentations"]) + len(sweep["online"]))
    assert sum(name.startswith("train_reid") for name in stages) == cells * sets


def test_dvc_and_paths_agree():
    """dvc.yaml cannot call paths.py, so its strings are compared with what the functions give."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    cell = {"generator": "g", "portion": 0.3, "model": "m", "augmentation": "a", "seed": 1, "budget": "epochs", "ratio": 2}
    cell["name"] = "g"

    def listed(stage, *keys):
        entries = [entry for key in keys for entry in stages[stage].get(key, [])]
        names = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]
        return [re.sub(r"\$\{item\.(\w+)\}", lambda match: str(cell[match[1]]), name) for name in names]

    def outs(stage):
        return listed(stage, "outs", "metrics")

    assert outs("prepare") == [str(paths.PREPARED)]
    assert outs("reduce") == [str(paths.reduced(0.3))]
    assert outs("train_pose_network") == [str(paths.generator_model("pose_network"))]
    assert outs("train_pose_network_reduced") == [str(paths.generator_model("pose_network", 0.3))]
    assert outs("train_generator") == [str(paths.generator_model("g"))]
    assert outs("train_generator_reduced") == [str(paths.generator_model("g", 0.3))]
    generate = {"paper": "generate", "star": "generate_star", "leak_free": "generate_leak_free"}
    assert generate.keys() == set(PROTOCOLS)
    for protocol, stage in generate.items():
        model = paths.generator_model("g", 0.3 if protocol == "leak_free" else None)
        assert str(model / "generator.pt") in listed(stage, "deps")
        assert outs(stage) == [str(paths.generated(Augmentation("g", protocol).name, 0.3))]
    assert outs("generate_puppet") == [str(paths.generated("a", 0.3))]
    assert outs("recompose") == [str(paths.generated("a-recomposed", 0.3))]
    assert outs("generate_extended") == [str(paths.generated("g", 1.0, 2))]
    assert outs("generate_puppet_extended") == [str(paths.generated("a", 1.0, 2))]
    for stage, *named in (
        ("train_reid", "none", 0.3, 1), ("train_reid_classic", "classic", 0.3, 1), ("train_reid_online", "a", 0.3, 1),
        ("train_reid_augmented", "a", 0.3, 1), ("train_reid_extended", "a", 1.0, 2),
    ):  # fmt: skip
        arm = Arm("m", *named, "epochs", 1)
        assert outs(stage) == [str(paths.reid_model(arm)), str(paths.reid_result(arm))]
        if stage in ("train_reid_augmented", "train_reid_extended"):
            judge = paths.reid_model(replace(arm, augmentation="none", ratio=1)) / "weights.pt"
            assert {str(judge), str(paths.generated("a", *named[1:]))} <= set(listed(stage, "deps"))
    for stage, name, portion in (
        ("evaluate_generator", "g", None), ("evaluate_generator_reduced", "g-leak_free-0.3", 0.3),
        ("evaluate_untrained", "g", None),
    ):  # fmt: skip
        assert outs(stage) == [str(paths.card_folder(name)), str(paths.card(name))]
        if stage != "evaluate_untrained":
            assert str(paths.generator_model("g", portion) / "generator.pt") in listed(stage, "deps")
        assert str(paths.generator_model("pose_network") / "generator.pt") in listed(stage, "deps")
        judge = str(paths.reid_model(Arm("M", "none", 1.0, 1, "B", 0)) / "weights.pt")
        judge = judge.replace("/B/M/", "/${evaluation.judge.budget}/${evaluation.judge.model}/")
        assert judge in listed(stage, "deps")
    assert outs("report") == [str(paths.REPORTS)]


def test_every_module_that_a_stage_runs_is_a_dependency():
    """DVC reruns a stage only for files that it lists: each must be there, and none of generators/ may be forgotten."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for name, stage in stages.items():
        for dep in stage["deps"]:
            if dep.split("/")[0] in ("augment", "generators", "reid") and "$" not in dep:
                assert (ROOT / dep).exists(), f"{name}: {dep}"
    shared = {f"generators/{file.name}" for file in (ROOT / "generators").glob("*.py")}
    puppets = {f"generators/{name}.py" for name in ("body_parts", "plates", "puppet", "puppet_opencv")}
    for stage in ("generate_puppet", "recompose", "train_reid_online"):
        assert puppets <= set(stages[stage]["deps"])
    own = {f"generators/{name}.py" for name in ("__init__", "frechet", "intervals", "joints", "puppet_opencv", "similarity")}
    own |= {f"generators/{name}.py" for name in GENERATORS}
    own |= {f"generators/{name}.py" for name in ("public_patn", "sleeves", "spt_applications")}  # of single images: no stage
    assert shared - own <= set(stages["train_generator"]["deps"])
    scored = {f"generators/{name}.py" for name in ("batch", "frechet", "intervals", "joints", "pose_network", "similarity")}
    rooms = {f"augment/report_card/{file.name}" for file in (ROOT / "augment/report_card").glob("[!_]*.py")}
    scored |= rooms - {"augment/report_card/published.py"}
    for stage, rendered in (("evaluate_generator", "generate"), ("evaluate_generator_reduced", "generate_leak_free")):
        rendering = {dep for dep in stages[rendered]["deps"] if dep.startswith("generators/")}
        assert scored | rendering <= set(stages[stage]["deps"])
    assert scored | puppets <= set(stages["evaluate_untrained"]["deps"])
    for stage in ("train_generator", "train_pose_network"):
        full, reduced = (set(stages[name]["deps"]) for name in (stage, f"{stage}_reduced"))
        moved = {dep.replace("models/full", "models/reduced/${item.portion}") for dep in full}
        assert reduced == {*moved, "data/reduced/${item.portion}"}
