"""The weights of the public PATN as those of ours.

The public generator is the network of patn.py (Zhu et al., section 3.2.1): two down-sampling
streams, blocks with an image and a pose stream, an up-sampling stream, each a sequence of layers.
Its tensors are named stream.number.leaf, the number the layer's, the leaf a weight, a bias or a
statistic, as in model.att.0.conv_block_stream1.1.weight. Numbers depend on padding and dropout
layers, which hold no tensors, and names have changed between versions. So streams are told by the
shapes of their
convolutions, and within a stream layers count in order: every shape is checked against ours.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from generators.body.skeleton import JOINTS
from generators.networks.pose_transfer import DiscriminatorParams
from generators.patn.patn import PatnNetwork, PatnParams
from generators.training.phases import TrainingParams

POSES = 2 * len(JOINTS)
_NAME = re.compile(
    r"(?P<stream>.+)\.(?P<layer>\d+)\.(?P<leaf>weight|bias|running_mean|running_var|num_batches_tracked)"
)
_DISCRIMINATED = {
    6: "appearance",
    3 + len(JOINTS): "shape",
}  # channels that the public discriminators are shown
# Of the training scripts: norm -> what DeepFashion's (instance) and Market-1501's (batch) differ
# in.
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
    """state: what PatnNetwork loads; dropped: running statistics of instance norms, which old
    versions saved and never used.
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
    """The public generator's tensors as a PATN of ours.

    norm: batch or instance; None: told by the tensors
    image_size: (height, width) in px; None: that of the data set which was trained with this norm

    Raises:
        ValueError: these are not the weights of a public PATN generator; the message says what does
            not fit.
    """
    streams = _streams(tensors)
    image, pose, blocks, up = _roles(streams)
    found = "batch" if any(_is_norm(layer) for layer in streams[image]) else "instance"
    if norm not in (None, found):
        raise ValueError(f"these weights are of a PATN with {found} norm, not {norm}")
    first = streams[image][0]["weight"]
    params = _params(
        found,
        image_size,
        sigma_px,
        int(first.shape[0]),
        len(_convolutions(streams[image])) - 1,
        len(blocks),
    )
    network = _empty(params)
    state, dropped = {}, 0
    for ours, stream in [("image_encoder", image), ("pose_encoder", pose), ("decoder", up)] + [
        (f"blocks.{number}.{part}", stream)
        for number, both in enumerate(blocks)
        for part, stream in zip(("image", "pose"), both, strict=True)
    ]:
        filled, lost = _filled(ours, network.get_submodule(ours), stream, streams[stream], found)
        state |= filled
        dropped += lost
    return Converted(params, state, dropped)


def _streams(tensors: Mapping[str, Tensor]) -> dict[str, list[dict[str, Tensor]]]:
    """Name of a stream -> its layers in order, each leaf -> float32 tensor; without the prefixes
    module. and model.
    """
    numbered: dict[str, dict[int, dict[str, Tensor]]] = {}
    for name, value in tensors.items():
        if not isinstance(value, Tensor):
            raise ValueError(
                f"{name!r} is a {type(value).__name__}, not a tensor: these are not a network's weights"
            )
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(
                f"{name!r} is no name in a PATN, which is made of sequences: stream.number.weight"
            )
        if value.is_floating_point() and not value.isfinite().all():
            raise ValueError(f"{name} holds values that are not finite")
        stream = re.sub(r"^(module\.)?(model\.)?", "", match["stream"])
        value = value.detach().float() if value.is_floating_point() else value
        numbered.setdefault(stream, {}).setdefault(int(match["layer"]), {})[match["leaf"]] = value
    if not numbered:
        raise ValueError("there are no weights in it")
    return {
        stream: [layers[number] for number in sorted(layers)] for stream, layers in numbered.items()
    }


def _roles(
    streams: dict[str, list[dict[str, Tensor]]],
) -> tuple[str, str, list[tuple[str, str]], str]:
    """Names of the streams: image encoder, pose encoder, blocks in order (image, pose), decoder."""
    entrances = {}  # input channels of each stream's first convolution
    for stream, layers in streams.items():
        if convolutions := _convolutions(layers):
            entrances[stream] = int(convolutions[0]["weight"].shape[1])
    for channels, kind in _DISCRIMINATED.items():
        if channels in entrances.values() and POSES not in entrances.values():
            raise ValueError(
                f"its first convolution takes {channels} channels: this is the {kind} discriminator; the generator's file is "
                "latest_net_netG.pth"
            )
    pose = [stream for stream, channels in entrances.items() if channels == POSES]
    image = [stream for stream, channels in entrances.items() if channels == 3]
    if len(image) != 1 or len(pose) != 1:
        raise ValueError(
            f"a PATN has one stream that takes an image (3 channels) and one that takes both poses ({POSES}); here streams "
            f"take {', '.join(map(str, sorted(set(entrances.values())))) or 'nothing'}"
        )
    up = [
        stream
        for stream, layers in streams.items()
        if (last := _convolutions(layers)) and last[-1]["weight"].shape[0] == 3
    ]
    rest = [stream for stream in entrances if stream not in (*image, *pose, *up)]
    if len(up) != 1:
        raise ValueError(
            f"a PATN has one stream that ends in an image of 3 channels; here {len(up)} do"
        )
    return image[0], pose[0], _blocks(streams, rest), up[0]


def _blocks(streams: dict[str, list[dict[str, Tensor]]], names: list[str]) -> list[tuple[str, str]]:
    """Streams of the blocks as (image, pose), in the blocks' order.

    The pose stream is the wider one, but in the first block. There it bears the last word of its
    name in the others.
    """
    numbered: dict[tuple[int, ...], list[str]] = {}
    for name in names:
        if any(layer["weight"].shape[-1] == 1 for layer in _convolutions(streams[name])):
            raise ValueError(
                f"{name} has 1x1 convolutions: this may be an APATN, whose weights cannot be imported"
            )
        numbered.setdefault(tuple(map(int, re.findall(r"\.(\d+)(?=\.|$)", name))), []).append(name)
    blocks = []
    for key in sorted(numbered, reverse=True):
        both = sorted(numbered[key])
        if len(both) != 2:
            raise ValueError(
                f"a PATN's block has two streams, an image's and a pose's; {', '.join(both)} is {len(both)}"
            )
        widths = [int(_convolutions(streams[name])[0]["weight"].shape[0]) for name in both]
        if widths[0] != widths[1]:
            swapped = widths[0] > widths[1]
        else:
            swapped = bool(blocks) and _last_word(both[0]) == _last_word(blocks[0][1])
        blocks.insert(0, (both[1], both[0]) if swapped else (both[0], both[1]))
    if not blocks:
        raise ValueError("there are no blocks between the encoders and the decoder")
    return blocks


def _last_word(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def _filled(
    prefix: str, module: nn.Module, name: str, layers: list[dict[str, Tensor]], norm: str
) -> tuple[dict[str, Tensor], int]:
    """One stream's tensors under our names, and how many were left out."""
    given, dropped = [], 0
    for layer in layers:
        if norm == "instance" and "weight" not in layer:
            dropped += len(layer)
        else:
            given.append(layer)
    wanted = [(number, layer) for number, layer in module.named_children() if layer.state_dict()]
    if len(given) != len(wanted):
        raise ValueError(
            f"{name} has {len(given)} layers with weights; a PATN has {len(wanted)} there"
        )
    state = {}
    for (number, ours), layer in zip(wanted, given, strict=True):
        for leaf, expected in ours.state_dict().items():
            if leaf == "num_batches_tracked":  # versions before torch 0.4.1 have none
                value = layer.get(leaf, torch.zeros((), dtype=torch.int64)).long()
            elif leaf not in layer:
                raise ValueError(
                    f"{name}: a layer has no {leaf}; a PATN with {norm} norm has one there"
                )
            else:
                value = layer[leaf]
            if value.shape != expected.shape:
                raise ValueError(
                    f"{name}: a {leaf} is {list(value.shape)}; in this PATN ({prefix}.{number}) it is {list(expected.shape)}"
                )
            state[f"{prefix}.{number}.{leaf}"] = value.contiguous()
        if extra := sorted(layer.keys() - ours.state_dict().keys()):
            raise ValueError(
                f"{name}: a layer has a {extra[0]}, which a PATN with {norm} norm has not"
            )
    return state, dropped


def _convolutions(layers: list[dict[str, Tensor]]) -> list[dict[str, Tensor]]:
    return [layer for layer in layers if "weight" in layer and layer["weight"].ndim == 4]


def _is_norm(layer: dict[str, Tensor]) -> bool:
    return "weight" in layer and layer["weight"].ndim == 1


def _empty(params: PatnParams) -> PatnNetwork:
    """The network without memory for its weights."""
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
    """The network as the weights have it; losses and schedule as the public training scripts do
    (they are not used again).
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
