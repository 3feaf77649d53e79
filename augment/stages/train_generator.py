"""train-generator: data/prepared -> models/full/<generator>.

The folder holds generator.pt, losses.csv, the same with a row per loss (loss_curves.csv), and
sample sheets. train-pose-network does the same for models/full/pose_network, the pose network that
some generators are trained with.

With a portion, data/reduced/<portion> -> models/reduced/<portion>/<generator>, and nothing of a
removed image is used: neither its pixels nor its keypoints.

Runs on a CPU or one GPU, and on several GPUs under `torchrun --nproc-per-node N -m augment
train-generator`.
"""

from pathlib import Path
from typing import Any

import click
import pandas as pd
import torch

from augment import params, paths, prepared, tracking
from augment.files import whole
from augment.prepared import index, keypoints, parsing
from generators.body.pose import rescale
from generators.registry import POSE_NETWORK
from generators.training.checkpoint import load_generator, read_trained_on, save_generator
from generators.training.loop import joined_processes, train
from generators.training.pairs import ImageSet, decode, training_pairs


def run(name: str, portion: float | None, dry_run: bool) -> None:
    generator = params.generator(name)
    command = "train-pose-network" if name == POSE_NETWORK else "train-generator"
    if not generator.networks:
        click.echo(
            f"{command}: {name} has nothing to train; run `augment generate --generator {name} --portion 0.3`"
        )
        return
    settings, folder = generator.params, paths.generator_model(name, portion)
    training_set = paths.PREPARED if portion is None else paths.reduced(portion)
    rows = index.read(training_set / "index.csv")
    rows = rows[rows["split"] == "train"].reset_index(drop=True)
    points = torch.from_numpy(keypoints.of_images(prepared.joints(), rows["path"]))
    pairs = training_pairs(rows["pid"].to_numpy(), points)
    if not len(pairs):
        raise ValueError(
            f"{training_set}: no pair to train on: no identity has two images with both hips and shoulders"
        )
    main_process = joined_processes().is_main_process
    if main_process:
        click.echo(
            f"{command}: {name} ({_parameters(generator) / 1e6:.2f} M parameters) on {len(pairs):,} pairs of "
            f"{len(rows):,} images of {training_set} at {'x'.join(map(str, settings.image_size))} -> {folder}"
        )
    pose_network = _pose_network(portion) if generator.uses_pose_network else None
    if dry_run:
        return
    pixels = decode([paths.PREPARED / path for path in rows["path"]], settings.image_size)
    points, kind = (
        rescale(points, prepared.size(), settings.image_size),
        generator.parsing,
    )
    labels = (
        None
        if kind is None
        else parsing.of_kind(kind, list(rows["path"]), points, settings.image_size)
    )
    images = ImageSet(pixels, points, labels)
    tags = {
        "stage": "train_generator",
        "generator": name,
        "portion": 1.0 if portion is None else portion,
        "dataset": params.raw("dataset.name"),
    }
    run_name = name if portion is None else f"{name} {portion}"
    used = sorted(rows["path"][torch.unique(pairs).numpy()])
    with tracking.run(
        run_name, tags, {name: settings}, folder / "losses.csv", main_process, watch=True
    ) as run:
        run.inputs(lambda: tracking.data_sets.of_generator(name, portion, used, training_set))
        train(
            generator,
            images,
            pairs,
            folder,
            run.metrics,
            run.image,
            pose_network,
        )
        run.model(_model(generator, run_name))
    if main_process:
        features = getattr(settings, "perceptual", "none")
        trained_on = {
            "set": str(training_set),
            "pairs": len(pairs),
            "parsing": kind,
            "features": features,
            "images": used,
        }
        trained_on["seeds"] = sorted(
            {v for k, v in tracking.flatten({"": settings}).items() if k.endswith(".seed")}
        )
        trained_on["pose_network"] = (
            read_trained_on(_pose_network_file(portion)) if generator.uses_pose_network else None
        )
        save_generator(generator, folder / "generator.pt", trained_on)
        _write_loss_curves(run_name, folder)


def _write_loss_curves(title: str, folder: Path) -> None:
    """Write losses.csv again with one row per loss, which `dvc plots` draws without their names."""
    wide = pd.read_csv(folder / "losses.csv")
    table = wide.melt(["phase", "step"], var_name="loss", value_name="value").dropna()
    with whole(folder / paths.LOSS_CURVES) as temporary:
        table.assign(panel=title + ": " + table["phase"]).to_csv(temporary, index=False)


def _pose_network(portion: float | None) -> Any:
    """The pose network that was trained on the same images.

    Raises:
        FileNotFoundError: If it is not trained yet.
    """
    file = _pose_network_file(portion)
    if not file.is_file():
        flags = "" if portion is None else f" --portion {portion}"
        raise FileNotFoundError(f"{file}: not found; run `augment train-pose-network{flags}` first")
    return load_generator(file, "cpu").networks["network"]


def _pose_network_file(portion: float | None) -> Path:
    return paths.generator_model(POSE_NETWORK, portion) / "generator.pt"


def _model(generator: Any, name: str) -> tracking.Model:
    height, width = generator.params.image_size
    image, points = ("float32", (-1, 3, height, width)), ("float32", (-1, 18, 2))
    inputs: dict[str, tuple[str, tuple[int, ...]]] = {"source_image": image}
    if generator.name != POSE_NETWORK:
        inputs |= {"source_keypoints": points, "target_keypoints": points}
    if generator.parsing is not None:
        inputs["source_parsing"] = ("int64", (-1, height, width))
    settings = tracking.flatten({generator.name: generator.params})
    return tracking.Model(
        name=name,
        kind="generator",
        weights={
            f"{part}.{key}": tensor
            for part, network in generator.networks.items()
            for key, tensor in network.state_dict().items()
        },
        params={key: str(value) for key, value in settings.items()},
        inputs=inputs,
        outputs={} if generator.name == POSE_NETWORK else {"image": image},
        about="RGB in [-1, 1]; keypoints as (y, x) in pixels, -1 missing, OpenPose-18 order",
    )


def _parameters(generator: Any) -> int:
    return sum(p.numel() for network in generator.networks.values() for p in network.parameters())
