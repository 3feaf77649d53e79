"""Commands that change one image by its parsing map: texture-transfer, edit-image, try-on."""

from collections.abc import Callable
from pathlib import Path

import click

from augment.commands.options import examples

FILE = click.Path(path_type=Path)
SLEEVES = click.Choice(("long", "short"))


def _common(command: Callable) -> Callable:
    for option in (
        click.option(
            "--scale",
            is_flag=True,
            help="Resize the painted region to the image's size and keep the other pixels.",
        ),
        click.option(
            "--pose-network",
            type=FILE,
            help="Pose network that finds joints missing from the files.  [default: the one packed into --model]",
        ),
        click.option(
            "--output",
            required=True,
            type=FILE,
            help="PNG to write. Intermediate images and a sheet are written next to it.",
        ),
        click.option("--model", required=True, metavar="FILE", help="Trained spt, packed or not."),
    ):
        command = option(command)
    return command


@click.command(
    short_help="Exchange the clothing of two persons.",
    epilog=examples(
        "augment texture-transfer --a A.jpg --a-parsing A.png --b B.jpg --b-parsing B.png \\",
        "    --model spt.pt --output out.png",
    ),
)
@click.option("--a", required=True, type=FILE, help="Image of the first person.")
@click.option("--a-parsing", required=True, type=FILE, help="Label map of --a.")
@click.option("--a-keypoints", type=FILE, help="Keypoints of --a.  [default: by the pose network]")
@click.option("--b", required=True, type=FILE, help="Image of the second person.")
@click.option("--b-parsing", required=True, type=FILE, help="Label map of --b.")
@click.option("--b-keypoints", type=FILE, help="Keypoints of --b.  [default: by the pose network]")
@click.option(
    "--background",
    type=click.Choice(("own", "network")),
    default="own",
    show_default=True,
    help="Background: the image's own pixels, or painted by the background network.",
)
@_common
def texture_transfer(
    a: Path,
    a_parsing: Path,
    a_keypoints: Path | None,
    b: Path,
    b_parsing: Path,
    b_keypoints: Path | None,
    background: str,
    model: str,
    output: Path,
    pose_network: Path | None,
    scale: bool,
) -> None:
    """Exchange the clothing textures of two persons."""
    from augment.single_images import editing

    editing.texture_transfer(
        (a, a_parsing, a_keypoints),
        (b, b_parsing, b_keypoints),
        background,
        _settings(model, pose_network, scale, output),
    )


@click.command(
    short_help="Repaint a person from an edited parsing map.",
    epilog=examples(
        'augment edit-image --image A.jpg --parsing A.png --edit "trousers->skirt" --model spt.pt --output out.png',
        "augment edit-image --image A.jpg --parsing A.png --sleeves long --model spt.pt --output out.png",
        "augment edit-image --image A.jpg --parsing A.png --edited edited.png --model spt.pt --output out.png",
    ),
)
@click.option("--image", required=True, type=FILE, help="Image of the person.")
@click.option("--parsing", required=True, type=FILE, help="Label map of the image.")
@click.option(
    "--keypoints", type=FILE, help="Keypoints of the image.  [default: by the pose network]"
)
@click.option(
    "--edited",
    type=FILE,
    help="Edited label map, as label numbers or label colours.",
)
@click.option(
    "--edit",
    multiple=True,
    metavar='"FROM->TO"',
    help="Replace one label by another. Repeatable.",
)
@click.option("--sleeves", type=SLEEVES, help="Sleeve length, applied after the edits.")
@_common
def edit_image(
    image: Path,
    parsing: Path,
    keypoints: Path | None,
    edited: Path | None,
    edit: tuple[str, ...],
    sleeves: str | None,
    model: str,
    output: Path,
    pose_network: Path | None,
    scale: bool,
) -> None:
    """Repaint a person from an edited parsing map."""
    from augment.single_images import editing

    if edited is not None and edit:
        raise click.UsageError("expected --edited or --edit, not both")
    if edited is None and not edit and sleeves is None:
        raise click.UsageError("nothing to change: expected --edited, --edit or --sleeves")
    settings = _settings(model, pose_network, scale, output)
    editing.edit_image(image, parsing, keypoints, edited, edit, sleeves, settings)


@click.command(
    short_help="Put a garment from an image on a person.",
    epilog=examples(
        "augment try-on --person P.jpg --parsing P.png --clothing C.jpg --landmarks C.json --model spt.pt --output out.png",
        "augment try-on --person P.jpg --parsing P.png --clothing fabric.jpg --model spt.pt --output out.png",
    ),
)
@click.option("--person", required=True, type=FILE, help="Image of the person.")
@click.option("--parsing", required=True, type=FILE, help="Label map of the image.")
@click.option(
    "--keypoints", type=FILE, help="Keypoints of the image.  [default: by the pose network]"
)
@click.option(
    "--clothing",
    required=True,
    type=FILE,
    help="Image of a garment; without --landmarks, of a fabric or style.",
)
@click.option(
    "--landmarks",
    type=FILE,
    help='Landmarks of the garment, JSON: {"left_collar": [y, x], ...}, also right_, _elbow, _sleeve_end, _hem.',
)
@click.option(
    "--clothing-parsing",
    type=FILE,
    help="Mask of the garment.  [default: pixels that differ from the border colour]",
)
@click.option(
    "--region", default="upper_clothes", show_default=True, help="Label of the person to replace."
)
@click.option(
    "--sleeves",
    type=SLEEVES,
    help="Sleeve length to give the person's map first.",
)
@_common
def try_on(
    person: Path,
    parsing: Path,
    keypoints: Path | None,
    clothing: Path,
    landmarks: Path | None,
    clothing_parsing: Path | None,
    region: str,
    sleeves: str | None,
    model: str,
    output: Path,
    pose_network: Path | None,
    scale: bool,
) -> None:
    """Put a garment from an image on a person; face and background stay unchanged."""
    from augment.single_images import editing

    if landmarks is None and clothing_parsing is not None:
        raise click.UsageError(
            "--clothing-parsing belongs to --landmarks: a fabric fills its picture"
        )
    settings = _settings(model, pose_network, scale, output)
    editing.try_on(
        (person, parsing, keypoints),
        clothing,
        landmarks,
        clothing_parsing,
        region,
        sleeves,
        settings,
    )


def _settings(model: str, pose_network: Path | None, scale: bool, output: Path):
    from augment.single_images.editing import Settings

    if output.suffix.lower() != ".png":
        raise click.UsageError(f"--output {output}: must end in .png")
    return Settings(model, pose_network, scale, output)


COMMANDS: tuple[click.Command, ...] = (texture_transfer, edit_image, try_on)
