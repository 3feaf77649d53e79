"""Human parsing by a SegFormer (Xie et al. 2021) from the Hugging Face hub or a folder.

This is the only module that imports transformers. Weights are read from safetensors only, and no
code of a model's repository is run.
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
LONGEST_PX = 1024  # labels of larger pictures are decided at this size of the longer side


@dataclass(frozen=True)
class Parser:
    """A loaded network.

    labels: meaning of its numbers, as generators.body.parsing.merge names them
    parse: pictures -> label maps int64 [H, W]
    """

    labels: str
    parse: Callable[[Sequence[Image.Image]], list[np.ndarray]]


def load(name: str, labels: str | None, device: str) -> Parser:
    """Load a SegFormer.

    Args:
        name: repository on the hub, or a folder with config.json, preprocessor_config.json and
            model.safetensors.
        labels: the order of its labels, if it does not name them.

    Raises:
        OSError: If transformers is not installed, or the model is missing and cannot be downloaded.
        ValueError: If its labels are not those of a known human parser.
    """
    try:
        from transformers import AutoImageProcessor, SegformerForSemanticSegmentation
    except ImportError as error:
        raise OSError(
            f"transformers is not installed ({error}): pip install 'reid-augment[parsing]'"
        ) from error
    local = _is_local(name)
    try:
        processor = AutoImageProcessor.from_pretrained(name, local_files_only=local)
        network = SegformerForSemanticSegmentation.from_pretrained(
            name, use_safetensors=True, local_files_only=local
        )
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise _unavailable(name, error) from error
    network = network.eval()
    network.to(device)  # pyright: ignore[reportArgumentType]
    known = _table(cast(dict[int, str], network.config.id2label), labels, name)
    return Parser(known, lambda pictures: _parse(network, processor, pictures, device))


def _is_local(name: str) -> bool:
    """Whether the model is a folder or in the hub's cache.

    This is checked once and up front, because the library tries for minutes to reach the hub
    without a network.

    Raises:
        OSError: If it is neither, and not on the hub.
    """
    if Path(name).is_dir():
        return True
    try:
        if isinstance(try_to_load_from_cache(name, "model.safetensors"), str):
            return True
        HfApi().model_info(name, timeout=10)
    except Exception as error:  # by the network, its client or the hub
        raise _unavailable(name, error) from error
    return False


def _unavailable(name: str, error: Exception) -> OSError:
    reason = " ".join(str(error).split())[:200]
    return OSError(
        f"{name}: no SegFormer could be loaded ({reason}). Without a network, put its config.json, preprocessor_config.json "
        "and model.safetensors into a folder and use that; or use --model from-keypoints for coarse maps"
    )


def _table(id2label: dict[int, str], labels: str | None, name: str) -> str:
    names = [
        str(id2label[number]).lower().replace("-", "_").replace(" ", "_")
        for number in sorted(id2label)
    ]
    if labels is not None:
        number = len(LABELS) if labels == "ten" else len(table(labels))
        if number != len(names):
            raise ValueError(f"{name}: has {len(names)} labels, and {labels} has {number}")
        return labels
    orders = {"ten": list(LABELS)}
    orders |= {known: [label for label, _ in table(known)] for known in TABLES}
    for known, order in orders.items():
        if names == order:
            return known
    raise ValueError(
        f"{name}: its labels are not those of a known human parser ({', '.join(orders)}): {', '.join(names)[:200]}; if only "
        "their names differ, use --labels"
    )


def _parse(network, processor, pictures: Sequence[Image.Image], device: str) -> list[np.ndarray]:
    with torch.inference_mode():
        pixels = processor(images=list(pictures), return_tensors="pt")["pixel_values"]
        logits = network(pixel_values=pixels.to(device)).logits.float()  # [N, labels, h, w]
        maps = []
        for picture, scores in zip(pictures, logits, strict=True):
            scale = min(1, LONGEST_PX / max(picture.size))
            size = max(1, round(picture.height * scale)), max(1, round(picture.width * scale))
            decided = F.interpolate(
                scores[None], size, mode="bilinear", align_corners=False
            ).argmax(1)[0]
            labels = Image.fromarray(decided.to(torch.uint8).cpu().numpy()).resize(
                picture.size, Image.Resampling.NEAREST
            )
            maps.append(np.array(labels, dtype=np.int64))
    return maps
