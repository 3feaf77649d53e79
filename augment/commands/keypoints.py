"""Commands on keypoints and parsing maps: check-keypoints, annotate, parse."""

from pathlib import Path

import click

from augment.commands.options import dry_run, examples

FORMATS = ("patn", "openpose", "coco", "mmpose", "mat14")  # pose_formats.FORMATS, which loads numpy


@click.command(
    short_help="Check keypoint files and draw them over images.",
    epilog=examples(
        "augment check-keypoints                                      data/prepared",
        "augment check-keypoints poses.json --images crops --output sheet.png",
        "augment check-keypoints openpose_output/ --images crops --threshold 0.3",
    ),
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder with the images of FILES.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="SHEET.png",
    help="Contact sheet of skeletons over images to write.",
)
@click.option(
    "--count",
    type=click.IntRange(1, 1000),
    default=48,
    show_default=True,
    help="Number of images on the sheet.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Random seed for sampling images."
)
@click.option(
    "--format", type=click.Choice(FORMATS), help="Keypoint format of FILES.  [default: detect]"
)
@click.option(
    "--threshold",
    type=click.FloatRange(0),
    default=0.1,
    show_default=True,
    help="Confidence below which a joint is missing, for formats that have one.",
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
    """Describe keypoint FILES, report problems, and draw them over their images.

    Without FILES, the keypoints of data/prepared. Exits with 1 if a problem is fatal.
    """
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
    short_help="Detect the joints of people in images.",
    epilog=examples(
        "augment annotate crops --output annotations.csv",
        "augment annotate crops --output annotations.csv --from-model pose_network.pt --threshold 0.3",
        "augment annotate --output annotations.csv                     the images of data/prepared",
    ),
)
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Keypoint CSV to write.",
)
@click.option(
    "--model",
    type=click.Choice(["keypointrcnn"]),
    default="keypointrcnn",
    show_default=True,
    help="Pre-trained joint detector: torchvision's keypoint R-CNN (one download of 237 MB).",
)
@click.option(
    "--from-model",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.pt",
    help="Pose network from `augment train-pose-network`, to use instead.",
)
@click.option(
    "--threshold",
    type=float,
    metavar="T",
    help="Minimum heat-map peak of a joint.  [default: 2.0; pose network: 0.2]",
)
@click.option("--batch", type=click.IntRange(1), default=16, show_default=True, help="Batch size.")
@click.option(
    "--device",
    metavar="NAME",
    help="torch device, such as cpu or cuda.  [default: chosen by accelerate]",
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
    """Detect the joints of the person in each image of FOLDER and write a keypoint CSV.

    A stopped run resumes when it is run again.
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
    others = f" (not read: {pictures.others})" if pictures.others else ""
    click.echo(f"annotate: {len(pictures.sizes):,} images of {pictures.folder}{others} -> {output}")
    if not dry_run:
        stage.run(pictures, output, finder, batch)


@click.command(
    short_help="Segment people in images into parts.",
    epilog=examples(
        "augment parse crops --output parsing",
        "augment parse crops --output parsing --model from-keypoints --keypoints annotations.csv",
        "augment parse --output parsing                                the images of data/prepared",
    ),
)
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder of label maps (PNG) to write.",
)
@click.option(
    "--model",
    default="mattmdjaga/segformer_b2_clothes",
    show_default=True,
    metavar="NAME",
    help="SegFormer for human parsing (Hugging Face hub or folder), or from-keypoints, which draws coarse maps.",
)
@click.option(
    "--labels",
    type=click.Choice(["ten", "lip20", "cihp20", "atr18"]),
    help="Label set of the model.  [default: from its label names]",
)
@click.option(
    "--keypoints",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Keypoint file for from-keypoints, in any format of check-keypoints. Repeatable.  [default: those of data/prepared]",
)
@click.option("--batch", type=click.IntRange(1), default=8, show_default=True, help="Batch size.")
@click.option(
    "--device",
    metavar="NAME",
    help="torch device, such as cpu or cuda.  [default: chosen by accelerate]",
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
    """Segment the person in each image of FOLDER into parts and write label maps.

    A stopped run resumes when it is run again.
    """
    from augment import paths, prepared
    from augment.annotation import parse as stage
    from augment.annotation import picture_folder
    from generators.training.loop import joined_processes

    drawn = model == stage.FROM_KEYPOINTS
    if keypoints and not drawn:
        raise click.UsageError(f"--keypoints belongs to --model {stage.FROM_KEYPOINTS}")
    if drawn and folder and not keypoints:
        raise click.UsageError(
            "expected --keypoints FILE with the keypoints of the images in FOLDER"
        )
    device = device or str(joined_processes().device)
    files = keypoints or (paths.PREPARED / prepared.KEYPOINTS,)
    # The model comes first, so that missing weights are reported before anything else.
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
