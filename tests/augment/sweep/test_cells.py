from pathlib import Path

import pytest
import yaml

from augment import params
from augment.sweep.cells import plan, rendered
from augment.sweep.params import SweepParams
from augment.sweep.work import uses_pose_network
from generators.registry import TRAINABLE

ROOT = Path(__file__).parents[3]
SWEEP = {
    "portions": [0.3, 1.0],
    "augmented_portions": [0.3],
    "augmentations": [],
    "ratios": [],
    "extended": [],
    "models": ["inception"],
    "budgets": ["iterations"],
    "seeds": [0],
    "cards": [],
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """project(augmentations=[...], ...) -> the cells of params.yaml with this sweep."""
    monkeypatch.chdir(tmp_path)
    shipped = yaml.safe_load((ROOT / "params.yaml").read_text())

    def cells(sections=None, **sweep):
        file = tmp_path / "params.yaml"
        for key, value in (sections or {}).items():
            section, _, name = key.rpartition(".")
            place = shipped
            for part in section.split("."):
                place = place[part]
            place[name] = value
        file.write_text(yaml.safe_dump(shipped | {"sweep": SWEEP | sweep}))
        return plan(params.load(SweepParams, "sweep", file), file)

    return cells


def names(cells):
    return {group: list(entries) for group, entries in cells.items() if entries}


def test_the_reduced_sets_alone_need_nothing_else(project):
    assert names(project()) == {
        "portions": [0.3, 1.0],
        "real": ["iterations-inception-none-0.3-0", "iterations-inception-none-1.0-0"],
    }


def test_what_an_arm_needs_follows_from_its_name(project):
    cells = project(augmentations=["patn-leak_free"])
    assert names(cells) == {
        "portions": [0.3, 1.0],
        "generators": ["patn-0.3"],
        "generated": ["patn-leak_free-0.3"],
        "real": ["iterations-inception-none-0.3-0", "iterations-inception-none-1.0-0"],
        "augmented": ["iterations-inception-patn-leak_free-0.3-0"],
        "losses": ["models/reduced/0.3/patn/loss_curves.csv"],
    }
    model = "models/reduced/0.3/patn"
    assert cells["generators"]["patn-0.3"]["model"] == model
    assert cells["generators"]["patn-0.3"]["images"] == "data/reduced/0.3"
    assert cells["generated"]["patn-leak_free-0.3"]["source"] == f"{model}/generator.pt"


def test_two_protocols_share_a_generator(project):
    cells = project(augmentations=["patn", "patn-star"])
    assert list(cells["generators"]) == ["patn-full"]
    assert {cell["source"] for cell in cells["generated"].values()} == {
        "models/full/patn/generator.pt"
    }


def test_a_pose_network_is_trained_only_for_who_uses_it(project):
    assert not project(augmentations=["patn"])["pose_networks"]
    cells = project(augmentations=["spt", "spt-leak_free"])
    assert list(cells["pose_networks"]) == ["0.3", "full"]
    assert (
        cells["generators"]["spt-0.3"]["pose_network"]
        == "models/reduced/0.3/pose_network/generator.pt"
    )
    perceptual = {"generators.patn.perceptual": "pose_network"}
    assert list(project(perceptual, augmentations=["patn"])["pose_networks"]) == ["full"]


@pytest.mark.parametrize("name", [name for name in TRAINABLE if name != "pose_network"])
def test_who_uses_a_pose_network_is_as_the_generator_says(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    file = ROOT / "params.yaml"
    assert uses_pose_network(name, file) == params.generator(name).uses_pose_network


def test_recomposed_images_are_cut_out_of_a_set_of_their_own(project):
    cells = project(augmentations=["patn-recomposed"])
    assert list(cells["generated"]) == ["patn-0.3"]
    assert cells["puppets"]["patn-recomposed-0.3"]["source"] == "data/generated/patn/0.3"
    assert list(cells["augmented"]) == ["iterations-inception-patn-recomposed-0.3-0"]


def test_extended_sets(project):
    cells = project(extended=["puppet", "patn"], ratios=[2, 3])
    assert list(cells["puppets"]) == ["puppet-1.0x2", "puppet-1.0x3"]
    assert list(cells["generated"]) == ["patn-1.0x2", "patn-1.0x3"]
    assert "iterations-inception-patn-1.0x2-0" in cells["augmented"]


def test_at_portion_1_only_what_puts_nothing_on_disk(project):
    arms = project(
        augmented_portions=[0.3, 1.0], augmentations=["classic", "puppet", "puppet-online"]
    )
    assert "iterations-inception-classic-1.0-0" in arms["real"]
    assert "iterations-inception-puppet-online-1.0-0" in arms["online"]
    assert list(arms["augmented"]) == ["iterations-inception-puppet-0.3-0"]
    assert arms["real"]["iterations-inception-classic-1.0-0"]["augment"] == "classic"


def test_the_gate_adds_its_judges(project):
    off = project(augmentations=["patn", "puppet"])["augmented"]
    assert {cell["judge"] for cell in off.values()} == {"data/prepared"}
    gate = {"generated.gate": {"drop": 0.25, "pose": 0.5}}
    cells = project(gate, augmentations=["patn", "puppet"])
    judge = "models/reid/iterations/inception/none/0.3/seed0/weights.pt"
    assert {cell["judge"] for cell in cells["augmented"].values()} == {judge}
    assert {name: cell["pose_judge"] for name, cell in cells["augmented"].items()} == {
        "iterations-inception-patn-0.3-0": "models/full/pose_network/generator.pt",
        "iterations-inception-puppet-0.3-0": "models/reduced/0.3/pose_network/generator.pt",
    }
    assert list(cells["pose_networks"]) == ["0.3", "full"]


def test_a_card_brings_its_generator_judge_and_pose_network(project):
    cells = project(cards=["patn-leak_free", "puppet"], models=["inception_plain"])
    assert list(cells["generators"]) == ["patn-0.3"] and list(cells["pose_networks"]) == ["full"]
    assert cells["cards"]["patn-0.3"]["card"] == "patn-leak_free-0.3"
    assert cells["untrained"] == {"puppet": {"card": "puppet"}}
    assert "iterations-inception-none-1.0-0" in cells["real"]  # evaluation.judge


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ({"portions": [0.3]}, "sweep.portions: 1.0 is missing"),
        ({"portions": [0.3, 1.5, 1.0]}, r"1.5 does not lie in \(0, 1\]"),
        (
            {"augmented_portions": [0.2]},
            "sweep.augmented_portions: 0.2 is not among sweep.portions",
        ),
        ({"augmentations": ["none"]}, "none always has its cells"),
        ({"augmentations": ["pix2pix"]}, "unknown generator 'pix2pix'; available: patn, "),
        ({"augmentations": ["puppet-feet"]}, "unknown augmentation 'puppet-feet'"),
        ({"augmentations": ["patn", "patn"]}, "sweep.augmentations: names an entry twice"),
        ({"extended": ["patn-star"], "ratios": [2]}, "all protocols are the same"),
        ({"extended": ["classic"], "ratios": [2]}, "classic adds no images"),
        ({"budgets": ["hours"]}, "'hours' is not one of iterations, epochs"),
        ({"cards": ["patn-star"]}, "'patn-star' is not a generator"),
    ],
)
def test_errors(project, sweep, message):
    with pytest.raises(ValueError, match=message):
        project(**sweep)


def test_the_shipped_file_follows_from_params_yaml():
    """Run `augment plan` after an edit of the section `sweep`."""
    assert (ROOT / "sweep.yaml").read_text() == rendered(ROOT / "params.yaml")
