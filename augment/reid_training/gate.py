"""The quality gate leaves out generated images that look like another person or miss their pose.

Two judges score an image. Neither was trained on a removed image that the generator was not trained
on. A re-ID model trained on the reduced set alone gives the log-probability of the image's identity.
The pipeline's pose network measures the distance of its joints from the target pose. The score is
the weighted mean of the image's two ranks in the set; the worst share `generated.gate.drop` is left
out.

The gate follows "Exploring the Quality of GAN Generated Images for Person Re-Identification", Jiang
et al. 2021, which keeps images near their identity. That gate also requires diversity, which
rendered poses have.
"""

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import cast

import numpy as np
import pandas as pd
import torch
from PIL import Image

from augment import prepared
from augment.files import whole
from augment.images import contact_sheet
from augment.prepared.keypoints import of_images
from generators.body.pose import has_torso, rescale, visible
from generators.pose_network.pose_network import PoseEstimator
from generators.training.checkpoint import load_generator
from generators.training.pairs import decode
from reid.data import load
from reid.generated import GateParams, own_identity
from reid.models import build
from reid.params import ReidParams
from reid.training import joined_processes

FURTHEST = 0.5  # in torsos; joints farther away, or not found, count as this far


def sift(
    generated: pd.DataFrame,
    pids: np.ndarray,
    settings: ReidParams,
    gate: GateParams,
    judge: Path,
    pose_network: Path,
    keypoints: Mapping[str, np.ndarray],
) -> pd.DataFrame:
    """Scores of generated images, and whether the gate accepts them.

    Columns: path, identity (log-probability), pose (distance in torsos), score, accepted.

    Args:
        generated: located index rows of generated images.
        pids: identities of the reduced set.
        settings: params of the judge.
        gate: section `generated.gate`.
        judge: weights of the re-ID model that was trained on the reduced set.
        pose_network: checkpoint of the pose network; used if gate.pose is above 0.
        keypoints: image name -> keypoints [18, 2] of the target poses.

    Raises:
        FileNotFoundError: If a judge is not trained.
    """
    scores = pd.DataFrame(
        {"path": generated["path"].to_numpy(), "identity": np.nan, "pose": np.nan}
    )
    if gate.pose < 1:
        scores["identity"] = _identity(generated, np.unique(pids), settings, judge)
    if gate.pose > 0:
        scores["pose"] = _pose(generated, pose_network, keypoints)
    # An image that a judge cannot score, e.g. for a target without torso, counts as average.
    identity, pose = (
        column.rank(pct=True).fillna(0.5) for column in (scores["identity"], -scores["pose"])
    )
    scores["score"] = (1 - gate.pose) * identity + gate.pose * pose
    worst = np.argsort(scores["score"].to_numpy(), kind="stable")[: round(gate.drop * len(scores))]
    scores["accepted"] = ~np.isin(np.arange(len(scores)), worst)
    return scores


def sheet(scores: pd.DataFrame, columns: int = 16) -> Image.Image:
    """The images with the best and the worst scores."""
    order = scores.sort_values("score", kind="stable")
    cells = [
        [Image.open(path) for path in part]
        for part in (order["path"].tail(columns)[::-1], order["path"].head(columns))
    ]
    rejected = int((~scores["accepted"]).sum())
    return contact_sheet.grid(cells, ["the best", f"the worst, of {rejected:,} that are left out"])


def write(scores: pd.DataFrame, folder: Path) -> None:
    """Write gate.csv and gate.png."""
    with whole(folder / "gate.csv") as temporary:
        scores.to_csv(temporary, index=False, float_format="%.6g")
    with whole(folder / "gate.png") as temporary:
        sheet(scores).save(temporary)


def _identity(
    generated: pd.DataFrame, pids: np.ndarray, settings: ReidParams, judge: Path
) -> np.ndarray:
    """Log-probability of each image's identity by the judge, [N]."""
    if not judge.is_file():
        raise FileNotFoundError(
            f"{judge}: not found; generated.gate needs a model trained on the reduced set alone: train it first"
        )
    model = build(settings.backbone, len(pids), settings.network).to(joined_processes().device)
    try:
        model.load_state_dict(torch.load(judge, map_location="cpu", weights_only=True))
    except (RuntimeError, UnpicklingError) as error:
        raise ValueError(f"{judge}: does not hold the judge's weights; train it again") from error
    return own_identity(
        model, load(generated, settings.image_size), torch.from_numpy(pids), settings
    ).numpy()


def _pose(
    generated: pd.DataFrame, pose_network: Path, keypoints: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Mean distance of the joints from those of the target pose, [N]; NaN without a torso.

    The unit is the torso, from shoulders to hips.
    """
    if not pose_network.is_file():
        raise FileNotFoundError(
            f"{pose_network}: not found; generated.gate.pose needs it: run `augment train-pose-network`"
        )
    estimator = cast(PoseEstimator, load_generator(pose_network, "cpu"))
    size = estimator.params.image_size
    pixels = decode(list(generated["path"]), size)
    with torch.inference_mode():
        shown = torch.cat(
            [estimator.locate(part.float() / 127.5 - 1) for part in pixels.split(256)]
        )
    target = torch.from_numpy(of_images(keypoints, generated["target"]))
    target = rescale(target, prepared.size(), size)
    torso = (target[:, [2, 5]].mean(1) - target[:, [8, 11]].mean(1)).norm(dim=1)
    off = (shown - target).norm(dim=2) / torso[:, None]
    off = (
        off.masked_fill(~visible(shown), FURTHEST)
        .clamp(max=FURTHEST)
        .masked_fill(~visible(target), torch.nan)
    )
    return off.nanmean(1).masked_fill(~has_torso(target), torch.nan).numpy()
