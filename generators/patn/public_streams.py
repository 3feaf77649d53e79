"""The streams of a public PATN, recognised by the shapes of their convolutions."""

import re
from collections.abc import Mapping

from torch import Tensor

from generators.body.skeleton import JOINTS

POSES = 2 * len(JOINTS)
_NAME = re.compile(
    r"(?P<stream>.+)\.(?P<layer>\d+)\.(?P<leaf>weight|bias|running_mean|running_var|num_batches_tracked)"
)
_DISCRIMINATED = {
    6: "appearance",
    3 + len(JOINTS): "shape",
}  # input channels of the public discriminators


def streams_of(tensors: Mapping[str, Tensor]) -> dict[str, list[dict[str, Tensor]]]:
    """Map each stream's name to its layers in order, each a map from leaf to float32 tensor.

    The prefixes module. and model. are removed from the names.

    Raises:
        ValueError: If these are not the tensors of a network made of sequences.
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
                f"{name!r} is not a name in a PATN, which is made of sequences: stream.number.weight"
            )
        if value.is_floating_point() and not value.isfinite().all():
            raise ValueError(f"{name} contains values that are not finite")
        stream = re.sub(r"^(module\.)?(model\.)?", "", match["stream"])
        value = value.detach().float() if value.is_floating_point() else value
        numbered.setdefault(stream, {}).setdefault(int(match["layer"]), {})[match["leaf"]] = value
    if not numbered:
        raise ValueError("no weights found")
    return {
        stream: [layers[number] for number in sorted(layers)] for stream, layers in numbered.items()
    }


def roles(
    streams: dict[str, list[dict[str, Tensor]]],
) -> tuple[str, str, list[tuple[str, str]], str]:
    """Names of the streams: image encoder, pose encoder, blocks in order (image, pose), decoder.

    Raises:
        ValueError: If the streams are not those of a PATN generator.
    """
    entrances = {}  # input channels of each stream's first convolution
    for stream, layers in streams.items():
        if first := convolutions(layers)[:1]:
            entrances[stream] = int(first[0]["weight"].shape[1])
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
        if (last := convolutions(layers)) and last[-1]["weight"].shape[0] == 3
    ]
    rest = [stream for stream in entrances if stream not in (*image, *pose, *up)]
    if len(up) != 1:
        raise ValueError(
            f"a PATN has one stream that ends in an image of 3 channels; here {len(up)} do"
        )
    return image[0], pose[0], _blocks(streams, rest), up[0]


def _blocks(streams: dict[str, list[dict[str, Tensor]]], names: list[str]) -> list[tuple[str, str]]:
    """Streams of the blocks as (image, pose), in the blocks' order.

    The pose stream is the wider one, except in the first block, where both are equally wide. There
    it is the one whose name ends like those of the other blocks' pose streams.
    """
    numbered: dict[tuple[int, ...], list[str]] = {}
    for name in names:
        if any(layer["weight"].shape[-1] == 1 for layer in convolutions(streams[name])):
            raise ValueError(
                f"{name} has 1x1 convolutions: this may be an APATN, whose weights cannot be imported"
            )
        numbered.setdefault(tuple(map(int, re.findall(r"\.(\d+)(?=\.|$)", name))), []).append(name)
    blocks = []
    for key in sorted(numbered, reverse=True):
        both = sorted(numbered[key])
        if len(both) != 2:
            raise ValueError(
                f"a PATN's block has two streams, one for the image and one for the pose; here it has {len(both)}: "
                f"{', '.join(both)}"
            )
        widths = [int(convolutions(streams[name])[0]["weight"].shape[0]) for name in both]
        if widths[0] != widths[1]:
            swapped = widths[0] > widths[1]
        else:
            swapped = bool(blocks) and _last_word(both[0]) == _last_word(blocks[0][1])
        blocks.insert(0, (both[1], both[0]) if swapped else (both[0], both[1]))
    if not blocks:
        raise ValueError("no blocks found between the encoders and the decoder")
    return blocks


def _last_word(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def convolutions(layers: list[dict[str, Tensor]]) -> list[dict[str, Tensor]]:
    """The convolutions among a stream's layers."""
    return [layer for layer in layers if "weight" in layer and layer["weight"].ndim == 4]


def is_norm(layer: dict[str, Tensor]) -> bool:
    """Whether a layer is an affine norm."""
    return "weight" in layer and layer["weight"].ndim == 1
