"""Report cards as evaluate-generator writes them, of made-up numbers: what the page is tested and
looked at with.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = (
    "apatn",
    "copy_source",
    "mean_image",
    "patn",
    "patn-leak_free-0.3",
    "puppet",
    "puppet-pose",
    "spgnet",
    "spt",
)
# Key -> (worst, best); a system's place between them is drawn.
RANGES = {
    "ssim": (0.19, 0.48),
    "mask_ssim": (0.35, 0.71),
    "ssim_legacy": (0.21, 0.47),
    "mask_ssim_legacy": (0.78, 0.83),
    "l1": (0.36, 0.24),
    "pckh": (0.24, 0.71),
    "pckh_euclidean": (0.21, 0.66),
    "reid_frechet": (61.0, 4.2),
    "identity_mAP": (0.09, 0.61),
    "identity_rank1": (0.14, 0.8),
    "identity_cosine": (0.2, 0.71),
    "diversity": (0.0, 0.31),
    "memorisation": (0.05, 0.3),
}
REAL = {
    "pckh": 0.717,
    "pckh_euclidean": 0.68,
    "identity_mAP": 0.644,
    "identity_rank1": 0.83,
    "identity_cosine": 0.72,
    "diversity": 0.33,
    "memorisation": 0.29,
}
INCEPTION = "torch/hub/checkpoints/weights-inception-2015-12-05-6726825d.pth"
WANTED = {
    "fid": ("no weights of Inception, and no network", INCEPTION),
    "is": ("no weights of Inception, and no network", INCEPTION),
    "mask_is": ("no weights of Inception, and no network", INCEPTION),
    "lpips": (
        "no weights of AlexNet, and no network",
        "torch/hub/checkpoints/alexnet-owt-7be5be79.pth",
    ),
    "mask_lpips": (
        "no weights of AlexNet, and no network",
        "torch/hub/checkpoints/alexnet-owt-7be5be79.pth",
    ),
    "ds": ("torchvision is not installed", None),
}


def write(folder: Path, dataset: str = "mini_market", names=NAMES, sheets: bool = False) -> None:
    """results/generators of `names`; with `sheets`, those of the page too."""
    rng = np.random.default_rng(0)
    for name in names:
        reference = name in ("copy_source", "mean_image")
        metrics = {}
        for key, (worst, best) in RANGES.items():
            found = worst + (best - worst) * (0.1 if reference else 1) * rng.random()
            metrics[key] = {
                "value": found,
                "low": found - 0.03 * abs(best - worst),
                "high": found + 0.04 * abs(best - worst),
            }
        for key, found in REAL.items():
            metrics[f"{key}_real"] = {"value": found, "low": found - 0.01, "high": found + 0.01}
        metrics["reid_frechet"] |= {"low": None, "high": None}
        if name in ("spgnet", "spt"):
            metrics["miou"] = {"value": 0.68 + 0.1 * rng.random(), "low": 0.66, "high": 0.79}
        metrics |= {
            key: {"unavailable": reason, "file": file} for key, (reason, file) in WANTED.items()
        }
        if name == "spt":
            metrics["pckh"] = {
                "unavailable": "the pose network is not trained; run `augment train-pose-network`",
                "file": None,
            }
        speed = {
            "images_per_second_1": 300 * rng.random(),
            "images_per_second_32": 600 * rng.random(),
            "parameters": 1_866_627,
            "multiply_adds": None if name.startswith("puppet") else 350_000_000,
            "peak_memory_bytes": None,
        }
        sees = ["source image", "source pose", "target pose"]
        card = {
            "generator": name,
            "dataset": dataset,
            "image_size": [64, 32],
            "sees": sees + (["target background", "target colours"] if name == "puppet" else []),
            "pairs": 2000,
            "identities": 60,
            "seed": 0,
            "reid_model": "models/reid/iterations/inception/none/1.0/seed0/weights.pt",
            "metrics": metrics,
            "speed": None if reference else speed,
            "seconds": 31.4,
            "seconds_of": {"ssim": 2.1},
            "closest": [
                {
                    "output": 3,
                    "training": "bounding_box_train/0002_c1s1_000151_01.jpg",
                    "distance": 0.012,
                }
            ],
            "commit": "0b6fd49" + "0" * 33,
            "versions": {"python": "3.11.2", "torch": "2.11.0"},
            "mlflow": None
            if reference
            else {"experiment": "1", "run": f"{NAMES.index(name):032x}"},
        }
        file = folder / f"results/generators/{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(card))
        if sheets:
            (file.parent / name).mkdir(exist_ok=True)
            for sheet in (
                "best_ssim",
                "best_mask_ssim",
                "closest",
                *(["attention"] if name == "patn" else []),
            ):
                Image.new("RGB", (64, 96), (40, 90, 160)).save(file.parent / name / f"{sheet}.png")
