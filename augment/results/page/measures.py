"""What a report card measures, as the page names and explains it, in the order of its table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Metric:
    key: str
    title: str
    better: str  # higher, lower, or "" where neither is
    about: str

    @property
    def told(self) -> str:
        return self.about + (f"; {self.better} is better" if self.better else "")


GROUPS: dict[str, tuple[Metric, ...]] = {
    "likeness to the target": (
        Metric("ssim", "SSIM", "higher", "of the arrays as they are, data range 255"),
        Metric("mask_ssim", "mask-SSIM", "higher", "SSIM over the target’s person"),
        Metric(
            "ssim_legacy",
            "SSIM, legacy",
            "higher",
            "as PATN’s public code: JPEG, range of the output",
        ),
        Metric(
            "mask_ssim_legacy",
            "mask-SSIM, legacy",
            "higher",
            "as PATN’s public code: all of it, black outside the mask",
        ),
        Metric("l1", "L1", "lower", "mean absolute difference of images in [−1, 1]"),
        Metric("lpips", "LPIPS", "lower", "distance of deep features"),
        Metric("mask_lpips", "mask-LPIPS", "lower", "LPIPS of the target’s person"),
    ),
    "pose": (
        Metric(
            "pckh",
            "PCKh",
            "higher",
            "joints within half a head of the target’s, along each axis, as published",
        ),
        Metric(
            "pckh_euclidean",
            "PCKh, Euclidean",
            "higher",
            "joints within half a head of the target’s",
        ),
        Metric("miou", "mIoU", "higher", "of the parsing map that is drawn before the image"),
        Metric("ds", "DS", "higher", "how surely a detector finds a person"),
    ),
    "identity": (
        Metric(
            "identity_mAP", "identity mAP", "higher", "outputs as queries against the real gallery"
        ),
        Metric("identity_rank1", "rank-1", "higher", "outputs as queries against the real gallery"),
        Metric(
            "identity_cosine",
            "cosine",
            "higher",
            "to the person’s other images, in the re-ID model’s features",
        ),
    ),
    "as a set": (
        Metric(
            "reid_frechet",
            "Fréchet, re-ID",
            "lower",
            "distance to the real images in the re-ID model’s features; no FID",
        ),
        Metric("fid", "FID", "lower", "Fréchet Inception distance"),
        Metric("is", "IS", "higher", "Inception score"),
        Metric("mask_is", "mask-IS", "higher", "Inception score of the persons alone"),
        Metric(
            "diversity",
            "diversity",
            "",
            "mean cosine distance among outputs from one source, by the re-ID model",
        ),
        Metric(
            "memorisation",
            "to training",
            "",
            "mean cosine distance to the nearest training image, by the re-ID model",
        ),
    ),
}
METRICS = {metric.key: metric for group in GROUPS.values() for metric in group}
DRAWN = ("ssim", "pckh", "identity_mAP", "reid_frechet", "diversity", "memorisation")
# Key in `speed`, title, unit, by which its numbers are divided.
SPEED = (
    ("images_per_second_1", "images/s", "one at a time", 1),
    ("images_per_second_32", "images/s, 32", "in batches of 32", 1),
    ("parameters", "parameters", "millions", 1e6),
    ("multiply_adds", "multiply-adds", "10⁹ an image", 1e9),
    ("peak_memory_bytes", "memory", "MB at most, on a GPU", 1e6),
)


def value(card: Mapping[str, Any], key: str) -> float | None:
    """Of a metric; None where the card has none."""
    return card["metrics"].get(key, {}).get("value")


def speed(card: Mapping[str, Any], key: str) -> float | None:
    """Of a key of SPEED; references, which render nothing, have no speed."""
    return (card["speed"] or {}).get(key)
