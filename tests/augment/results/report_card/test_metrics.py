import numpy as np
import pandas as pd
import pytest

from augment.results.page.measures import DRAWN
from augment.results.report_card.metrics import GROUPS, METRICS, keys_of

# The order of a card's keys and of the columns of reports/generators.csv, which others read.
KEYS = """ssim mask_ssim ssim_legacy mask_ssim_legacy l1 pckh pckh_euclidean pckh_real
    pckh_euclidean_real miou reid_frechet identity_mAP identity_rank1 identity_cosine
    identity_mAP_real identity_rank1_real identity_cosine_real diversity diversity_real
    memorisation memorisation_real fid is mask_is lpips mask_lpips ds""".split()


def test_keys_keep_their_order():
    assert list(METRICS) == KEYS and {metric.group for metric in METRICS.values()} == set(GROUPS)


def test_a_metric_of_real_images_is_like_that_of_outputs():
    for key, metric in METRICS.items():
        if metric.of_real_images:
            output = METRICS[key.removesuffix("_real")]
            assert (metric.better, metric.scorer, metric.group, metric.about) == (
                output.better,
                output.scorer,
                output.group,
                output.about,
            )
            assert metric.title.startswith(output.title) and metric.column is None


def test_every_scorer_has_its_keys():
    assert keys_of("similarity") == ("ssim", "mask_ssim", "ssim_legacy", "mask_ssim_legacy", "l1")
    assert keys_of("pose") == tuple(key for key in KEYS if key.startswith("pckh"))
    assert keys_of("parsing") == ("miou",) and len(keys_of("identity")) == 11
    assert keys_of("outside") == ("fid", "is", "mask_is", "lpips", "mask_lpips", "ds")


def test_the_direction_is_said():
    assert METRICS["l1"].description.endswith("[−1, 1]; lower is better")
    assert METRICS["diversity"].description == METRICS["diversity"].about
    assert set(DRAWN) <= METRICS.keys()


def test_values_of_pairs():
    pairs = pd.DataFrame({"pckh_right": [9, 0], "pckh_counted": [18, 0], "l1": [0.1, 0.2]})
    assert METRICS["l1"].of_pairs(pairs).tolist() == [0.1, 0.2]
    half, undefined = METRICS["pckh"].of_pairs(pairs)
    assert half == pytest.approx(0.5) and np.isnan(undefined)
    assert METRICS["ssim"].of_pairs(pairs) is METRICS["fid"].of_pairs(pairs) is None
