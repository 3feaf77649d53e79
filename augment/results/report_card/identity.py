"""Metrics of generated images by a re-ID model, the judge.

They measure identity, diversity, and the distance to the nearest training image. The judge is a
model of the pipeline, trained on real images of the training identities; the test identities are
disjoint from them. Features are those that it compares images by. Distances are cosine distances,
1 - cos: 0 between an image and itself.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from augment import params, paths, prepared
from augment.prepared import index
from augment.pretrained.weights import Unavailable
from augment.results.report_card.measured import Bootstrap, Measured
from augment.results.report_card.names import TARGETS_SCENE
from augment.results.report_card.render import Rendered
from augment.results.report_card.settings import JudgeParams
from generators.metrics.frechet import frechet_distance
from generators.metrics.intervals import Interval
from reid.data import ReidSet, load
from reid.evaluation import QueryScores, by_query
from reid.models import ReidModel, build
from reid.params import ReidParams
from reid.retrieval import Retrieval, features

CHUNK = 1024  # images decoded, or rows of a table of distances, at a time


@dataclass(frozen=True)
class Judge:
    """A trained re-ID model.

    file: its weights
    model: in evaluation mode
    settings: its params
    """

    file: Path
    model: ReidModel
    settings: ReidParams

    def features(self, pixels: Tensor) -> Tensor:
        """Features float32 [N, D] of images uint8 [N, 3, H, W], resized to the model's size."""
        unlabelled = torch.zeros(len(pixels), dtype=torch.int64)
        images = ReidSet(pixels, unlabelled, unlabelled, unlabelled.bool())
        return features(
            self.model,
            images,
            self.settings.image_size,
            self.settings.features,
            self.settings.precision,
        )

    def features_of(self, rows: pd.DataFrame) -> Tensor:
        """Features float32 [N, D] of index rows, `path` relative to data/prepared."""
        rows = index.locate(rows.assign(folder=str(paths.PREPARED)))
        parts = [rows.iloc[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
        return torch.cat(
            [self.features(load(part, self.settings.image_size).pixels) for part in parts]
        )


def weights_file(judge: JudgeParams) -> Path:
    return paths.reid_model(judge.arm) / "weights.pt"


def load_judge(judge: JudgeParams, device: torch.device | str) -> Judge | None:
    """The judge; None if it is not trained.

    Raises:
        ValueError: If params.yaml does not describe the trained model.
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
            f"{file}: does not fit the model that params.yaml describes under reid.{judge.model}, or the training set "
            f"({str(error).splitlines()[0]}); run `{train_command(judge)}` again"
        ) from error
    return Judge(file, model.eval(), settings)


def train_command(judge: JudgeParams) -> str:
    return f"augment train-reid --model {judge.model} --portion 1.0 --budget {judge.budget}"


def cosine_to_identity(features: Tensor, pairs: Tensor, held: Tensor, pids: np.ndarray) -> Tensor:
    """Cosine similarity of each image to the person it should show: float32 [P].

    A person is represented by the mean of the normalised features of all their held-out images
    except the two of the pair. So a real target is measured in the same way, and a copied source
    gains nothing. NaN if the person has no third image.

    Args:
        features: [P, D], features of the measured images.
        pairs: [P, 2], rows (source, target) of `held`.
        held: [N, D], features of the real held-out images.
        pids: [N], their identities.
    """
    unit, (source, target) = normalize(held), pairs.T
    _, person, number = (
        torch.from_numpy(column)
        for column in np.unique(pids, return_inverse=True, return_counts=True)
    )
    total = torch.zeros(len(number), held.shape[1]).index_add_(0, person, unit)
    cosine = cosine_similarity(features, total[person[source]] - unit[source] - unit[target])
    return cosine.masked_fill(number[person[source]] < 3, torch.nan)


def nearest(features: Tensor, training: Tensor) -> tuple[Tensor, Tensor]:
    """Distance to the nearest training image, float32 [N], and its row, int64 [N]."""
    unit, others = normalize(features), normalize(training).T
    best = [(part @ others).max(1) for part in unit.split(CHUNK)]
    # Rounding alone could make a distance negative.
    distance = (1 - torch.cat([part.values for part in best])).clamp(min=0)
    return distance, torch.cat([part.indices for part in best])


def spread(features: Tensor, groups: Tensor) -> Tensor:
    """Mean distance between two different images of a group: float32 [K], groups in ascending order.

    Args:
        features: [N, D].
        groups: int64 [N], the group of each; every group has two or more.
    """
    _, group, number = torch.unique(groups, return_inverse=True, return_counts=True)
    total = torch.zeros(len(number), features.shape[1], dtype=torch.float64).index_add_(
        0, group, normalize(features.double())
    )
    # The sum of the cosines of all pairs is the squared length of the sum, less each image with
    # itself.
    return (1 - (total.square().sum(1) - number) / (number * (number - 1))).clamp(min=0).float()


def scores(rendered: Rendered, judge: Judge | Unavailable, over_pairs: Bootstrap) -> Measured:
    """All identity metrics, of the outputs and of the real images."""
    if isinstance(judge, Unavailable):
        return Measured.unavailable("identity", judge)
    held, pairs = rendered.held, rendered.held.pairs
    rows = index.read(paths.PREPARED / "index.csv")
    gallery, training = rows[rows["split"] == "gallery"], rows[rows["split"] == "train"]
    if rendered.renderer.trained_on is not None:
        training = training[training["path"].isin(rendered.renderer.trained_on)]
    real = judge.features(rendered.images.pixels)
    output, several = judge.features(rendered.outputs).split([len(pairs), len(rendered.several)])
    in_gallery, in_training = judge.features_of(gallery), judge.features_of(training)
    (pids, camids), of_gallery = (
        [torch.tensor(part[name].to_numpy()) for name in ("pid", "camid")]
        for part in (held.rows, gallery)
    )

    def query(features: Tensor, image: Tensor) -> QueryScores:
        """Scores of queries; `image` is the real image with the person and camera of each."""
        return by_query(
            Retrieval(
                query_features=features,
                gallery_features=in_gallery,
                query_pids=pids[image],
                gallery_pids=of_gallery[0],
                query_camids=camids[image],
                gallery_camids=of_gallery[1],
                metric=judge.settings.metric,
                drop_same_camera=prepared.about().cameras_known,
            )
        )

    # A generated image belongs to the camera whose background it shows: matches from that camera do
    # not count, as for a real query.
    shown = pairs[:, 1] if set(TARGETS_SCENE) <= set(rendered.renderer.sees) else pairs[:, 0]
    scored, scored_real = query(output, shown), query(real, torch.arange(len(real)))
    (distance, row), (distance_real, _) = nearest(output, in_training), nearest(real, in_training)
    cosine = partial(cosine_to_identity, pairs=pairs, held=real, pids=held.rows["pid"].to_numpy())
    first, first_real = (
        np.where(np.isnan(queries.rank), np.nan, queries.rank <= 1)
        for queries in (scored, scored_real)
    )
    columns = {
        "identity_ap": scored.average_precision,
        "identity_first": first,
        "identity_cosine": cosine(output).numpy(),
        "nearest": training["path"].to_numpy()[row.numpy()],
        "nearest_distance": distance.numpy(),
    }
    target = pairs[:, 1].numpy()
    sources = rendered.several[:, 0]
    owners = held.owners(torch.unique(sources))

    def diversity(features: Tensor) -> Interval:
        return over_pairs.mean(spread(features, sources).numpy(), groups=owners)

    metrics = {
        "reid_frechet": frechet_distance(output, real[pairs[:, 1]]),
        "identity_mAP": over_pairs.mean(columns["identity_ap"]),
        "identity_rank1": over_pairs.mean(columns["identity_first"]),
        "identity_cosine": over_pairs.mean(columns["identity_cosine"]),
        "identity_mAP_real": over_pairs.mean(scored_real.average_precision[target]),
        "identity_rank1_real": over_pairs.mean(first_real[target]),
        "identity_cosine_real": over_pairs.mean(cosine(real[pairs[:, 1]]).numpy()),
        "diversity": diversity(several),
        "diversity_real": diversity(real[rendered.several[:, 1]]),
        "memorisation": over_pairs.mean(columns["nearest_distance"]),
        "memorisation_real": over_pairs.mean(distance_real.numpy()[target]),
    }
    return Measured(metrics, columns)
