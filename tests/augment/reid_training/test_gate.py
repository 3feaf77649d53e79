import numpy as np
import pandas as pd
import pytest
import torch

from augment import params, paths
from augment.augmentations import parse
from augment.prepared import index, keypoints, market1501
from augment.reid_training import gate
from generators.body.pose import rescale
from generators.registry import POSE_NETWORK
from generators.training.checkpoint import load_generator
from generators.training.pairs import decode
from reid.generated import GateParams
from reid.params import ReidParams


@pytest.fixture
def sifted(project):
    """drop, pose -> the scores of the project's PATN images."""
    folder = paths.generated(parse("patn"), 0.4)
    added = index.locate(index.read_set(folder / "index.csv", folder))
    pids = index.read(paths.reduced(0.4) / "index.csv")["pid"].to_numpy()
    judge = next((project / "models/reid").rglob("none/0.4/seed0/weights.pt"))
    found = keypoints.read(paths.PREPARED / "keypoints.csv", market1501.SIZE)
    settings = params.load(ReidParams, "reid.inception")

    def call(drop, pose, judge=judge, added=added):
        network = paths.generator_model(POSE_NETWORK) / "generator.pt"
        return gate.sift(added, pids, settings, GateParams(drop, pose), judge, network, found)

    call.added, call.found = added, found
    return call


def test_the_worst_share_stays_out(sifted):
    scores = sifted(drop=0.25, pose=0.0)
    assert list(scores["path"]) == list(sifted.added["path"])
    assert (~scores["accepted"]).sum() == round(0.25 * len(scores)) > 0
    assert scores["identity"].le(0).all() and scores["pose"].isna().all()
    assert (
        scores.loc[~scores["accepted"], "identity"].max()
        <= scores.loc[scores["accepted"], "identity"].min()
    )


def test_poses_are_judged_in_torsos(sifted, augment):
    missing = paths.generator_model(POSE_NETWORK) / "generator.pt"
    with pytest.raises(
        FileNotFoundError, match=f"{missing}: not found; generated.gate.pose needs it"
    ):
        sifted(drop=0.25, pose=1.0)
    assert augment("train-pose-network").exit_code == 0
    scores = sifted(drop=0.25, pose=1.0)

    estimator = load_generator(missing, "cpu")
    size = estimator.params.image_size
    for row, (path, target) in enumerate(
        zip(sifted.added["path"], sifted.added["target"], strict=True)
    ):
        wanted = rescale(
            torch.tensor(sifted.found[target.split("/")[-1]])[None].float(), market1501.SIZE, size
        )[0].numpy()
        shown = estimator.locate(decode([path], size).float() / 127.5 - 1)[0].numpy()
        torso = np.linalg.norm((wanted[2] + wanted[5]) / 2 - (wanted[8] + wanted[11]) / 2)
        off = [
            min(np.linalg.norm(there - want) / torso, 0.5) if there[0] >= 0 else 0.5
            for there, want in zip(shown, wanted, strict=True)
            if want[0] >= 0
        ]
        assert scores["pose"][row] == pytest.approx(np.mean(off), abs=1e-4)
    assert (
        scores.loc[~scores["accepted"], "pose"].min()
        >= scores.loc[scores["accepted"], "pose"].max()
    )


def test_both_judges_count_by_rank(sifted, augment):
    augment("train-pose-network")
    scores = sifted(drop=0.25, pose=0.3)
    ranks = 0.7 * scores["identity"].rank(pct=True) + 0.3 * (-scores["pose"]).rank(pct=True)
    pd.testing.assert_series_equal(scores["score"], ranks, check_names=False)


def test_a_target_without_torso_counts_as_average(sifted, augment):
    augment("train-pose-network")
    added = sifted.added.copy()
    added.loc[0, "target"] = "nowhere.jpg"
    scores = sifted(drop=0.25, pose=1.0, added=added)
    assert np.isnan(scores["pose"][0]) and scores["score"][0] == 0.5


def test_a_judge_that_is_not_trained_is_named(sifted, tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match="weights.pt: not found; generated.gate needs a model trained on the reduced set alone",
    ):
        sifted(drop=0.25, pose=0.0, judge=tmp_path / "weights.pt")


def test_files_show_who_was_left_out(sifted, tmp_path):
    gate.write(sifted(drop=0.5, pose=0.0), tmp_path)
    assert (~pd.read_csv(tmp_path / "gate.csv")["accepted"]).sum() > 0 and (
        tmp_path / "gate.png"
    ).is_file()
