"""The output of `augment inspect`, verbatim if it matters."""

import re
import shutil
from pathlib import Path

import hostile
import numpy as np
import pytest
import upright
import yaml
from PIL import Image

from augment import prepared
from augment.prepared import keypoints


def use(**dataset):
    text = yaml.safe_load(Path("params.yaml").read_text())
    text["dataset"] |= dataset
    Path("params.yaml").write_text(yaml.safe_dump(text, sort_keys=False))


@pytest.fixture
def say(augment):
    def run():
        before = sorted(Path().rglob("*"))
        result = augment("inspect")
        assert result.exit_code == 0, result.output
        assert sorted(Path().rglob("*")) == before
        return result.output

    return run


def test_a_project_that_has_run(project, say):
    said = say()
    for line in (
        "  data set     mini_market in data/prepared",
        "  images       128 x 64 px (height x width)",
        "  cameras      known",
        "  parsing      maps of all images",
        "  patn         trained   augment generate --portion 0.3 --generator patn",
        "  apatn        to train  augment train-generator --generator apatn",
        "  spt          missing   a pose network: augment train-pose-network",
        "  prepare      data/prepared",
        "  reduce       0.4, 1.0",
        "  train        full/patn",
        "  generate     patn 0.4",
        "  train-reid   3 runs, of none, patn",
        "  report       -",
    ):
        assert f"{line}\n" in said, said
    assert re.search(
        r"  puppet       ready     needs no training; \d+ images have a torso to cut out\n", said
    )
    assert re.search(
        r"  keypoints    of \d+ of 20 training images, \d+ of them with a torso; \d+ training pairs\n",
        said,
    )
    assert said.endswith("Next\n  augment report    draws the curves\n")


def test_pairs_are_those_of_training(project, say):
    import pandas as pd
    import torch

    from generators.training.pairs import training_pairs

    rows = pd.read_csv("data/prepared/index.csv")
    rows = rows[rows["split"] == "train"]
    points = torch.from_numpy(keypoints.of_images(prepared.joints(), rows["path"]))
    assert f"; {len(training_pairs(rows['pid'].to_numpy(), points))} training pairs\n" in say()


def test_each_next_command_leads_to_the_end(project, augment, say):
    """From nothing but params.yaml, the commands that inspect names, typed one after another."""
    for folder in ("data", "models", "results"):
        shutil.rmtree(folder)
    typed = []
    while True:
        command = say().split("Next\n  ")[1].split("    ")[0]
        if command == "dvc repro":
            break
        typed.append(command)
        assert len(typed) < 12, typed
        words = command.split()
        assert words[0] == "augment"
        result = augment(*words[1:], *(["--no-tracking"] if words[1] == "report" else []))
        assert result.exit_code == 0, f"{command}: {result.output}"
    assert [" ".join(one.split()[1:]) for one in typed] == [
        "prepare",
        "reduce --portion 0.4",
        "reduce --portion 1.0",
        "generate --portion 0.4 --generator puppet",
        "train-reid --model inception --portion 0.4",
        "train-reid --model inception --portion 0.4 --augmentation puppet",
        "train-reid --model inception --portion 1.0",
        "report",
    ]


def test_a_folder_before_prepare_and_without_keypoints(project, augment, say):
    for number, size in enumerate([(100, 40)] * 5 + [(90, 40)]):
        file = project / f"crops/{'abc'[number // 2]}/{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*size, 3), number * 9, np.uint8)).save(file)
    (project / "crops/Thumbs.db").touch()
    use(name="folder", root="crops")
    said = say()
    assert said.startswith(
        "data/prepared is of mini_market, params.yaml of folder; `augment prepare` would read:\n\n"
    )
    for line in (
        "  data set     folder, crops",
        "  images       100 x 40 px (5), 90 x 40 px (1); resized to 128 x 64 px (height x width)",
        "  identities   0 of 1 training identities have one image",
        "  cameras      not known: gallery images of the query's own camera count",
        "  keypoints    none (dataset.annotations)",
        "  note         1 Thumbs.db not read",
    ):
        assert f"{line}\n" in said, said
    assert "Generators" not in said and "Next\n  augment prepare    " in said
    hostile.empty(project / "crops/a/9.png")
    assert "  refused      crops/a/9.png: is empty\n" in say()
    (project / "crops/a/9.png").unlink()
    use(annotations=["poses/a b.csv"])
    said = say()
    assert "  missing      poses/a b.csv: not found (dataset.annotations)\n" in said
    why = "params.yaml names a keypoint file that does not exist"
    assert said.endswith(f"Next\n  augment annotate crops --output 'poses/a b.csv'    {why}\n")
    use(annotations=None)
    assert augment("prepare").exit_code == 0
    said = say()
    assert (
        "  data set     folder, crops in data/prepared\n" in said
        and "  keypoints    none\n" in said
    )
    assert said.count(" missing   keypoints (see Next)\n") == 6
    why = "no keypoints yet; without poses no images can be generated"
    assert said.endswith(f"Next\n  augment annotate crops --output annotations.csv    {why}\n")
    keypoints.write(
        {"a/0.png": np.array(upright.UPRIGHT) * (100 / 128, 40 / 64)}, project / "annotations.csv"
    )
    said = say()
    way = "once params.yaml says `annotations: [annotations.csv]` in its section dataset"
    assert said.endswith(f"Next\n  augment prepare    {way}\n")
    use(annotations=["annotations.csv"])
    assert say().startswith(
        "data/prepared has no keypoints, params.yaml names some; `augment prepare` would read:\n"
    )
    assert augment("prepare").exit_code == 0
    said = say()
    assert "  reduce       0.4 (of other images), 1.0 (of other images)\n" in said
    assert said.endswith(
        "Next\n  augment reduce --portion 0.4    chooses the real images that are kept\n"
    )


def test_parsing_maps_that_are_missing(project, say):
    shutil.rmtree("data/prepared/parsing")
    said, way = (
        say(),
        "parsing maps: `augment parse`, or coarse ones by `parsing: from_keypoints` in generators",
    )
    assert f"  spgnet       missing   {way}.spgnet\n" in said
    assert (
        f"  spt          missing   {way}.spt; a pose network: augment train-pose-network\n" in said
    )


def test_another_size_is_prepared_again(project, say):
    prepared.write(prepared.About("mini_market", (64, 32), True), Path("data/prepared"))
    assert say().startswith(
        "data/prepared has images of 64 x 32 px, params.yaml sets 128 x 64 px; `augment prepare` would"
    )


def test_what_prevents_prepare_is_said(project, augment):
    use(name="viper", root="nowhere")
    result = augment("inspect")
    assert (
        result.exit_code == 1
        and "Error: nowhere: folder not found (params.yaml: dataset.root)" in result.output
    )
