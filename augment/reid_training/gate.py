"""The quality gate: generated images that look like somebody else, or stand otherwise than they
should, stay out.

Two judges, neither of which has seen a removed image where the generator has not: a re-ID model
trained on the reduced set alone says how surely an image shows its identity, the pipeline's pose
network how far its joints are from the target pose. An image's score is the weighted mean of its
two ranks in the set; `generated.gate.drop` is the share, the worst, that goes. (After "Exploring
the Quality of GAN Generated Images for Person Re-Identification", Jiang et al. 2021, whose gate
keeps images near their identity; theirs also asks for diversity, which rendered poses have.)
"""

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from augment import prepared
from augment.files import whole
from augment.images import contact_sheet
from augment.prepared import keypoints
from generators.body.pose import rescale, visible
from generators.body.skeleton import TORSO
from generators.training.checkpoint import load_generator
from generators.training.pairs import decode
from reid.data import load
from reid.generated import own_identity
from reid.models import build
from reid.training import joined_processes

FURTHEST = 0.5  # of a torso: joints further away than this, or not found, are simply wrong


def sift(
    added: pd.DataFrame,
    pids: np.ndarray,
    settings: Any,
    gate: Any,
    judge: Path,
    pose_network: Path,
    found: Mapping[str, np.ndarray],
) -> pd.DataFrame:
    """Which generated images are let in: columns path, identity (log-probability), pose (torsos
    off), score, accepted.

    Args:
        added: index rows of generated images, `path` as found from here.
        pids: identities of the reduced set.
        settings, gate: `reid.params.ReidParams` of the judge, `reid.generated.GateParams`.
        judge: weights of the re-ID model that was trained on the reduced set.
        pose_network: checkpoint of the pose network; used where gate.pose is above 0.
        found: image name -> keypoints [18, 2] of the target poses.

    Raises:
        FileNotFoundError: a judge is not trained.
    """
    scores = pd.DataFrame({"path": added["path"].to_numpy(), "identity": np.nan, "pose": np.nan})
    if gate.pose < 1:
        scores["identity"] = _identity(added, np.unique(pids), settings, judge)
    if gate.pose > 0:
        scores["pose"] = _pose(added, pose_network, found)
    # Where a judge cannot say, as of a target without torso, the image is an average one.
    identity, pose = (
        one.rank(pct=True).fillna(0.5) for one in (scores["identity"], -scores["pose"])
    )
    scores["score"] = (1 - gate.pose) * identity + gate.pose * pose
    worst = np.argsort(scores["score"].to_numpy(), kind="stable")[: round(gate.drop * len(scores))]
    scores["accepted"] = ~np.isin(np.arange(len(scores)), worst)
    return scores


def sheet(scores: pd.DataFrame, columns: int = 16) -> Image.Image:
    """The best and the worst of the images by their score."""
    order = scores.sort_values("score", kind="stable")
    cells = [
        [Image.open(path) for path in part]
        for part in (order["path"].tail(columns)[::-1], order["path"].head(columns))
    ]
    rejected = int((~scores["accepted"]).sum())
    return contact_sheet.grid(cells, ["the best", f"the worst, of {rejected:,} that are left out"])


def write(scores: pd.DataFrame, folder: Path) -> None:
    """gate.csv and gate.png."""
    with whole(folder / "gate.csv") as temporary:
        scores.to_csv(temporary, index=False, float_format="%.6g")
    with whole(folder / "gate.png") as temporary:
        sheet(scores).save(temporary)


def _identity(added: pd.DataFrame, pids: np.ndarray, settings: Any, judge: Path) -> np.ndarray:
    if not judge.is_file():
        raise FileNotFoundError(
            f"{judge}: not found; generated.gate asks a model of the reduced set alone: train it first"
        )
    model = build(settings.backbone, len(pids), settings.network).to(joined_processes().device)
    try:
        model.load_state_dict(torch.load(judge, map_location="cpu", weights_only=True))
    except (RuntimeError, UnpicklingError) as error:
        raise ValueError(
            f"{judge}: does not hold the weights of the model that judges; train it again"
        ) from error
    return own_identity(
        model, load(added, settings.image_size), torch.from_numpy(pids), settings
    ).numpy()


def _pose(added: pd.DataFrame, pose_network: Path, found: Mapping[str, np.ndarray]) -> np.ndarray:
    """Mean distance of the joints from those of the target pose, in torsos (neck to hips); nan
    without a torso.
    """
    if not pose_network.is_file():
        raise FileNotFoundError(
            f"{pose_network}: not found; generated.gate.pose needs it: run `augment train-pose-network`"
        )
    estimator = load_generator(pose_network, "cpu")
    size = estimator.params.image_size
    pixels = decode(list(added["path"]), size)
    with torch.inference_mode():
        shown = torch.cat(
            [estimator.locate(part.float() / 127.5 - 1) for part in pixels.split(256)]
        )
    wanted = torch.from_numpy(
        keypoints.of_names(found, (Path(path).name for path in added["target"]))
    )
    wanted = rescale(wanted, prepared.size(), size)
    torso = (wanted[:, [2, 5]].mean(1) - wanted[:, [8, 11]].mean(1)).norm(dim=1)
    off = (shown - wanted).norm(dim=2) / torso[:, None]
    off = (
        off.masked_fill(~visible(shown), FURTHEST)
        .clamp(max=FURTHEST)
        .masked_fill(~visible(wanted), torch.nan)
    )
    usable = visible(wanted)[:, list(TORSO)].all(1)
    return off.nanmean(1).masked_fill(~usable, torch.nan).numpy()
