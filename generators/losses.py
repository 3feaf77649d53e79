"""Losses that two or more generators share; all are computed in float32, whatever precision the networks ran in."""

from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import VGG19_Weights

GAN_KINDS = ("vanilla", "lsgan")
PERCEPTUAL_KINDS = ("none", "vgg19")


def gan_loss(logits: Tensor, real: bool, kind: str) -> Tensor:
    """How far scores are from being judged real (or not), the mean over all of them.

    vanilla: binary cross entropy on logits (Goodfellow et al. 2014); lsgan: (score - label)^2 (Mao et al. 2017).
    """
    logits = logits.float()
    if kind == "vanilla":
        return F.softplus(-logits if real else logits).mean()
    if kind == "lsgan":
        return (logits - float(real)).square().mean()
    raise ValueError(f"gan is {kind!r}; it must be one of {', '.join(GAN_KINDS)}")


def l1(output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean absolute difference of two images [N, C, H, W], as the mean weighted by [N, 1, H, W] if given."""
    difference = (output.float() - target.float()).abs()
    if weight is None:
        return difference.mean()
    return (difference * weight).mean() / weight.mean()


class PerceptualLoss(nn.Module):
    """Mean absolute difference of VGG-19's relu1_2 features of two images in [-1, 1] (patn_apatn, eq. 10).

    Frozen, with torchvision's ImageNet weights, taken from torch hub's cache or downloaded into it. RuntimeError says
    how to get them where neither is possible.
    """

    def __init__(self):
        super().__init__()
        weights = vgg19_weights()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(inplace=True),
        )  # fmt: skip
        names = ("0.weight", "0.bias", "2.weight", "2.bias")
        self.features.load_state_dict({name: weights[f"features.{name}"] for name in names})
        self.requires_grad_(False)
        transform = VGG19_Weights.IMAGENET1K_V1.transforms()
        self.register_buffer("mean", torch.tensor(transform.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(transform.std).view(1, 3, 1, 1))

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        both = torch.cat([output.float(), target.float()])
        features = self.features(((both + 1) / 2 - self.mean) / self.std).float()
        return l1(*features.chunk(2))


def vgg19_weights() -> dict[str, Tensor]:
    """torchvision's VGG-19 weights, from torch hub's cache or downloaded into it."""
    url = VGG19_Weights.IMAGENET1K_V1.url
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    try:
        return torch.hub.load_state_dict_from_url(url, str(folder), map_location="cpu", weights_only=True)
    except (URLError, OSError) as error:
        name = url.rsplit("/", 1)[-1]
        raise RuntimeError(
            f"perceptual: vgg19 needs torchvision's VGG-19 weights, and {folder / name} is not there and cannot be "
            f"downloaded ({error}). On a machine with a connection run `python -c 'import torchvision; "
            f'torchvision.models.vgg19(weights="IMAGENET1K_V1")\'`, copy {name} from its torch hub cache '
            f"(~/.cache/torch/hub/checkpoints) into {folder} (TORCH_HOME moves that folder), or set perceptual: none"
        ) from error
