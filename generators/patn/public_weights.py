"""Conversion of the public PATN's weights to our PATN.

The public generator is the network of patn.py (Zhu et al., section 3.2.1): two down-sampling
streams, blocks with an image and a pose stream, and an up-sampling stream, each a sequence of
layers. Its tensors are named stream.number.leaf, e.g. model.att.0.conv_block_stream1.1.weight: the
number is that of the layer, the leaf is a weight, a bias or a statistic. Numbers depend on padding
and dropout layers, which hold no tensors, and names have changed between versions. So streams are
recognised by the shapes of their convolutions, and layers within a stream by their order. Every
shape is checked against ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from generators.networks.transfer_params import DiscriminatorParams
from generators.patn.patn import PatnNetwork, PatnParams
from generators.patn.public_streams import convolutions, is_norm, roles, streams_of
from generators.training.phases import TrainingParams

# Settings in which the public training scripts for DeepFashion (instance norm) and Market-1501
# (batch norm) differ.
_PUBLIC = {
    "batch": {
        "image_size": (128, 64),
        "gan": "vanilla",
        "pool": 50,
        "lambdas": (5.0, 10.0, 10.0),
        "batch": 32,
    },
    "instance": {
        "image_size": (256, 176),
        "gan": "lsgan",
        "pool": 0,
        "lambdas": (5.0, 1.0, 1.0),
        "batch": 7,
    },
}
_ITERATIONS = {"batch": (87_500, 62_500), "instance": (399_700, 285_500)}


@dataclass(frozen=True)
class Converted:
    """A converted public generator.

    params: its parameters
    state: the state dict that PatnNetwork loads
    dropped: number of tensors left out: running statistics of instance norms, which old versions
        saved but never used
    """

    params: PatnParams
    state: dict[str, Tensor]
    dropped: int


def convert(
    tensors: Mapping[str, Tensor],
    norm: str | None,
    image_size: tuple[int, int] | None,
    sigma_px: float,
) -> Converted:
    """Convert the public generator's tensors to our PATN.

    Args:
        tensors: The public generator's tensors by name.
        norm: batch or instance, or None to detect it from the tensors.
        image_size: (height, width) in px, or None for that of the data set with this norm.
        sigma_px: Standard deviation of the pose maps in px.

    Raises:
        ValueError: If these are not the weights of a public PATN generator; the message says what
            does not match.
    """
    streams = streams_of(tensors)
    image, pose, blocks, up = roles(streams)
    detected = "batch" if any(is_norm(layer) for layer in streams[image]) else "instance"
    if norm not in (None, detected):
        raise ValueError(f"these weights are of a PATN with {detected} norm, not {norm}")
    first = streams[image][0]["weight"]
    params = _params(
        detected,
        image_size,
        sigma_px,
        int(first.shape[0]),
        len(convolutions(streams[image])) - 1,
        len(blocks),
    )
    network = _empty(params)
    state, dropped = {}, 0
    for ours, stream in [("image_encoder", image), ("pose_encoder", pose), ("decoder", up)] + [
        (f"blocks.{number}.{part}", stream)
        for number, both in enumerate(blocks)
        for part, stream in zip(("image", "pose"), both, strict=True)
    ]:
        filled, unused = _filled(
            ours, network.get_submodule(ours), stream, streams[stream], detected
        )
        state |= filled
        dropped += unused
    return Converted(params, state, dropped)


def _filled(
    prefix: str, module: nn.Module, name: str, layers: list[dict[str, Tensor]], norm: str
) -> tuple[dict[str, Tensor], int]:
    """One stream's tensors by our names, and how many were left out."""
    theirs, dropped = [], 0
    for layer in layers:
        if norm == "instance" and "weight" not in layer:
            dropped += len(layer)
        else:
            theirs.append(layer)
    expected = [(number, layer) for number, layer in module.named_children() if layer.state_dict()]
    if len(theirs) != len(expected):
        raise ValueError(
            f"{name} has {len(theirs)} layers with weights; in a PATN it has {len(expected)}"
        )
    state = {}
    for (number, ours), layer in zip(expected, theirs, strict=True):
        for leaf, tensor in ours.state_dict().items():
            if leaf == "num_batches_tracked":  # versions before torch 0.4.1 have none
                value = layer.get(leaf, torch.zeros((), dtype=torch.int64)).long()
            elif leaf not in layer:
                raise ValueError(
                    f"{name}: a layer has no {leaf}; in a PATN with {norm} norm it has one"
                )
            else:
                value = layer[leaf]
            if value.shape != tensor.shape:
                raise ValueError(
                    f"{name}: a {leaf} is {list(value.shape)}; in this PATN ({prefix}.{number}) it is {list(tensor.shape)}"
                )
            state[f"{prefix}.{number}.{leaf}"] = value.contiguous()
        if extra := sorted(layer.keys() - ours.state_dict().keys()):
            raise ValueError(
                f"{name}: a layer has a {extra[0]}; in a PATN with {norm} norm it has none"
            )
    return state, dropped


def _empty(params: PatnParams) -> PatnNetwork:
    """The network on the meta device, without memory for its weights."""
    with torch.device("meta"):
        return PatnNetwork(params)


def _params(
    norm: str,
    image_size: tuple[int, int] | None,
    sigma_px: float,
    ngf: int,
    downsamplings: int,
    blocks: int,
) -> PatnParams:
    """Parameters of the network that the weights belong to.

    Losses and schedule are those of the public training scripts; they are not used again.
    """
    public, (iterations, decay_start) = _PUBLIC[norm], _ITERATIONS[norm]
    gan, l1, perceptual = public["lambdas"]
    training = TrainingParams(
        iterations=iterations,
        decay_start=decay_start,
        batch_size=public["batch"],
        learning_rate=2e-4,
        betas=(0.5, 0.999),
        flip=False,
        seed=0,
        precision="float32",
        log_every=100,
        sheet_every=5000,
        checkpoint_every=5000,
    )
    return PatnParams(
        image_size=image_size or public["image_size"],
        sigma_px=sigma_px,
        ngf=ngf,
        downsamplings=downsamplings,
        blocks=blocks,
        block="patb",
        norm=norm,
        dropout=0.5,
        discriminator=DiscriminatorParams(ndf=64, blocks=3, norm=norm, dropout=0.5),
        gan=public["gan"],
        image_pool=public["pool"],
        lambda_gan=gan,
        lambda_l1=l1,
        person_weight=0.0,
        lambda_perceptual=perceptual,
        perceptual="vgg19",
        training=training,
    )
