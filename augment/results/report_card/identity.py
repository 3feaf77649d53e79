"""What a re-ID model makes of generated images: whose they are, how they are spread, and which
training image is next.

The judge is a model of the pipeline itself, trained on real images of the training identities; the
test identities are others. Features are those that it is compared by, and distances are cosine
ones, 1 - cos: 0 for one and the same image.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from augment import params, paths, prepared
from augment.prepared import index
from augment.results.report_card.render import TARGETS_SCENE, Rendered
from augment.results.report_card.settings import JudgeParams
from generators.metrics.frechet import frechet_distance
from reid.data import ReidSet, load
from reid.evaluation import by_query, features
from reid.models import build
from reid.params import ReidParams

KEYS = (
    "reid_frechet", "identity_mAP", "identity_rank1", "identity_cosine", "identity_mAP_real",
    "identity_rank1_real", "identity_cosine_real", "diversity", "diversity_real",
    "memorisation", "memorisation_real",
)  # fmt: skip
CHUNK = 1024  # images decoded, or rows of a table of distances, at a time


@dataclass(frozen=True)
class Judge:
    """file: weights; model: the trained one, in eval mode; settings: its
    `reid.params.ReidParams`.
    """

    file: Path
    model: Any
    settings: Any

    def features(self, pixels: Tensor) -> Tensor:
        """uint8 [N, 3, H, W] -> float32 [N, D]. Images of another size than the model's are
        resized.
        """
        nobody = torch.zeros(len(pixels), dtype=torch.int64)
        images = ReidSet(pixels, nobody, nobody, nobody.bool())
        return features(
            self.model,
            images,
            self.settings.image_size,
            self.settings.features,
            self.settings.precision,
        )

    def features_of(self, rows: pd.DataFrame) -> Tensor:
        """Of the images of index rows, `path` relative to data/prepared: float32 [N, D]."""
        rows = index.locate(rows.assign(folder=str(paths.PREPARED)))
        parts = [rows.iloc[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
        return torch.cat(
            [self.features(load(part, self.settings.image_size).pixels) for part in parts]
        )


def weights_file(judge: JudgeParams) -> Path:
    return paths.reid_model(judge.arm) / "weights.pt"


def load_judge(judge: JudgeParams, device: Any) -> Judge | None:
    """The trained judge; None where it is not trained.

    Raises:
        ValueError: params.yaml describes another model than the one that was trained, or none.
    """
    settings, file = params.load(ReidParams, f"reid.{judge.model}"), weights_file(judge)
    if not file.is_file():
        return None
    training = index.read(paths.PREPARED / "index.csv").query("split == 'train'")
    model = build(settings.backbone, training["pid"].nunique(), settings.network).to(device)
    try:
        model.load_state_dict(torch.load(file, map_location=device, weights_only=True))
    except (RuntimeError, UnpicklingError) as error:
        raise ValueError(
            f"{file}: is not of the model that params.yaml describes under reid.{judge.model}, or of another training set "
            f"({str(error).splitlines()[0]}); run `{train_command(judge)}` again"
        ) from error
    return Judge(file, model.eval(), settings)


def train_command(judge: JudgeParams) -> str:
    return f"augment train-reid --model {judge.model} --portion 1.0 --budget {judge.budget}"


def cosine_to_identity(features: Tensor, pairs: Tensor, held: Tensor, pids: np.ndarray) -> Tensor:
    """How near each image is to the person it should show: float32 [P], cosines.

    The person is the mean of the (normalised) features of all their held-out images but the pair's
    own two: so a real target is measured in the same way, and a copied source gains nothing. NaN
    where the person has no third image.

    Args:
        features: [P, D], of the images that are measured.
        pairs: [P, 2], rows (source, target) of held.
        held: [N, D], of the real held-out images; pids [N]: whom they show.
    """
    unit, (source, target) = normalize(held), pairs.T
    _, person, number = (
        torch.from_numpy(one) for one in np.unique(pids, return_inverse=True, return_counts=True)
    )
    total = torch.zeros(len(number), held.shape[1]).index_add_(0, person, unit)
    cosine = cosine_similarity(features, total[person[source]] - unit[source] - unit[target])
    return cosine.masked_fill(number[person[source]] < 3, torch.nan)


def nearest(features: Tensor, training: Tensor) -> tuple[Tensor, Tensor]:
    """Distance to the nearest training image, float32 [N], and its row, int64 [N]."""
    unit, others = normalize(features), normalize(training).T
    best = [(part @ others).max(1) for part in unit.split(CHUNK)]
    distance = (1 - torch.cat([one.values for one in best])).clamp(
        min=0
    )  # below 0 by rounding alone
    return distance, torch.cat([one.indices for one in best])


def spread(features: Tensor, groups: Tensor) -> Tensor:
    """Mean distance between two different images of a group: float32 [K], of the groups in
    ascending order, each of two or more of the features [N, D]; groups int64 [N].
    """
    _, group, number = torch.unique(groups, return_inverse=True, return_counts=True)
    total = torch.zeros(len(number), features.shape[1], dtype=torch.float64).index_add_(
        0, group, normalize(features.double())
    )
    # The sum over all pairs of cosines is the squared length of the sum, less each image with
    # itself.
    return (1 - (total.square().sum(1) - number) / (number * (number - 1))).clamp(min=0).float()


def scores(rendered: Rendered, judge: Judge, mean: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metrics by key, and columns of the pairs; mean: values [P] -> their mean with its
    interval.
    """
    held, pairs = rendered.held, rendered.held.pairs
    rows = index.read(paths.PREPARED / "index.csv")
    gallery, training = rows[rows["split"] == "gallery"], rows[rows["split"] == "train"]
    if rendered.renderer.trained_on is not None:
        training = training[training["path"].isin(rendered.renderer.trained_on)]
    real = judge.features(rendered.images.pixels)
    output, several = judge.features(rendered.outputs).split([len(pairs), len(rendered.several)])
    in_gallery, in_training = judge.features_of(gallery), judge.features_of(training)
    (pids, camids), of_gallery = (
        [torch.tensor(one[name].to_numpy()) for name in ("pid", "camid")]
        for one in (held.rows, gallery)
    )

    def asked(features: Tensor, image: Tensor) -> Any:
        """What queries find; image: whose person and camera each has."""
        mine = pids[image], of_gallery[0], camids[image], of_gallery[1]
        return by_query(
            features, in_gallery, *mine, judge.settings.metric, prepared.about().cameras_known
        )

    # A generated image is of the camera whose background it shows: no match there counts, as for a
    # real query.
    shown = pairs[:, 1] if set(TARGETS_SCENE) <= set(rendered.renderer.sees) else pairs[:, 0]
    found, found_real = asked(output, shown), asked(real, torch.arange(len(real)))
    (distance, row), (distance_real, _) = nearest(output, in_training), nearest(real, in_training)
    cosine = partial(cosine_to_identity, pairs=pairs, held=real, pids=held.rows["pid"].to_numpy())
    first, first_real = (
        np.where(np.isnan(one.rank), np.nan, one.rank <= 1) for one in (found, found_real)
    )
    columns = {
        "identity_ap": found.average_precision,
        "identity_first": first,
        "identity_cosine": cosine(output).numpy(),
        "nearest": training["path"].to_numpy()[row.numpy()],
        "nearest_distance": distance.numpy(),
    }
    target = pairs[:, 1].numpy()
    spreads = {"diversity": several, "diversity_real": real[rendered.several[:, 1]]}
    owners = held.owners(torch.unique(rendered.several[:, 0]))
    metrics = {
        "reid_frechet": frechet_distance(output, real[pairs[:, 1]]),
        "identity_mAP": mean(columns["identity_ap"]),
        "identity_rank1": mean(columns["identity_first"]),
        "identity_cosine": mean(columns["identity_cosine"]),
        "identity_mAP_real": mean(found_real.average_precision[target]),
        "identity_rank1_real": mean(first_real[target]),
        "identity_cosine_real": mean(cosine(real[pairs[:, 1]]).numpy()),
        **{
            key: mean(spread(features, rendered.several[:, 0]).numpy(), groups=owners)
            for key, features in spreads.items()
        },
        "memorisation": mean(columns["nearest_distance"]),
        "memorisation_real": mean(distance_real.numpy()[target]),
    }
    return metrics, columns
