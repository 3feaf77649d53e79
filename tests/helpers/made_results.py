"""A results folder as train-reid and tune write it, of made-up numbers: what the report is tested
and looked at with.
"""

import json
from pathlib import Path

import numpy as np

from augment.results import table6

PORTIONS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
# augmentation -> share of the gap that it closes at portions 0 and 1, and what x2 and x3 add to the
# real set.
GAPS = {
    "classic": (0.1, 0.2),
    "puppet": (0.75, 0.8),
    "patn": (0.5, 0.6),
    "patn-star": (0.4, 0.55),
    "patn-leak_free": (0.3, -0.6),
}
BEYOND = {"puppet": (0.02, 0.03), "patn": (0.012, -0.06)}
SETTINGS = (
    "params.yaml",
    "generated.share=0.5",
    "generated.label_smoothing=0.2",
    "generated.start=0.5",
)
VERSIONS = {
    "python": "3.11.2",
    "torch": "2.11.0",
    "torchvision": "0.26.0",
    "numpy": "2.4.6",
    "reid-augment": "0.1.0",
}


def write(
    folder: Path,
    dataset: str = "mini_market",
    model: str = "inception",
    budgets=("iterations", "epochs"),
    seeds=(0, 1, 2),
    portions=PORTIONS,
    full: bool = True,
    same_camera_rule: bool = True,
) -> None:
    """results/reid and results/tuning; `full` False leaves out tuning, and the keys that older
    results lack.
    """
    rng = np.random.default_rng(0)
    real = 0.65
    for budget in budgets:
        for portion in portions:
            none = real * (0.06 + 0.94 * portion**0.6) if portion < 1 else real
            _arm(
                folder,
                rng,
                dataset,
                model,
                "none",
                portion,
                1,
                budget,
                seeds,
                none,
                full,
                same_camera_rule,
            )
            for augmentation, (low, high) in GAPS.items():
                gap = low + (high - low) * portion + (0.05 if budget == "epochs" else 0)
                if portion < 1 or augmentation == "classic":
                    mAP = none + gap * (real - none) if portion < 1 else real + 0.01
                    _arm(
                        folder,
                        rng,
                        dataset,
                        model,
                        augmentation,
                        portion,
                        1,
                        budget,
                        seeds,
                        mAP,
                        full,
                        same_camera_rule,
                    )
        for augmentation, added in BEYOND.items():
            for ratio in (2, 3):
                mAP = real + added[ratio - 2]
                _arm(
                    folder,
                    rng,
                    dataset,
                    model,
                    augmentation,
                    1.0,
                    ratio,
                    budget,
                    seeds,
                    mAP,
                    full,
                    same_camera_rule,
                )
    if full:
        rows = ["setting,model,augmentation,portion,ratio,budget,seed,mAP,rank1"]
        for number, setting in enumerate(SETTINGS):
            for portion in (0.1, 0.3):
                for seed in seeds:
                    mAP = (
                        0.3 + portion / 2 + 0.01 * number * (1 - 4 * portion) + rng.normal(0, 0.004)
                    )
                    rows.append(
                        f"{setting},{model},patn,{portion},1,iterations,{seed},{mAP:.6f},{mAP + 0.1:.6f}"
                    )
        (folder / "results/tuning").mkdir(parents=True)
        (folder / "results/tuning/generated.csv").write_text("\n".join(rows) + "\n")


def _arm(folder, rng, dataset, model, augmentation, portion, ratio, budget, seeds, mAP, full, rule):
    for seed in seeds:
        value = float(np.clip(mAP + rng.normal(0, 0.008), 0.01, 0.99))
        generated = (
            0 if augmentation in ("none", "classic") else round(12936 * (1 - portion + ratio - 1))
        )
        result = {
            "dataset": dataset,
            "model": model,
            "augmentation": augmentation,
            "portion": portion,
            "ratio": ratio,
            "budget": budget,
            "seed": seed,
            "rank1": min(0.99, value + 0.15),
            "rank5": min(0.99, value + 0.3),
            "rank10": 0.99,
            "mAP": value,
            "mAP_trapezoid": value - 0.004,
            "num_queries": 3368,
            "num_gallery": 15913,
            "skipped_queries": 0,
            "train_images": round(12936 * portion) + generated,
            "generated_images": generated,
            "online_share": 0.0,
            "iterations": 800,
            "seconds": 61.5,
        }
        if full:
            result |= {
                "same_camera_rule": rule,
                "rejected_images": generated // 10,
                "degenerate_pairs": None,
                "commit": "0b6fd49" + "0" * 33,
                "seeds": {"reduce": 0, "generator": [0, 1] if generated else None, "train": seed},
                "versions": VERSIONS,
                "mlflow": {
                    "experiment": "1",
                    "run": f"{len(list(folder.rglob('seed*.json'))):032x}",
                }
                if seed
                else None,
            }
        cell = f"{portion}" if ratio == 1 else f"{portion}x{ratio}"
        file = folder / f"results/reid/{budget}/{model}/{augmentation}/{cell}/seed{seed}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(result))


def market1501(folder: Path) -> None:
    """The same for the real data set, whose published curves are drawn with it."""
    write(folder, table6.DATASET, "inception", seeds=(0, 1))
