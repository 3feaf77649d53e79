"""Commands on single images: transfer, pack, import-weights."""

from pathlib import Path

import click

from augment.commands.options import examples, portion_option, trained_on

FILE = click.Path(path_type=Path)


def _read_size(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> tuple[int, int] | None:
    if text is None:
        return None
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and 0 < int(side) <= 10_000 for side in sides):
        raise click.BadParameter(f"{text!r}: expected HEIGHTxWIDTH, e.g. 128x64")
    return int(sides[0]), int(sides[1])


@click.command(
    short_help="Render a person in other poses.",
    epilog=examples(
        "augment transfer --image A.jpg --pose B.jpg --model patn.pt --output out",
        "augment transfer --image A.jpg --pose walk --model patn.pt --output walk",
        "augment transfer --image A.jpg --pose pose.json --image-keypoints A.json --model puppet --output out",
        "augment transfer --pairs pairs.csv --root crops --image-keypoints poses.csv --model patn.pt --output out",
    ),
)
@click.option("--image", type=FILE, help="Image of the person to render.")
@click.option(
    "--pose",
    metavar="POSE",
    help="Target pose: an image, a keypoint file, a folder of either, walk, or turn.",
)
@click.option(
    "--pairs",
    type=FILE,
    help="CSV of image pairs with columns from,to, instead of --image and --pose.",
)
@click.option(
    "--root",
    type=FILE,
    help="Folder that the names in --pairs are relative to.  [default: that of the CSV]",
)
@click.option(
    "--model",
    required=True,
    metavar="FILE",
    help="Generator file, or puppet.",
)
@click.option(
    "--output", required=True, type=FILE, help="Folder to write: images, sheet.png, poses.gif."
)
@click.option("--image-keypoints", type=FILE, help="Keypoint file of the images, in any format.")
@click.option(
    "--pose-network",
    type=FILE,
    help="Pose network that finds joints missing from the files.  [default: the one packed into --model]",
)
@click.option("--parsing", type=FILE, help="Label map of --image, for generators that use one.")
@click.option(
    "--pose-size",
    callback=_read_size,
    metavar="HxW",
    help="Image size that the keypoints of --pose refer to.",
)
@click.option(
    "--frames",
    type=click.IntRange(2, 240),
    default=16,
    show_default=True,
    help="Number of frames of walk and turn.",
)
@click.option(
    "--heading",
    type=float,
    default=45.0,
    show_default=True,
    help="Direction of walk and turn in degrees: 0 towards the camera, 90 to the right.",
)
@click.option("--scale", is_flag=True, help="Resize every output to the size of its source.")
@click.option("--dry-run", is_flag=True, help="Check, print the plan, and stop.")
def transfer(
    image: Path | None,
    pose: str | None,
    pairs: Path | None,
    root: Path | None,
    model: str,
    output: Path,
    image_keypoints: Path | None,
    pose_network: Path | None,
    parsing: Path | None,
    pose_size: tuple[int, int] | None,
    frames: int,
    heading: float,
    scale: bool,
    dry_run: bool,
) -> None:
    """Render the person of an image in other poses, with only a model file."""
    from augment.single_images import transfer as stage
    from augment.single_images.poses import PoseOptions

    if (pairs is None) == (image is None and pose is None) or (image is None) != (pose is None):
        raise click.UsageError("expected --image and --pose, or --pairs")
    if pairs is None and root is not None:
        raise click.UsageError("--root belongs to --pairs")
    if pairs is not None and parsing is not None:
        raise click.UsageError("--parsing belongs to --image")
    settings = stage.Settings(model, pose_network, image_keypoints, scale, output, dry_run)
    if image is not None and pose is not None:
        stage.one_image(image, pose, parsing, PoseOptions(frames, heading, pose_size), settings)
    elif pairs is not None:
        stage.pairs(pairs, pairs.parent if root is None else root, settings)


@click.command(
    short_help="Pack a generator and the pose network into a file.",
    epilog=examples("augment pack --generator patn --output patn.pt"),
)
@click.option("--generator", required=True, help="Trained generator to pack.")
@portion_option(
    False, "Portion of the reduced set that both were trained on.  [default: all real images]"
)
@click.option(
    "--output", required=True, type=FILE, help="File to write, for `augment transfer --model`."
)
def pack(generator: str, portion: float | None, output: Path) -> None:
    """Write a trained generator and the pose network into one file, which renders any image."""
    from augment.single_images import model_files

    model_files.pack(generator, trained_on(portion), output)


@click.command(
    short_help="Convert the public PATN weights.",
    epilog=examples(
        "augment import-weights patn latest_net_netG.pth --output patn.pt",
        "augment import-weights patn fashion/latest_net_netG.pth --sigma-px 0.3 --output fashion.pt",
    ),
)
@click.argument("generator", type=click.Choice(("patn",)))
@click.argument("file", type=FILE)
@click.option(
    "--output", required=True, type=FILE, help="File to write, for `augment transfer --model`."
)
@click.option(
    "--norm",
    type=click.Choice(("batch", "instance")),
    help="Normalisation of the network.  [default: detect]",
)
@click.option(
    "--image-size",
    callback=_read_size,
    metavar="HxW",
    help="Image size that it was trained at.  [default: 128x64 with batch norm, 256x176 with instance norm]",
)
@click.option(
    "--sigma-px",
    type=click.FloatRange(0, min_open=True),
    default=6.0,
    show_default=True,
    help="Standard deviation of the pose maps it was trained with. For the public DeepFashion maps, about 0.3.",
)
def import_weights(
    generator: str,
    file: Path,
    output: Path,
    norm: str | None,
    image_size: tuple[int, int] | None,
    sigma_px: float,
) -> None:
    """Convert the weights of the public PATN, saved by any torch version, into a generator file."""
    from augment.single_images import model_files

    model_files.import_weights(file, output, norm, image_size, sigma_px)


COMMANDS: tuple[click.Command, ...] = (transfer, pack, import_weights)
