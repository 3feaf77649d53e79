"""The metrics of a report card that the page shows, and how it reads them."""

from collections.abc import Mapping
from typing import Any

from augment.results.report_card.metrics import GROUPS, METRICS, Metric

DRAWN = ("ssim", "pckh", "identity_mAP", "reid_frechet", "diversity", "memorisation")
# Key in `speed`, title, unit, and the divisor of its numbers.
SPEED = (
    ("images_per_second_1", "images/s", "one at a time", 1),
    ("images_per_second_32", "images/s, 32", "in batches of 32", 1),
    ("parameters", "parameters", "millions", 1e6),
    ("multiply_adds", "multiply-adds", "10⁹ per image", 1e9),
    ("peak_memory_bytes", "memory", "peak on a GPU, MB", 1e6),
)


def groups() -> dict[str, list[Metric]]:
    """The columns of the table by group; those without a better direction come last."""
    outputs = [metric for metric in METRICS.values() if not metric.of_real_images]
    outputs.sort(key=lambda metric: metric.better == "neither")
    return {group: [metric for metric in outputs if metric.group == group] for group in GROUPS}


def value(card: Mapping[str, Any], key: str) -> float | None:
    """The value of a metric; None if the card has none."""
    return card["metrics"].get(key, {}).get("value")


def speed(card: Mapping[str, Any], key: str) -> float | None:
    """The value of a key of SPEED; None for references, which render nothing."""
    return (card["speed"] or {}).get(key)


def image_size(card: Mapping[str, Any]) -> str:
    """Format the image size of a card, e.g. 128×64."""
    return "×".join(map(str, card["image_size"]))
