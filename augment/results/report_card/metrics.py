"""The metrics of a report card in one table: names, better direction and origin.

The order is that of a card's JSON and of reports/generators.csv. A key that ends in `_real` is the
same metric of the real images: a ceiling for the outputs, or a value to compare them with.
"""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

Better = Literal["higher", "lower", "neither"]
Scorer = Literal["similarity", "pose", "parsing", "identity", "outside"]
REAL = "_real"


@dataclass(frozen=True)
class Metric:
    """One metric of a card.

    key: its name in the card
    title: its name on the report page
    better: which direction is better
    scorer: the group of scoring.py that computes it
    group: its topic; the page's table has a group of columns for each
    about: its definition in a phrase
    column: its column in pairs.csv, whose mean it is; None for a metric of the whole set
    counted: the column that counts what `column` is a share of; the metric is then the ratio of
        their sums
    has_sheet: whether a card has a sheet of its best, median and worst pairs
    """

    key: str
    title: str
    better: Better
    scorer: Scorer
    group: str
    about: str
    column: str | None = None
    counted: str | None = None
    has_sheet: bool = False

    @property
    def description(self) -> str:
        return self.about + ("" if self.better == "neither" else f"; {self.better} is better")

    @property
    def of_real_images(self) -> bool:
        return self.key.endswith(REAL)

    def of_pairs(self, pairs: pd.DataFrame) -> pd.Series | None:
        """Its value in each row of pairs.csv; None without its column."""
        if self.column is None or self.column not in pairs:
            return None
        values = pairs[self.column]
        return values if self.counted is None else values / pairs[self.counted]


TARGET, POSE, IDENTITY, SET = GROUPS = ("similarity to the target", "pose", "identity", "as a set")
_QUERIES = "outputs as queries against the real gallery"
_COSINE = "similarity to the person’s other images in the re-ID model’s features"
_DIVERSITY = "mean cosine distance between outputs from one source, by the re-ID model"
_MEMORISATION = "mean cosine distance to the nearest training image, by the re-ID model"
_ALONG_AXES = "joints within half a head of the target’s along each axis, as published"
_EUCLIDEAN = "joints within half a head of the target’s"

_TABLE = (
    Metric("ssim", "SSIM", "higher", "similarity", TARGET,
           "of the uncompressed images, data range 255", "ssim", has_sheet=True),
    Metric("mask_ssim", "mask-SSIM", "higher", "similarity", TARGET,
           "SSIM over the target’s person", "mask_ssim", has_sheet=True),
    Metric("ssim_legacy", "SSIM, legacy", "higher", "similarity", TARGET,
           "as in PATN’s public code: JPEG, data range of the output", "ssim_legacy", has_sheet=True),
    Metric("mask_ssim_legacy", "mask-SSIM, legacy", "higher", "similarity", TARGET,
           "as in PATN’s public code: of the whole image, black outside the mask",
           "mask_ssim_legacy", has_sheet=True),
    Metric("l1", "L1", "lower", "similarity", TARGET,
           "mean absolute difference of images in [−1, 1]", "l1", has_sheet=True),
    Metric("pckh", "PCKh", "higher", "pose", POSE, _ALONG_AXES,
           "pckh_right", "pckh_counted", has_sheet=True),
    Metric("pckh_euclidean", "PCKh, Euclidean", "higher", "pose", POSE, _EUCLIDEAN,
           "pckh_euclidean_right", "pckh_counted", has_sheet=True),
    Metric("pckh_real", "PCKh of real images", "higher", "pose", POSE, _ALONG_AXES),
    Metric("pckh_euclidean_real", "PCKh, Euclidean, of real images", "higher", "pose", POSE, _EUCLIDEAN),
    Metric("miou", "mIoU", "higher", "parsing", POSE,
           "of the parsing map that a generator predicts before it draws the image"),
    Metric("reid_frechet", "Fréchet, re-ID", "lower", "identity", SET,
           "Fréchet distance to the real images in the re-ID model’s features; not an FID"),
    Metric("identity_mAP", "identity mAP", "higher", "identity", IDENTITY, _QUERIES, "identity_ap"),
    Metric("identity_rank1", "rank-1", "higher", "identity", IDENTITY, _QUERIES, "identity_first"),
    Metric("identity_cosine", "cosine", "higher", "identity", IDENTITY, _COSINE,
           "identity_cosine", has_sheet=True),
    Metric("identity_mAP_real", "identity mAP of real images", "higher", "identity", IDENTITY, _QUERIES),
    Metric("identity_rank1_real", "rank-1 of real images", "higher", "identity", IDENTITY, _QUERIES),
    Metric("identity_cosine_real", "cosine of real images", "higher", "identity", IDENTITY, _COSINE),
    Metric("diversity", "diversity", "neither", "identity", SET, _DIVERSITY),
    Metric("diversity_real", "diversity of real images", "neither", "identity", SET, _DIVERSITY),
    Metric("memorisation", "to training", "neither", "identity", SET, _MEMORISATION, "nearest_distance"),
    Metric("memorisation_real", "to training, of real images", "neither", "identity", SET, _MEMORISATION),
    Metric("fid", "FID", "lower", "outside", SET, "Fréchet Inception distance"),
    Metric("is", "IS", "higher", "outside", SET, "Inception score"),
    Metric("mask_is", "mask-IS", "higher", "outside", SET, "Inception score of the persons alone"),
    Metric("lpips", "LPIPS", "lower", "outside", TARGET,
           "distance of deep features", "lpips", has_sheet=True),
    Metric("mask_lpips", "mask-LPIPS", "lower", "outside", TARGET,
           "LPIPS of the target’s person", "mask_lpips", has_sheet=True),
    Metric("ds", "DS", "higher", "outside", POSE,
           "detection score: how confidently a detector finds a person", "ds"),
)  # fmt: skip
METRICS: dict[str, Metric] = {metric.key: metric for metric in _TABLE}


def keys_of(scorer: Scorer) -> tuple[str, ...]:
    """The keys that one group of scoring.py computes."""
    return tuple(key for key, metric in METRICS.items() if metric.scorer == scorer)
