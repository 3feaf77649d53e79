"""Commands about what people in images look like, joint by joint and part by part: check-keypoints,
annotate, parse.
"""

from pathlib import Path

import click

from augment.commands.options import dry_run, examples

FORMATS = ("patn", "openpose", "coco", "mmpose", "mat14")  # pose_formats.FORMATS, which loads numpy


@click.command(
    epilog=examples(
        "augment check-keypoints                                      those of data/prepared",
        "augment check-keypoints poses.json --images crops --output sheet.png",
        "augment check-keypoints openpose_output/ --images crops --threshold 0.3",
    )
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--images", type=click.Path(path_type=Path), metavar="FOLDER", help="The images of FILES."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="SHEET.png",
    help="Write a sheet of skeletons over images.",
)
@click.option(
    "--count",
    type=click.IntRange(1, 1000),
    default=48,
    show_default=True,
    help="Images on the sheet.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the choice of images.")
@click.option(
    "--format", type=click.Choice(FORMATS), help="Of FILES.  [default: as their content says]"
)
@click.option(
    "--threshold",
    type=click.FloatRange(0),
    default=0.1,
    show_default=True,
    help="Joints of a lower confidence are missing, where a format has one.",
)
def check_keypoints(
    files: tuple[Path, ...],
    images: Path | None,
    output: Path | None,
    count: int,
    seed: int,
    format: str | None,
    threshold: float,
) -> None:
    """Say what keypoint FILES hold and what is wrong with them, and draw them over their images."""
    from augment.annotation import check_keypoints as checks
    from augment.annotation import keypoint_source

    if bool(files) != (images is not None):
        raise click.UsageError(
            "FILES and --images FOLDER go together; without either, data/prepared is checked"
        )
    sources = (
        keypoint_source.of_files(files, images, format, threshold)
        if images
        else keypoint_source.of_prepared()
    )
    if not checks.run(sources, output, count, seed):
        raise SystemExit(1)


@click.command(
    epilog=examples(
        "augment annotate crops --output annotations.csv",
        "augment annotate crops --output annotations.csv --from-model pose_network.pt --threshold 0.3",
        "augment annotate --output annotations.csv                     the images of data/prepared",
    )
)
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The CSV."
)
@click.option(
    "--model",
    type=click.Choice(["keypointrcnn"]),
    default="keypointrcnn",
    show_default=True,
    help="torchvision's keypoint R-CNN; it downloads its weights of 237 MB once.",
)
@click.option(
    "--from-model",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.pt",
    help="Instead, a pose network that `augment train-pose-network` has trained, on another data set for example.",
)
@click.option(
    "--threshold",
    type=float,
    metavar="T",
    help="From what height of its heat map on a joint counts.  [default: 2.0; of a pose network, whose maps end at 1, 0.2]",
)
@click.option(
    "--batch", type=click.IntRange(1), default=16, show_default=True, help="Images at once."
)
@click.option(
    "--device",
    metavar="NAME",
    help="As torch names it, cpu or cuda.  [default: what accelerate chooses]",
)
@dry_run
def annotate(
    folder: Path | None,
    output: Path,
    model: str,
    from_model: Path | None,
    threshold: float | None,
    batch: int,
    device: str | None,
    dry_run: bool,
) -> None:
    """Find the joints of the person in each image of FOLDER and write them as keypoint CSV;
    stopped, it can be resumed.
    """
    from augment.annotation import annotate as stage
    from augment.annotation import joint_finders, picture_folder
    from generators.training.loop import joined_processes

    device = device or str(joined_processes().device)
    if from_model is None:
        finder = joint_finders.keypoint_rcnn(threshold, device)
    else:
        finder = joint_finders.pose_network(from_model, threshold, device)
    pictures = picture_folder.find(folder) if folder else picture_folder.of_prepared()
    stage.check_names(list(pictures.sizes))
    others = f" (left alone: {pictures.others})" if pictures.others else ""
    click.echo(f"annotate: {len(pictures.sizes):,} images of {pictures.folder}{others} -> {output}")
    if not dry_run:
        stage.run(pictures, output, finder, batch)


@click.command(
    epilog=examples(
        "augment parse crops --output parsing",
        "augment parse crops --output parsing --model from-keypoints --keypoints annotations.csv",
        "augment parse --output parsing                                the images of data/prepared",
    )
)
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder of the label PNGs.",
)
@click.option(
    "--model",
    default="mattmdjaga/segformer_b2_clothes",
    show_default=True,
    metavar="NAME",
    help="A SegFormer for human parsing, of the Hugging Face hub or a folder; or from-keypoints, which draws coarse maps.",
)
@click.option(
    "--labels",
    type=click.Choice(["ten", "lip20", "cihp20", "atr18"]),
    help="The order of the model's labels.  [default: as it names them]",
)
@click.option(
    "--keypoints",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="from-keypoints: of what form check-keypoints reads; several may be given.  [default: those of data/prepared]",
)
@click.option(
    "--batch", type=click.IntRange(1), default=8, show_default=True, help="Images at once."
)
@click.option(
    "--device",
    metavar="NAME",
    help="As torch names it, cpu or cuda.  [default: what accelerate chooses]",
)
@dry_run
def parse(
    folder: Path | None,
    output: Path,
    model: str,
    labels: str | None,
    keypoints: tuple[Path, ...],
    batch: int,
    device: str | None,
    dry_run: bool,
) -> None:
    """Find the parts of the person in each image of FOLDER and write them as label maps; stopped,
    it can be resumed.
    """
    from augment import paths, prepared
    from augment.annotation import parse as stage
    from augment.annotation import picture_folder
    from generators.training.loop import joined_processes

    drawn = model == stage.FROM_KEYPOINTS
    if keypoints and not drawn:
        raise click.UsageError(f"--keypoints belongs to --model {stage.FROM_KEYPOINTS}")
    if drawn and folder and not keypoints:
        raise click.UsageError("give --keypoints FILE, the keypoints of the images in FOLDER")
    device = device or str(joined_processes().device)
    files = keypoints or (paths.PREPARED / prepared.KEYPOINTS,)
    # The model first: where its weights are not to be had, that is said before anything else.
    maker = None if drawn else stage.by_segformer(model, labels, device)
    pictures = picture_folder.find(folder) if folder else picture_folder.of_prepared()
    maker = maker or stage.by_keypoints(files, pictures)
    settings = {
        "model": model,
        "labels": labels,
        "keypoints": stage.digests(files) if drawn else None,
    }
    click.echo(f"parse: {len(pictures.sizes):,} images of {pictures.folder} by {model} -> {output}")
    if not dry_run:
        stage.run(pictures, output, settings, maker, batch)


COMMANDS: tuple[click.Command, ...] = (check_keypoints, annotate, parse)
