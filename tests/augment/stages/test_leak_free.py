"""The protocol leak_free of trained generators: no removed image affects a generated one."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient

from augment import files, paths
from augment.arms import Arm
from augment.augmentations import Augmentation
from augment.prepared import index, keypoints, market1501
from generators.training.checkpoint import read_trained_on

REDUCED = Path("models/reduced/0.4")
MODEL, OUT = REDUCED / "patn", Path("data/generated/patn-leak_free/0.4")
TRAIN, GENERATE = (
    "train-generator --generator patn --portion 0.4",
    "generate --protocol leak_free --portion 0.4",
)


def run(augment, command: str) -> str:
    result = augment(*command.split())
    assert result.exit_code == 0, result.output
    return result.output


def use_pose_network(project: Path, name: str) -> None:
    file = project / "params.yaml"
    params = yaml.safe_load(file.read_text())
    params["generators"][name] |= {"perceptual": "pose_network", "lambda_perceptual": 1.0}
    file.write_text(yaml.safe_dump(params))


def paths_in(name: str) -> set[str]:
    return set(index.read(Path("data/reduced/0.4") / name)["path"])


def made(out: Path) -> dict[str, bytes]:
    """File -> contents of finished generators, the pose network, and all that is in `out`."""
    files = [*REDUCED.rglob("generator.pt"), *out.rglob("*")]
    return {str(file): file.read_bytes() for file in files if file.is_file()}


def test_every_image_named_is_in_the_reduced_set(project, augment):
    run(augment, TRAIN)
    run(augment, GENERATE)
    manifest, rows = files.read_json(OUT / "manifest.json"), index.read(OUT / "index.csv")
    seen, kept, removed = (
        set(manifest["trained_on"]["images"]),
        paths_in("index.csv"),
        paths_in("removed.csv"),
    )
    assert (
        manifest["protocol"] == "leak_free" and manifest["trained_on"]["set"] == "data/reduced/0.4"
    )
    assert seen and seen <= kept and set(manifest["real"]) == kept
    assert len(rows) == len(removed) and {*rows["source"], *rows["target"]} <= kept
    assert not removed & {*seen, *manifest["real"], *rows["source"], *rows["target"]}
    client = MlflowClient(f"sqlite:///{project}/mlflow.db")
    (tracked,) = client.search_runs(
        ["1"], "tags.stage = 'train_generator' and tags.portion = '0.4'"
    )
    assert tracked.info.run_name == "patn 0.4"


@pytest.mark.parametrize("name", ["patn", "spgnet"])
def test_without_the_removed_images_everything_comes_out_the_same(project, augment, name):
    """All files, maps, keypoints and index rows of removed images are deleted before training."""
    use_pose_network(project, "spgnet")
    out = Path(f"data/generated/{name}-leak_free/0.4")

    def train_and_generate():
        if name == "spgnet":
            run(augment, "train-pose-network --portion 0.4")
        run(augment, f"train-generator --generator {name} --portion 0.4")
        run(augment, f"generate --augmentation {name}-leak_free --portion 0.4")

    train_and_generate()
    before = made(out)
    assert len(before) > 12
    shutil.rmtree(REDUCED)
    shutil.rmtree(out)

    removed = paths_in("removed.csv")
    names = {Path(path).name for path in removed}
    for path in removed:
        (project / "data/prepared" / path).unlink()
        (project / "data/prepared/parsing" / Path(path).with_suffix(".png").name).unlink()
    table = project / "data/prepared/keypoints.csv"
    found = keypoints.read(table, market1501.SIZE)
    assert names <= found.keys()
    keypoints.write({name: points for name, points in found.items() if name not in names}, table)
    rows = index.read(project / "data/prepared/index.csv")
    index.write(rows[~rows["path"].isin(removed)], project / "data/prepared/index.csv")

    train_and_generate()
    assert made(out) == before


@pytest.mark.parametrize("name", ["patn", "apatn"])
def test_a_whole_arm_leads_back_to_images_of_the_reduced_set_alone(project, augment, name):
    """Follows the arm's result through every manifest to the images; removed ones do not exist."""
    removed, kept = paths_in("removed.csv"), paths_in("index.csv")
    for path in removed:
        (project / "data/prepared" / path).unlink()
        (project / "data/prepared/parsing" / Path(path).with_suffix(".png").name).unlink()
    if with_features := name == "apatn":
        use_pose_network(project, name)
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["generated"]["gate"] = {"drop": 0.25, "pose": 0.5}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    shutil.rmtree("models")
    for command in (
        "train-pose-network --portion 0.4",
        f"train-generator --generator {name} --portion 0.4",
        f"generate --augmentation {name}-leak_free --portion 0.4",
        "train-reid --model inception --portion 0.4",
        f"train-reid --model inception --portion 0.4 --augmentation {name}-leak_free",
    ):
        run(augment, command)

    arm = Arm("inception", Augmentation(name, "leak_free"), 0.4, 1, "iterations", 0)
    result, out = (
        files.read_json(paths.reid_result(arm)),
        paths.generated(arm.augmentation, arm.portion),
    )
    manifest, rows = files.read_json(out / "manifest.json"), index.read(out / "index.csv")
    assert (result["train_images"], result["generated_images"], result["rejected_images"]) == (
        8 + 9,
        9,
        3,
    )
    assert set(pd.read_csv(paths.reid_model(arm) / "gate.csv")["path"]) == {
        str(out / path) for path in rows["path"]
    }
    generator, features = (
        paths.generator_model(one, 0.4) / "generator.pt" for one in (name, "pose_network")
    )
    assert manifest["trained_on"] == read_trained_on(generator)
    assert manifest["trained_on"]["pose_network"] == (
        read_trained_on(features) if with_features else None
    )
    read = {
        "sources": set(rows["source"]),
        "poses": set(rows["target"]),
        "real images": set(manifest["real"]),
        "generator": set(manifest["trained_on"]["images"]),
        "pose network": set(read_trained_on(features)["images"]),
    }
    for what, images in read.items():
        assert images and images <= kept and not images & removed, what


def test_a_generator_whose_pose_network_saw_removed_images_is_refused(project, augment):
    use_pose_network(project, "apatn")
    run(augment, "train-pose-network")
    shutil.copytree("models/full/pose_network", REDUCED / "pose_network")
    run(augment, "train-generator --generator apatn --portion 0.4")
    result = augment(*"generate --augmentation apatn-leak_free --portion 0.4 --dry-run".split())
    assert result.exit_code == 1 and "apatn/generator.pt: was trained on" in result.output
    assert (
        f"images that are not in data/reduced/0.4, e.g. {min(paths_in('removed.csv'))}"
        in result.output
    )


def test_a_generator_that_saw_removed_images_is_refused(project, augment):
    shutil.copytree("models/full/patn", MODEL)
    leaked = min(paths_in("removed.csv"))
    result = augment(*GENERATE.split(), "--dry-run")
    assert result.exit_code == 1 and not OUT.exists()
    assert result.output.startswith(f"Error: {MODEL}/generator.pt: was trained on ")
    assert (
        f"images that are not in data/reduced/0.4, e.g. {leaked}; run `augment {TRAIN}` again"
        in result.output
    )
    # Other protocols take such a generator.
    run(augment, "generate --protocol star --portion 0.4 --dry-run")


def test_a_generator_of_another_reduced_set_is_trained_afresh(project, augment):
    run(augment, TRAIN)
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("reduce:\n  seed: 0", "reduce:\n  seed: 1"))
    run(augment, "reduce --portion 0.4")
    assert "that are not in data/reduced/0.4" in augment(*GENERATE.split()).output
    run(augment, TRAIN)
    run(augment, GENERATE)


def test_what_is_missing_is_named(project, augment):
    result = augment(*GENERATE.split(), "--dry-run")
    assert result.exit_code == 1
    assert f"{MODEL}/generator.pt: not found; run `augment {TRAIN}` first" in result.output
    assert (
        "data/reduced/0.7/index.csv: not found"
        in augment("train-generator", "--portion", "0.7").output
    )


def test_a_reduced_set_without_pairs_trains_nothing(project, augment):
    file = project / "data/reduced/0.4/index.csv"
    index.write(index.read(file).drop_duplicates("pid"), file)
    result = augment(*TRAIN.split(), "--dry-run")
    assert result.exit_code == 1 and "data/reduced/0.4: no pair to train on" in result.output
