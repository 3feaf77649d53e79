"""Human parsing by a SegFormer (Xie et al. 2021) of the Hugging Face hub, or of a folder: the door
to transformers.

Weights are read from safetensors alone, and no code of a model's repository is run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from huggingface_hub import HfApi, try_to_load_from_cache
from PIL import Image
from torch.nn import functional as F

from generators.body.parsing import LABELS, table

DEFAULT = "mattmdjaga/segformer_b2_clothes"  # ATR's 18 labels
TABLES = ("atr18", "lip20", "cihp20")
LONGEST_PX = 1024  # the side at which labels of larger pictures are decided


@dataclass(frozen=True)
class Parser:
    """labels: whose its numbers are, as generators.body.parsing.merge names them; parse: pictures ->
    label maps int64 [H, W].
    """

    labels: str
    parse: Callable[[Sequence[Image.Image]], list[np.ndarray]]


def load(name: str, labels: str | None, device: str) -> Parser:
    """
    Args:
        name: of a repository of the hub, or a folder with config.json, preprocessor_config.json and
            model.safetensors.
        labels: the order of its labels, where it does not name them.

    Raises:
        OSError: transformers is not installed, or the model is not there and cannot be fetched.
        ValueError: its labels are not those of a human parser that is known.
    """
    try:
        from transformers import AutoImageProcessor, SegformerForSemanticSegmentation
    except ImportError as error:
        raise OSError(
            f"transformers is not installed ({error}): pip install 'reid-augment[parsing]'"
        ) from error
    here = _is_here(name)
    try:
        processor = AutoImageProcessor.from_pretrained(name, local_files_only=here)
        network = SegformerForSemanticSegmentation.from_pretrained(
            name, use_safetensors=True, local_files_only=here
        )
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise _unavailable(name, error) from error
    network = network.eval()
    network.to(device)  # pyright: ignore[reportArgumentType]
    known = _table(cast(dict[int, str], network.config.id2label), labels, name)
    return Parser(known, lambda pictures: _parse(network, processor, pictures, device))


def _is_here(name: str) -> bool:
    """Whether the model is a folder, or in the hub's cache; OSError where it is neither and the hub
    does not know it.

    Asked once, here: the library's own attempts to reach an absent network go on for minutes.
    """
    if Path(name).is_dir():
        return True
    try:
        if isinstance(try_to_load_from_cache(name, "model.safetensors"), str):
            return True
        HfApi().model_info(name, timeout=10)
    except Exception as error:  # of the network, of its client, or of the hub
        raise _unavailable(name, error) from error
    return False


def _unavailable(name: str, error: Exception) -> OSError:
    reason = " ".join(str(error).split())[:200]
    return OSError(
        f"{name}: no SegFormer could be loaded ({reason}). Without a network, put its config.json, preprocessor_config.json "
        "and model.safetensors into a folder and give that; or give --model from-keypoints for coarse maps"
    )


def _table(id2label: dict[int, str], labels: str | None, name: str) -> str:
    given = [
        str(id2label[number]).lower().replace("-", "_").replace(" ", "_")
        for number in sorted(id2label)
    ]
    if labels is not None:
        number = len(LABELS) if labels == "ten" else len(table(labels))
        if number != len(given):
            raise ValueError(f"{name}: has {len(given)} labels, and {labels} has {number}")
        return labels
    orders = {"ten": list(LABELS), **{one: [theirs for theirs, _ in table(one)] for one in TABLES}}
    for known, order in orders.items():
        if given == order:
            return known
    raise ValueError(
        f"{name}: its labels are those of no known human parser ({', '.join(orders)}): {', '.join(given)[:200]}; where only "
        "their names differ, give --labels"
    )


def _parse(network, processor, pictures: Sequence[Image.Image], device: str) -> list[np.ndarray]:
    with torch.inference_mode():
        shown = processor(images=list(pictures), return_tensors="pt")["pixel_values"]
        logits = network(pixel_values=shown.to(device)).logits.float()  # [N, labels, h, w]
        found = []
        for picture, scores in zip(pictures, logits, strict=True):
            scale = min(1, LONGEST_PX / max(picture.size))
            size = max(1, round(picture.height * scale)), max(1, round(picture.width * scale))
            decided = F.interpolate(
                scores[None], size, mode="bilinear", align_corners=False
            ).argmax(1)[0]
            labels = Image.fromarray(decided.to(torch.uint8).cpu().numpy()).resize(
                picture.size, Image.Resampling.NEAREST
            )
            found.append(np.array(labels, dtype=np.int64))
    return found
