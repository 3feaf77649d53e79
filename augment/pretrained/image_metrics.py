"""Image metrics by pretrained networks: FID, IS, LPIPS and DS.

If its weights (weights.py) are missing, a metric is `Unavailable`, with the reason and the file:
never a number, an error or a download. The libraries are the optional extra `metrics`.
"""

from collections.abc import Iterator
from pathlib import Path
from warnings import catch_warnings, simplefilter

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from augment.pretrained.weights import Outside, Unavailable, filled, load
from generators.metrics.frechet import frechet_distance

PYTORCH = "https://download.pytorch.org/models"
PERSON = 1  # COCO's label in torchvision's detectors


def scores(
    outputs: Tensor, targets: Tensor, masks: Tensor, batch: int = 32, device: str = "cpu"
) -> dict[str, float | np.ndarray | Unavailable]:
    """Compute all metrics; masked ones on images that are black outside the masks.

    Args:
        outputs, targets: uint8 [N, 3, H, W].
        masks: bool [N, 1, H, W], masks of the targets.

    Returns:
        Metrics by key.

        fid: Frechet distance between Inception's 2048 features of outputs and targets (Heusel et
            al. 2017).
        is, mask_is: Inception score of the outputs (Salimans et al. 2016), ten splits in a seeded
            order; Inception is the TensorFlow graph of 2015 in torch-fidelity's port.
        lpips, mask_lpips: float64 [N], distance between output and target by lpips with AlexNet,
            version 0.1 (Zhang et al. 2018).
        ds: float64 [N], see detection_scores.
    """
    return {
        **_inception_scores(outputs, targets, masks, batch, device),
        **_lpips_distances(outputs, targets, masks, batch, device),
        "ds": detection_scores(outputs, batch, device),
    }


def detection_scores(
    images: Tensor, batch: int = 32, device: str = "cpu"
) -> np.ndarray | Unavailable:
    """DS of images, uint8 [N, 3, H, W]: the highest score of a person in each, float64 [N].

    The score is 0 if no person is detected. The detector is torchvision's SSD300 of COCO. The
    papers use the Caffe SSD300 of PASCAL VOC, so their numbers cannot be compared with these.
    """
    network = _network("ssd300", device)
    if isinstance(network, Unavailable):
        return network
    best = []
    for (part,) in _parts("ds", batch, device, images):
        for detections in network(list(part.float() / 255)):
            people = detections["scores"][detections["labels"] == PERSON]
            best.append(float(people.max()) if len(people) else 0.0)
    return np.array(best)


def _network(name: str, device: str) -> nn.Module | Unavailable:
    return load(OUTSIDE[name], device)


def _build_inception(weights: dict[str, Tensor], file: Path) -> nn.Module:
    from torch_fidelity import FeatureExtractorInceptionV3

    return FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048", "logits_unbiased"], str(file)
    )


def _build_lpips(weights: dict[str, Tensor], file: Path) -> nn.Module:
    from lpips import LPIPS

    with catch_warnings():  # lpips builds torchvision's AlexNet with a deprecated argument
        simplefilter("ignore", UserWarning)
        network = LPIPS(net="alex", version="0.1", pnet_rand=True, verbose=False)
    # Its slices keep the numbers of AlexNet's layers: slice2.3.weight is features.3.weight.
    names = network.net.state_dict()
    network.net.load_state_dict(
        {name: weights["features." + name.split(".", 1)[1]] for name in names}
    )
    return network


def _build_ssd300(weights: dict[str, Tensor], file: Path) -> nn.Module:
    from torchvision.models.detection import ssd300_vgg16  # slow to import, seldom needed

    return filled(ssd300_vgg16(weights=None, weights_backbone=None), weights)


OUTSIDE = {
    "inception": Outside(
        "torch_fidelity",
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        _build_inception,
    ),
    "lpips": Outside("lpips", f"{PYTORCH}/alexnet-owt-7be5be79.pth", _build_lpips),
    "ssd300": Outside("torchvision", f"{PYTORCH}/ssd300_vgg16_coco-b556d3b4.pth", _build_ssd300),
}


def _parts(title: str, batch: int, device: str, *columns: Tensor) -> Iterator[list[Tensor]]:
    """The rows of all columns in batches, with a progress bar."""
    for start in tqdm(range(0, len(columns[0]), batch), desc=title, unit="batch", disable=None):
        yield [column[start : start + batch].to(device) for column in columns]


def _inception_scores(
    outputs: Tensor, targets: Tensor, masks: Tensor, batch: int, device: str
) -> dict[str, float | Unavailable]:
    network = _network("inception", device)
    if isinstance(network, Unavailable):
        return dict.fromkeys(("fid", "is", "mask_is"), network)
    from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric

    generated, real, logits, mask_logits = [], [], [], []
    for output, target, mask in _parts("fid, is", batch, device, outputs, targets, masks):
        # Features [N, 2048] and logits without bias [N, 1008].
        for images, all_features, all_logits in (
            (output, generated, logits),
            (target, real, []),
            (output * mask, [], mask_logits),
        ):
            batch_features, batch_logits = network(images)
            all_features.append(batch_features.cpu())
            all_logits.append(batch_logits.cpu())
    splits = min(10, len(outputs))
    return {
        "fid": frechet_distance(torch.cat(generated), torch.cat(real)),
        "is": isc_features_to_metric(torch.cat(logits), splits)[KEY_METRIC_ISC_MEAN],
        "mask_is": isc_features_to_metric(torch.cat(mask_logits), splits)[KEY_METRIC_ISC_MEAN],
    }


def _lpips_distances(
    outputs: Tensor, targets: Tensor, masks: Tensor, batch: int, device: str
) -> dict[str, np.ndarray | Unavailable]:
    network = _network("lpips", device)
    if isinstance(network, Unavailable):
        return dict.fromkeys(("lpips", "mask_lpips"), network)
    whole, masked = [], []
    for output, target, mask in _parts("lpips", batch, device, outputs, targets, masks):
        for distances, images in (
            (whole, (output, target)),
            (masked, (output * mask, target * mask)),
        ):
            pair = (pixels / 127.5 - 1 for pixels in images)
            distances.append(network(*pair).flatten().cpu())
    return {
        "lpips": torch.cat(whole).double().numpy(),
        "mask_lpips": torch.cat(masked).double().numpy(),
    }
