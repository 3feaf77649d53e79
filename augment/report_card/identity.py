"""What a re-ID model makes of generated images: whose they are, how they are spread, and which training image is next.

The judge is a model of the pipeline itself, trained on real images of the training identities; the test identities are
others. Features are those that it is compared by, and distances are cosine ones, 1 - cos: 0 for one and the same image.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from augment import index, params, paths
from augment.report_card.pairs import HeldOut
from augment.report_card.settings import JudgeParams

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 1024  # images decoded, or rows of a table of distances, at a time


@dataclass(frozen=True)
class Judge:
    """file: weights; model: the trained one, in eval mode; settings: its `reid.params.ReidParams`."""

    file: Path
    model: Any
    settings: Any

    def features(self, pixels: "Tensor") -> "Tensor":
        """uint8 [N, 3, H, W] -> float32 [N, D]. Images of another size than the model's are resized."""
        import torch

        from reid.data import ReidSet
        from reid.evaluation import features

        nobody = torch.zeros(len(pixels), dtype=torch.int64)
        images = ReidSet(pixels, nobody, nobody, nobody.bool())
        return features(self.model, images, self.settings.image_size, self.settings.features, self.settings.precision)

    def features_of(self, rows: pd.DataFrame) -> "Tensor":
        """Of the images of index rows, `path` relative to data/prepared: float32 [N, D]."""
        import torch

        from reid.data import load

        rows = index.locate(rows, paths.PREPARED)
        parts = [rows.iloc[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
        return torch.cat([self.features(load(part, self.settings.image_size).pixels) for part in parts])


def weights_file(judge: JudgeParams) -> Path:
    return paths.reid_model(judge.arm) / "weights.pt"


def load_judge(judge: JudgeParams, device: Any) -> Judge | None:
    """The trained judge; None where it is not trained.

    Raises:
        ValueError: params.yaml describes another model than the one that was trained, or none.
    """
    import torch

    from reid.models import build
    from reid.params import ReidParams

    settings, file = params.load(ReidParams, f"reid.{judge.model}"), weights_file(judge)
    if not file.is_file():
        return None
    training = index.read(paths.PREPARED / "index.csv").query("split == 'train'")
    model = build(settings.backbone, training["pid"].nunique(), settings.network).to(device)
    try:
        model.load_state_dict(torch.load(file, map_location=device, weights_only=True))
    except RuntimeError as error:
        raise ValueError(
            f"{file}: is not of the model that params.yaml describes under reid.{judge.model}, or of another training set "
            f"({str(error).splitlines()[0]}); run `{train_command(judge)}` again"
        ) from error
    return Judge(file, model.eval(), settings)


def train_command(judge: JudgeParams) -> str:
    return f"augment train-reid --model {judge.model} --portion 1.0 --budget {judge.budget}"


def cosine_to_identity(features: "Tensor", pairs: "Tensor", held: "Tensor", pids: np.ndarray) -> "Tensor":
    """How near each image is to the person it should show: float32 [P], cosines.

    The person is the mean of the (normalised) features of all their held-out images but the pair's target: so a real target
    can be measured in the same way.

    Args:
        features: [P, D], of the images that are measured.
        pairs: [P, 2], rows (source, target) of held.
        held: [N, D], of the real held-out images; pids [N]: whom they show.
    """
    import torch
    from torch.nn.functional import cosine_similarity, normalize

    unit = normalize(held)
    person = torch.from_numpy(np.unique(pids, return_inverse=True)[1])
    total = torch.zeros(int(person.max()) + 1, held.shape[1]).index_add_(0, person, unit)
    return cosine_similarity(features, total[person[pairs[:, 0]]] - unit[pairs[:, 1]])


def nearest(features: "Tensor", training: "Tensor") -> tuple["Tensor", "Tensor"]:
    """Distance to the nearest training image, float32 [N], and its row, int64 [N]."""
    import torch
    from torch.nn.functional import normalize

    unit, others = normalize(features), normalize(training).T
    best = [(part @ others).max(1) for part in unit.split(CHUNK)]
    return 1 - torch.cat([one.values for one in best]), torch.cat([one.indices for one in best])


def several_of_one(held: HeldOut, sources: int, poses: int, seed: int) -> "Tensor":
    """Pairs int64 [M, 2] for measuring diversity: some sources, each with several other images of its person.

    Sources are drawn from all held-out images whose person has two more at least.
    """
    import torch

    rng = np.random.default_rng(seed)
    same = held.rows.groupby("pid").indices
    pids = held.rows["pid"].to_numpy()
    able = np.flatnonzero([len(same[pid]) > 2 for pid in pids])
    chosen = np.sort(rng.permutation(able)[:sources])
    others = [rng.permutation(same[pids[source]][same[pids[source]] != source])[:poses] for source in chosen]
    pairs = [(source, target) for source, targets in zip(chosen, others, strict=True) for target in targets]
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)


def spread(features: "Tensor", groups: "Tensor") -> "Tensor":
    """Mean distance between two different images of a group: float32 [K], of the groups in ascending order, each of two or
    more of the features [N, D]; groups int64 [N]."""
    import torch
    from torch.nn.functional import normalize

    _, group, number = torch.unique(groups, return_inverse=True, return_counts=True)
    total = torch.zeros(len(number), features.shape[1], dtype=torch.float64).index_add_(0, group, normalize(features).double())
    # The sum over all pairs of cosines is the squared length of the sum, less each image with itself.
    return (1 - (total.square().sum(1) - number) / (number * (number - 1))).float()
