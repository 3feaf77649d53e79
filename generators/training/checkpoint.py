"""Files of a training run: its state (checkpoint.pt) and the finished generator (generator.pt).

Both are written whole or not at all, hold only tensors and plain values, and are read with
weights_only=True.

A finished generator may carry a finished pose network, `pose_network`. One file then suffices to
find the joints of an image and to render it.
"""

import os
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import torch

from generators.registry import POSE_NETWORK, TRAINABLE, generator_class

FORMAT = "reid-augment generator, version 2"
OLDER = ("reid-augment generator, version 1",)  # the same without `pose_network`
# The errors that reading a broken or foreign file may raise.
DAMAGED = (
    RuntimeError, EOFError, OSError, KeyError, ValueError, TypeError, AttributeError,
    IndexError, AssertionError, pickle.UnpicklingError,
)  # fmt: skip


def save(contents: dict, path: Path) -> None:
    """Write `contents` to `path` whole or not at all.

    This holds even if the process is killed or the machine loses power.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".part")
    with half.open("wb") as file:
        torch.save(contents, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(half, path)


def load(path: Path, device: torch.device | str, advice: str = "delete it to start afresh") -> dict:
    """The contents of a file that `save` wrote.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the file is damaged or of another kind; the message ends with `advice`.
    """
    try:
        contents = read_tensors(path, device)
    except (FileNotFoundError, IsADirectoryError):
        raise
    except DAMAGED as error:
        raise ValueError(
            f"{path}: not a readable checkpoint ({reason(error)}); {advice}"
        ) from error
    if not isinstance(contents, dict):
        raise ValueError(
            f"{path}: contains a {type(contents).__name__}, not a checkpoint; {advice}"
        )
    return contents


def read_tensors(path: Path, device: torch.device | str):
    """The contents of a file that any version of torch saved, read without running code.

    It raises one of DAMAGED if that fails.
    """
    with warnings.catch_warnings():
        # Warnings are about pickles of other protocols, which are rejected anyway.
        warnings.simplefilter("ignore")
        return torch.load(path, map_location=device, weights_only=True)


def reason(error: Exception) -> str:
    """The reason of an error, in one line.

    torch's first line is left out: it advises loading without weights_only, which would run any
    code.
    """
    lines = str(error).split("WeightsUnpickler error:")[-1].strip().splitlines()
    return lines[0] if lines else type(error).__name__


def differences(stored: Mapping, present: Mapping, prefix: str = "") -> list[str]:
    """Changes between two nested mappings, as lines such as `params.ngf: 16 -> 32`."""
    lines = []
    for key in sorted(stored.keys() | present.keys()):
        old, new = stored.get(key, "absent"), present.get(key, "absent")
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            lines += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            lines.append(f"{prefix}{key}: {old} -> {new}")
    return lines


def save_generator(generator, path: Path, trained_on: dict) -> None:
    """Write a finished generator with everything that rebuilds it.

    Args:
        generator: The generator.
        path: The file.
        trained_on: Plain values (str, int, float, bool, None, lists, dicts) that say which images
            the generator was trained on.
    """
    weights = {
        name: {key: tensor.detach().cpu() for key, tensor in network.state_dict().items()}
        for name, network in generator.networks.items()
    }
    described = {"format": FORMAT, "name": generator.name, "params": asdict(generator.params)}
    save({**described, "weights": weights, "trained_on": trained_on}, path)


def load_generator(path: Path, device: torch.device | str):
    """The generator that `save_generator` wrote, rebuilt on `device`.

    `read_trained_on` reads its `trained_on`.
    """
    return _rebuilt(_finished(path), path, device)


def load_pose_network(path: Path, device: torch.device | str):
    """The finished pose network of a file, alone or with a generator, on `device`.

    It is None if the file has no pose network.

    Raises:
        ValueError: If the file is damaged or of another kind.
    """
    contents = _finished(path)
    if contents.get("name") != POSE_NETWORK:
        contents = contents.get(POSE_NETWORK)
    network = None if contents is None else _rebuilt(contents, path, device)
    if network is not None and network.name != POSE_NETWORK:
        raise ValueError(f"{path}: its pose network is a {network.name}")
    return network


def pack(generator: Path, pose_network: Path, path: Path) -> None:
    """Write one file with a finished generator and a finished pose network.

    Raises:
        ValueError: If one of the files contains something else.
    """
    for file in (generator, pose_network):
        load_generator(file, "cpu")
    contents, pose_contents = _finished(generator), _finished(pose_network)
    if contents["name"] == POSE_NETWORK:
        raise ValueError(f"{generator}: is a pose network; name a generator's file to pack it with")
    if pose_contents["name"] != POSE_NETWORK:
        raise ValueError(f"{pose_network}: is a {pose_contents['name']}, not a pose network")
    save({**contents, "format": FORMAT, POSE_NETWORK: pose_contents}, path)


def read_trained_on(path: Path) -> dict:
    """The images a finished generator was trained on, as given to `save_generator`."""
    return _finished(path)["trained_on"]


def _finished(path: Path) -> dict:
    contents = load(path, "cpu", "restore it, or make it again")
    if contents.get("format") not in (FORMAT, *OLDER):
        raise ValueError(
            f"{path}: not a finished generator (its format is {contents.get('format')!r}, not {FORMAT!r})"
        )
    return contents


def _rebuilt(contents: dict, path: Path, device: torch.device | str):
    try:
        name = contents["name"]
        if name not in TRAINABLE:
            raise ValueError(
                f"{path}: generator {name!r} is unknown; known: {', '.join(sorted(TRAINABLE))}"
            )
        kind = generator_class(name)
        generator = kind(_build(kind.Params, contents["params"]))
        for name, network in generator.networks.items():
            network.load_state_dict(contents["weights"][name])
            network.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        name = (
            contents["name"]
            if isinstance(contents, dict) and "name" in contents
            else "its generator"
        )
        raise ValueError(
            f"{path}: was written by another version of {name} ({error}); train it again"
        ) from error
    return generator


def _build(kind: Any, values: dict) -> Any:
    """Build the dataclass `kind` and its nested dataclasses from an asdict."""
    hints = get_type_hints(kind)
    if values.keys() != {field.name for field in fields(kind)}:
        raise TypeError(
            f"{kind.__name__} has other fields: {', '.join(sorted(values.keys() ^ hints.keys()))}"
        )
    built = {
        name: _build(hints[name], value) if is_dataclass(hints[name]) else value
        for name, value in values.items()
    }
    return kind(**built)
